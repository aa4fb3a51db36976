"""Pairs of network namespaces joined by veth; Lab.close() removes all of it."""

from __future__ import annotations

import ctypes
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from bench.process import Process, run

CLONE_NEWNS = 0x00020000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
NETNS = pathlib.Path("/run/netns")
UAPI = pathlib.Path("/run/wireguard")

OUTER_NETWORK = "10.99.0."
INNER_NETWORK = "10.98.0."
# What fits into 1500 bytes for every contender, so all cut the same segments.
INNER_MTU = 1420

# Features of the veth ends that are switched off for a kind of link.
PLAIN, WIRE = "veth", "wire"
SWITCHED_OFF = {
    PLAIN: (),
    # Then the kernel cuts datagrams before they leave, as it does for most network cards.
    WIRE: ("tx-udp-segmentation",),
}

_libc = ctypes.CDLL(None, use_errno=True)


def isolate() -> None:
    """Gives this process, and all that it starts, empty folders of its own for names that the
    machine shares: those of namespaces and of UAPI sockets. They go with it, however it ends."""
    steps = [
        ("unshare", _libc.unshare(CLONE_NEWNS)),
        ("mount /", _libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)),
    ]
    for folder in (NETNS, UAPI):
        folder.mkdir(parents=True, exist_ok=True)
        result = _libc.mount(b"none", bytes(folder.resolve()), b"tmpfs", 0, b"mode=0755")
        steps.append((f"mount {folder}", result))
    for what, result in steps:
        if result != 0:
            raise OSError(ctypes.get_errno(), what)


class End:
    """One host: a namespace with the interface `outer`, and the processes started in it."""

    def __init__(self, lab: Lab, name: str, number: int) -> None:
        self.lab = lab
        self.name = name
        self.number = number  # 1 or 2, the last byte of its addresses
        self.outer = f"{OUTER_NETWORK}{number}"
        self.inner = f"{INNER_NETWORK}{number}"
        self.path = NETNS / name
        self.vpn: list[Process] = []  # those whose processor time and memory count
        self.folder = lab.folder / name
        self.folder.mkdir(mode=0o700)
        run(["ip", "netns", "add", name])
        lab.defer(lambda: run(["ip", "netns", "del", name]))

    def write(self, name: str, text: str) -> pathlib.Path:
        """A file in its folder that only root may read."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def command(self, *argv: str) -> list[str]:
        """The command line that runs argv inside; nsenter execs, so the pid stays the child's."""
        return ["nsenter", f"--net={self.path}", "--", *argv]

    def run(self, *argv: str, **options: Any) -> str:
        return run(self.command(*argv), **options)

    def ip(self, *lines: str) -> None:
        """Runs lines of ip(8), each without the leading word."""
        run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(lines) + "\n")

    def spawn(self, *argv: str, environment: dict[str, str] | None = None) -> Process:
        """Starts a process that ends with the lab."""
        log = self.folder / f"{pathlib.Path(argv[0]).name}.log"
        process = Process(self.command(*argv), log, environment)
        self.lab.defer(process.stop)
        return process

    def spawn_vpn(self, *argv: str, environment: dict[str, str] | None = None) -> Process:
        self.vpn.append(self.spawn(*argv, environment=environment))
        return self.vpn[-1]

    def vpn_pids(self) -> list[int]:
        return [pid for process in self.vpn for pid in process.family()]

    def check(self) -> None:
        for process in self.vpn:
            process.check()


class Pair:
    """Two ends joined by a link of a kind: the server, and the client that sends."""

    def __init__(self, lab: Lab, name: str, kind: str) -> None:
        self.kind = kind
        self.server = End(lab, f"{name}-{kind}-server", 1)
        self.client = End(lab, f"{name}-{kind}-client", 2)
        self.ends = (self.server, self.client)
        run(
            ["ip", "-n", self.server.name, "link", "add", "outer", "type", "veth"]
            + ["peer", "name", "outer", "netns", self.client.name]
        )
        for end in self.ends:
            end.ip("link set lo up", f"address add {end.outer}/24 dev outer", "link set outer up")
            for feature in SWITCHED_OFF[kind]:
                end.run("ethtool", "-K", "outer", feature, "off")

    def check(self) -> None:
        for end in self.ends:
            end.check()


class Lab:
    """What is made of namespaces, processes and files; undone in reverse order by close()."""

    def __init__(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="umbra-bench-"))
        self._undo: list[Callable[[], Any]] = []
        self.defer(lambda: shutil.rmtree(self.folder, ignore_errors=True))

    def defer(self, action: Callable[[], Any]) -> None:
        self._undo.append(action)

    def close(self) -> None:
        """Undoes everything, to the end, and then raises the first error met on the way."""
        errors: list[Exception] = []
        while self._undo:
            try:
                self._undo.pop()()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_root() -> bool:
    return os.geteuid() == 0
