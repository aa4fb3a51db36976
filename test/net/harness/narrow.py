"""A way between two hosts that carries less than they think, and may tell nobody."""

from __future__ import annotations

from harness.lab import Lab


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
    chain out { type filter hook output priority 0; icmp type destination-unreachable drop
        icmpv6 type packet-too-big drop; }
}"""
