"""Endpoints given by name."""

from __future__ import annotations

import pytest

from harness.lab import Lab
from harness.names import NAME, NameServer, resolv_conf
from harness.nodes import make_nodes
from harness.pair import PORT, endpoint, inner_address, outer_address
from harness.process import wait_until
from harness.traffic import Pinging, assert_pings, reachable

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

def test_by_name(lab: Lab) -> None:
    """A name is resolved outside of the tunnel that takes everything; status shows both."""
    pair = make_nodes(
        lab, server_endpoint=f"{NAME}:{PORT}", client_allowed=["0.0.0.0/0", "::/0"]
    )
    near, far = pair.client, pair.server
    names = NameServer(lab, far.namespace, outer_address(1, 4))
    names.serve(outer_address(1, 4))
    resolv_conf(lab, outer_address(1, 4))
    pair.start()
    wait_until(lambda: reachable(near.namespace, inner_address(1, 4)), 15, "pings by name")
    seen = near.peers(pair.client_tunnel)["server"]
    assert seen["endpoint_name"] == f"{NAME}:{PORT}"
    assert seen["endpoint"] == endpoint(outer_address(1, 4))


@pytest.mark.long
def test_several_addresses(lab: Lab) -> None:
    """A v6 address that nobody answers at, and a v4 one that works: the second is tried soon."""
    pair = make_nodes(lab, server_endpoint=f"{NAME}:{PORT}")
    near, far = pair.client, pair.server
    names = NameServer(lab, far.namespace, outer_address(1, 4))
    names.serve("fd18::dead", outer_address(1, 4))
    resolv_conf(lab, outer_address(1, 4))
    pair.start()
    wait_until(lambda: reachable(near.namespace, inner_address(1, 4)), 20, "pings by v4")
    assert near.peers(pair.client_tunnel)["server"]["endpoint"] == endpoint(outer_address(1, 4))


@pytest.mark.long
def test_address_changes(lab: Lab) -> None:
    """The server moves, and its name with it: found again when handshakes go unanswered."""
    pair = make_nodes(lab, server_endpoint=f"{NAME}:{PORT}", client=None)
    near, far = pair.client, pair.server
    near.tunnels[pair.client_tunnel]["peers"][0]["persistent_keepalive"] = 1
    names = NameServer(lab, far.namespace, outer_address(1, 6))
    names.serve(outer_address(1, 4))
    resolv_conf(lab, outer_address(1, 6))
    pair.start()
    wait_until(lambda: reachable(near.namespace, inner_address(1, 4)), 15, "pings by name")
    links = [n for n in far.namespace.links() if n.startswith("v")]
    far.namespace.ip(
        f"address del {outer_address(1, 4)}/24 dev {links[0]}",
        f"address add {outer_address(9, 4)}/24 dev {links[0]}",
    )
    # The server must not find the client by itself.
    far.stop()
    names.serve(outer_address(9, 4))
    far.start()
    wait_until(lambda: reachable(near.namespace, inner_address(1, 4)), 60, "the new address")
    assert near.peers(pair.client_tunnel)["server"]["endpoint"] == endpoint(outer_address(9, 4))


def test_no_such_name(lab: Lab) -> None:
    """Status says that a name has no address; once it has one, the tunnel connects."""
    pair = make_nodes(lab, server_endpoint=f"{NAME}:{PORT}")
    near, far = pair.client, pair.server
    names = NameServer(lab, far.namespace, outer_address(1, 4))
    names.serve()
    resolv_conf(lab, outer_address(1, 4))
    pair.start()
    shown = near.peers(pair.client_tunnel)["server"]
    assert shown["state"] == "resolving"
    assert shown["endpoint_name"] == f"{NAME}:{PORT}"
    wait_until(
        lambda: "no such name" in (near.peers(pair.client_tunnel)["server"]["reason"] or ""),
        10,
        "a reason",
    )
    names.serve(outer_address(1, 4))
    wait_until(lambda: reachable(near.namespace, inner_address(1, 4)), 30, "pings at last")
    assert_pings(near.namespace, inner_address(1, 6))
    pings = Pinging(near.namespace, inner_address(1, 4))
    assert pings.missing() == []
