"""The parts of bench/arrivals that only compute."""

from __future__ import annotations

import ipaddress
import pathlib
import unittest

from bench.arrivals.effort import Effort
from bench.arrivals.generator import Order, arrived
from bench.arrivals.kind import NETWORK, RESIDENT, SERVER, address
from bench.arrivals.kinds import all_kinds
from bench.arrivals.measures import MEASURES, noticed, times
from bench.arrivals.metrics import GOALS, GROUPS, METRICS
from bench.arrivals.phaze import Certificates, Logins
from bench.lab import OUTER_NETWORK


class Orders(unittest.TestCase):
    def test_line(self) -> None:
        order = Order("ticket", 10, 4, first=2, every_us=500, limit_seconds=1.5)
        self.assertEqual(order.line(), "ticket 2 10 4 500 1500\n")

    def test_answer(self) -> None:
        told = {"there": 2, "refused": 1, "seconds": 0.5, "cpu": 0.1, "milliseconds": [3.0, 1.0]}
        self.assertEqual(times(arrived(told), "x"), {"x_p50": 1.0, "x_p99": 3.0})


class Addresses(unittest.TestCase):
    def test_all_are_different_and_of_the_network(self) -> None:
        network = ipaddress.ip_network(f"{NETWORK}0.0/16")
        found = {address(number) for number in range(Effort(quick=False).clients)}
        found |= {SERVER, RESIDENT}
        self.assertEqual(len(found), Effort(quick=False).clients + 2)
        self.assertTrue(all(ipaddress.ip_address(one) in network for one in found))


    def test_those_that_log_in_come_from_elsewhere(self) -> None:
        sources = ipaddress.ip_network(Logins.sources)
        first = ipaddress.ip_address(Logins.source)
        last = first + 256 * Effort(quick=False).clients
        self.assertTrue(first in sources and last in sources)
        for network in (f"{NETWORK}0.0/16", f"{OUTER_NETWORK}0/24"):
            self.assertFalse(sources.overlaps(ipaddress.ip_network(network)))


class Users(unittest.TestCase):
    def test_nobody_has_too_many_devices(self) -> None:
        kind = Certificates(pathlib.Path("."))
        for count in (1, 250, 251, 2_000):
            users = kind.users(count)
            self.assertEqual(len(set(users)), -(-count // 250))
            self.assertLessEqual(-(-count // len(users)), 255)


class Figures(unittest.TestCase):
    def test_what_a_tunnel_notices(self) -> None:
        found = noticed([1.0] * 99 + [2.0], [4.0] * 98 + [5.0] * 2, "x_")
        self.assertEqual(found, {"x_calm_p99": 1.0, "x_beside_p99": 5.0, "x_beside": 5.0})

    def test_kinds_have_known_measures(self) -> None:
        known = {measure.name for measure in MEASURES}
        for kind in all_kinds(pathlib.Path(".")):
            self.assertLessEqual(set(kind.measures), known)

    def test_goals_are_of_known_figures_and_rows(self) -> None:
        rows = {kind.name for kind in all_kinds(pathlib.Path("."))}
        self.assertLessEqual({goal.key for goal in GOALS}, set(METRICS))
        self.assertLessEqual({goal.row for goal in GOALS}, rows)

    def test_keys_are_of_one_figure(self) -> None:
        self.assertEqual(len(METRICS), sum(len(group.metrics) for group in GROUPS))


if __name__ == "__main__":
    unittest.main()
