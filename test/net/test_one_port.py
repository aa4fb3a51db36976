"""One UDP port of a server for two tunnels of different protocols, and for strangers."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness.device import new_psk
from harness.lab import Lab
from harness.node import Node
from harness.nodes import make_nodes
from harness.pair import PORT, endpoint, inner_address, outer_address
from harness.process import SLOW, STALL, wait_until
from harness.traffic import Pinging, assert_pings, reachable, transfer

pytestmark = pytest.mark.umbra

SHARDS = 2
PROTOCOL = "mighty"
SHARED = "10.98.0.1"  # the server, inside of the tunnel that is not the usual one


@dataclass
class Scene:
    """A server and a client with a tunnel of each kind to it."""

    near: Node
    far: Node
    usual: str
    other: str

    def works(self, tunnel: str) -> bool:
        """Whoever is pinged knows no session: the other end begins one at once."""
        if tunnel == self.usual:
            return reachable(self.far.namespace, inner_address(2, 4))
        return reachable(self.near.namespace, SHARED)

    def wait(self) -> Scene:
        for tunnel in (self.usual, self.other):
            wait_until(lambda: self.works(tunnel), 20, f"pings in {tunnel}")
        return self

    def sockets(self) -> int:
        """That listen at the port, of both families."""
        found = self.far.namespace.run("ss", "-Hlun", f"sport = :{PORT}").stdout
        return len(found.splitlines())


def make_scene(lab: Lab) -> Scene:
    pair = make_nodes(lab, client={"listen": PORT})
    near, far, psk = pair.client, pair.server, new_psk()
    far.tunnels[pair.server_tunnel]["peers"][0]["endpoint"] = endpoint(outer_address(2, 4))
    for node in (near, far):
        node.settings["shards"] = SHARDS
    other, client = lab.interface_name(), lab.interface_name()
    far.tunnels[other] = {
        "protocol": PROTOCOL,
        "role": "server",
        "listen": PORT,
        "addresses": [f"{SHARED}/24"],
        "peers": [
            {"name": "client", "psk_file": far.secret("psk", psk), "allowed_ips": ["10.98.0.2/32"]}
        ],
    }
    near.tunnels[client] = {
        "protocol": PROTOCOL,
        "role": "client",
        "auth": {"psk_file": near.secret("psk", psk)},
        "endpoints": [endpoint(outer_address(1, 4))],
        "routes": {"include": ["10.98.0.0/24"]},
    }
    pair.start()
    return Scene(near, far, pair.server_tunnel, other)


@pytest.fixture(scope="module")
def made() -> Iterator[Scene]:
    lab = Lab()
    try:
        yield make_scene(lab).wait()
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
        bytes.fromhex("010100082112a442") + generator.randbytes(20),  # and success
        b"\xc3\x00\x00\x00\x01\x08" + generator.randbytes(1194),  # QUIC: initial packet
        b"\x40" + generator.randbytes(60),  # short header
        b"\x5f" + generator.randbytes(60),
        b"PHAZ\x01\x02" + bytes(8) + b"\x04\xa0" + generator.randbytes(1184),
        b"PHAZ\x01\x01" + generator.randbytes(74),
        bytes.fromhex("16fefd0000"),  # DTLS
        b"",
    ]
    for first in (b"\1\0\0\0", b"\2\0\0\0", b"\3\0\0\0", b"\4\0\0\0", b"\5\0\0\0"):
        made += [first + generator.randbytes(n) for n in (0, 28, 60, 88, 144, 1196)]
    for first in range(0x10, 0x18):
        made += [bytes([first, 0]) + generator.randbytes(n) for n in (0, 10, 38, 47, 70, 1198)]
    return made


def test_both_and_strangers(scene: Scene) -> None:
    """Both work at once through the sockets of one; strangers get no answer and harm nobody."""
    assert scene.sockets() == 2 * SHARDS
    near, far = scene.near, scene.far
    addresses = (inner_address(1, 4), SHARED)
    pings = [Pinging(near.namespace, address, 0.02) for address in addresses]
    asking = near.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.connect((outer_address(1, 4), PORT))
    asking.setblocking(False)
    for _ in range(20):
        for data in strangers():
            asking.send(data)
    for address in addresses:
        transfer(near.namespace, far.namespace, address, int(5_000_000 / SLOW))
    with pytest.raises(BlockingIOError):
        print(asking.recv(2048))
    assert [p.missing() for p in pings] == [[], []]


def test_one_goes_and_comes(scene: Scene) -> None:
    """Whichever tunnel goes down and comes back: the other one loses no packet."""
    far = scene.far
    for tunnel, left in ((scene.usual, SHARED), (scene.other, inner_address(1, 4))):
        pings = Pinging(scene.near.namespace, left, 0.01)
        for _ in range(2):
            far.umbra("down", tunnel)
            pings.next()
            assert scene.sockets() == 2 * SHARDS
            assert not scene.works(tunnel)
            far.umbra("up", tunnel)
        wait_until(lambda: scene.works(tunnel), 20, f"pings in {tunnel}")
        assert scene.sockets() == 2 * SHARDS
        assert pings.missing() == []


def test_net_dies(scene: Scene) -> None:
    """A net process that is killed is replaced, and both tunnels have their port again."""
    far = scene.far
    before = far.part("net")
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: far.log_text().count("the net process is ready again") == 1, 10, "another")
    scene.wait()
    assert far.part("net") != before
    assert scene.sockets() == 2 * SHARDS
    states = {t["name"]: t["state"] for t in far.status()["tunnels"]}
    assert states == {scene.usual: "up", scene.other: "up"}


def marks(node: Node, port: int) -> set[str]:
    """Of the sockets that listen there; those without one say nothing."""
    text = node.namespace.run("ss", "-Hlune", f"sport = :{port}").stdout
    return set(re.findall(r"fwmark:(\S+)", text))


def test_port_is_let_go(scene: Scene) -> None:
    """The port is free with the last of both, and goes with both when the file has another."""
    far = scene.far
    for tunnel in (scene.usual, scene.other):
        assert scene.sockets() == 2 * SHARDS
        far.umbra("down", tunnel)
    assert scene.sockets() == 0
    for tunnel in (scene.other, scene.usual):
        far.umbra("up", tunnel)
    scene.wait()
    # With a mark of its own, which those who stay do not get.
    far.tunnels[scene.usual].update(listen=PORT + 1, fwmark=77)
    far.reload()
    assert scene.sockets() == 2 * SHARDS
    assert marks(far, PORT) == set() and marks(far, PORT + 1) == {"0x4d"}
    begun = time.monotonic()
    assert_pings(scene.near.namespace, SHARED)
    assert time.monotonic() - begun < 2 * SLOW + STALL
    # Another protocol's is taken as before.
    far.tunnels[scene.usual]["listen"] = f"192.0.2.1:{PORT}"
    refused = far.reload(check=False)
    assert refused.returncode != 0 and f"port {PORT} is shared with" in refused.stderr
    far.tunnels[scene.usual]["listen"] = PORT
    del far.tunnels[scene.usual]["fwmark"]
    far.reload()
    scene.wait()
    assert scene.sockets() == 2 * SHARDS
