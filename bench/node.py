"""umbrad at one end, with a configuration of its own as umbra.yaml(5) has it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from typing import Any

from bench.lab import End
from bench.process import Process, run, wait_until

READY_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class Node:
    """Files and control socket are in the end's folder; paths are relative to it."""

    programs: pathlib.Path  # the folder that has umbrad and umbra

    def missing(self) -> str | None:
        paths = [self.programs / name for name in ("umbrad", "umbra")]
        return next((str(path) for path in paths if not os.access(path, os.X_OK)), None)

    def version(self) -> str:
        return run([str(self.programs / "umbrad"), "--version"]).strip().splitlines()[0]

    def tool(self, *words: str, **options: Any) -> str:
        """umbra's own work, for which it needs no daemon."""
        return run([str(self.programs / "umbra"), *words], **options)

    def ask(self, end: End, *words: str, **options: Any) -> str:
        """umbra, of the daemon at this end."""
        socket = f"UMBRA_SOCKET={end.folder / 'control.sock'}"
        return end.run("env", socket, str(self.programs / "umbra"), *words, **options)

    def write(self, end: End, tunnels: dict[str, Any], **settings: Any) -> pathlib.Path:
        """JSON is YAML, too. settings are of the node."""
        whole = {
            "node": {"state_dir": "state", **settings},
            "control": {"socket": "control.sock"},
            "tunnels": tunnels,
        }
        return end.write("umbra.yaml", json.dumps(whole, indent=1))

    def start(self, end: End, tunnels: dict[str, Any], **settings: Any) -> Process:
        """Its interfaces are there when this returns."""
        path = self.write(end, tunnels, **settings)
        process = end.spawn_vpn(str(self.programs / "umbrad"), "-c", str(path))

        def ready() -> bool:
            process.check()
            return "ready, tunnels" in process.log.read_text(errors="replace")

        wait_until(ready, READY_SECONDS, "umbrad: ready")
        return process
