"""Umbra's tunnel between ends that share a key."""

from __future__ import annotations

from bench.contenders.node import INTERFACE, PORT, NodeContender
from bench.lab import Pair


class Mighty(NodeContender):
    def start(self, pair: Pair) -> None:
        key = self.node.tool("genpsk")
        for end in pair.ends:
            end.write("shared.psk", key)
        common = {"protocol": "mighty", **self.common}
        peer = {"name": "client", "psk_file": "shared.psk"}
        server = {
            "role": "server",
            "listen": f"{pair.server.outer}:{PORT}",
            "addresses": [f"{pair.server.inner}/24"],
            "peers": [{**peer, "allowed_ips": [f"{pair.client.inner}/32"]}],
        }
        client = {
            "role": "client",
            "endpoints": [f"{pair.server.outer}:{PORT}"],
            "auth": {"psk_file": "shared.psk"},
        }
        self.node.start(pair.server, {INTERFACE: {**common, **server}})
        self.node.start(pair.client, {INTERFACE: {**common, **client}})
