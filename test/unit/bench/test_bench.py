"""The parts of bench/ that only compute."""

from __future__ import annotations

import json
import pathlib
import unittest
import xml.etree.ElementTree

from bench import chart, goals, report
from bench.contenders import all_contenders
from bench.contenders.goals import GOALS
from bench.goals import Goal
from bench.main import chosen
from bench.measures import MEASURES
from bench.measures.time import LOST_MS, percentile
from bench.measures.udp import packets_per_second
from bench.metrics import METRICS, SUMMARY
from bench.process import Failure

SAMPLES = {
    "umbra": {"tcp1": [4.0, 6.0, 5.0], "rtt_p99": [2.0]},
    "wireguard-go": {"tcp1": [2.5], "rtt_p99": [8.0]},
}
ROWS = [report.Row("umbra", "Umbra", "1"), report.Row("wireguard-go", "wireguard-go <&>", "2")]


class FakeTunnel:
    """Passes up to `limit` datagrams a second; more, and it loses the rest and some besides."""

    def __init__(self, limit: float, hiccups: int = 0, generator: float = 1e9) -> None:
        self.limit, self.hiccups, self.generator = limit, hiccups, generator
        self.trials = 0

    def udp_load(self, payload: int, rate: int, seconds: float) -> tuple[int, int, float]:
        self.trials += 1
        sent = min(rate or self.generator, self.generator)
        received = sent if sent <= self.limit else self.limit * 0.7
        if rate and self.hiccups:
            self.hiccups -= 1
            received *= 0.95
        return int(sent * seconds), int(received * seconds), seconds


class Udp(unittest.TestCase):
    def found(self, tunnel: FakeTunnel) -> float:
        return packets_per_second(tunnel, 3, 64)["udp64"] * 1e3

    def test_limit_is_found_within_a_few_percent(self) -> None:
        for limit in (3e3, 48e3, 97e3, 1.3e6):
            tunnel = FakeTunnel(limit)
            self.assertTrue(0.95 * limit <= self.found(tunnel) <= limit, limit)
            self.assertLess(tunnel.trials, 20)

    def test_one_disturbed_trial_changes_nothing(self) -> None:
        self.assertEqual(self.found(FakeTunnel(1e5, hiccups=1)), self.found(FakeTunnel(1e5)))

    def test_generator_may_be_the_limit(self) -> None:
        self.assertAlmostEqual(self.found(FakeTunnel(1e9, generator=3e5)), 3e5, delta=3e3)

    def test_nothing_arrives(self) -> None:
        with self.assertRaises(Failure):
            self.found(FakeTunnel(0))


class Percentile(unittest.TestCase):
    def test_nearest_rank(self) -> None:
        values = [float(n) for n in range(100, 0, -1)]
        self.assertEqual([percentile(values, p) for p in (1, 50, 99, 100)], [1, 50, 99, 100])
        self.assertEqual(percentile([7.0], 99), 7.0)


class Goals(unittest.TestCase):
    def test_ratio_to_another_row(self) -> None:
        wanted = [
            Goal("umbra", "tcp1", least=2, beside="wireguard-go"),
            Goal("umbra", "rtt_p99", least=0.3, beside="wireguard-go"),
            Goal("umbra", "tcp1", least=0.5, beside="tinc"),  # which was not measured
        ]
        self.assertEqual(
            goals.lines(SAMPLES, wanted, METRICS),
            [
                "met: umbra tcp1 × 2.00 of wireguard-go, wanted at least 2",
                "MISSED: umbra rtt_p99 × 0.25 of wireguard-go, wanted at least 0.3",
            ],
        )
        self.assertEqual([g["value"] for g in goals.outcome(SAMPLES, wanted)], [2.0, 0.25])

    def test_goals_are_of_known_figures_and_rows(self) -> None:
        rows = {contender.name for contender in all_contenders(pathlib.Path("."))}
        self.assertLessEqual({goal.key for goal in GOALS}, set(METRICS))
        self.assertLessEqual({goal.row for goal in GOALS}, rows)
        self.assertLessEqual({goal.beside for goal in GOALS} - {None}, rows)


class Words(unittest.TestCase):
    def test_chosen_keeps_the_order(self) -> None:
        names = [measure.name for measure in chosen("wire_tcp1, rev,tcp1", MEASURES)]
        self.assertEqual(names, ["tcp1", "rev", "wire_tcp1"])
        self.assertEqual(len(chosen("", MEASURES)), len(MEASURES))
        with self.assertRaises(SystemExit):
            chosen("tcp1,tcp3", MEASURES)


class Report(unittest.TestCase):
    def test_summary(self) -> None:
        line = "umbra/wireguard-go tcp1 2.00 wire - tcp8 - rev - udp64pps - p99load 0.25"
        self.assertEqual(report.summary(SAMPLES), line)
        self.assertIsNone(report.summary({"umbra": SAMPLES["umbra"]}))

    def test_summary_knows_its_figures(self) -> None:
        self.assertLessEqual({key for _, key in SUMMARY}, set(METRICS))

    def test_table(self) -> None:
        text = report.tables(ROWS, SAMPLES)
        self.assertIn("5.00 (4.00–6.00) ×2.00", text)
        self.assertNotIn("UDP", text)  # not measured, not shown

    def test_json(self) -> None:
        failures = {"umbra": ["idle: why"]}
        whole = json.loads(report.as_json(ROWS, SAMPLES, failures, {"tinc": "gone"}, {"rounds": 3}))
        umbra = whole["contenders"]["umbra"]
        self.assertEqual(umbra["figures"]["tcp1"]["median"], 5.0)
        self.assertEqual(umbra["figures"]["tcp1"]["samples"], [4.0, 6.0, 5.0])
        self.assertEqual((umbra["failures"], whole["skipped"]), (["idle: why"], {"tinc": "gone"}))

    def test_chart_is_well_formed(self) -> None:
        drawn = xml.etree.ElementTree.fromstring(chart.chart(ROWS, SAMPLES))
        text = "".join(drawn.itertext())
        self.assertIn("wireguard-go <&>", text)
        self.assertIn("5.00", text)
        self.assertLessEqual(set(chart.PANELS), set(METRICS))

    def test_what_was_lost_has_no_bar(self) -> None:
        samples = {**SAMPLES, "wireguard-go": {"rtt_p99": [9.0, LOST_MS, LOST_MS]}}
        drawn = chart.chart(ROWS, samples)
        self.assertIn(">lost<", drawn)
        self.assertNotIn(">1000.00<", drawn)


if __name__ == "__main__":
    unittest.main()
