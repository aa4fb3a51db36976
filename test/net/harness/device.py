"""A WireGuard daemon under test: started, configured by stock wg(8), looked at, stopped."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from harness.lab import SOCKETS, Lab, Namespace
from harness.process import Process, children_of, command_lines, pids_naming, run, wait_until

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("UMBRA_BIN", REPOSITORY / "build" / "bin")).resolve()
UMBRA = "umbra-wg"
REFERENCE = "wireguard-go"

# What fills the place of the daemon under test; the reference, to try the tests themselves.
UNDER_TEST = os.environ.get("UMBRA_IMPLEMENTATION", UMBRA)


def program(implementation: str) -> str:
    if implementation == UMBRA:
        return str(BIN / UMBRA)
    return shutil.which(implementation) or implementation


def environment(folder: pathlib.Path, extra: dict[str, str] | None = None) -> dict[str, str]:
    """Environment of a daemon: verbose, and sanitizers report into the lab's folder."""
    made = dict(os.environ)
    made["LOG_LEVEL"] = "verbose"
    made["WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD"] = "1"
    made["PATH"] = f"{BIN}:{made.get('PATH', '')}"
    for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        given = made.get(name, "")
        made[name] = f"{given}:log_path={folder}/sanitizer:print_stacktrace=1".lstrip(":")
    # What uninstrumented libraries do with locks of their own, TSan cannot see.
    made["TSAN_OPTIONS"] += ":ignore_noninstrumented_modules=1"
    made.update(extra or {})
    return made


@dataclass(frozen=True)
class Key:
    private: str
    public: str


def new_key() -> Key:
    private = run(["wg", "genkey"]).stdout.strip()
    return Key(private, run(["wg", "pubkey"], input=private + "\n").stdout.strip())


def new_psk() -> str:
    return run(["wg", "genpsk"]).stdout.strip()


@dataclass(frozen=True)
class PeerState:
    """One peer's line of `wg show NAME dump`."""

    public_key: str
    preshared_key: str
    endpoint: str
    allowed_ips: frozenset[str]
    latest_handshake: int
    received: int
    sent: int
    keepalive: str


class Device:
    """One interface and the daemon behind it."""

    def __init__(
        self,
        lab: Lab,
        namespace: Namespace,
        implementation: str = UNDER_TEST,
        options: Sequence[str] = (),
        extra_environment: dict[str, str] | None = None,
    ) -> None:
        self.lab = lab
        self.namespace = namespace
        self.implementation = implementation
        self.options = list(options)
        self.environment = environment(lab.folder, extra_environment)
        self.name = lab.interface_name()
        self.key = new_key()
        self.process: Process | None = None
        self.log = lab.folder / f"device-{self.name}.log"
        lab.defer(self._stop_if_running)

    @property
    def socket_path(self) -> pathlib.Path:
        return SOCKETS / f"{self.name}.sock"

    def command(self, foreground: bool = True) -> list[str]:
        flags = ["-f"] if foreground else []
        return [program(self.implementation), *flags, *self.options, self.name]

    def launch(self) -> Process:
        """Starts the daemon in the foreground without waiting for anything."""
        self.process = Process(
            self.namespace.command(self.command()), self.log, self.environment
        )
        return self.process

    def start(self) -> Device:
        """Starts the daemon in the foreground and waits until it answers wg(8)."""
        process = self.launch()
        wait_until(
            lambda: not process.running() or self.answers(),
            10,
            f"{self.implementation} ready:\n{self.log_text()}",
        )
        assert process.running(), f"{self.command()} ended:\n{self.log_text()}"
        return self

    def answers(self) -> bool:
        return run(["wg", "show", self.name], check=False).returncode == 0

    def wait_for_link(self) -> None:
        """Waits until the daemon knows that its interface is up: packets before that are lost."""
        if self.implementation != UMBRA or self.environment["LOG_LEVEL"] != "verbose":
            return

        def told() -> bool:
            changes = re.findall(r"interface is (up|down)", self.log_text())
            return changes[-1:] == ["up"]

        wait_until(told, 10, f"{self.name} known to be up")
        # The thread that was told answers this when it is done with that.
        self.show("listen-port")

    def stop(self) -> int:
        """Ends the daemon by SIGTERM and returns its exit status."""
        assert self.process
        return self.process.stop(signal.SIGTERM)

    def _stop_if_running(self) -> None:
        if self.process and self.process.running():
            status = self.stop()
            assert status == 0, f"{self.command()} ended with {status}:\n{self.log_text()}"

    def gone(self) -> bool:
        """Neither interface nor socket nor process of this device is left."""
        return (
            self.name not in self.namespace.links()
            and not self.socket_path.exists()
            and not pids_naming(self.name)
            and not self.namespace.daemons()
        )

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def net_pid(self) -> int | None:
        """The pid of the *net* process, a child of the one that was started."""
        assert self.process
        lines = command_lines()
        for pid in children_of(self.process.pid):
            if "--process=net" in lines.get(pid, []):
                return pid
        return None

    # Configuration

    def set(self, *arguments: str, check: bool = True, input: str | None = None):
        """`wg set NAME ...`; a key goes through /dev/stdin as wg(8) reads it from a file."""
        return run(["wg", "set", self.name, *arguments], check=check, input=input)

    def set_private_key(self, key: Key) -> None:
        self.set("private-key", "/dev/stdin", input=key.private + "\n")
        self.key = key

    def set_psk(self, peer: Device, psk: str | None) -> None:
        """Sets or, with None, clears the preshared key of a peer."""
        source = "/dev/stdin" if psk else "/dev/null"
        self.set("peer", peer.key.public, "preshared-key", source, input=f"{psk}\n")

    def load(self, how: str, text: str, timeout: float = 30) -> None:
        """`wg setconf|addconf|syncconf` with a configuration given as text."""
        run(["wg", how, self.name, "/dev/stdin"], input=text, timeout=timeout)

    def configure(self, port: int = 0, *peers: str, extra: str = "") -> None:
        """`wg setconf` with this device's own key, a port (0: any) and peer sections."""
        lines = ["[Interface]", f"PrivateKey = {self.key.private}"]
        if port:
            lines.append(f"ListenPort = {port}")
        self.load("setconf", "\n".join([*lines, extra, *peers]) + "\n")

    # What wg(8) shows

    def show(self, *what: str, timeout: float = 30) -> str:
        return run(["wg", "show", self.name, *what], timeout=timeout).stdout

    def port(self) -> int:
        return int(self.show("listen-port"))

    def peers(self) -> dict[str, PeerState]:
        """The peers, by public key, as `wg show NAME dump` has them."""
        states = {}
        for line in self.show("dump").splitlines()[1:]:
            key, psk, endpoint, allowed, handshake, received, sent, keepalive = line.split("\t")
            states[key] = PeerState(
                key,
                psk,
                endpoint,
                frozenset() if allowed == "(none)" else frozenset(allowed.split(",")),
                int(handshake),
                int(received),
                int(sent),
                keepalive,
            )
        return states

    def peer(self, other: Device) -> PeerState:
        return self.peers()[other.key.public]


def peer_section(
    device: Device,
    allowed_ips: Sequence[str],
    endpoint: str | None = None,
    keepalive: int = 0,
    psk: str | None = None,
) -> str:
    """A [Peer] section for this device, as wg setconf reads it."""
    lines = ["[Peer]", f"PublicKey = {device.key.public}"]
    if allowed_ips:
        lines.append(f"AllowedIPs = {', '.join(allowed_ips)}")
    if endpoint:
        lines.append(f"Endpoint = {endpoint}")
    if keepalive:
        lines.append(f"PersistentKeepalive = {keepalive}")
    if psk:
        lines.append(f"PresharedKey = {psk}")
    return "\n".join(lines)
