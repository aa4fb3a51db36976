"""A host's names: an /etc of its own, a name server, questions, and what of them leaves."""

from __future__ import annotations

import pathlib
import shutil
import socket
import struct
import subprocess

from harness.device import environment
from harness.lab import Lab, Namespace
from harness.node import Node
from harness.process import Process, wait_until

PORTS = (53, 853)
OUTGOING = 4  # PACKET_OUTGOING
COPIED = ("nsswitch.conf", "passwd", "group", "hosts", "ld.so.cache", "protocols", "services")


class NamedNode(Node):
    """A node whose daemon has an /etc of its own, where resolv.conf can be renamed over."""

    bus: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.etc = self.lab.folder / f"etc-{self.label}"
        self.etc.mkdir()
        for name in COPIED:
            if pathlib.Path("/etc", name).exists():
                shutil.copy(f"/etc/{name}", self.etc / name)
        (self.etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
        self.file = self.etc / "resolv.conf"

    def inside(self, *argv: str) -> list[str]:
        """A command that finds this /etc; the pid stays the child's."""
        script = f'mount --bind {self.etc} /etc && exec "$@"'
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *argv]

    def launch(self, *options: str) -> Process:
        made = environment(self.lab.folder)
        made["DBUS_SYSTEM_BUS_ADDRESS"] = self.bus or "unix:path=/nowhere"
        command = self.namespace.command(self.inside(*self.command(*options)))
        self.process = Process(command, self.log, made)
        return self.process

    def ask(self, name: str) -> str:
        """What programs of this host are told about a name; empty for nothing."""
        command = self.namespace.command(self.inside("getent", "ahostsv4", name))
        found = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return found.stdout.split()[0] if found.stdout else ""


def serve_names(lab: Lab, space: Namespace, address: str, names: dict[str, str]) -> Process:
    """dnsmasq at an address that the namespace has, for these names alone."""
    program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin") or "dnsmasq"
    records = [f"--address=/{name}/{where}" for name, where in names.items()]
    process = space.spawn(
        *(program, "--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null"),
        *(f"--listen-address={address}", "--bind-interfaces", "--user=root", "--pid-file=", *records),
    )
    wait_until(
        lambda: address in space.run("ss", "-Hlnu", "sport = :53").stdout, 5, "the name server"
    )
    return process


class Leaks:
    """Questions that left a namespace by one link: (protocol, destination port, address)."""

    def __init__(self, space: Namespace, link: str) -> None:
        self.link = link
        self._socket = space.call(
            lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        )
        space.call(lambda: self._socket.bind((link, 0)))
        self._socket.setblocking(False)
        space.lab.defer(self._socket.close)

    def seen(self) -> set[tuple[str, int, str]]:
        """Since the last call. A packet is here before the call that sent it returns."""
        found = set()
        while True:
            try:
                packet, address = self._socket.recvfrom(2048)
            except BlockingIOError:
                return found
            is_ip = address[1] in (0x0800, 0x86DD)
            if is_ip and address[2] == OUTGOING and (question := self._question(packet)):
                found.add(question)

    @staticmethod
    def _question(packet: bytes) -> tuple[str, int, str] | None:
        if packet[0] >> 4 == 4:
            protocol, head = packet[9], (packet[0] & 15) * 4
            where = socket.inet_ntop(socket.AF_INET, packet[16:20])
        else:
            protocol, head = packet[6], 40
            where = socket.inet_ntop(socket.AF_INET6, packet[24:40])
        if protocol not in (6, 17):
            return None
        (port,) = struct.unpack_from("!H", packet, head + 2)
        return ("tcp" if protocol == 6 else "udp", port, where) if port in PORTS else None


def question(
    space: Namespace, kind: str, where: str, port: int, link: str | None = None, mark: int = 0
) -> str:
    """Sends one packet there by UDP or begins TCP; "" or how it was refused."""
    family = socket.AF_INET6 if ":" in where else socket.AF_INET
    made = space.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    made.settimeout(0.1)
    if link:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
    if mark:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
    try:
        made.connect((where, port))
        if kind == "udp":
            made.send(b"question")
            made.recv(100)
    except TimeoutError:
        return ""
    except OSError as error:
        return type(error).__name__
    finally:
        made.close()
    return ""


class Bus:
    """A private D-Bus with something on it that plays systemd-resolved."""

    def __init__(self, lab: Lab, space: Namespace, driver: pathlib.Path, *options: str) -> None:
        path = lab.folder / "bus"
        configuration = lab.folder / "bus.conf"
        self.address = f"unix:path={path}"
        configuration.write_text(
            "<busconfig><type>system</type><auth>EXTERNAL</auth>"
            f"<listen>{self.address}</listen><policy context='default'>"
            "<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/>"
            "<allow own='*'/></policy></busconfig>"
        )
        daemon = Process(
            ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile"],
            lab.folder / "bus.log",
            environment(lab.folder),
        )
        lab.defer(lambda: daemon.stop() if daemon.running() else None)
        wait_until(path.exists, 5, "the bus")
        self.log = lab.folder / "resolved.calls"
        made = environment(lab.folder)
        made["DBUS_SYSTEM_BUS_ADDRESS"] = self.address
        self.resolved = Process(space.command([str(driver), *options]), self.log, made)
        lab.defer(lambda: self.resolved.stop() if self.resolved.running() else None)
        wait_until(lambda: "ready" in self.log.read_text(), 5, "the service on the bus")

    def calls(self) -> list[str]:
        """So far, without the first line."""
        return self.log.read_text().splitlines()[1:]
