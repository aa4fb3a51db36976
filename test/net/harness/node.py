"""umbrad with a configuration of its own, and the tool umbra that speaks to it."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.device import BIN, Key, environment, new_key
from harness.lab import Lab, Namespace
from harness.process import Process, alive, children_of, command_lines, run, wait_until


def peer(
    name: str,
    key: Key,
    allowed_ips: Sequence[str],
    endpoint: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    made = {"name": name, "public_key": key.public, "allowed_ips": list(allowed_ips), **more}
    if endpoint:
        made["endpoint"] = endpoint
    return made


@dataclass
class Node:
    """One umbrad in one namespace, its files in a folder of the lab."""

    lab: Lab
    namespace: Namespace
    label: str
    tunnels: dict[str, dict[str, Any]] = field(default_factory=dict)
    log_level: str = "debug"
    settings: dict[str, Any] = field(default_factory=dict)  # further rows of node
    control: dict[str, Any] = field(default_factory=dict)  # and of control
    process: Process | None = None

    def __post_init__(self) -> None:
        self.folder = self.lab.folder / self.label
        self.folder.mkdir(mode=0o700)
        self.log = self.lab.folder / f"node-{self.label}.log"
        self.keys: dict[str, Key] = {}
        self.lab.defer(self._stop_if_running)

    @property
    def configuration(self) -> pathlib.Path:
        return self.folder / "umbra.yaml"

    @property
    def socket(self) -> pathlib.Path:
        return self.folder / "control.sock"

    @property
    def state(self) -> pathlib.Path:
        return self.folder / "state"

    # Configuration

    def secret(self, name: str, text: str) -> str:
        """Writes a file that only root may read; returns its path relative to the folder."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text + "\n")
        return name

    def tunnel(self, addresses: Sequence[str] = (), **values: Any) -> str:
        """Adds a tunnel with a key of its own; returns its name, which is the interface's."""
        name = self.lab.interface_name()
        self.keys[name] = new_key()
        self.tunnels[name] = {
            "private_key_file": self.secret(f"{name}.key", self.keys[name].private),
            "addresses": list(addresses),
            **values,
        }
        return name

    def write(self) -> None:
        """The configuration as it is now. JSON is YAML, too."""
        text = json.dumps(
            {
                "node": {
                    "name": self.label,
                    "state_dir": str(self.state),
                    "log": {"level": self.log_level},
                    "shards": int(os.environ.get("UMBRA_SHARDS", "0")) or "auto",
                    **self.settings,
                },
                "control": {"socket": str(self.socket), **self.control},
                "tunnels": self.tunnels,
            },
            indent=1,
        )
        self.configuration.write_text(text)

    # The daemon

    def command(self, *options: str) -> list[str]:
        return [str(BIN / "umbrad"), "-c", str(self.configuration), *options]

    def launch(self, *options: str) -> Process:
        self.process = Process(
            self.namespace.command(self.command(*options)), self.log, environment(self.lab.folder)
        )
        return self.process

    def start(self, *options: str, timeout: float = 10) -> Node:
        """Writes the configuration and starts; waits until all that was to come up is up."""
        self.write()
        marks = self.log_text().count("ready, tunnels")
        process = self.launch(*options)
        wait_until(
            lambda: not process.running() or self.log_text().count("ready, tunnels") > marks,
            timeout,
            f"umbrad ready:\n{self.log_text()}",
        )
        assert process.running(), f"umbrad ended:\n{self.log_text()}"
        return self

    def stop(self) -> int:
        assert self.process
        return self.process.stop(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the process that was started; its children end when they see that."""
        assert self.process
        children = children_of(self.process.pid)
        self.process.popen.kill()
        self.process.popen.wait()
        # Until then one that starts finds the control socket served, and refuses to.
        wait_until(lambda: not any(map(alive, children)), 5, "an end of all its processes")

    def _stop_if_running(self) -> None:
        if self.process and self.process.running():
            status = self.stop()
            assert status == 0, f"umbrad ended with {status}:\n{self.log_text()}"

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def part(self, name: str) -> int:
        """The pid of the process "net" or "control"."""
        assert self.process
        lines = command_lines()
        found = [
            pid
            for pid in children_of(self.process.pid)
            if f"--process={name}" in lines.get(pid, [])
        ]
        assert found, f"no process {name}:\n{self.log_text()}"
        return found[0]

    # The tool

    def umbra(
        self, *arguments: str, check: bool = True, input: str | None = None, timeout: float = 30
    ) -> subprocess.CompletedProcess[str]:
        """Runs the tool against this daemon."""
        made = environment(self.lab.folder)
        made["UMBRA_SOCKET"] = str(self.socket)
        made["NO_COLOR"] = "1"
        command = self.namespace.command([str(BIN / "umbra"), *arguments])
        return run(command, check=check, input=input, timeout=timeout, env=made)

    def status(self) -> dict[str, Any]:
        return json.loads(self.umbra("status", "--json").stdout)

    def tunnel_status(self, name: str) -> dict[str, Any]:
        return next(t for t in self.status()["tunnels"] if t["name"] == name)

    def peers(self, tunnel: str) -> dict[str, dict[str, Any]]:
        listed = json.loads(self.umbra("peer", "list", tunnel, "--json").stdout)
        return {p["name"]: p for p in listed["peers"]}

    def wait_connected(self, tunnel: str, name: str, timeout: float = 10) -> dict[str, Any]:
        def connected() -> dict[str, Any] | None:
            found = self.peers(tunnel).get(name)
            return found if found and found["state"] == "connected" else None

        return wait_until(connected, timeout, f"{tunnel}: {name} connected")

    def reload(self, check: bool = True) -> subprocess.CompletedProcess[str]:
        self.write()
        return self.umbra("reload", check=check)

    # What is left of it in the kernel

    def traces(self) -> dict[str, Any]:
        """Everything that umbrad may change of its namespace's network."""
        space = self.namespace
        listed = json.loads(space.run("nft", "-j", "list", "tables").stdout)["nftables"]
        tables = [t["table"]["name"] for t in listed if "table" in t]
        interesting = ("src_valid_mark", "ip_forward", "v6_forwarding")
        paths = (
            "/proc/sys/net/ipv4/conf/all/src_valid_mark",
            "/proc/sys/net/ipv4/ip_forward",
            "/proc/sys/net/ipv6/conf/all/forwarding",
        )
        values = space.call(lambda: [pathlib.Path(p).read_text().strip() for p in paths])
        return {
            "rules": space.run("ip", "rule").stdout + space.run("ip", "-6", "rule").stdout,
            "routes": space.run("ip", "route", "show", "table", "all").stdout,
            "routes6": "\n".join(
                line
                for line in space.run("ip", "-6", "route", "show", "table", "all")
                .stdout.splitlines()
                if "expires" not in line
            ),
            "tables": sorted(tables),
            "links": sorted(space.links()),
            **dict(zip(interesting, values)),
        }


def seconds_of(action: Any) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun
