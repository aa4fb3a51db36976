"""What a row of the report is: a server, and the clients that arrive at it."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from bench.arrivals.effort import Effort
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
    measures: tuple[str, ...] = ("first", "again", "paced", "once")
    # Of the clients' own addresses, where they are not all the client end's.
    sources: str | None = None

    def __init__(self, programs: pathlib.Path) -> None:
        self.node = Node(programs)
        self.common = {"protocol": self.protocol, "mtu": INNER_MTU}

    def missing(self) -> str | None:
        return self.node.missing()

    def version(self) -> str:
        return self.node.version()

    def clients(self, effort: Effort) -> int:
        return effort.clients

    def serve(self, end: End, lines: Sequence[str]) -> None:
        """Starts the server, which knows the resident and the clients, in this order."""
        raise NotImplementedError

    def reside(self, end: End, server: End) -> None:
        """Starts the resident, once the server serves."""
        raise NotImplementedError

    def words(self, end: End, server: End, count: int) -> list[str]:
        """What the generator is told besides, once the server serves."""
        return []
