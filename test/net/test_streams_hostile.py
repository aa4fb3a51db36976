"""A process that strangers took over, in a daemon whose streams go on: the others stay whole."""

from __future__ import annotations

import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest

from harness.device import BIN
from harness.lab import Lab
from harness.node import Node
from harness.process import wait_until
from harness.streams import ECHO, PORT, SERVER, SITE, Streams, make_streams, needs_streams
from harness.tls import Tls

DRIVER = BIN.parent / "drivers" / "compromised"
pytestmark = [
    pytest.mark.umbra,
    pytest.mark.calm,
    needs_streams,
    pytest.mark.skipif(not DRIVER.exists(), reason=f"there is no {DRIVER}: build `drivers`"),
]

OTHER = 8080
KINDS = {"TCP of IPv4": 0, "TCP of IPv6": 1, "UDP of IPv4": 2, "UDP of IPv6": 3, "association": 4}
_libc = ctypes.CDLL(None, use_errno=True)


class Hostile(Node):
    """umbrad, one process of which attacks when it is told to."""

    attack = "streams"

    @property
    def once(self) -> pathlib.Path:
        """While it is there, processes are themselves."""
        return self.lab.folder / f"once-{self.label}"

    def command(self, *options: str) -> list[str]:
        return [
            *("env", f"UMBRA_ATTACK={self.attack}", f"UMBRA_ATTACK_ONCE={self.once}"),
            f"UMBRA_ATTACK_TUNNEL={next(iter(self.tunnels))}",
            *(str(DRIVER), "-c", str(self.configuration), *options),
        ]

    def order(self, name: str) -> None:
        """Has net attack."""
        names = subprocess.run([DRIVER, "list"], stdout=subprocess.PIPE, text=True, check=True)
        number = names.stdout.split().index(name)
        value = ctypes.c_void_p(number)
        assert _libc.sigqueue(self.part("net"), signal.SIGUSR2, value) == 0

    def attacked(self, name: str, timeout: float = 10) -> list[str]:
        """Has net attack, waits for the end of it, and returns what it tells."""
        before = len(self.log_text())
        self.order(name)
        ended = re.compile(r"hostile end of attack \d+\n")
        wait_until(lambda: ended.search(self.log_text()[before:]), timeout, f"the attack {name}")
        told = self.log_text()[before:]
        return re.findall(r"hostile (.*)", told)[:-1]


def held_by(pid: int) -> int:
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def make(lab: Lab, end: str, **rows: object) -> tuple[Streams, Hostile]:
    """One end is Hostile, and has a tunnel of packets besides."""
    streams = make_streams(lab, **rows)  # type: ignore[arg-type]
    node = getattr(streams, end)
    node.__class__ = Hostile
    node.tunnel(["10.99.0.1/24"])
    return streams, node


def assert_whole(streams: Streams, node: Hostile, parts: dict[str, int]) -> None:
    """Streams, site, tool and processes are as before."""
    streams.assert_works()
    shown = ("-sk", "-o", "/dev/null", "-w", "%{http_code}", f"https://{SERVER}:{PORT}/")
    assert streams.space.run("curl", *shown).stdout == "200"
    assert {t["state"] for t in node.status()["tunnels"]} == {"up"}
    assert {name: node.part(name) for name in parts} == parts


def parts_of(node: Node) -> dict[str, int]:
    return {name: node.part(name) for name in ("net", "control")}


@pytest.mark.parametrize("end", ["server", "client"])
def test_sockets_of_net(lab: Lab, end: str) -> None:
    """Only those of the configuration: kinds, slots, ports and marks of others are refused."""
    streams, node = make(lab, end)
    streams.start()
    streams.assert_works()
    assert node.process
    parts, descriptors = parts_of(node), held_by(node.process.pid)
    listening = node.namespace.run("ss", "-Hlntu").stdout
    told = node.attacked("sockets")
    wrong = {"server": {"association"}, "client": {"UDP of IPv4", "UDP of IPv6"}}[end]
    for name, kind in KINDS.items():
        came = "EPERM and 0" if name in wrong else "0 and 2"
        assert f"sockets of kind {kind} for its own tunnel: {came}" in told, told
        assert f"sockets of kind {kind} for another tunnel: EPERM and 0" in told, told
        assert f"sockets of kind {kind} for no tunnel: ENODEV and 0" in told, told
    assert node.attacked("ports") == ["port: EPERM and 0", "mark: EPERM"]
    # Each refusal is counted, and the first ones are told of.
    refusals = len(wrong) + len(KINDS) + 2
    assert f"refused so far: {refusals}" in node.log_text() or refusals > 8
    assert node.namespace.run("ss", "-Hlntu").stdout == listening
    assert_whole(streams, node, parts)
    assert held_by(node.process.pid) == descriptors


def test_connections_of_net(lab: Lab) -> None:
    """With a kill switch they lead to the server alone, whatever sockets net has."""
    everywhere = ["0.0.0.0/0", "::/0"]
    streams, node = make(
        lab,
        "client",
        addresses=(["10.80.0.2/24"], ["10.80.0.1/24"]),
        peer={"allowed_ips": ["10.80.0.2/32"]},
        client={"kill_switch": True},
    )
    (peer,) = streams.client_rows["peers"]
    peer["allowed_ips"] = everywhere
    streams.start()
    streams.assert_works()
    ear = streams.server.namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
    ear.bind((SERVER, OTHER))
    ear.listen()
    told = node.attacked("reach")
    assert told[0] == f"way to port {PORT}: 0", told
    assert told[1].startswith(f"way to port {OTHER}: ") and not told[1].endswith(": 0"), told
    streams.assert_works()


def test_net_and_control(lab: Lab) -> None:
    """What net says to control has no other consequence than that it is not served."""
    streams, node = make(lab, "server")
    streams.start()
    with streams.connect() as held:
        parts = parts_of(node)
        descriptors = held_by(parts["control"])
        for name in ("strangers", "orders", "names", "visits"):
            node.attacked(name, 20)
            held.sendall(name.encode())
            assert held.recv(100) == name.encode()
            wait_until(lambda: held_by(parts["control"]) <= descriptors + 1, 10, f"{name} given up")
            assert_whole(streams, node, parts)
        assert "a visitor of its web site was not served: a limit is reached" in node.log_text()
        told = node.attacked("links", 20)
        assert all(line.endswith(": closed") for line in told if "unknown is let" not in line), told
        assert len(told) == 9 and "link, somebody unknown is let in: a page" in told, told
        assert_whole(streams, node, parts)
        # What is no message ends that channel, and streams go on.
        node.attacked("garbage")
        wait_until(lambda: "message of the net process: " in node.log_text(), 5, "a line about it")
        held.sendall(b"on")
        assert held.recv(100) == b"on"
        # The API as well; a new net process finds control as it was.
        assert node.status()["tunnels"]
        os.kill(parts["net"], signal.SIGKILL)
    wait_until(streams.works, 20, "a page from the next net process")
    assert node.part("control") == parts["control"]


def test_messages_that_end_net(lab: Lab) -> None:
    """Descriptors where none belong, what is no message, what is not net's to ask, and no answer
    read: each ends it, and the next one serves."""
    streams, node = make(lab, "server")
    streams.start()
    assert node.process
    for name in ("descriptor", "kind", "backend", "flood"):
        node.once.unlink()
        marks = node.log_text().count("the net process is ready again")
        node.order(name)
        wait_until(
            lambda: node.log_text().count("the net process is ready again") > marks, 20, name
        )
    text = node.log_text()
    assert text.count("message of the net process: ") == 3, text
    assert "reply to the net process: it does not read" in text
    folder = pathlib.Path(f"/proc/{node.process.pid}/fd")
    assert not [f for f in folder.iterdir() if "attack" in os.readlink(f)]
    wait_until(streams.works, 20, "a page at last")


def test_control(lab: Lab) -> None:
    """A control process that breaks the rules with strangers, and asks for what is not its own."""
    streams, node = make(lab, "server")
    node.attack = "site"
    node.once.touch()
    streams.start()
    with streams.connect(SITE, ECHO) as held:
        node.once.unlink()
        net = node.part("net")
        os.kill(node.part("control"), signal.SIGKILL)
        wait_until(lambda: "hostile: all was asked" in node.log_text(), 15, "a hostile control")
        text = node.log_text()
        # BACKEND for a tunnel without one, another, none; too wide routes are none.
        assert len(re.findall(r"answer to message \d+: 1 ", text)) == 3, text
        answers = dict(re.findall(r"hostile question (\d) of net: (\w+)", text))
        assert answers == {"1": "EPERM", "2": "EINVAL", "3": "EMFILE", "4": "ENODEV", "5": "ENODEV"}
        tried = 0
        while "hostile: all was tried" not in node.log_text():
            with Tls(streams.space, SERVER, PORT, "nobody.test") as tls:
                end = tls.read_to_end()
            assert end.last != "open", (tried, node.log_text()[-2000:])
            held.sendall(b"%d" % tried)
            assert held.recv(100) == b"%d" % tried
            tried += 1
            if tried > 7:
                break
        told = re.findall(r"hostile link, (.*)", node.log_text())
        assert len(told) == 7 and all(line.endswith(": closed") for line in told), told
        wait_until(lambda: "the control process is ready again" in node.log_text(), 15, "the next")
        held.sendall(b"still")
        assert held.recv(100) == b"still"
        assert node.part("net") == net
    wait_until(
        lambda: streams.space.run(
            *("curl", "-sk", "-m", "2", "-o", "/dev/null", f"https://{SERVER}:{PORT}/"), check=False
        ).returncode
        == 0,
        10,
        "the site",
    )
