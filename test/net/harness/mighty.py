"""A server with pre-shared keys, and clients of it, made as people make them: by printed lines."""

from __future__ import annotations

import json
import re
from typing import Any

from harness.lab import Lab, Namespace
from harness.made import MadeNode, needs
from harness.pair import PORT, endpoint, outer_address
from harness.process import wait_until
from harness.traffic import reachable

PROTOCOL = "mighty"
NETWORKS = "10.99.0.0/24,fd99::/64"
LINE = re.compile(rf"^{PROTOCOL}://\S+$", re.MULTILINE)


needs_mighty = needs(PROTOCOL)


class Server(MadeNode):
    protocol = PROTOCOL
    line: str  # of the client that it was made with

    def invite(self, client: str, *options: str) -> str:
        made = self.umbra("invite", self.name, client, *options)
        (line,) = LINE.findall(made.stdout)
        assert made.stdout == f"{line}\n" and line not in made.stderr
        return line


class Client(MadeNode):
    protocol = PROTOCOL

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
