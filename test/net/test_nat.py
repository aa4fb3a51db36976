"""Two NATs that let nothing in unasked; both peers know each other's public endpoint."""

from __future__ import annotations

import itertools
import pathlib

import pytest

from harness.device import Device
from harness.lab import Lab, Namespace
from harness.pair import PORT, Host, Pair, endpoint
from harness.process import wait_until
from harness.traffic import assert_pings, reachable

pytestmark = pytest.mark.calm

# What arrives unasked is dropped in the input chain, before conntrack confirms it: otherwise it
# would occupy the very mapping that the inner host's own packets need.
RULES = """
table ip nat {{
	chain out {{
		type nat hook postrouting priority 100;
		oifname {wan} masquerade
	}}
	chain pass {{
		type filter hook forward priority 0; policy drop;
		ct state established,related accept
		iifname {lan} accept
	}}
	chain mine {{
		type filter hook input priority 0; policy drop;
		ct state established,related accept
		iifname {lan} accept
	}}
}}
"""
MAPPING_SECONDS = 2


def mappings(router: Namespace) -> int:
    """UDP entries of the router's connection tracking."""
    table = pathlib.Path("/proc/thread-self/net/nf_conntrack")
    return sum(" udp " in line for line in router.call(table.read_text).splitlines())


def behind_nat(lab: Lab, number: int) -> tuple[Host, Namespace, str]:
    """A host, its router, and the name of the router's inner link."""
    space, router = lab.namespace(f"host{number}"), lab.namespace(f"nat{number}")
    inner, gateway = f"192.168.{number}.2", f"192.168.{number}.1"
    cable, lan = lab.link(space, router, [f"{inner}/24"], [f"{gateway}/24"])
    space.ip(f"route add default via {gateway}")
    router.sysctl("net.ipv4.ip_forward", 1)
    return Host(space, Device(lab, space), number, cable), router, lan


def nat_pair(lab: Lab) -> tuple[Pair, list[Namespace]]:
    """Both hosts, their routers joined by a cable, devices started and not yet configured."""
    sides = [behind_nat(lab, number) for number in (1, 2)]
    routers = [router for _, router, _ in sides]
    outer_links = lab.link(*routers, ["203.0.113.1/24"], ["203.0.113.2/24"])
    for (host, router, lan), wan in zip(sides, outer_links):
        router.nft(RULES.format(wan=wan, lan=lan))
        host.device.start()
        host.bring_up()
    return Pair(lab, sides[0][0], sides[1][0]), routers


def connect(pair: Pair, keepalive: int) -> None:
    for host, other in ((pair.client, pair.server), (pair.server, pair.client)):
        section = other.section(keepalive=keepalive)
        where = endpoint(f"203.0.113.{other.number}")
        host.device.configure(PORT, f"{section}\nEndpoint = {where}")


@pytest.mark.long
def test_nat_on_both_sides(lab: Lab) -> None:
    """The tunnel comes up through both NATs, and keepalives hold their mappings open."""
    pair, routers = nat_pair(lab)
    connect(pair, keepalive=1)
    left, right = pair.client, pair.server
    wait_until(lambda: reachable(left.namespace, right.inner[4]), 20, "tunnel through both NATs")
    assert_pings(right.namespace, left.inner[6])

    for router, timeout in itertools.product(routers, ("timeout", "timeout_stream")):
        router.sysctl(f"net.netfilter.nf_conntrack_udp_{timeout}", MAPPING_SECONDS)
    sent = left.device.peer(right.device).sent
    wait_until(
        lambda: left.device.peer(right.device).sent >= sent + 5 * 32, 15, "five keepalives"
    )
    assert all(mappings(router) == 1 for router in routers)
    assert_pings(left.namespace, right.inner[4])
    assert_pings(right.namespace, left.inner[4])

    # Without keepalives the mappings vanish: it was they that held them.
    for host, other in ((left, right), (right, left)):
        host.device.set("peer", other.device.key.public, "persistent-keepalive", "off")
    wait_until(lambda: not any(map(mappings, routers)), 15, "mappings gone without keepalives")
