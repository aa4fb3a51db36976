"""Clients of Mighty, each with a key of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.arrivals.kind import INTERFACE, PORT, RESIDENT, SERVER, Kind, address
from bench.lab import End


class Mighty(Kind):
    name = "umbra-mighty"
    label = "Umbra Mighty"
    protocol = "mighty"
    first = again = "handshake"

    def peer(self, end: End, name: str, key: str, inside: str) -> dict[str, Any]:
        end.write(f"{name}.psk", key + "\n")
        return {"name": name, "psk_file": f"{name}.psk", "allowed_ips": [f"{inside}/32"]}

    def serve(self, end: End, lines: Sequence[str]) -> None:
        resident = self.peer(end, "resident", self.node.tool("genpsk").strip(), RESIDENT)
        peers = [self.peer(end, f"c{i}", key, address(i)) for i, key in enumerate(lines)]
        tunnel = {
            "role": "server",
            "listen": f"{end.outer}:{PORT}",
            "addresses": [f"{SERVER}/16"],
            "peers": [resident, *peers],
        }
        self.node.start(end, {INTERFACE: {**self.common, **tunnel}})

    def reside(self, end: End, server: End) -> None:
        end.write("resident.psk", (server.folder / "resident.psk").read_text())
        tunnel = {
            "role": "client",
            "endpoints": [f"{server.outer}:{PORT}"],
            "auth": {"psk_file": "resident.psk"},
        }
        self.node.start(end, {INTERFACE: {**self.common, **tunnel}})
