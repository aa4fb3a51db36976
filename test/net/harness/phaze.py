"""A server that users log in to, and machines of theirs, made as people make them."""

from __future__ import annotations

import json
import pathlib
import subprocess
from typing import Any

from harness.lab import Lab, Namespace
from harness.made import MadeNode, needs
from harness.pair import PORT, endpoint, outer_address
from harness.process import wait_until
from harness.traffic import reachable

PROTOCOL = "phaze"
NETWORKS = "10.99.0.0/24,fd99::/64"
needs_phaze = needs(PROTOCOL)


class Server(MadeNode):
    protocol = PROTOCOL
    where: str  # its endpoint, as clients know it

    @property
    def authority(self) -> pathlib.Path:
        return self.files / "ca" / "ca.pem"

    def demand_certificates(self) -> None:
        text = self.configuration.read_text()
        assert text.count("demands: [password]") == 1
        changed = text.replace("demands: [password]", "demands: [certificate]")
        self.configuration.write_text(changed)

    def add_user(self, user: str, password: str | None, *options: str) -> None:
        how = ("--no-password",) if password is None else ("--password-file", "-")
        said = None if password is None else f"{password}\n"
        self.umbra("user", "add", user, *how, *options, input=said)

    def members(self) -> dict[str, dict[str, Any]]:
        """Devices of users, by their peers' names."""
        return self.peers(self.name)


class Client(MadeNode):
    """umbrad that knows no server yet."""

    protocol = PROTOCOL

    def begin(self) -> Client:
        self.files.mkdir(mode=0o700)
        (self.files / "tunnels").mkdir(mode=0o700)
        self.configuration.write_text("include: [tunnels/*.yaml]\n")
        self.configuration.chmod(0o600)
        self.start()
        return self

    def login(
        self, server: Server, user: str, password: str, *options: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """A person's line at the terminal, with the password on standard input."""
        if not options and not (self.files / "tunnels" / f"{self.name}.yaml").exists():
            options = ("--ca", str(server.authority), "--name", self.name, "--split")
        words = ("login", server.where, "--user", user, *options)
        return self.umbra(*words, input=f"{password}\n", check=check)

    def take(self, server: Server, user: str) -> None:
        """Another certificate of the server's authority, by which it comes in from now on: nothing
        has to be typed for it, or judged for long."""
        ways = ("--directory", str(server.authority.parent), "--output", str(self.files))
        server.umbra("ca", "issue", "client", user, *ways, "--force")
        (self.files / "ca.pem").write_text(server.authority.read_text())
        (self.files / "tunnels" / f"{self.name}.yaml").write_text(
            f"tunnels:\n  {self.name}:\n    protocol: {PROTOCOL}\n    role: client\n"
            f'    endpoints: ["{server.where}"]\n    auth: {{ ca_file: ../ca.pem,'
            f" certificate_file: ../{user}.pem, key_file: ../{user}.key }}\n"
        )
        self.umbra("reload")

    def join(self, server: Server, user: str) -> Client:
        """As a new user, by a certificate."""
        server.add_user(user, None)
        self.take(server, user)
        return self.wait()

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


def make_server(lab: Lab, space: Namespace, *options: str, where: str | None = None) -> Server:
    """One whose clients reach its networks alone; not started yet."""
    server = Server(lab, space, space.label)
    server.name = lab.interface_name()
    server.where = where or endpoint(outer_address(1, 4))
    made = server.umbra(
        *("init", f"{PROTOCOL}-server", "--name", server.name, "--no-masquerade"),
        *("--endpoint", server.where, "--network", NETWORKS, "--listen", str(PORT)),
        *("--directory", str(server.files), *options),
    )
    assert f"umbra login {server.where} --user alice --ca ca.pem" in made.stdout
    return server


def make_client(lab: Lab, space: Namespace) -> Client:
    client = Client(lab, space, space.label)
    client.name = lab.interface_name()
    return client.begin()
