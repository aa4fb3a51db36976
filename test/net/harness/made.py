"""Daemons whose configuration the tool made, as people have it make one."""

from __future__ import annotations

import functools
import os
import pathlib
import re
import signal
from typing import Any

import pytest

from harness.device import BIN
from harness.node import Node
from harness.process import alive, run, wait_until


@functools.cache
def known(protocol: str) -> bool:
    """Whether a configuration can name the protocol."""
    try:
        text = run([str(BIN / "umbra"), "config", "reference"]).stdout
    except (OSError, AssertionError):
        return False
    row = re.search(r"^tunnels\.\*\.protocol\n(?: .*\n)+", text, re.MULTILINE)
    return bool(row) and protocol in row[0]


def needs(protocol: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not known(protocol),
        reason=f"this build's configuration does not know the protocol {protocol}",
    )


class MadeNode(Node):
    """umbrad with files that the tool made."""

    protocol: str
    name: str  # of its tunnel

    @property
    def files(self) -> pathlib.Path:
        return self.folder / "etc"

    @property
    def configuration(self) -> pathlib.Path:
        return self.files / "umbra.yaml"

    def command(self, *options: str) -> list[str]:
        rows: dict[str, Any] = {
            "control.socket": self.socket,
            "node.state_dir": self.state,
            "node.log.level": self.log_level,
            **{f"node.{key}": value for key, value in self.settings.items()},
        }
        if shards := os.environ.get("UMBRA_SHARDS"):
            rows.setdefault("node.shards", shards)
        sets = [word for key, value in rows.items() for word in ("--set", f"{key}={value}")]
        return super().command(*sets, *options)

    def write(self) -> None:
        """It is there already."""

    def add(self, *lines: str) -> None:
        """Rows of its tunnel, which is the file's last thing, or beside peers."""
        text = self.configuration.read_text()
        head = f"    protocol: {self.protocol}\n"
        assert text.count(head) == 1
        rows = "".join(f"    {line}\n" for line in lines)
        self.configuration.write_text(text.replace(head, head + rows))

    def shown(self) -> dict[str, Any]:
        return self.tunnel_status(self.name)

    def addresses(self) -> set[str]:
        """Those that its interface has."""
        link = self.namespace.links()[self.name]
        rows = [row for row in link["addr_info"] if row["scope"] == "global"]
        return {f"{row['local']}/{row['prefixlen']}" for row in rows}


def kill_net(node: MadeNode) -> None:
    """Its net process alone, which is started again."""
    os.kill(pid := node.part("net"), signal.SIGKILL)
    wait_until(lambda: not alive(pid), 5, "its end")


def kill_all(node: MadeNode) -> None:
    """The whole daemon, and it runs again."""
    node.kill()
    node.start()
