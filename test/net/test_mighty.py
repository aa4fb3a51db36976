"""Tunnels with pre-shared keys, from the line that a server prints to the traffic of its clients."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from harness.lab import Lab, Namespace
from harness.made import kill_all, kill_net
from harness.mighty import Client, Server, inside, make_client, make_server, needs_mighty
from harness.nodes import outer
from harness.pair import PORT, outer_address
from harness.process import STALL, wait_until
from harness.traffic import BIG, Pinging, assert_pings, ping, transfer

pytestmark = [pytest.mark.umbra, needs_mighty]

ALICE, BOB, STRANGER = 2, 3, 9
ETH_P_ALL = 3


@dataclasses.dataclass
class Star:
    """A server, a client of its first line, one that was invited, and a host without a tunnel."""

    lab: Lab
    server: Server
    alice: Client
    bob: Client
    stranger: Namespace
    heard: Wire


class Wire:
    """Hears every datagram that comes to the server's port, or leaves it."""

    def __init__(self, space: Namespace) -> None:
        self.socket = space.call(
            lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        )
        self.socket.setblocking(False)
        self.to_server: list[bytes] = []  # from ALICE
        self.to_alice: list[bytes] = []
        space.lab.defer(self.socket.close)

    def forget(self) -> None:
        self.listen()
        self.to_server.clear()
        self.to_alice.clear()

    def listen(self) -> Wire:
        """Takes what came since the last call."""
        alice, server = (socket.inet_aton(outer_address(n, 4)) for n in (ALICE, 1))
        while True:
            try:
                packet = self.socket.recv(65536)
            except BlockingIOError:
                return self
            if packet[:1] != b"\x45" or packet[9:10] != b"\x11":
                continue
            if packet[12:20] == alice + server:
                self.to_server.append(packet[28:])
            elif packet[12:20] == server + alice:
                self.to_alice.append(packet[28:])


@pytest.fixture(scope="module")
def made() -> Iterator[Star]:
    lab = Lab()
    try:
        yield make_star(lab)
    finally:
        lab.close()


@pytest.fixture
def star(made: Star, request: pytest.FixtureRequest) -> Star:
    request.node.labs = [made.lab]
    return made


def make_star(lab: Lab) -> Star:
    names = ("hub", "server", "alice", "bob", "stranger")
    hub, *spaces = (lab.namespace(name) for name in names)
    lab.bridge(hub, [(s, outer(n)) for s, n in zip(spaces, (1, ALICE, BOB, STRANGER))])
    server = make_server(lab, spaces[0])
    # What clients send to each other is to stop in the tunnel, not behind it.
    server.namespace.sysctl("net.ipv4.ip_forward", 1)
    heard = Wire(server.namespace)
    server.start()
    alice = make_client(lab, spaces[1], server.line)
    alice.start()
    bob = make_client(lab, spaces[2], server.invite("bob"))
    bob.start()
    return Star(lab, server, alice.wait(), bob.wait(), spaces[3], heard.listen())


def test_line(star: Star) -> None:
    """Who has a line is in: with the addresses and routes that the server gives, both families."""
    server = star.server
    peers = server.peers(server.name)
    for client, number, origin in ((star.alice, ALICE, "file"), (star.bob, BOB, "store")):
        peer = peers[client.label]
        assert (peer["origin"], peer["state"]) == (origin, "connected")
        given = [f"{inside(number, 4)}/32", f"{inside(number, 6)}/128"]
        assert client.shown()["pushed"]["addresses"] == given
        assert client.addresses() == set(given)
        routes = client.namespace.run("ip", "route", "show", "dev", client.name).stdout
        assert "10.99.0.0/24" in routes
        for family in (4, 6):
            assert_pings(client.namespace, inside(1, family))
            assert_pings(server.namespace, inside(number, family))
    for family, ends in ((4, (star.alice, server, 1)), (6, (server, star.alice, ALICE))):
        transfer(ends[0].namespace, ends[1].namespace, inside(ends[2], family), BIG // 5)
    # Nothing that is shown has a key.
    for node in (server, star.alice):
        for words in (("status",), ("status", "--json"), ("peer", "list", node.name, "--json")):
            assert server.line.split("//")[1][:40] not in node.umbra(*words).stdout


def test_clients_meet_when_told(star: Star) -> None:
    """Clients do not reach each other, until the server's file lets them."""
    file = star.server.configuration
    before = file.read_text()
    space = star.alice.namespace
    assert ping(space, inside(BOB, 4), 3, wait=0.3).received == 0
    star.server.add("client_to_client: true")
    star.server.umbra("reload")
    assert_pings(space, inside(BOB, 4))
    file.write_text(before)
    star.server.umbra("reload")
    assert ping(space, inside(BOB, 4), 3, wait=0.3).received == 0
    assert_pings(space, inside(1, 4))


def variants(datagrams: list[bytes], generator: random.Random) -> Iterator[bytes]:
    """What a stranger can make of those that he heard, and of nothing."""
    for one in datagrams:
        yield one
        yield one[: generator.randrange(len(one))]
        yield one + b"\0"
        bent = bytearray(one)
        bent[generator.randrange(len(one))] ^= 1 << generator.randrange(8)
        yield bytes(bent)
        # A sequence that is far ahead, were it authentic.
        yield one[:6] + b"\x01" + one[7:]
    for kind in range(8):
        for size in (0, 3, 11, 12, 39, 40, 72, 77, 1200, 1400):
            yield (bytes([0x10 | kind, 0]) + generator.randbytes(size))[:size]


def udp(source: int, port: int, target: int, to: int, payload: bytes) -> bytes:
    """A packet with whatever source, for a raw socket; IPv4 takes no checksum as well."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0,
                       *(socket.inet_aton(outer_address(n, 4)) for n in (source, target)))
    return head + struct.pack("!HHHH", port, to, 8 + len(payload), 0) + payload


def test_strangers(star: Star) -> None:
    """Noise, and copies of all that was heard, cut, bent or sent back, change nothing."""
    server, alice = star.server, star.alice
    alice.umbra("down", alice.name)
    star.heard.forget()
    alice.umbra("up", alice.name)
    alice.wait()
    assert_pings(alice.namespace, inside(1, 4), 5)
    heard = star.heard.listen()
    there, back = heard.to_server, heard.to_alice
    assert {b"\x11\0", b"\x13\0", b"\x14\0"} <= {d[:2] for d in there}, "not all of a session"
    pings = Pinging(alice.namespace, inside(1, 4))
    was = server.peers(server.name)["alice"], alice.server()

    port = alice.shown()["listen_port"]
    plain = star.stranger.socket(socket.AF_INET, socket.SOCK_DGRAM)
    raw = star.stranger.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    generator = random.Random(20261)
    for one in variants(there + back, generator):
        plain.sendto(one, (outer_address(1, 4), PORT))
        plain.sendto(one, (outer_address(ALICE, 4), port))
        # The same as if they sent it to each other.
        raw.sendto(udp(ALICE, port, 1, PORT, one), (outer_address(1, 4), 0))
        raw.sendto(udp(1, PORT, ALICE, port, one), (outer_address(ALICE, 4), 0))
    pings.next()
    plain.setblocking(False)
    with pytest.raises(BlockingIOError):
        plain.recv(2048)
    now = server.peers(server.name)["alice"], alice.server()
    for before, after in zip(was, now):
        for row in ("state", "endpoint", "latest_handshake"):
            assert before[row] == after[row]

    def judged() -> dict[str, int] | None:
        drops = server.shown()["data_path"]["drops"]
        return drops if drops["forged"] and drops["replayed"] else None

    wait_until(judged, 2, "what the server says of them")
    assert pings.missing() == []


def assert_unheard(client: Client) -> None:
    """It goes on asking, and hears nothing."""
    client.namespace.count("input", heard=f"udp sport {PORT}")
    client.namespace.count("output", asked=f"udp dport {PORT}")
    wait_until(lambda: client.namespace.counters()["asked"], 10, "a hello")
    assert not client.works()
    assert client.namespace.counters()["heard"] == 0
    client.namespace.run("nft", "flush", "ruleset")


@contextlib.contextmanager
def guest(star: Star, line: str, name: str) -> Iterator[Client]:
    """Another client, of the stranger's host."""
    made = make_client(star.lab, star.stranger, line, name)
    try:
        yield made
    finally:
        assert not made.process or made.stop() == 0, made.log_text()


def test_client_deleted(star: Star) -> None:
    """`umbra peer del`: a session ends within a second, for good, and others lose nothing."""
    server = star.server
    with guest(star, server.invite("carol"), "carol") as carol:
        carol.start()
        carol.wait()
        pings = [Pinging(other.namespace, inside(1, 4)) for other in (star.alice, star.bob)]
        server.umbra("peer", "del", server.name, "carol")
        wait_until(lambda: not carol.works(), 1 + STALL, "an end of traffic")
        wait_until(lambda: carol.server()["state"] == "connecting", STALL, "what is shown of it")
        assert_unheard(carol)
        assert "carol" not in server.peers(server.name)
        assert [p.missing() for p in pings] == [[], []]


@pytest.mark.long
def test_wrong_key(star: Star) -> None:
    """Who has another key than the server's is told nothing, and shown as connecting."""
    with guest(star, star.server.line, "dave") as dave:
        (key,) = (dave.files / "keys").iterdir()
        key.write_text(dave.umbra("genpsk").stdout)
        dave.start()
        wait_until(lambda: dave.server()["state"] == "connecting", 15, "what its status says")
        assert_unheard(dave)
        assert dave.addresses() == set() and dave.shown()["pushed"] is None


@pytest.mark.parametrize("how", [kill_net, kill_all])
@pytest.mark.parametrize("end", ["alice", "server"])
def test_killed(star: Star, end: str, how: Callable[[Client | Server], None]) -> None:
    """kill -9 of the net process, or of all, of either end: traffic comes back by itself."""
    given = star.alice.addresses()
    assert star.alice.works() and given
    pings = Pinging(star.bob.namespace, inside(1, 4)) if end == "alice" else None
    how(getattr(star, end))
    wait_until(star.alice.works, 10, "traffic of a client")
    wait_until(star.bob.works, 10, "traffic of another")
    assert star.alice.addresses() == given
    assert_pings(star.server.namespace, inside(ALICE, 6))
    if pings:
        assert pings.missing() == []
