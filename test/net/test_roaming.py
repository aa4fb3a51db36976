"""A peer is where its last authenticated packet came from."""

from __future__ import annotations

import pytest

from harness.device import REFERENCE
from harness.lab import Lab, nodad
from harness.pair import Pair, endpoint, make_pair
from harness.process import wait_until
from harness.traffic import Pinging, assert_pings


def follows(pair: Pair, address: str, port: int) -> None:
    """The server's endpoint of the client becomes this one."""
    expected = endpoint(address, port)
    wait_until(
        lambda: pair.server.device.peer(pair.client.device).endpoint == expected,
        5,
        f"server follows to {expected}",
    )


@pytest.mark.parametrize("outside", [4, 6])
def test_roaming_by_restart(lab: Lab, outside: int) -> None:
    """A client that comes back on another port is found there, by a new handshake."""
    pair = make_pair(lab, outside=outside)
    client, server = pair.client, pair.server
    for port in (40001, 40002):
        client.device.configure(port, server.section(outside))
        assert_pings(client.namespace, server.inner[4])
        follows(pair, client.outer[outside], port)
        client.device.stop()
        client.device.start()
        client.bring_up()
    client.device.configure(40003, server.section(outside))
    assert_pings(client.namespace, server.inner[6])
    follows(pair, client.outer[outside], 40003)
    assert_pings(server.namespace, client.inner[6])


@pytest.mark.parametrize("outside", [4, 6])
def test_roaming_by_port(lab: Lab, outside: int) -> None:
    """`wg set listen-port` of a live client: the server follows within the session."""
    pair = make_pair(lab, outside=outside)
    client, server = pair.client, pair.server
    pings = Pinging(client.namespace, server.inner[4])
    handshake = server.device.peer(client.device).latest_handshake
    for port in (40001, 40002, 40003):
        client.device.set("listen-port", str(port))
        pings.next()
        follows(pair, client.outer[outside], port)
    assert len(pings.missing()) <= 3
    assert server.device.peer(client.device).latest_handshake == handshake
    assert_pings(server.namespace, client.inner[4])


@pytest.mark.parametrize("outside", [4, 6])
def test_roaming_by_address(lab: Lab, outside: int) -> None:
    """The client's address changes under way: the server follows within the session."""
    pair = make_pair(lab, outside=outside)
    client, server = pair.client, pair.server
    pings = Pinging(client.namespace, server.inner[4])
    handshake = server.device.peer(client.device).latest_handshake
    port = client.device.port()
    width = 24 if outside == 4 else 64
    old = client.outer[outside]
    for last in ("7", "3"):
        new = client.outer[outside] + last
        client.namespace.ip(
            f"address add {new}/{width} dev {client.underlay}{nodad(new)}",
            f"address del {old}/{width} dev {client.underlay}",
        )
        pings.next()
        follows(pair, new, port)
        old = new
    assert pings.longest_gap() < 3
    assert server.device.peer(client.device).latest_handshake == handshake
    assert_pings(server.namespace, client.inner[4])


def test_roaming_to_another_family(lab: Lab) -> None:
    """From IPv4 to IPv6 outside and back, without a loss."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    pings = Pinging(client.namespace, server.inner[4])
    port = client.device.port()
    for outside in (6, 4, 6):
        where = endpoint(server.outer[outside])
        expected = endpoint(client.outer[outside], port)

        def arrived() -> bool:
            # An answer that was under way from the server's other address leads the client back.
            if client.device.peer(server.device).endpoint != where:
                client.device.set("peer", server.device.key.public, "endpoint", where)
                return False
            return server.device.peer(client.device).endpoint == expected

        wait_until(arrived, 5, f"both are at {where} and {expected}", every=0.1)
    # The reference sends its first packets to another family to half an address.
    assert len(pings.missing()) <= (6 if server.device.implementation == REFERENCE else 0)
