"""The MTU of a tunnel that is to find it by itself, and packets that outgrow the way outside."""

from __future__ import annotations

import pytest

from harness.lab import Lab
from harness.nodes import NodePair, make_nodes, outer
from harness.pair import endpoint, inner_address, outer_address
from harness.traffic import BIG, assert_pings, transfer

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

OVERHEAD = {4: 60, 6: 80}


def mtu_of(pair: NodePair) -> int:
    return int(pair.client.namespace.links()[pair.client_tunnel]["mtu"])


@pytest.mark.parametrize("cable,outside", [(1400, 4), (1500, 6), (9000, 4)])
def test_from_the_route(lab: Lab, cable: int, outside: int) -> None:
    """What the cable carries less the overhead; a reload takes up what has changed."""
    spaces = (lab.namespace("client"), lab.namespace("server"))
    near, far = lab.link(*spaces, outer(2), outer(1), cable)
    pair = make_nodes(lab, spaces, outside=outside).start()
    expected = cable - OVERHEAD[outside]
    assert mtu_of(pair) == expected
    status = pair.client.tunnel_status(pair.client_tunnel)
    assert (status["mtu"], status["mtu_source"]) == (expected, "route")
    assert f"{expected} (from the route)" in pair.client.umbra("status").stdout
    # The server knows no endpoint and has no default route.
    assert pair.server.tunnel_status(pair.server_tunnel)["mtu"] == 1420
    assert_pings(spaces[0], inner_address(1, 4))

    # A route may say less than its cable.
    address = outer_address(1, outside)
    length = 32 if outside == 4 else 128
    spaces[0].ip(f"route add {address}/{length} dev {near} mtu 1390")
    pair.client.reload()
    assert mtu_of(pair) == max(1390 - OVERHEAD[outside], 1280)
    assert_pings(spaces[0], inner_address(1, 4))


def test_configured(lab: Lab) -> None:
    """What the configuration says is not asked for, and says where it is from."""
    pair = make_nodes(lab, client={"mtu": 1300}).start()
    status = pair.client.tunnel_status(pair.client_tunnel)
    assert (status["mtu"], status["mtu_source"]) == (1300, "configured")


def test_default_route(lab: Lab) -> None:
    """Without an endpoint the default route counts, as if it were of IPv6."""
    spaces = (lab.namespace("client"), lab.namespace("server"))
    lab.link(*spaces, outer(2), outer(1), 1450)
    spaces[1].ip(f"route add default via {outer_address(2, 4)}")
    pair = make_nodes(lab, spaces).start()
    assert pair.server.tunnel_status(pair.server_tunnel)["mtu"] == 1370


class Path:
    """Client and server with two routers between them, whose cable may be narrow."""

    def __init__(self, lab: Lab, mtu: int, silent: bool) -> None:
        names = ("client", "left", "right", "server")
        self.client, self.left, self.right, self.server = (lab.namespace(n) for n in names)
        spaces = (self.client, self.left, self.right, self.server)
        for i, (one, other) in enumerate(zip(spaces, spaces[1:])):
            ends = lab.link(one, other, networks_of(i, 1), networks_of(i, 2))
            if i == 1:
                self.cable = ends
        for router in (self.left, self.right):
            router.sysctl("net.ipv4.ip_forward", 1)
            router.sysctl("net.ipv6.conf.all.forwarding", 1)
            if silent:
                router.nft(NO_ICMP)
        for space, here, there, hop in (
            (self.client, 0, 2, 2), (self.left, 1, 2, 2),
            (self.right, 1, 0, 1), (self.server, 2, 0, 1),
        ):
            space.ip(*(f"route add {net} via {via}" for net, via in
                       zip(networks_of(there, 0), gateways(here, hop))))
        self.narrow(mtu)

    def narrow(self, mtu: int) -> None:
        self.left.ip(f"link set {self.cable[0]} mtu {mtu}")
        self.right.ip(f"link set {self.cable[1]} mtu {mtu}")


def gateways(network: int, host: int) -> list[str]:
    return [f"198.18.{network}.{host}", f"fd18:{network}::{host}"]


def networks_of(network: int, host: int) -> list[str]:
    return [f"{a}/{n}" for a, n in zip(gateways(network, host), (24, 64))]


NO_ICMP = """table inet silent {
    chain out { type filter hook output priority 0; meta l4proto { icmp, icmpv6 } drop; }
}"""


def path_nodes(lab: Lab, path: Path, outside: int) -> NodePair:
    server = endpoint(gateways(2, 2)[0 if outside == 4 else 1])
    return make_nodes(lab, (path.client, path.server), server_endpoint=server)


@pytest.mark.parametrize("silent", [False, True])
def test_narrow_v4(lab: Lab, silent: bool) -> None:
    """Over IPv4, routers cut what is too large: nothing is lost whether they may tell or not."""
    path = Path(lab, 1300, silent)
    path_nodes(lab, path, 4).start()
    for family in (4, 6):
        address = inner_address(1, family)
        for size in (500, 1200, 1240, 1300, 1372):
            assert_pings(path.client, address, 1, "-s", str(size))
        transfer(path.client, path.server, address, BIG // 20)
        transfer(path.server, path.client, inner_address(2, family), BIG // 20)
