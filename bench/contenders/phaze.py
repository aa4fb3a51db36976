"""Umbra's tunnel to a server that users log in to."""

from __future__ import annotations

from bench.authority import Authority
from bench.contenders.node import INTERFACE, PORT, NodeContender
from bench.lab import Pair

NAME, USER, PASSWORD = "server.bench", "client", "hardly a secret"


class Phaze(NodeContender):
    """By name and password, and the server's certificate."""

    def start(self, pair: Pair) -> None:
        server, client = pair.ends
        authority = Authority(self.node, server.folder / "ca")
        authority.init()
        authority.issue("server", NAME, server.folder)
        client.write("ca.pem", authority.certificate())
        passwords = [end.write("password", f"{PASSWORD}\n") for end in pair.ends]
        common = {"protocol": "phaze", **self.common}
        serves = {
            "role": "server",
            "listen": f"{server.outer}:{PORT}",
            "addresses": [f"{server.inner}/24"],
            "auth": {"certificate_file": f"{NAME}.pem", "key_file": f"{NAME}.key"},
        }
        login = {"username": USER, "password_file": "password"}
        logs_in = {
            "role": "client",
            "endpoints": [f"{server.outer}:{PORT}"],
            "auth": {**login, "ca_file": "ca.pem", "server_name": NAME},
        }
        self.node.start(server, {INTERFACE: {**common, **serves}})
        self.node.ask(server, "user", "add", "--password-file", str(passwords[0]), USER)
        self.node.start(client, {INTERFACE: {**common, **logs_in}})
