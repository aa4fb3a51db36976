"""One UDP port of a server for tunnels of three protocols, and for strangers."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from harness.device import new_psk
from harness.lab import Lab, Namespace
from harness.made import needs
from harness.node import Node, peer
from harness.nodes import hosts, networks, outer
from harness.pair import PORT, endpoint, inner_address, outer_address
from harness.process import SLOW, STALL, wait_until
from harness.traffic import Pinging, assert_pings, family_of, reachable, transfer

USUAL, KEYS, LOGINS = "wireguard", "mighty", "phaze"
pytestmark = [pytest.mark.umbra, needs(KEYS), needs(LOGINS)]

SHARDS = 2
# The server, inside of each tunnel.
SERVER = {USUAL: inner_address(1, 4), KEYS: "10.98.0.1", LOGINS: "10.97.0.1"}
NUMBERS = {4: 2, 6: 3}  # of clients, by the family that they come by


@dataclass
class Scene:
    """A server with a tunnel of each kind, and two clients that have all of them."""

    far: Node
    clients: dict[int, Node]  # by the family that they come by
    tunnels: dict[str, str]  # the server's, by their protocols

    def works(self, protocol: str, family: int = 4) -> bool:
        """Whoever is pinged knows no session: the other end begins one at once."""
        if protocol == USUAL:
            return reachable(self.far.namespace, inner_address(NUMBERS[family], 4))
        return reachable(self.clients[family].namespace, SERVER[protocol])

    def wait(self) -> Scene:
        for protocol, family in itertools.product(SERVER, NUMBERS):
            what = f"pings of {protocol} over IPv{family}"
            wait_until(lambda: self.works(protocol, family), 20, what)
        return self

    def sockets(self) -> int:
        """That listen at the port, of both families."""
        found = self.far.namespace.run("ss", "-Hlun", f"sport = :{PORT}").stdout
        return len(found.splitlines())


class Making:
    """What a scene is made of: files of both ends, and the rows that name them."""

    def __init__(self, lab: Lab) -> None:
        hub, *spaces = (lab.namespace(name) for name in ("hub", "server", "client4", "client6"))
        lab.bridge(hub, [(space, outer(number)) for number, space in enumerate(spaces, 1)])
        self.lab = lab
        self.server = Node(lab, spaces[0], "server", settings={"shards": SHARDS})
        self.usual = self.server.tunnel(networks(1), listen=f"[::]:{PORT}", peers=[])
        self.keys, self.logins = lab.interface_name(), lab.interface_name()
        self.server.tunnels[self.keys] = {
            "protocol": KEYS,
            "role": "server",
            "listen": PORT,
            "addresses": [f"{SERVER[KEYS]}/24"],
            "keepalive": 1,
            "peers": [],
        }
        self.authority = self.server.folder / "ca"
        where = [outer_address(1, family) for family in NUMBERS]
        self.server.umbra("ca", "init", "--directory", str(self.authority))
        shown = self.certificate("server", *where)
        # So that who hears nothing says so soon; clients are told it.
        self.server.tunnels[self.logins] = {
            "protocol": LOGINS,
            "role": "server",
            "listen": PORT,
            "addresses": [f"{SERVER[LOGINS]}/24", "fd97::1/64"],
            "auth": {**shown, "demands": ["certificate"]},
            "keepalive": 1,
        }
        self.clients = {
            family: self.client(space, family) for family, space in zip(NUMBERS, spaces[1:])
        }

    def certificate(self, use: str, *names: str) -> dict[str, str]:
        folder = self.server.folder
        ways = ("--directory", str(self.authority), "--output", str(folder))
        self.server.umbra("ca", "issue", use, *names, *ways)
        return {
            "ca_file": str(self.authority / "ca.pem"),
            "certificate_file": str(folder / f"{names[0]}.pem"),
            "key_file": str(folder / f"{names[0]}.key"),
        }

    def client(self, space: Namespace, family: int) -> Node:
        number, where = NUMBERS[family], endpoint(outer_address(1, family))
        node = Node(self.lab, space, space.label, settings={"shards": SHARDS})
        psk, user = new_psk(), f"user{number}"
        usual = node.tunnel(networks(number), listen=f"[::]:{PORT}")
        server = peer("server", self.server.keys[self.usual], hosts(1), where)
        node.tunnels[usual]["peers"] = [server]
        seen = endpoint(outer_address(number, family))
        known = peer(space.label, node.keys[usual], hosts(number), seen)
        self.server.tunnels[self.usual]["peers"].append(known)
        common: dict[str, Any] = {"role": "client", "endpoints": [where]}
        node.tunnels[self.lab.interface_name()] = {
            "protocol": KEYS,
            **common,
            "auth": {"psk_file": node.secret("psk", psk)},
            "routes": {"include": ["10.98.0.0/24"]},
        }
        inside = {"allowed_ips": [f"10.98.0.{number}/32"]}
        secret = self.server.secret(f"psk{number}", psk)
        self.server.tunnels[self.keys]["peers"].append(
            {"name": space.label, "psk_file": secret, **inside}
        )
        node.tunnels[self.lab.interface_name()] = {
            "protocol": LOGINS, **common, "auth": self.certificate("client", user)
        }
        return node

    def start(self) -> Scene:
        self.server.start()
        for number in NUMBERS.values():
            self.server.umbra("user", "add", f"user{number}", "--no-password")
        for node in self.clients.values():
            node.start()
        tunnels = {USUAL: self.usual, KEYS: self.keys, LOGINS: self.logins}
        return Scene(self.server, self.clients, tunnels)


@pytest.fixture(scope="module")
def made() -> Iterator[Scene]:
    lab = Lab()
    try:
        yield Making(lab).start().wait()
    finally:
        lab.close()


@pytest.fixture
def scene(made: Scene, request: pytest.FixtureRequest) -> Scene:
    request.node.labs = [made.far.lab]
    return made


def strangers() -> list[bytes]:
    """What others' programs send to a port, and what looks a little like ours."""
    generator = random.Random(7)
    made = [
        bytes.fromhex("000100002112a442") + generator.randbytes(12),  # STUN: binding request
        bytes.fromhex("010100082112a442") + generator.randbytes(20),  # success
        bytes.fromhex("001100002112a442") + generator.randbytes(12),  # and indication
        b"\xc3\x00\x00\x00\x01\x08" + generator.randbytes(1194),  # QUIC: initial packet
        b"\xd3\x6b\x33\x43\xcf\x08" + generator.randbytes(1194),  # of version 2
        b"\xe3\x00\x00\x00\x01\x08" + generator.randbytes(294),  # handshake
        b"\x80\x00\x00\x00\x00\x08" + generator.randbytes(24),  # versions
        *(bytes([0x40 + i]) + generator.randbytes(60) for i in range(0, 0x40, 5)),  # short header
        b"PHAZ\x01\x02" + bytes(8) + b"\x04\xa0" + generator.randbytes(1184),
        b"PHAZ\x01\x01" + generator.randbytes(74),
        bytes.fromhex("16fefd0000"),  # DTLS
        bytes.fromhex("16feff000000000000000000c8010000bc0000000000000000bcfefd")  # a ClientHello
        + generator.randbytes(185),
        bytes.fromhex("17fefd0001000000000001") + b"\x00\x40" + generator.randbytes(64),
        b"",
    ]
    for first in (b"\1\0\0\0", b"\2\0\0\0", b"\3\0\0\0", b"\4\0\0\0", b"\5\0\0\0"):
        made += [first + generator.randbytes(n) for n in (0, 28, 60, 88, 144, 1196)]
    for first in range(0x10, 0x18):
        made += [bytes([first, 0]) + generator.randbytes(n) for n in (0, 10, 38, 47, 70, 1198)]
    made += [generator.randbytes(generator.randrange(1, 1400)) for _ in range(40)]
    return made


def stranger(node: Node, family: int) -> socket.socket:
    where = outer_address(1, family)
    made = node.namespace.socket(family_of(where), socket.SOCK_DGRAM)
    made.connect((where, PORT))
    made.setblocking(False)
    return made


def test_all_and_strangers(scene: Scene) -> None:
    """All work at once through the sockets of one; strangers get no answer and harm nobody."""
    assert scene.sockets() == 2 * SHARDS
    far = scene.far.namespace
    pings = [
        Pinging(node.namespace, address, 0.02)
        for node, address in itertools.product(scene.clients.values(), SERVER.values())
    ]
    asking = [stranger(node, family) for family, node in scene.clients.items()]
    for node in scene.clients.values():
        for address in SERVER.values():
            for one, data in itertools.product(asking, strangers() * 2):
                one.send(data)
            transfer(node.namespace, far, address, int(2_000_000 / SLOW))
    for one in asking:
        with pytest.raises(BlockingIOError):
            print(one.recv(2048))
    assert [p.missing() for p in pings] == [[]] * len(pings)


@pytest.mark.parametrize("protocol", SERVER)
def test_one_goes_and_comes(scene: Scene, protocol: str) -> None:
    """Whichever tunnel goes down and comes back: the others lose no packet."""
    far, tunnel = scene.far, scene.tunnels[protocol]
    pings = [
        Pinging(node.namespace, address, 0.01)
        for node, (other, address) in itertools.product(scene.clients.values(), SERVER.items())
        if other != protocol
    ]
    far.umbra("down", tunnel)
    for one in pings:
        one.next()
    assert scene.sockets() == 2 * SHARDS
    assert not any(scene.works(protocol, family) for family in NUMBERS)
    far.umbra("up", tunnel)
    for family in NUMBERS:
        wait_until(lambda: scene.works(protocol, family), 20, f"pings over IPv{family}")
    assert scene.sockets() == 2 * SHARDS
    assert [p.missing() for p in pings] == [[]] * len(pings)


def test_net_dies(scene: Scene) -> None:
    """A net process that is killed is replaced, and all tunnels have their port again."""
    far = scene.far
    before = far.part("net")
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: far.log_text().count("the net process is ready again") == 1, 10, "another")
    scene.wait()
    assert far.part("net") != before
    assert scene.sockets() == 2 * SHARDS
    states = {t["name"]: t["state"] for t in far.status()["tunnels"]}
    assert states == dict.fromkeys(scene.tunnels.values(), "up")


def marks(node: Node, port: int) -> set[str]:
    """Of the sockets that listen there; those without one say nothing."""
    text = node.namespace.run("ss", "-Hlune", f"sport = :{port}").stdout
    return set(re.findall(r"fwmark:(\S+)", text))


def test_port_is_let_go(scene: Scene) -> None:
    """The port is free with the last of all, and goes with them when the file has another."""
    far, usual = scene.far, scene.tunnels[USUAL]
    for tunnel in scene.tunnels.values():
        assert scene.sockets() == 2 * SHARDS
        far.umbra("down", tunnel)
    assert scene.sockets() == 0
    for tunnel in reversed(scene.tunnels.values()):
        far.umbra("up", tunnel)
    scene.wait()
    # With a mark of its own, which those who stay do not get.
    far.tunnels[usual].update(listen=PORT + 1, fwmark=77)
    far.reload()
    assert scene.sockets() == 2 * SHARDS
    assert marks(far, PORT) == set() and marks(far, PORT + 1) == {"0x4d"}
    begun = time.monotonic()
    for protocol in (KEYS, LOGINS):
        assert_pings(scene.clients[4].namespace, SERVER[protocol])
    assert time.monotonic() - begun < 2 * SLOW + STALL
    # Another protocol's is taken as before.
    far.tunnels[usual]["listen"] = f"192.0.2.1:{PORT}"
    refused = far.reload(check=False)
    assert refused.returncode != 0 and f"port {PORT} is shared with" in refused.stderr
    far.tunnels[usual]["listen"] = PORT
    del far.tunnels[usual]["fwmark"]
    far.reload()
    scene.wait()
    assert scene.sockets() == 2 * SHARDS
