"""Split tunnelling: what goes past a tunnel, by prefix."""

from __future__ import annotations

import pytest

from harness.lab import Lab
from harness.pair import inner_address
from harness.split import BEHIND, World
from harness.traffic import Pinging, assert_pings

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

def expected(excluded: dict[int, list[int]]) -> dict[str, bool]:
    """Which counters count when these of BEHIND are excluded."""
    return {
        f"{way}{family}{number}": (number in excluded[family]) == (way == "cable")
        for family in (4, 6)
        for number in (0, 1)
        for way in ("tunnel", "cable")
    }


def ping_all(world: World) -> None:
    for family in (4, 6):
        for address in BEHIND[family]:
            assert_pings(world.near, address)


def test_excluded_prefixes(lab: Lab) -> None:
    """Excluded prefixes leave by the cable, all else by the tunnel; a reload changes it live."""
    world = World(lab)
    client = world.pair.client
    world.values()["routes"] = {"exclude": ["203.0.113.0/24", "2001:db8:2::/48"]}
    world.let_out()
    before = client.traces()
    world.pair.start()
    world.watch()
    ping_all(world)
    assert world.ways() == expected({4: [0], 6: [1]})
    # Another list, and what stays excluded is not interrupted for a moment.
    pings = Pinging(world.near, BEHIND[4][0])
    others = Pinging(world.near, BEHIND[6][0])
    world.values()["routes"] = {"exclude": ["203.0.113.0/24", "192.0.2.0/25", "2001:db8:9::/48"]}
    client.reload()
    assert [world.way_of(a) for a in BEHIND[4] + BEHIND[6]] == ["cable"] * 2 + ["tunnel"] * 2
    ping_all(world)
    assert pings.missing() == [] and others.missing() == []
    del world.values()["routes"]
    client.reload()
    assert [world.way_of(a) for a in BEHIND[4] + BEHIND[6]] == ["tunnel"] * 4
    # Nothing is left of it, neither after an ordered end nor after a crash and the next start.
    world.values()["routes"] = {"exclude": ["203.0.113.0/24"]}
    client.reload()
    client.umbra("down", world.tunnel)
    assert "throw" not in client.traces()["routes"]
    client.umbra("up", world.tunnel)
    assert "throw 203.0.113.0/24" in client.traces()["routes"]
    client.kill()
    world.values()["autostart"] = False
    client.start()
    # The kill switch outlives a crash.
    client.umbra("down", world.tunnel)
    assert client.stop() == 0
    after = client.traces()
    for key in ("rules", "routes", "routes6"):
        assert after[key] == before[key]


def test_excluded_of_an_include(lab: Lab) -> None:
    """Of a route in the main table what is excluded is cut out."""
    world = World(lab)
    world.values()["routes"] = {
        "include": ["203.0.112.0/23", "2001:db8::/32"],
        "exclude": ["203.0.113.7/32", "2001:db8:2::/48"],
    }
    world.pair.start()
    ways = [world.way_of(a) for a in ("203.0.113.6", "203.0.113.7", "203.0.113.8", "203.0.114.1")]
    assert ways == ["tunnel", "cable", "tunnel", "cable"]
    ways = [world.way_of(a) for a in ("2001:db8:1::1", "2001:db8:2::7", "2001:db8:3::1")]
    assert ways == ["tunnel", "cable", "tunnel"]
    assert len(world.near.run("ip", "route", "show", "dev", world.tunnel).stdout.split("\n")) <= 12
    assert_pings(world.near, inner_address(1, 4))
    # What is included and excluded at once is refused, with its place.
    world.values()["routes"]["exclude"] = ["2001:db8::/32"]
    refused = world.pair.client.reload(check=False)
    assert refused.returncode == 1
    assert "routes.exclude: 2001:db8::/32 stands in routes.include as well" in refused.stderr
    assert world.way_of("203.0.113.8") == "tunnel"
