"""What contenders have in common whose tunnels umbrad makes."""

from __future__ import annotations

import pathlib

from bench.contenders.contender import Contender
from bench.lab import INNER_MTU
from bench.node import Node

PORT, INTERFACE = 51820, "bench0"


class NodeContender(Contender):
    """A protocol between a server and a client; start() says how each is configured."""

    def __init__(self, programs: pathlib.Path, name: str, label: str, cipher: str) -> None:
        self.node = Node(programs)
        self.name, self.label = name, label
        self.common = {"mtu": INNER_MTU, "ciphers": [cipher]}  # of the tunnels at both ends

    def missing(self) -> str | None:
        return self.node.missing()

    def version(self) -> str:
        return self.node.version()
