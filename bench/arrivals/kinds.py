"""Whose clients arrive: a row a protocol.

A further one is a class here, a file beside mighty.c, and a row of all_kinds().
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

from bench.lab import INNER_MTU, End
from bench.node import Node

PORT, INTERFACE = 51820, "bench0"
NETWORK = "10.200."  # two bytes follow
SERVER, RESIDENT = f"{NETWORK}0.1", f"{NETWORK}0.2"


def address(number: int) -> str:
    """Of a client that arrives."""
    return f"{NETWORK}{number // 256 + 1}.{number % 256}"


class Kind:
    """How a server is configured, and a client that is there all the time, its resident."""

    name: str
    label: str
    protocol: str
    # Ways of arriving, as its C file has them: at first, and again with what was kept of before.
    first: str
    again: str

    def __init__(self, programs: pathlib.Path) -> None:
        self.node = Node(programs)
        self.common = {"protocol": self.protocol, "mtu": INNER_MTU}

    def missing(self) -> str | None:
        return self.node.missing()

    def version(self) -> str:
        return self.node.version()

    def serve(self, end: End, lines: Sequence[str]) -> None:
        """Starts the server, which knows the resident and the clients, in this order."""
        raise NotImplementedError

    def reside(self, end: End, server: End) -> None:
        """Starts the resident, once the server serves."""
        raise NotImplementedError


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


def all_kinds(programs: pathlib.Path) -> list[Kind]:
    return [Mighty(programs)]
