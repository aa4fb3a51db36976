"""Default routes through the tunnel, masquerading, and what must not come in."""

from __future__ import annotations

import json
import socket

import pytest

from harness.lab import Lab, Namespace
from harness.nodes import NodePair, make_nodes
from harness.pair import PORT, inner_address, outer_address
from harness.process import wait_until
from harness.traffic import Pinging, assert_pings, reachable

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

INTERNET = {4: "203.0.113.7", 6: "2001:db8:7::7"}
GATEWAY = {4: "203.0.113.1", 6: "2001:db8:7::1"}


def with_internet(lab: Lab, **options: object) -> tuple[NodePair, Namespace]:
    """The pair, and a third namespace behind the server that knows nothing of the tunnel.

    Without the kill switch, which test_kill_switch.py has.
    """
    pair = make_nodes(
        lab,
        client_allowed=["0.0.0.0/0", "::/0"],
        client={"kill_switch": False},
        server={"masquerade": True},
        **options,
    )
    internet = lab.namespace("internet")
    lab.link(
        pair.server.namespace,
        internet,
        [f"{GATEWAY[4]}/24", f"{GATEWAY[6]}/64"],
        [f"{INTERNET[4]}/24", f"{INTERNET[6]}/64"],
    )
    # The client's only way out, as at home.
    pair.client.namespace.ip(
        f"route add default via {outer_address(1, 4)}",
        f"route add default via {outer_address(1, 6)}",
    )
    return pair, internet


@pytest.mark.parametrize("outside", (4, 6))
def test_default_route(lab: Lab, outside: int) -> None:
    """Everything goes through the tunnel, v4 and v6; its own datagrams do not; no loop."""
    pair, internet = with_internet(lab, outside=outside)
    near = pair.client.namespace
    near.count(
        "output",
        looped=f'oifname "{pair.client_tunnel}" udp dport {PORT}',
        leaked=f'oifname "v*" ip daddr {INTERNET[4]}',
        leaked6=f'oifname "v*" ip6 daddr {INTERNET[6]}',
        outside=f'oifname "v*" udp dport {PORT}',
    )
    internet.count(
        "input",
        hidden=f"ip saddr {GATEWAY[4]}",
        hidden6=f"ip6 saddr {GATEWAY[6]}",
        bare=f"ip saddr {inner_address(2, 4)}",
        bare6=f"ip6 saddr {inner_address(2, 6)}",
    )
    pair.start()
    for family in (4, 6):
        assert_pings(near, INTERNET[family], 5)
        assert_pings(near, inner_address(1, family))
    counted = near.counters()
    assert counted["looped"] == counted["leaked"] == counted["leaked6"] == 0, counted
    assert counted["outside"] >= 10
    arrived = internet.counters()
    assert arrived["hidden"] >= 5 and arrived["hidden6"] >= 5, arrived
    assert arrived["bare"] == arrived["bare6"] == 0, arrived
    # Answers to marked datagrams keep their mark, so that strict source checks let them in.
    assert near.call(lambda: open("/proc/sys/net/ipv4/conf/all/src_valid_mark").read()) == "1\n"
    near.sysctl("net.ipv4.conf.all.rp_filter", 1)
    assert_pings(near, INTERNET[4])
    # More specific routes of the main table still win.
    near.ip(f"route add {INTERNET[4]}/32 via {outer_address(1, 4)}")
    got = json.loads(near.run("ip", "-j", "route", "get", INTERNET[4]).stdout)[0]
    assert got["dev"] != pair.client_tunnel


def test_masquerade_needs_the_key(lab: Lab) -> None:
    """Without masquerade or forward nothing is passed on, and the sysctls stay as they were."""
    pair, _ = with_internet(lab)
    pair.server.tunnels[pair.server_tunnel]["masquerade"] = False
    pair.server.namespace.sysctl("net.ipv4.ip_forward", 0)
    pair.server.namespace.sysctl("net.ipv6.conf.all.forwarding", 0)
    pair.start()
    assert_pings(pair.client.namespace, inner_address(1, 4))
    assert not reachable(pair.client.namespace, INTERNET[4])
    assert pair.server.traces()["ip_forward"] == "0"
    # A reload is enough.
    pings = Pinging(pair.client.namespace, inner_address(1, 4))
    pair.server.tunnels[pair.server_tunnel]["masquerade"] = True
    pair.server.reload()
    for family in (4, 6):
        assert_pings(pair.client.namespace, INTERNET[family])
    assert pings.missing() == []
    pair.server.tunnels[pair.server_tunnel]["masquerade"] = False
    pair.server.reload()
    assert not reachable(pair.client.namespace, INTERNET[4])
    assert pair.server.traces()["ip_forward"] == "0"


def test_forward_keeps_sources(lab: Lab) -> None:
    """forward passes packets on with the sources they have."""
    pair, internet = with_internet(lab)
    pair.server.tunnels[pair.server_tunnel].update(masquerade=False, forward=True)
    internet.ip(
        f"route add {inner_address(0, 4)}/24 via {GATEWAY[4]}",
        f"route add fd99::/64 via {GATEWAY[6]}",
    )
    internet.count("input", bare=f"ip saddr {inner_address(2, 4)}")
    pair.start()
    for family in (4, 6):
        assert_pings(pair.client.namespace, INTERNET[family])
    assert internet.counters()["bare"] >= 3


@pytest.mark.parametrize("family", (4, 6))
def test_tunnel_address_from_outside(lab: Lab, family: int) -> None:
    """Packets to a tunnel's address that come in elsewhere are dropped (CVE-2019-14899)."""
    pair = make_nodes(lab).start()
    near, far = pair.client.namespace, pair.server.namespace
    assert_pings(near, inner_address(1, family))
    bits = 32 if family == 4 else 128
    attacker = lab.namespace("attacker")
    names = lab.link(
        *(attacker, near),
        *(["198.18.9.3/24", "fd19::3/64"], ["198.18.9.2/24", "fd19::2/64"]),
    )
    via = "198.18.9.2" if family == 4 else "fd19::2"
    attacker.ip(f"route add {inner_address(2, family)}/{bits} via {via}")
    assert_pings(attacker, via, 1)
    destination = f"{'ip' if family == 4 else 'ip6'} daddr {inner_address(2, family)}"
    near.count("input", seen=f'iifname "{names[1]}" meta l4proto {{ icmp, ipv6-icmp }} {destination}')
    assert not reachable(attacker, inner_address(2, family))
    assert near.counters()["seen"] == 0
    # From the tunnel and from the host itself they are let in.
    assert_pings(far, inner_address(2, family))
    assert_pings(near, inner_address(2, family))


def test_listen_address(lab: Lab) -> None:
    """A tunnel that listens on one address is not there on another."""
    pair = make_nodes(lab)
    pair.server.tunnels[pair.server_tunnel]["listen"] = f"{outer_address(1, 4)}:{PORT}"
    pair.start()
    assert_pings(pair.client.namespace, inner_address(1, 4))
    listening = pair.server.namespace.run("ss", "-Hlnu").stdout
    assert f"{outer_address(1, 4)}:{PORT}" in listening
    assert f"0.0.0.0:{PORT}" not in listening and f"[::]:{PORT}" not in listening


def test_routes_of_peers(lab: Lab) -> None:
    """Prefixes behind a peer get routes, of the file's peers and of the store's."""
    pair = make_nodes(lab)
    pair.server.tunnels[pair.server_tunnel]["peers"] = []
    pair.start()
    near, far = pair.client, pair.server
    near.namespace.ip("address add 192.168.77.1/32 dev lo")
    far.umbra(
        *("peer", "add", pair.server_tunnel, "branch"),
        *("--public-key", near.keys[pair.client_tunnel].public),
        *("--allowed-ips", f"{inner_address(2, 4)}/32,192.168.77.0/24"),
    )
    assert_pings(near.namespace, inner_address(1, 4))
    assert_pings(far.namespace, "192.168.77.1")
    far.umbra("peer", "del", pair.server_tunnel, "branch")
    wait_until(
        lambda: "192.168.77.0/24" not in far.namespace.run("ip", "route").stdout, 5, "no route"
    )


def test_no_v6(lab: Lab) -> None:
    """On a host without IPv6 the v4 part of a tunnel works, and the log says what is missing."""
    pair = make_nodes(lab)
    pair.client.namespace.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    pair.client.namespace.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    pair.start()
    assert_pings(pair.client.namespace, inner_address(1, 4))
    assert "IPv6" in pair.client.log_text()


def test_port_in_use(lab: Lab) -> None:
    """The port of a tunnel is somebody else's: status and log say so, and it is tried again."""
    pair = make_nodes(lab)
    space = pair.server.namespace
    thief = space.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    thief.bind(("::", PORT))
    pair.server.start()
    shown = pair.server.umbra("status").stdout
    assert str(PORT) in shown and "in use" in shown
    thief.close()
    pair.client.start()
    near = pair.client.namespace
    wait_until(lambda: reachable(near, inner_address(1, 4)), 20, "the port is taken up")
    assert "in use" not in pair.server.umbra("status").stdout
