"""Interfaces from the smallest MTU of IPv6 to the largest that one datagram can carry."""

from __future__ import annotations

import re

import pytest

from harness.lab import Lab
from harness.pair import Pair, make_pair
from harness.process import wait_until
from harness.traffic import BIG, assert_pings, exchange_datagrams, ping, transfer

pytestmark = pytest.mark.calm

LARGEST = 65475
HEADERS = {4: 28, 6: 48}


@pytest.mark.parametrize("mtu", [1280, 1420, 9000, LARGEST])
def test_mtu(lab: Lab, mtu: int) -> None:
    """Pings up to exactly the MTU pass unfragmented, one byte more does not; TCP passes."""
    pair = make_pair(lab, mtu=mtu, underlay_mtu=65535)
    client, server = pair.client, pair.server
    for inside, header in HEADERS.items():
        address = server.inner[inside]
        for size in (0, 1, 15, 16, 17, mtu - header - 1, mtu - header):
            assert_pings(client.namespace, address, 2, "-s", str(size), "-M", "do")
        over = ping(client.namespace, address, 1, "-s", str(mtu - header + 1), "-M", "do", wait=1)
        assert over.received == 0
        transfer(client.namespace, server.namespace, address, BIG // 5)
        exchange_datagrams(client.namespace, server.namespace, address)


def large_over_small_cable(lab: Lab) -> Pair:
    return make_pair(lab, mtu=9000, underlay_mtu=1500)


def test_mtu_above_the_cable(lab: Lab) -> None:
    """An MTU above the cable's works by fragments outside."""
    pair = large_over_small_cable(lab)
    client, server = pair.client, pair.server
    for inside, header in HEADERS.items():
        for size in (1400, 1500, 4000, 9000 - header):
            assert_pings(client.namespace, server.inner[inside], 3, "-s", str(size))


@pytest.mark.umbra
@pytest.mark.parametrize("inside", [4, 6])
def test_mtu_above_the_cable_in_bulk(lab: Lab, inside: int) -> None:
    """Segmentation offload, which the kernel refuses above the cable's MTU, is not insisted on."""
    pair = large_over_small_cable(lab)
    client, server = pair.client, pair.server
    transfer(client.namespace, server.namespace, server.inner[inside], BIG // 5)
    transfer(server.namespace, client.namespace, client.inner[inside], BIG // 5)
    exchange_datagrams(client.namespace, server.namespace, server.inner[inside])


@pytest.mark.umbra
def test_mtu_too_large(lab: Lab) -> None:
    """An MTU that no datagram can carry is an error in the log, and does not stop the tunnel."""
    pair = make_pair(lab, underlay_mtu=65535)
    client, server = pair.client, pair.server
    assert not re.search(f"(?i)mtu.*{LARGEST}", client.device.log_text())
    client.namespace.ip(f"link set {client.device.name} mtu {LARGEST + 1}")
    wait_until(
        lambda: re.search(f"(?i)mtu.*{LARGEST}", client.device.log_text()), 3, "error in the log"
    )
    assert_pings(client.namespace, server.inner[4])
    client.namespace.ip(f"link set {client.device.name} mtu 1420")
    assert_pings(client.namespace, server.inner[4], 3, "-s", "1392", "-M", "do")
