"""The parts of bench/streams that only compute."""

from __future__ import annotations

import unittest

from bench import report
from bench.streams.main import standing
from bench.streams.measures import MEASURES
from bench.streams.metrics import GOALS, GROUPS, METRICS

SAMPLES = {
    "none": {"down1": [99.0], "request_p50": [0.01]},
    "umbra": {"down1": [3.0, 5.0, 4.0], "request_p50": [0.5]},
    "trojan": {"down1": [2.0], "request_p50": [1.5], "cpu": [3.0]},
    "v2ray": {"down1": [1.0], "request_p50": [0.2]},
}


class Standing(unittest.TestCase):
    def test_of_whom_it_is_behind(self) -> None:
        self.assertEqual(
            standing(SAMPLES),
            [
                "down1: umbra 4.00 Gbit/s: ahead of all",
                "request_p50: umbra 0.50 ms: behind v2ray 0.20",
            ],
        )

    def test_equal_is_not_ahead(self) -> None:
        samples = {"umbra": {"down1": [2.0]}, "trojan": {"down1": [2.0]}}
        self.assertEqual(standing(samples), ["down1: umbra 2.00 Gbit/s: behind trojan 2.00"])

    def test_nobody_to_compare_with(self) -> None:
        self.assertEqual(standing({"trojan": SAMPLES["trojan"]}), [])
        self.assertEqual(standing({"umbra": SAMPLES["umbra"], "none": SAMPLES["none"]}), [])

    def test_goals_are_figures(self) -> None:
        self.assertLessEqual(set(GOALS), set(METRICS))
        self.assertEqual(len({measure.name for measure in MEASURES}), len(MEASURES))


class Table(unittest.TestCase):
    def test_reference_is_the_one_asked_for(self) -> None:
        rows = [report.Row(name, name, "1") for name in SAMPLES]
        text = report.tables(rows, SAMPLES, GROUPS, "trojan")
        self.assertIn("4.00 (3.00–5.00) ×2.00", text)
        self.assertNotIn("2.00 ×", text)


if __name__ == "__main__":
    unittest.main()
