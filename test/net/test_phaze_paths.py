"""Ways between a server that users log in to and their machines: changing, narrow, or cut off."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from harness.lab import Lab, Namespace, nodad
from harness.leaks import LeakWatch, Senders
from harness.made import kill_all, kill_net
from harness.narrow import Path, gateways
from harness.nodes import outer
from harness.pair import PORT, endpoint, outer_address
from harness.phaze import Client, Server, inside, make_client, make_server, needs_phaze
from harness.process import SLOW, STALL, wait_until
from harness.traffic import BIG, Pinging, assert_pings, ping, transfer
from test_nat import mappings

pytestmark = [pytest.mark.umbra, needs_phaze]

USER = "alice"
PASSWORD = "a word"
INTERNET = {4: "203.0.113.7", 6: "2001:db8:7::7"}
BEHIND_NAT = """table ip nat {
    chain out { type nat hook postrouting priority 100; oifname %s masquerade fully-random; }
}"""
DEAF = """table inet deaf {
    chain in { type filter hook input priority 0; %s daddr %s udp sport %d drop; }
}"""


def joined(
    lab: Lab,
    near: Namespace,
    far: Namespace,
    where: str | None = None,
    mtu: int | None = None,
) -> tuple[Server, Client]:
    """In namespaces that reach each other; an MTU is the server's, who tells it to clients."""
    server = make_server(lab, far, where=where)
    server.demand_certificates()
    if mtu:
        text = server.configuration.read_text()
        head = "    push:\n"
        assert text.count(head) == 1
        changed = text.replace(head, f"    mtu: {mtu}\n{head}      mtu: {mtu}\n")
        server.configuration.write_text(changed)
    server.start()
    client = make_client(lab, near).join(server, USER)
    assert client.server()["endpoint"] == server.where
    return server, client


def member(server: Server) -> dict[str, Any]:
    return server.members()[USER]


def assert_same_session(server: Server, before: dict[str, Any]) -> None:
    now = member(server)
    assert (now["state"], now["latest_handshake"]) == ("connected", before["latest_handshake"])


def test_behind_nat(lab: Lab) -> None:
    """A client's NAT takes another address under traffic, and another port after it has forgotten
    the one of before: the session moves there, as it is."""
    near, router, far = (lab.namespace(name) for name in ("client", "router", "server"))
    lab.link(near, router, ["192.168.1.2/24"], ["192.168.1.1/24"])
    wan, _ = lab.link(router, far, ["198.18.0.2/24"], ["198.18.0.1/24"])
    near.ip("route add default via 192.168.1.1")
    router.sysctl("net.ipv4.ip_forward", 1)
    router.nft(BEHIND_NAT % wan)
    # Less than an idle session is silent for.
    for timeout in ("timeout", "timeout_stream"):
        router.sysctl(f"net.netfilter.nf_conntrack_udp_{timeout}", 1)
    server, client = joined(lab, near, far)
    was = member(server)
    assert str(was["endpoint"]).startswith("198.18.0.2:")
    pings = Pinging(near, inside(1, 4))
    # What went out by an address is forgotten when that goes.
    router.ip(f"address add 198.18.0.7/24 dev {wan}", f"address del 198.18.0.2/24 dev {wan}")
    wait_until(lambda: member(server)["endpoint"].startswith("198.18.0.7:"), 5, "the new address")
    pings.next()
    assert pings.longest_gap() < 1 * SLOW + STALL
    assert_same_session(server, was)
    pings.process.stop(signal.SIGINT)

    before = member(server)["endpoint"]
    wait_until(lambda: mappings(router) == 0, 15, "no mapping, as neither end says anything")
    wait_until(client.works, 5, "pings by another one")
    wait_until(lambda: member(server)["endpoint"] != before, 5, "the new port")
    assert_same_session(server, was)
    assert_pings(far, inside(2, 4))


@pytest.mark.parametrize("outside", [4, 6])
def test_roaming(lab: Lab, outside: int) -> None:
    """The client's address changes under way, in both families: it keeps its session, and the
    server goes on where it was answered from, not where something came from."""
    near, far = lab.namespace("client"), lab.namespace("server")
    link, _ = lab.link(near, far, outer(2), outer(1))
    server, client = joined(lab, near, far, endpoint(outer_address(1, outside)))
    for family in (4, 6):
        assert_pings(near, inside(1, family))
        assert_pings(far, inside(2, family))
    old, new = (outer_address(number, outside) for number in (2, 7))
    protocol, width = ("ip", 24) if outside == 4 else ("ip6", 64)
    was = member(server)
    assert was["endpoint"].startswith(endpoint(old, 0).removesuffix("0"))
    near.nft(DEAF % (protocol, new, PORT))
    far.count("input", moved=f"{protocol} saddr {new} udp dport {PORT}")
    near.ip(
        f"address add {new}/{width} dev {link}{nodad(new)}",
        f"address del {old}/{width} dev {link}",
    )
    assert ping(near, inside(1, 4), 5, wait=0.5).received == 0
    assert far.counters()["moved"] >= 5
    assert member(server)["endpoint"] == was["endpoint"]
    near.nft("delete table inet deaf")
    wait_until(client.works, 5, "pings from there")
    assert member(server)["endpoint"].startswith(endpoint(new, 0).removesuffix("0"))
    assert_same_session(server, was)
    for family in (4, 6):
        assert_pings(far, inside(2, family))
    transfer(near, far, inside(1, 6), BIG // 20)


@pytest.mark.calm
@pytest.mark.parametrize(
    "outside,carries,silent,mtu",
    [(4, 1300, False, None), (4, 1300, True, None), (6, 1300, False, None), (6, 1380, True, 1280)],
)
def test_narrow(lab: Lab, outside: int, carries: int, silent: bool, mtu: int | None) -> None:
    """A login, and TCP both ways, where the way carries less than both ends think: over IPv4
    routers cut what is too large, over IPv6 they say so, or the server's file says it to both."""
    path = Path(lab, carries, silent)
    where = endpoint(gateways(2, 2)[0 if outside == 4 else 1])
    joined(lab, path.client, path.server, where, mtu)
    for family in (4, 6):
        transfer(path.client, path.server, inside(1, family), BIG // 20)
        transfer(path.server, path.client, inside(2, family), BIG // 20)


@pytest.mark.calm
def test_killed_behind_kill_switch(lab: Lab) -> None:
    """kill -9 of either end's net process, and of all of the client: a ticket brings it back each
    time, and nothing of it but the tunnel leaves its link meanwhile."""
    near, far = lab.namespace("client"), lab.namespace("server")
    _, far_link = lab.link(near, far, outer(2), outer(1))
    near.ip(*(f"route add default via {outer_address(1, family)}" for family in (4, 6)))
    server = make_server(lab, far)
    server.add("keepalive: 1")
    server.start()
    server.add_user(USER, PASSWORD)
    client = make_client(lab, near)
    client.login(server, USER, PASSWORD, "--ca", str(server.authority), "--name", client.name)
    client.wait()
    assert client.shown()["kill_switch"] == "on"
    watch = LeakWatch(
        far, far_link, [(outer_address(1, 4), PORT)], looks=lambda data: data[:5] == b"PHAZ\1"
    )
    senders = Senders(near, [*INTERNET.values(), outer_address(1, 4)], [outer_address(2, 4)])
    for steps in ((kill_net,), (lambda node: kill_net(server), kill_all)):
        for step in steps:
            step(client)
        wait_until(client.works, 15, "traffic")
    senders.close()
    watch.assert_none("while it was killed")
    assert watch.seen["tunnel"] > 20 and sum(senders.sent.values()) > 20
