"""Namespaces, links and packet filters of one test; Lab.close() removes all of it."""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from harness.process import Process, command_lines, pids_naming, run, wait_until

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
SOCKETS = pathlib.Path("/var/run/wireguard")
DAEMONS = ("umbra", "wireguard-go")
NETNS = pathlib.Path("/var/run/netns")

Value = TypeVar("Value")

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()


def _base36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


# Namespaces and the UAPI sockets of all of them share folders, so names carry this session's pid.
NAMESPACE_PREFIX = f"umbra-{os.getpid()}-"
INTERFACE_PREFIX = f"u{_base36(os.getpid())}x"


def isolate() -> None:
    """Gives this process, and so all that it starts, a folder of its own for UAPI sockets.

    Commands that look at all interfaces then neither see nor wait for those of others. The
    machine's resolv.conf is bound over by a copy, for tunnels that set name servers.
    """
    SOCKETS.mkdir(parents=True, exist_ok=True)
    steps = (
        ("unshare", _libc.unshare(CLONE_NEWNS)),
        ("mount /", _libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)),
        ("mount", _libc.mount(b"none", bytes(SOCKETS.resolve()), b"tmpfs", 0, b"mode=0755")),
    )
    for name, result in steps:
        if result != 0:
            raise OSError(ctypes.get_errno(), name)
    resolv_conf = pathlib.Path("/etc/resolv.conf").resolve()
    if resolv_conf.exists():
        # On that tmpfs it goes with the last process of this session.
        copy = pathlib.Path(shutil.copy(resolv_conf, SOCKETS / "resolv.conf"))
        if _libc.mount(bytes(copy), bytes(resolv_conf), None, MS_BIND, None) != 0:
            raise OSError(ctypes.get_errno(), "mount resolv.conf")


INTERRUPTED = re.compile(r"(==\d+==Unable to get registers from thread \d+\.\n?)*")


class Namespace:
    """One network namespace. Commands and sockets are made inside it."""

    def __init__(self, lab: Lab, label: str) -> None:
        self.lab = lab
        self.label = label
        self.name = f"{NAMESPACE_PREFIX}{next(_numbers)}-{label}"
        self.path = NETNS / self.name
        run(["ip", "netns", "add", self.name])
        self.ip("link set lo up")
        self.sysctl("net.ipv6.conf.all.keep_addr_on_down", 1)
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.sysctl("net.ipv4.conf.all.promote_secondaries", 1)

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs argv inside; nsenter execs, so the pid stays the child's."""
        return ["nsenter", f"--net={self.path}", "--", *argv]

    def run(self, *argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return run(self.command(argv), **options)

    def spawn(self, *argv: str, env: dict[str, str] | None = None) -> Process:
        """Starts a background process that ends with the lab."""
        log = self.lab.folder / f"{next(_numbers)}-{pathlib.Path(argv[0]).name}.log"
        process = Process(self.command(argv), log, env)
        self.lab.defer(lambda: process.stop() if process.running() else None)
        return process

    def ip(self, *lines: str) -> None:
        """Runs lines of ip(8), each without the leading word, in one process.

        Of a link that was set up, IPv6 is ready then: the kernel makes the routes to its own
        addresses a little later, and what comes before that is lost.
        """
        run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(lines) + "\n")
        for line in lines:
            if found := re.fullmatch(r"link set (?:dev )?(\S+)(?: .*)? up", line):
                wait_until(lambda: self._v6_ready(found[1]), 5, f"IPv6 of {found[1]}", every=0.005)

    def _v6_ready(self, link: str) -> bool:
        show = ["ip", "-n", self.name, "-6"]
        described = run([*show, "-j", "address", "show", "dev", link], check=False).stdout
        for shown in json.loads(described or "[]"):
            # Without a carrier it stays as it is; addresses under examination take their time.
            if shown.get("ifname") != link or "LOWER_UP" not in shown["flags"]:
                continue
            routes = run([*show, "route", "show", "table", "local", "dev", link]).stdout.split()
            for address in shown["addr_info"]:
                if not address.get("tentative") and address.get("local") not in routes:
                    return False
        return True

    def links(self) -> dict[str, dict[str, Any]]:
        """The links, by name, as ip(8) describes them."""
        described = run(["ip", "-n", self.name, "-j", "-d", "address", "show"]).stdout
        return {link["ifname"]: link for link in json.loads(described or "[]")}

    def daemons(self) -> list[int]:
        """VPN daemons, and their child processes, that run in this namespace."""
        lines = command_lines()
        pids = [int(pid) for pid in run(["ip", "netns", "pids", self.name]).stdout.split()]
        names = {pid: pathlib.Path(lines.get(pid, [""])[0]).name for pid in pids}
        return [pid for pid, name in names.items() if name.startswith(DAEMONS)]

    def nft(self, text: str, check: bool = True) -> None:
        self.run("nft", "-f", "-", input=text, check=check)

    def counters(self) -> dict[str, int]:
        """Packets counted by the named counters of this namespace."""
        listed = json.loads(self.run("nft", "-j", "list", "counters").stdout)["nftables"]
        return {c["counter"]["name"]: c["counter"]["packets"] for c in listed if "counter" in c}

    def count(self, hook: str, **expressions: str) -> None:
        """Counts packets at a hook: count("input", marked="meta mark 7")."""
        chain = f"umbra_{next(_numbers)}"
        lines = [f"table inet {chain} {{"]
        lines += [f"counter {name} {{ }}" for name in expressions]
        lines += ["chain counted {", f"type filter hook {hook} priority -5;"]
        lines += [f"{match} counter name {name}" for name, match in expressions.items()]
        self.nft("\n".join([*lines, "}", "}", ""]))

    def call(self, function: Callable[[], Value]) -> Value:
        """Calls a function in a thread that has entered this namespace."""
        outcome: list[Any] = []

        def inside() -> None:
            try:
                with open(self.path) as handle:
                    if _libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                outcome.extend([True, function()])
            except BaseException as error:
                outcome.extend([False, error])

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if not outcome[0]:
            raise outcome[1]
        return outcome[1]

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket of this namespace; it stays there wherever it is used. Closed with the lab."""
        made = self.call(lambda: socket.socket(family, kind, protocol))
        made.settimeout(10)
        self.lab.defer(made.close)
        return made

    def sysctl(self, key: str, value: int | str) -> None:
        path = pathlib.Path("/proc/sys") / key.replace(".", "/")
        self.call(lambda: path.write_text(f"{value}\n"))


class Lab:
    """All that one test makes in the kernel; undone in reverse order by close()."""

    def __init__(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="umbra-net-"))
        self._undo: list[Callable[[], Any]] = []
        self.defer(lambda: shutil.rmtree(self.folder, ignore_errors=True))
        self.defer(self._check_sanitizers)

    def defer(self, action: Callable[[], Any]) -> None:
        self._undo.append(action)

    def interface_name(self) -> str:
        name = f"{INTERFACE_PREFIX}{_base36(next(_numbers))}"
        self.defer(lambda: (SOCKETS / f"{name}.sock").unlink(missing_ok=True))
        self.defer(lambda: kill_all(pids_naming(name)))
        return name

    def namespace(self, label: str) -> Namespace:
        made = Namespace(self, label)
        self.defer(lambda: run(["ip", "netns", "del", made.name], check=False))
        return made

    def link(
        self,
        left: Namespace,
        right: Namespace,
        left_addresses: Sequence[str] = (),
        right_addresses: Sequence[str] = (),
        mtu: int = 1500,
    ) -> tuple[str, str]:
        """Joins two namespaces by a veth pair; returns the names of its two ends."""
        number = _base36(next(_numbers))
        names = (f"v{number}l", f"v{number}r")
        run(
            ["ip", "-n", left.name, "link", "add", names[0], "mtu", str(mtu), "type", "veth"]
            + ["peer", "name", names[1], "mtu", str(mtu), "netns", right.name]
        )
        ends = ((left, names[0], left_addresses), (right, names[1], right_addresses))
        for namespace, name, addresses in ends:
            lines = [f"link set {name} up"]
            lines += [f"address add {a} dev {name}{nodad(a)}" for a in addresses]
            namespace.ip(*lines)
        return names

    def bridge(self, hub: Namespace, hosts: Sequence[tuple[Namespace, Sequence[str]]]) -> None:
        """Joins hosts, each with its addresses, by a bridge that lives in the hub."""
        hub.ip("link add bridge type bridge mcast_snooping 0", "link set bridge up")
        for namespace, addresses in hosts:
            _, port = self.link(namespace, hub, addresses)
            hub.ip(f"link set {port} master bridge")

    def _check_sanitizers(self) -> None:
        """Sanitizers of daemons and their children write into the folder; see device.py."""
        reports = [p.read_text(errors="replace") for p in self.folder.glob("sanitizer.*")]
        # What the search for leaks says when its process is killed meanwhile.
        reports = [text for text in reports if not INTERRUPTED.fullmatch(text)]
        assert not reports, "\n".join(reports)

    def close(self) -> None:
        """Undoes everything, to the end, and then raises the first error met on the way."""
        errors: list[BaseException] = []
        while self._undo:
            try:
                self._undo.pop()()
            except BaseException as error:
                errors.append(error)
        if errors:
            raise errors[0]


def nodad(address: str) -> str:
    return " nodad" if ":" in address else ""


def kill_all(pids: Sequence[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass


def remove_leftovers() -> list[str]:
    """Removes what a session with this pid left, and says what that was."""
    left = []
    for path in NETNS.glob(f"{NAMESPACE_PREFIX}*"):
        run(["ip", "netns", "del", path.name], check=False)
        left.append(path.name)
    for path in SOCKETS.glob(f"{INTERFACE_PREFIX}*.sock"):
        path.unlink(missing_ok=True)
        left.append(str(path))
    return left
