"""Crypto-routing: what a peer may send from, and who gets what."""

from __future__ import annotations

import itertools

from harness.device import Device
from harness.lab import Lab, nodad
from harness.pair import PORT, Host, endpoint, make_pair
from harness.process import run
from harness.traffic import assert_pings, exchange_datagrams, ping, transfer


def test_source_outside_allowed_ips_is_dropped(lab: Lab) -> None:
    """Inner packets whose source is not the peer's never reach the other end's stack."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    stranger = Device(lab, server.namespace)
    # 10.99.0.50 and fd99::50 belong to another peer; .77 and ::77 to nobody.
    server.device.set(
        "peer", stranger.key.public, "allowed-ips", "10.99.0.50/32,fd99::50/128"
    )
    name = server.device.name
    forged = ("10.99.0.77", "fd99::77", "10.99.0.50", "fd99::50")
    allowed = (client.inner[4], client.inner[6])
    matches = {}
    for number, source in enumerate(forged + allowed):
        word = "ip6" if ":" in source else "ip"
        matches[f"c{number}"] = f"iifname {name} {word} saddr {source}"
    server.namespace.count("prerouting", **matches)
    for source in forged:
        width = 128 if ":" in source else 32
        client.namespace.ip(
            f"address add {source}/{width} dev {client.device.name}{nodad(source)}"
        )
    assert_pings(client.namespace, server.inner[4])
    for source in forged + allowed:
        target = server.inner[6 if ":" in source else 4]
        answered = ping(client.namespace, target, 3, "-I", source, wait=0.3)
        assert answered.received == (3 if source in allowed else 0)
    counts = server.namespace.counters()
    assert [counts[f"c{number}"] for number in range(len(forged))] == [0] * len(forged)
    assert all(counts[f"c{len(forged) + number}"] >= 3 for number in range(len(allowed)))


def make_star(lab: Lab, clients: int, others: int) -> tuple[Host, list[Host]]:
    """A server with so many real clients, and others that it only knows by name."""
    hub = lab.namespace("hub")
    hosts = []
    for number in range(1, clients + 2):
        space = lab.namespace("server" if number == 1 else f"client{number}")
        hosts.append(Host(space, Device(lab, space), number, ""))
    lab.bridge(hub, [(host.namespace, host.outer_addresses()) for host in hosts])
    server, *rest = hosts
    for host in hosts:
        host.device.start()
    strangers = []
    for number in range(others):
        public = run(["wg", "pubkey"], input=run(["wg", "genkey"]).stdout).stdout.strip()
        allowed = f"10.99.1.{number}/32, fd99::1:{number:x}/128"
        strangers.append(f"[Peer]\nPublicKey = {public}\nAllowedIPs = {allowed}\n")
    server.device.configure(PORT, *(host.section() for host in rest), *strangers)
    for host in rest:
        host.device.configure(0, server.section(4))
        everyone = "10.99.0.0/24,fd99::/64"
        host.device.set("peer", server.device.key.public, "allowed-ips", everyone)
    for host in hosts:
        host.bring_up()
    return server, rest


def test_many_peers(lab: Lab) -> None:
    """A server of 50 peers: four real clients reach it and, through it, each other."""
    server, clients = make_star(lab, 4, 46)
    server.namespace.sysctl("net.ipv4.ip_forward", 1)
    server.namespace.sysctl("net.ipv6.conf.all.forwarding", 1)
    for client in clients:
        assert_pings(client.namespace, server.inner[4])
    for one, other in itertools.permutations(clients, 2):
        assert_pings(one.namespace, other.inner[4], 2)
        assert_pings(one.namespace, other.inner[6], 2)
    transfer(clients[0].namespace, clients[1].namespace, clients[1].inner[4], 5_000_000)
    exchange_datagrams(clients[2].namespace, clients[3].namespace, clients[3].inner[6])
    peers = server.device.peers()
    assert len(peers) == 50
    for client in clients:
        state = peers[client.device.key.public]
        assert state.endpoint == endpoint(client.outer[4], client.device.port())
        assert state.latest_handshake > 0
    assert sum(state.latest_handshake == 0 for state in peers.values()) == 46
