"""What bench/sandbox.py makes of its samples."""

from __future__ import annotations

import unittest

from bench.sandbox import INSIDE, OUTSIDE, quotients, verdict


class Verdict(unittest.TestCase):
    def test_median_of_pairs(self) -> None:
        samples = {INSIDE: [9.0, 9.5, 2.0], OUTSIDE: [10.0, 10.0, 4.0]}
        self.assertEqual(quotients(samples), [0.9, 0.95, 0.5])
        text, reached = verdict(samples)
        self.assertIn("quotient 0.900 (0.500–0.950, 3 pairs), goal 0.93: missed", text)
        self.assertFalse(reached)

    def test_reached(self) -> None:
        self.assertTrue(verdict({INSIDE: [0.93], OUTSIDE: [1.0]})[1])


if __name__ == "__main__":
    unittest.main()
