"""With Debian's wireguard-go at the other end, in both roles."""

from __future__ import annotations

import pytest

from harness.device import REFERENCE, UNDER_TEST, new_psk
from harness.lab import Lab
from harness.pair import Pair, endpoint, make_pair
from harness.process import wait_until
from harness.traffic import (
    IperfServer,
    Pinging,
    assert_pings,
    exchange_datagrams,
    flood,
    iperf_both,
    transfer,
)

both_roles = pytest.mark.parametrize(
    ("client", "server"),
    [(UNDER_TEST, REFERENCE), (REFERENCE, UNDER_TEST)],
    ids=["initiator", "responder"],
)
outside_families = pytest.mark.parametrize("outside", [4, 6])


@both_roles
@outside_families
def test_traffic(lab: Lab, client: str, server: str, outside: int) -> None:
    """Handshake, floods, and big transfers both ways over both families."""
    pair = make_pair(lab, client, server, outside)
    near, far = pair.client, pair.server
    for inside in (4, 6):
        flood(near.namespace, far.inner[inside], 1000)
        flood(far.namespace, near.inner[inside], 1000)
        transfer(near.namespace, far.namespace, far.inner[inside])
        transfer(far.namespace, near.namespace, near.inner[inside])
        exchange_datagrams(near.namespace, far.namespace, far.inner[inside])


@both_roles
def test_iperf(lab: Lab, client: str, server: str) -> None:
    """TCP and UDP by iperf3 in both directions."""
    pair = make_pair(lab, client, server)
    IperfServer(pair.server.namespace)
    iperf_both(pair.client.namespace, pair.server.inner[4])


@both_roles
def test_preshared_key(lab: Lab, client: str, server: str) -> None:
    """A preshared key is agreed upon, and a different one is no session."""
    pair = make_pair(lab, client, server, psk=new_psk())
    assert_pings(pair.client.namespace, pair.server.inner[4])
    assert_pings(pair.server.namespace, pair.client.inner[6])

    other = make_pair(lab, client, server, configure=False)
    other.server.device.configure(51820, other.client.section(psk=new_psk()))
    other.client.device.configure(0, other.server.section(4, keepalive=1, psk=new_psk()))
    near, far = other.client.device, other.server.device
    wait_until(lambda: far.peer(near).received >= 148, 5, "an initiation")
    assert near.peer(far).latest_handshake == 0


def follows(pair: Pair, who: str, address: str, port: int) -> None:
    near, far = pair.client.device, pair.server.device
    watcher, other = (far, near) if who == "server" else (near, far)
    expected = endpoint(address, port)
    wait_until(lambda: watcher.peer(other).endpoint == expected, 5, f"{who} follows")


@both_roles
@outside_families
def test_roaming(lab: Lab, client: str, server: str, outside: int) -> None:
    """Either end changes port, the client its address too; the other follows in the session."""
    pair = make_pair(lab, client, server, outside)
    near, far = pair.client, pair.server
    pings = Pinging(near.namespace, far.inner[4])
    back = Pinging(far.namespace, near.inner[6])
    handshake = far.device.peer(near.device).latest_handshake
    near.device.set("listen-port", "40001")
    pings.next()
    follows(pair, "server", near.outer[outside], 40001)
    far.device.set("listen-port", "40002")
    back.next()
    follows(pair, "client", far.outer[outside], 40002)
    old, width = near.outer[outside], 24 if outside == 4 else 64
    new = f"{old}9"
    near.namespace.ip(
        f"address add {new}/{width} dev {near.underlay}",
        f"address del {old}/{width} dev {near.underlay}",
    )
    pings.next()
    follows(pair, "server", new, 40001)
    back.next()
    assert max(pings.longest_gap(), back.longest_gap()) < 3
    assert far.device.peer(near.device).latest_handshake == handshake


@both_roles
def test_restarted_peer(lab: Lab, client: str, server: str) -> None:
    """An end that lost its session is found again by the other's next handshake."""
    pair = make_pair(lab, client, server)
    near, far = pair.client, pair.server
    assert_pings(near.namespace, far.inner[4])
    near.device.stop()
    near.device.start()
    near.bring_up()
    near.device.configure(0, far.section(4))
    assert_pings(near.namespace, far.inner[4])
    assert_pings(far.namespace, near.inner[4])
