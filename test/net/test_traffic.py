"""Plain traffic: every outer with every inner IP version."""

from __future__ import annotations

import pytest

from harness.lab import Lab
from harness.pair import make_pair
from harness.traffic import (
    IperfServer,
    assert_pings,
    exchange_datagrams,
    flood,
    iperf_both,
    transfer,
)

outside_and_inside = pytest.mark.parametrize(
    ("outside", "inside"), [(4, 4), (4, 6), (6, 4), (6, 6)]
)


@outside_and_inside
def test_ping_and_flood(lab: Lab, outside: int, inside: int) -> None:
    """Pings go both ways, and 2000 at full speed without a loss."""
    pair = make_pair(lab, outside=outside)
    assert_pings(pair.client.namespace, pair.server.inner[inside])
    assert_pings(pair.server.namespace, pair.client.inner[inside])
    flood(pair.client.namespace, pair.server.inner[inside])
    flood(pair.server.namespace, pair.client.inner[inside])


@outside_and_inside
def test_tcp_and_udp(lab: Lab, outside: int, inside: int) -> None:
    """iperf3 with TCP and UDP in both directions; datagrams of odd sizes keep their content."""
    pair = make_pair(lab, outside=outside)
    IperfServer(pair.server.namespace)
    iperf_both(pair.client.namespace, pair.server.inner[inside])
    exchange_datagrams(
        pair.client.namespace, pair.server.namespace, pair.server.inner[inside]
    )


@outside_and_inside
def test_big_transfer(lab: Lab, outside: int, inside: int) -> None:
    """50 MB arrive unchanged, in both directions."""
    pair = make_pair(lab, outside=outside)
    client, server = pair.client, pair.server
    transfer(client.namespace, server.namespace, server.inner[inside])
    transfer(server.namespace, client.namespace, client.inner[inside])
