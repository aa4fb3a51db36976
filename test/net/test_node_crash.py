"""What a killed daemon leaves is taken away by the next start."""

from __future__ import annotations

import random
import time

import pytest

from harness.lab import Lab
from harness.nodes import make_nodes
from harness.pair import inner_address
from harness.process import SLOW, wait_until
from harness.traffic import assert_pings, reachable

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

ROUNDS = 20
SEED = 20261


@pytest.mark.long
def test_killed_at_any_moment(lab: Lab) -> None:
    """SIGKILL at twenty random moments of start, work and reload; nothing stale is left."""
    pair = make_nodes(
        lab,
        client_allowed=["0.0.0.0/0", "::/0"],
        client={"masquerade": True, "mtu": 1400, "kill_switch": False},
    )
    near = pair.client
    before = near.traces()
    pair.server.start()
    generator = random.Random(SEED)
    for round in range(ROUNDS):
        near.write()
        near.launch()
        time.sleep(generator.random() * 0.6 * SLOW)
        if round % 3 == 0 and near.socket.exists():
            near.tunnels[pair.client_tunnel]["mtu"] = 1300 + round
            near.write()
            near.namespace.spawn(
                near.command()[0].removesuffix("d"), "--socket", str(near.socket), "reload"
            )
            time.sleep(generator.random() * 0.1 * SLOW)
        near.kill()
    near.start()
    wait_until(lambda: reachable(near.namespace, inner_address(1, 4)), 20, "pings at last")
    assert_pings(near.namespace, inner_address(1, 6))
    alive = near.traces()
    # One of each, not one a round.
    rules = alive["rules"].count("lookup main suppress_prefixlength 0")
    assert rules == 2, alive["rules"]
    assert alive["tables"].count("umbra") == 1
    assert near.stop() == 0
    assert near.traces() == before
