"""The most talkative log of a session tells nothing of whom its users speak to."""

from __future__ import annotations

import json
import socket
import struct

import pytest

from harness.device import new_key
from harness.lab import Lab, Namespace, nodad
from harness.node import Node, peer
from harness.nodes import NodePair, make_nodes
from harness.pair import PORT, inner_address, outer_address
from harness.privacy import Private
from harness.process import run, wait_until
from harness.traffic import assert_pings, exchange_datagrams, ping, reachable, transfer
from test_domains import AAAA, CLINIC, INSIDE, STEP, TXT, World

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

INTERNET = {4: "203.0.113.7", 6: "2001:db8:7::7"}
GATEWAY = {4: "203.0.113.1", 6: "2001:db8:7::1"}
FORGED = {4: "10.99.0.77", 6: "fd99::77"}  # sources that are not the client's
NOBODY = {4: "203.0.113.99", 6: "2001:db8:7::99"}  # behind the server, where nobody answers
ADDED = {4: "10.99.0.51", 6: "fd99::51"}  # of a peer that comes and goes
NAMES = ("clinic.secretive.test", "whistle-blower.test")
PORTS = (41873, 52391)  # of a conversation inside

PRIVATE = Private(
    [inner_address(number, family) for number in (1, 2) for family in (4, 6)]
    + [
        address[family]
        for address in (INTERNET, GATEWAY, FORGED, NOBODY, ADDED)
        for family in (4, 6)
    ],
    PORTS,
    NAMES,
)


def test_the_search_finds_what_it_looks_for() -> None:
    """Each way to write an address, a port, a name; and nothing where there is none."""
    for line in (
        "dropped 10.99.0.77 -> x",
        "from ::ffff:10.99.0.77:53",
        "0a63004d",
        "source 0x0a63004d",
        "0X4D00630A",
        f"{0x0A63004D} is no peer's",
        "0a 63 00 4d",
        "10, 99, 0, 77",
        "[fd99::77]:443",
        "FD99:0000:0000:0000:0000:0000:0000:0077",
        "fd99:0:0:0:0:0:0:77",
        "fd990000000000000000000000000077",
        "fd 99 00 00 00 00 00 00 00 00 00 00 00 00 00 77",
        "7.7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.9.d.f.ip6.arpa",
        "77.0.99.10.in-addr.arpa",
        "tcp 41873 -> 443",
        "query Clinic.example",
        "\\x06clinic\\x09secretive",
    ):
        assert PRIVATE.lines(line) == [line]
    assert PRIVATE.lines("um0: peer A0a63004: moved to 198.18.0.2:41874, 141873 bytes") == []


def with_internet(lab: Lab) -> tuple[NodePair, Namespace]:
    pair = make_nodes(
        lab, client_allowed=["0.0.0.0/0", "::/0"], server={"masquerade": True}
    )
    internet = lab.namespace("internet")
    sides = ([f"{GATEWAY[4]}/24", f"{GATEWAY[6]}/64"], [f"{INTERNET[4]}/24", f"{INTERNET[6]}/64"])
    lab.link(pair.server.namespace, internet, *sides)
    pair.server.settings = {"log": {"level": "debug", "format": "json"}}
    return pair, internet


def question(name: str) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


def send(space: Namespace, data: bytes, address: str, port: int, own_port: int = 0) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with space.socket(family, socket.SOCK_DGRAM) as mouth:
        mouth.bind(("", own_port))
        try:
            mouth.sendto(data, (address, port))
        except OSError:
            pass


def good_traffic(pair: NodePair, internet: Namespace) -> None:
    near = pair.client.namespace
    for family in (4, 6):
        address = INTERNET[family]
        assert_pings(near, address)
        transfer(near, internet, address, 300_000)
        exchange_datagrams(near, internet, address, (0, 100, 1300))
        for name in NAMES:
            send(near, question(name), address, 53, PORTS[0])
        send(near, b"hello", address, PORTS[1], PORTS[0])


def garbage(space: Namespace, link: str) -> None:
    """What is no IP packet, or one of wrong lengths, handed to an interface as if it were."""
    v4 = socket.inet_aton(inner_address(2, 4)) + socket.inet_aton(INTERNET[4])
    v6 = b"".join(socket.inet_pton(socket.AF_INET6, a) for a in (FORGED[6], INTERNET[6]))
    packets = (
        b"\0",
        b"\x45" + b"\0" * 7,
        b"\x4f\0\xff\xff" + b"\0" * 8 + v4,
        b"\x45\0\0\x05" + b"\0" * 8 + v4 + b"\0" * 8,
        b"\x60\0\0\0\xff\xff\x11\x40" + v6,
        b"\xf0" * 60,
    )
    with space.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as mouth:
        for packet in packets:
            for kind in (0x0800, 0x86DD):
                mouth.sendto(packet, (link, kind))


def bad_traffic(pair: NodePair) -> None:
    """Forged sources, destinations of nobody, too large, no IP at all, strangers outside."""
    near, far = pair.client.namespace, pair.server.namespace
    for family, width in ((4, 32), (6, 128)):
        forged = FORGED[family]
        near.ip(f"address add {forged}/{width} dev {pair.client_tunnel}{nodad(forged)}")
        assert ping(near, INTERNET[family], 2, "-I", forged, wait=0.2).received == 0
        near.ip(f"address del {forged}/{width} dev {pair.client_tunnel}")
        # Of no peer at the server; behind it, but not there; and too large for the tunnel.
        assert ping(far, FORGED[family], 2, wait=0.2).received == 0
        ping(near, NOBODY[family], 2, wait=0.2)
        ping(near, INTERNET[family], 2, "-s", "1600", "-M", "do", wait=0.2)
        ping(near, INTERNET[family], 2, "-s", "5000")
        send(near, b"nobody listens", INTERNET[family], PORTS[1])
        send(near, bytes(200), outer_address(1, family), PORT)
    for space, link in ((near, pair.client_tunnel), (far, pair.server_tunnel)):
        garbage(space, link)


def orders(pair: NodePair) -> None:
    """Peers that come and go by the tool and by the file, and what is wrong with some of them."""
    far, tunnel = pair.server, pair.server_tunnel
    added = ("--allowed-ips", f"{ADDED[4]}/32,{ADDED[6]}/128")
    far.umbra("peer", "add", tunnel, "guest", "--public-key", new_key().public, *added)
    far.umbra("peer", "add", tunnel, "phone")
    send(far.namespace, b"to a peer without an endpoint", ADDED[4], PORTS[1])
    far.umbra("peer", "del", tunnel, "guest")
    far.umbra("peer", "del", tunnel, "phone")
    peers = far.tunnels[tunnel]["peers"]
    peers.append(peer("more", new_key(), [f"{ADDED[4]}/32", f"{ADDED[6]}/128"]))
    far.reload()
    peers.pop()
    far.reload()


def back(pair: NodePair) -> None:
    near = pair.client.namespace
    wait_until(lambda: reachable(near, INTERNET[4]), 20, "the tunnel again")


def crashes(pair: NodePair) -> None:
    """Each process once, a server that is away, and whole restarts."""
    for node in (pair.client, pair.server):
        for part in ("net", "control"):
            before = node.part(part)
            run(["kill", "-9", str(before)])
            wait_until(lambda: part_of(node, part) not in (None, before), 10, f"{part} again")
            back(pair)
    pair.server.kill()
    assert pair.client.stop() == 0
    pair.client.start()
    # A handshake that nobody answers; the next one is.
    ping(pair.client.namespace, INTERNET[4], 3, wait=0.3)
    pair.server.start()
    back(pair)


def part_of(node: Node, name: str) -> int | None:
    try:
        return node.part(name)
    except AssertionError:
        return None


@pytest.mark.long
def test_debug_logs_tell_nothing_of_traffic(lab: Lab) -> None:
    """
    TCP, UDP, names, ICMP and every error of theirs, changed peers, crashes and restarts: in none of
    the lines of both daemons, at level debug, is an inner address, port or name, however spelled.
    """
    pair, internet = with_internet(lab)
    pair.start()
    good_traffic(pair, internet)
    bad_traffic(pair)
    orders(pair)
    crashes(pair)
    good_traffic(pair, internet)
    for node in (pair.client, pair.server):
        text = node.log_text()
        # The log is one that speaks: of handshakes, and of outer addresses.
        assert "handshake" in text and outer_address(2 if node is pair.server else 1, 4) in text
        assert PRIVATE.lines(text) == []
    for line in pair.server.log_text().splitlines():
        if line.startswith("{"):
            json.loads(line)


def test_debug_logs_tell_no_names(lab: Lab) -> None:
    """
    Names that umbrad itself passes on, known, unknown, broken and refused, by UDP and TCP: none of
    them is in its log at level debug, nor what addresses they have.
    """
    names = ("clinic.secretive.in.test", "stranger.secretive.in.test", "whistle-blower.corp.test")
    private = Private([CLINIC], (), ("clinic.secretive.test", "stranger.test", "whistle-blower.test"))
    world = World(
        lab,
        routes={"include": [f"{INSIDE}/32"], "include_domains": ["in.test"]},
        dns={"servers": [INSIDE], "domains": ["corp.test"], "manager": "file"},
    )
    near = world.near
    near.settings["log"] = {"level": "debug"}
    near.start()

    def ask() -> None:
        for name in names:
            for kind in (1, AAAA, TXT):
                world.ask(name, kind)
            world.ask(name, tcp=True)
            for end in (5, 20):
                send(world.host, question(name)[:-end], STEP, 53)

    ask()
    assert world.ask(names[0]) == [CLINIC]
    world.host.nft("delete table inet umbra_split")
    ask()
    run(["kill", "-9", str(near.part("control"))])
    wait_until(lambda: "the control process is ready again" in near.log_text(), 10, "control")
    ask()
    near.reload()
    ask()
    assert near.stop() == 0
    text = near.log_text()
    assert "debug" in text and "handshake" in text
    assert private.lines(text) == []
