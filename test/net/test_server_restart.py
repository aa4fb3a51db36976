"""A server that ends and comes back, or moves: how long its client is without traffic."""

from __future__ import annotations

import os
import signal
import time

import pytest

from harness.lab import Lab
from harness.nodes import make_nodes
from harness.pair import inner_address
from harness.process import SLOW, STALL
from harness.traffic import Pinging, assert_pings

pytestmark = [pytest.mark.umbra]


def test_data_path_killed(lab: Lab) -> None:
    """
    The server's net process is killed. The next one takes up its journal and calls those who were
    connected: they need not find out by themselves, which takes fifteen seconds.
    """
    pair = make_nodes(lab).start()
    assert_pings(pair.client.namespace, inner_address(1, 4))
    pings = Pinging(pair.client.namespace, inner_address(1, 4))
    # What happens to peers is in the journal 0.2 s later.
    time.sleep(0.5 * SLOW)
    os.kill(pair.server.part("net"), signal.SIGKILL)
    pings.next()
    time.sleep(0.5)
    pings.next()
    print(f"without traffic for {pings.longest_gap():.3f} s")
    assert pings.longest_gap() < 2 * SLOW + STALL


@pytest.mark.long
def test_daemon_restarted(lab: Lab) -> None:
    """
    The whole daemon is restarted and knows nobody's address. Its client finds out by the protocol's
    timers: nothing came back for 15 s. Then one handshake is enough.
    """
    pair = make_nodes(lab).start()
    assert_pings(pair.client.namespace, inner_address(1, 4))
    pings = Pinging(pair.client.namespace, inner_address(1, 4))
    pair.server.kill()
    pair.server.start()
    pings.next(timeout=30)
    print(f"without traffic for {pings.longest_gap():.3f} s")
    assert pings.longest_gap() < 17 * SLOW + STALL
