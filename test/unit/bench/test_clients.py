"""The parts of bench/clients that only compute."""

from __future__ import annotations

import json
import pathlib
import unittest

from bench import goals, report
from bench.clients.bed import loaded
from bench.clients.flood import LIMIT_MS, seconds_of
from bench.clients.generator import PACKET_SIZE, PAYLOAD, options
from bench.clients.main import MEASURES, chosen
from bench.clients.memory import each, proportional_bytes, role_of
from bench.clients.metrics import GOALS, GROUPS, METRICS
from bench.clients.server import all_kinds, payload_of
from bench.goals import Goal
from bench.measures.time import LOST_MS
from bench.process import Failure

SAMPLES = {
    "umbra": {"ratio32": [70.0, 90.0, 85.0], "show": [301.0]},
    "wireguard-go": {"ratio32": [50.0]},
}
ROWS = [report.Row("umbra", "Umbra", "1"), report.Row("wireguard-go", "wireguard-go", "2")]


class Load(unittest.TestCase):
    def test_rates_are_of_packets_inside(self) -> None:
        result = {"packets": 1000, "seconds": 2.0, "cpu": 1.0, "probes": 5}
        found = loaded({**result, "milliseconds": [1.0, 2.0]}, 750 * PAYLOAD, 3.0)
        self.assertAlmostEqual(found.sent, 1000 * PACKET_SIZE * 8 / 2e6)
        self.assertAlmostEqual(found.share, 0.75)
        self.assertEqual((found.server_cores, found.own_cores, found.lost), (1.5, 0.5, 3))
        self.assertEqual([found.trip(40), found.trip(50)], [2.0, LOST_MS])

    def test_nothing_sent(self) -> None:
        result = {"packets": 0, "seconds": 1.0, "cpu": 0.0, "probes": 0, "milliseconds": []}
        self.assertEqual(loaded(result, 0, 0.0).share, 0.0)


class Arrivals(unittest.TestCase):
    def listed(self) -> str:
        # Two joined packets of 1420 bytes with one pair of headers, and one alone.
        counter = {"name": "port9", "packets": 2, "bytes": 28 + 2 * PAYLOAD + PACKET_SIZE}
        other = {"name": "port10", "packets": 0, "bytes": 0}
        items = [{"metainfo": {}}, {"counter": other}, {"counter": counter}]
        return json.dumps({"nftables": items})

    def test_joined_packets_count_by_their_payload(self) -> None:
        self.assertEqual(payload_of(self.listed(), "port9"), 3 * PAYLOAD)
        self.assertEqual(payload_of(self.listed(), "port10"), 0)

    def test_unknown_counter(self) -> None:
        with self.assertRaises(KeyError):
            payload_of(self.listed(), "port11")


class Memory(unittest.TestCase):
    def test_roles(self) -> None:
        self.assertEqual(role_of(["umbrad", "--process=net", ""], False), "net")
        self.assertEqual(role_of(["umbrad", "--process=control"], False), "control")
        self.assertEqual(role_of(["umbrad", "-c", "x"], True), "privileged")

    def test_proportional(self) -> None:
        text = "00400000-7fff ---p 00000000 00:00 0 [rollup]\nRss: 90 kB\nPss:      20 kB\n"
        self.assertEqual(proportional_bytes(text), 20 * 1024)
        with self.assertRaises(Failure):
            proportional_bytes("")

    def test_each(self) -> None:
        found = each({"net": 100, "control": 50}, {"net": 300, "control": 50}, 10, "peer")
        self.assertEqual(found, {"peer_net": 20.0, "peer_control": 0.0})


class Flood(unittest.TestCase):
    def test_who_got_no_session_waited_longest(self) -> None:
        self.assertEqual(seconds_of([0.0, 250.0]), [LIMIT_MS / 1e3, 0.25])


class Words(unittest.TestCase):
    def test_options(self) -> None:
        self.assertEqual(options({"duration_ms": 5, "count": None}), ["--duration-ms=5"])

    def test_chosen_keeps_the_order(self) -> None:
        self.assertEqual(chosen("", ["a", "b"]), ["a", "b"])
        self.assertEqual(chosen("b, a", ["a", "b"]), ["a", "b"])
        with self.assertRaises(SystemExit):
            chosen("c", ["a", "b"])


class Report(unittest.TestCase):
    def test_goals(self) -> None:
        self.assertEqual(
            goals.lines(SAMPLES, GOALS, METRICS),
            [
                "met: umbra ratio32 85 %, wanted at least 80",
                "MISSED: umbra show 301 ms, wanted at most 300",
            ],
        )
        self.assertEqual([g["met"] for g in goals.outcome(SAMPLES, GOALS)], [True, False])

    def test_limits_themselves_are_met(self) -> None:
        self.assertTrue(Goal("x", "y", least=80).met(80))
        self.assertFalse(Goal("x", "y", least=80).met(79.9))
        self.assertTrue(Goal("x", "y", most=5).met(5))

    def test_goals_are_of_known_figures_and_rows(self) -> None:
        rows = {kind.name for kind in all_kinds(pathlib.Path("."), [])}
        self.assertLessEqual({goal.key for goal in GOALS}, set(METRICS))
        self.assertLessEqual({goal.row for goal in GOALS}, rows)

    def test_keys_are_of_one_figure(self) -> None:
        self.assertEqual(len(METRICS), sum(len(group.metrics) for group in GROUPS))

    def test_rows_take_part_in_known_measurements(self) -> None:
        known = [measure.name for measure in MEASURES]
        self.assertEqual(len(set(known)), len(known))
        for kind in all_kinds(pathlib.Path("."), []):
            self.assertLessEqual(set(kind.measures or ()), set(known))
            self.assertTrue(kind.takes_part("memory"))

    def test_table(self) -> None:
        text = report.tables(ROWS, SAMPLES, GROUPS)
        self.assertIn("85 (70–90) ×1.70", text)
        self.assertNotIn("Handshakes", text)  # not measured, not shown

    def test_rows_without_a_figure_are_left_out(self) -> None:
        samples = {"umbra": {"show": [1.0]}, "wireguard-go": {"dump": [2.0], "one1": [3.0]}}
        text = report.tables(ROWS, samples, GROUPS)
        self.assertIn("1, of 1\nwireguard-go        3\n", text)
        self.assertEqual(text.count("Umbra"), 1)
        self.assertEqual(text.count("wireguard-go"), 2)

    def test_json_has_units(self) -> None:
        whole = json.loads(report.as_json(ROWS, SAMPLES, {}, {}, {}, METRICS))
        self.assertEqual(whole["contenders"]["umbra"]["figures"]["show"]["unit"], "ms")


if __name__ == "__main__":
    unittest.main()
