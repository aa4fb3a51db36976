"""A server with pre-shared keys, and clients of it, made as people make them: by printed lines."""

from __future__ import annotations

import functools
import json
import pathlib
import re
from typing import Any

import pytest

from harness.device import BIN
from harness.lab import Lab, Namespace
from harness.node import Node
from harness.pair import PORT, endpoint, outer_address
from harness.process import run, wait_until
from harness.traffic import reachable

PROTOCOL = "mighty"
NETWORKS = "10.99.0.0/24,fd99::/64"
LINE = re.compile(rf"^{PROTOCOL}://\S+$", re.MULTILINE)


@functools.cache
def known() -> bool:
    """Whether a configuration can name the protocol."""
    try:
        text = run([str(BIN / "umbra"), "config", "reference"]).stdout
    except (OSError, AssertionError):
        return False
    row = re.search(r"^tunnels\.\*\.protocol\n(?: .*\n)+", text, re.MULTILINE)
    return bool(row) and PROTOCOL in row[0]


needs_mighty = pytest.mark.skipif(
    not known(), reason=f"this build's configuration does not know the protocol {PROTOCOL}"
)


class MadeNode(Node):
    """umbrad with files that `umbra init` made."""

    name: str  # of its tunnel

    @property
    def files(self) -> pathlib.Path:
        return self.folder / "etc"

    @property
    def configuration(self) -> pathlib.Path:
        return self.files / "umbra.yaml"

    def command(self, *options: str) -> list[str]:
        rows = {
            "control.socket": self.socket,
            "node.state_dir": self.state,
            "node.log.level": self.log_level,
        }
        sets = [word for key, value in rows.items() for word in ("--set", f"{key}={value}")]
        return super().command(*sets, *options)

    def write(self) -> None:
        """It is there already."""

    def add(self, *lines: str) -> None:
        """Rows of its tunnel, which is the file's last thing, or beside peers."""
        text = self.configuration.read_text()
        head = f"    protocol: {PROTOCOL}\n"
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


class Server(MadeNode):
    line: str  # of the client that it was made with

    def invite(self, client: str, *options: str) -> str:
        made = self.umbra("invite", self.name, client, *options)
        (line,) = LINE.findall(made.stdout)
        assert made.stdout == f"{line}\n" and line not in made.stderr
        return line


class Client(MadeNode):
    def server(self) -> dict[str, Any]:
        """Its one peer."""
        (peer,) = json.loads(self.umbra("peer", "list", self.name, "--json").stdout)["peers"]
        return peer

    def works(self, family: int = 4) -> bool:
        return reachable(self.namespace, inside(1, family))

    def wait(self, timeout: float = 10) -> Client:
        """Until it is connected, and what it sends is answered."""
        wait_until(lambda: self.server()["state"] == "connected", timeout, "a session")
        wait_until(self.works, timeout, "pings")
        return self


def inside(number: int, family: int) -> str:
    return f"10.99.0.{number}" if family == 4 else f"fd99::{number}"


def make_server(
    lab: Lab, space: Namespace, *options: str, where: str | None = None, client: str = "alice"
) -> Server:
    """One whose clients reach its networks alone; not started yet."""
    server = Server(lab, space, space.label)
    server.name = lab.interface_name()
    made = server.umbra(
        *("init", f"{PROTOCOL}-server", "--name", server.name, "--no-masquerade"),
        *("--endpoint", where or endpoint(outer_address(1, 4)), "--network", NETWORKS),
        *("--listen", str(PORT), "--client", client, "--directory", str(server.files), *options),
    )
    (server.line,) = LINE.findall(made.stdout)
    assert made.stdout == f"{server.line}\n" and server.line not in made.stderr
    return server


def make_client(lab: Lab, space: Namespace, line: str, label: str | None = None) -> Client:
    client = Client(lab, space, label or space.label)
    client.name = lab.interface_name()
    client.umbra(
        *("init", "client", "-", "--name", client.name, "--directory", str(client.files)),
        input=f"{line}\n",
    )
    return client
