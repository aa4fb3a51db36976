"""Who issues the certificates of a server and its users: a folder that `umbra ca` made."""

from __future__ import annotations

import dataclasses
import pathlib

from bench.node import Node


@dataclasses.dataclass(frozen=True)
class Authority:
    node: Node
    folder: pathlib.Path

    def ask(self, word: str, *words: str) -> None:
        self.node.tool("ca", word, "--directory", str(self.folder), *words)

    def init(self) -> None:
        self.ask("init")

    def issue(self, kind: str, name: str, folder: pathlib.Path) -> None:
        """NAME.pem and NAME.key there; kind: server or client."""
        self.ask("issue", "--output", str(folder), kind, name)

    def certificate(self) -> str:
        return (self.folder / "ca.pem").read_text()
