"""Names whose addresses go into a tunnel or past it, and servers for some names only.

A client and a server are joined by a cable and a tunnel. The server has strange addresses, which
say by which way a question came, and a name server at either end of both ways.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import struct
from typing import Any

import pytest

from harness.lab import Lab, Namespace
from harness.node import Node, peer
from harness.nodes import hosts, networks, outer
from harness.pair import PORT, endpoint, inner_address, outer_address
from harness.process import SLOW, wait_until
from harness.resolving import Leaks, NamedNode
from harness.sources import answer_all, source

STEP = "127.0.0.153"
INSIDE, OUTSIDE = inner_address(1, 4), outer_address(1, 4)  # name servers
HOME, TUNNEL = outer_address(2, 4), inner_address(2, 4)
HOME6, TUNNEL6 = outer_address(2, 6), inner_address(2, 6)
CLINIC = "203.0.113.8"
NAMED, ALIAS, OTHER, NAMED6 = "203.0.113.5", "203.0.113.6", "203.0.113.7", "2001:db8:5::5"
A, AAAA, TXT = 1, 28, 16
PLAIN = f"nameserver {OUTSIDE}\noptions timeout:1 attempts:1\n"
RECORDS = (
    *(f"--host-record=www.in.test,{NAMED},{NAMED6}", f"--host-record=target.cdn.test,{ALIAS}"),
    *("--cname=alias.in.test,target.cdn.test", f"--host-record=other.test,{OTHER}"),
    f"--host-record=clinic.secretive.in.test,{CLINIC}",
    *(f"--host-record=out.test,{NAMED},{NAMED6}", "--max-cache-ttl=1"),
    *(f"--txt-record=long.in.test,{','.join(['x' * 200] * 8)}", "--edns-packet-max=512"),
)

pytestmark = [pytest.mark.umbra, pytest.mark.calm]


def serve(space: Namespace, address: str, where: str) -> None:
    """Names of RECORDS, and "here" below either domain: which server it is."""
    space.spawn(
        *("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null"),
        *(f"--listen-address={address}", "--bind-interfaces", "--user=root", "--pid-file="),
        *(f"--address=/here.corp.test/{where}", f"--address=/here.test/{where}", *RECORDS),
    )
    wait_until(
        lambda: address in space.run("ss", "-Hlnu", "sport = :53").stdout, 5, "the name server"
    )


class World:
    def __init__(self, lab: Lab, **values: Any) -> None:
        self.host, far = lab.namespace("client"), lab.namespace("server")
        self.link, _ = lab.link(self.host, far, outer(2), outer(1))
        self.near, self.far = NamedNode(lab, self.host, "client"), Node(lab, far, "server")
        self.name = self.near.tunnel(networks(2), **values)
        name = self.far.tunnel(networks(1), listen=f"[::]:{PORT}")
        where, everything = endpoint(OUTSIDE), ["0.0.0.0/0", "::/0"]
        self.near.tunnels[self.name]["peers"] = [
            peer("server", self.far.keys[name], everything, where)
        ]
        self.far.tunnels[name]["peers"] = [peer("client", self.near.keys[self.name], hosts(2))]
        self.far.start()
        far.ip(*(f"addr add {a}/32 dev lo" for a in (NAMED, ALIAS, OTHER)))
        far.ip(f"addr add {NAMED6}/128 dev lo nodad")
        self.host.ip(
            f"route add default via {OUTSIDE}", f"route add default via {outer_address(1, 6)}"
        )
        for address in (NAMED, ALIAS, OTHER, NAMED6):
            answer_all(far, address)
        serve(far, INSIDE, "192.0.2.1")
        serve(far, OUTSIDE, "192.0.2.2")
        self.near.file.write_text(PLAIN)

    def ask(self, name: str, kind: int = A, tcp: bool = False, at: str = STEP) -> list[str] | int:
        """The addresses that the name has, or the code of a failure; -1: truncated."""
        labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
        query = struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + labels + struct.pack("!x2H", kind, 1)
        asking = self.host.socket(
            socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        )
        asking.settimeout(5 * SLOW)
        with asking:
            asking.connect((at, 53))
            if not tcp:
                asking.send(query)
                return decode(asking.recv(65535), len(query))
            # In two pieces.
            framed = struct.pack("!H", len(query)) + query
            asking.send(framed[:9])
            asking.send(framed[9:])
            stream = asking.makefile("rb")
            (size,) = struct.unpack("!H", stream.read(2))
            return decode(stream.read(size), len(query))


def decode(answer: bytes, at: int) -> list[str] | int:
    number, flags, _, count, _, _ = struct.unpack_from("!6H", answer)
    assert number == 7 and flags & 0x8000
    if flags & 0x200:
        return -1
    if flags & 15:
        return flags & 15
    found = []
    for _ in range(count):
        while answer[at] and answer[at] < 0xC0:
            at += answer[at] + 1
        at += 2 if answer[at] else 1
        kind, _, _, size = struct.unpack_from("!2HIH", answer, at)
        at += 10
        if kind in (A, AAAA):
            family = socket.AF_INET if kind == A else socket.AF_INET6
            found.append(socket.inet_ntop(family, answer[at : at + size]))
        elif kind == TXT:
            found.append(str(size))
        at += size
    return found


def names_of(world: World) -> dict[str, tuple[int, int, int]]:
    """Questions, answers and failures, by whose servers were to be asked."""
    command = ("curl", "--silent", "--unix-socket", str(world.near.socket), "http://umbra/metrics")
    text = world.host.run(*command).stdout
    found: dict[str, tuple[int, int, int]] = {}
    for kind in ("system", "tunnel"):
        values = [
            re.search(rf'^umbra_dns_{what}_total{{upstream="{kind}"}} (\d+)$', text, re.MULTILINE)
            for what in ("questions", "answers", "failures")
        ]
        questions, answers, failures = (int(value[1]) if value else -1 for value in values)
        found[kind] = (questions, answers, failures)
    return found


def test_include(lab: Lab) -> None:
    """The addresses of some names alone go in, from when they are asked for."""
    world = World(
        lab,
        routes={"include": [f"{INSIDE}/32"], "include_domains": ["in.test"]},
        dns={"servers": [INSIDE], "domains": ["corp.test"], "manager": "file"},
    )
    host, near = world.host, world.near
    before = near.traces()
    near.start()
    assert f"nameserver {STEP}\n" in near.file.read_text()
    assert source(host, NAMED) == HOME
    assert near.ask("www.in.test") == NAMED
    assert source(host, NAMED) == TUNNEL
    assert source(host, OTHER) == HOME
    assert world.ask("www.in.test", AAAA) == [NAMED6]
    assert source(host, NAMED6) == TUNNEL6
    # Behind an alias, by TCP, and with letters in either case.
    assert source(host, ALIAS) == HOME
    assert world.ask("ALIAS.in.Test", tcp=True) == [ALIAS]
    assert source(host, ALIAS) == TUNNEL
    assert world.ask("other.test") == [OTHER]
    assert source(host, OTHER) == HOME
    # Too long for UDP.
    assert world.ask("long.in.test", TXT) == -1
    assert world.ask("long.in.test", TXT, tcp=True) == ["1608"]
    # Each name has its servers.
    assert world.ask("here.corp.test") == ["192.0.2.1"]
    assert world.ask("here.test") == ["192.0.2.2"]
    # Metrics tell them apart, and go on after a reload, which takes a new step.
    counted = names_of(world)
    near.reload()
    assert world.ask("other.test") == [OTHER]
    assert world.ask("here.corp.test") == ["192.0.2.1"]
    for kind, (questions, answers, failures) in names_of(world).items():
        assert (questions - 1, answers - 1, failures) == counted[kind] and questions > 1, kind
    # What another program takes away comes back. A name that cannot be led meanwhile is not told.
    host.nft("delete table inet umbra_split")
    assert world.ask("www.in.test") in (2, [NAMED])
    wait_until(lambda: world.ask("www.in.test") == [NAMED], 5, "sets of addresses")
    assert source(host, NAMED) == TUNNEL
    assert world.ask("other.test") == [OTHER]
    near.umbra("down", world.name)
    assert near.file.read_text() == PLAIN
    assert STEP not in host.run("ss", "-Hlntu").stdout
    near.umbra("up", world.name)
    assert near.ask("www.in.test") == NAMED
    assert source(host, NAMED) == TUNNEL
    # Another control process goes on where the one before ended.
    part = near.part("control")
    os.kill(part, signal.SIGKILL)
    wait_until(
        lambda: near.log_text().count("the control process is ready again") == 1, 10, "control"
    )
    assert world.ask("www.in.test") == [NAMED]
    assert near.stop() == 0
    assert near.traces() == before


@pytest.mark.parametrize("kill_switch", [False, True])
def test_exclude(lab: Lab, kill_switch: bool) -> None:
    """Everything goes in but the addresses of some names; no question leaves beside the tunnel."""
    world = World(
        lab,
        kill_switch=kill_switch,
        routes={"exclude_domains": ["out.test"]},
        dns={"servers": [INSIDE], "manager": "file"},
    )
    host, near = world.host, world.near
    near.start()
    leaks = Leaks(host, world.link)
    assert source(host, NAMED) == TUNNEL
    assert near.ask("out.test") == NAMED
    assert source(host, NAMED) == HOME
    assert world.ask("out.test", AAAA) == [NAMED6]
    assert source(host, NAMED6) == HOME6
    assert world.ask("other.test") == [OTHER]
    assert source(host, OTHER) == TUNNEL
    assert world.ask("here.test") == ["192.0.2.1"]
    assert leaks.seen() == set()
    # A reload that changes the names.
    near.tunnels[world.name]["routes"] = {"exclude_domains": ["other.test"]}
    near.reload()
    assert world.ask("other.test") == [OTHER]
    assert source(host, OTHER) == HOME
    near.tunnels[world.name]["routes"] = {}
    near.reload()
    assert f"nameserver {INSIDE}\n" in near.file.read_text()
    assert source(host, OTHER) == TUNNEL
    assert leaks.seen() == set()


def test_network_that_comes_later(lab: Lab) -> None:
    """Servers that could not be reached at the start are asked once there is a way to them."""
    world = World(
        lab,
        routes={"include": [f"{INSIDE}/32"], "include_domains": ["in.test"]},
        dns={"manager": "file"},
    )
    world.host.ip(f"link set {world.link} down")
    world.near.start()
    assert world.ask("other.test") in (2, 5)
    world.host.ip(f"link set {world.link} up")
    wait_until(lambda: world.ask("other.test") == [OTHER], 10, "an answer")
