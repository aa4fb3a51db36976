"""Umbra's tunnel of streams, configured as umbra.yaml(5) has it, with its default padding."""

from __future__ import annotations

import pathlib
import re

from bench.lab import End
from bench.node import Node
from bench.process import Failure
from bench.streams.bed import PROXY, PROXY_PORT, SITE_NETWORK, Bed
from bench.streams.contenders import NAME, PORT, StreamContender, make_certificate

PROTOCOL = "phantom"


class Umbra(StreamContender):
    name = "umbra"
    label = "Umbra"

    def __init__(self, programs: pathlib.Path) -> None:
        self.node = Node(programs)

    def missing(self) -> str | None:
        missing = self.node.missing()
        if missing:
            return missing
        try:
            reference = self.node.tool("config", "reference")
        except Failure:
            reference = ""
        row = re.search(r"^tunnels\.\*\.protocol\n(?: .*\n)+", reference, re.MULTILINE)
        return None if row and PROTOCOL in row[0] else f"umbrad's protocol {PROTOCOL}"

    def version(self) -> str:
        return self.node.version()

    def key(self, end: End) -> str:
        """Writes a key file; returns the public key."""
        private = self.node.tool("genkey")
        end.write("umbra.key", private)
        return self.node.tool("pubkey", input=private).strip()

    def spawn(self, end: End, tunnel: dict) -> None:
        common = {"protocol": PROTOCOL, "private_key_file": "umbra.key"}
        self.node.start(end, {"streams": {**common, **tunnel}})

    def start(self, pair: Bed) -> None:
        path = make_certificate(pair.server.folder)
        public = {end: self.key(end) for end in pair.ends}
        self.spawn(
            pair.server,
            {
                "role": "server",
                "listen": f"{pair.server.outer}:{PORT}",
                "tls": {"certificate_file": f"{path}.crt", "key_file": f"{path}.key"},
                "policy": {"rules": [f"allow {SITE_NETWORK}0/24"]},
                "peers": [{"name": "client", "public_key": public[pair.client]}],
            },
        )
        server = {"name": "server", "public_key": public[pair.server]}
        self.spawn(
            pair.client,
            {
                "role": "client",
                "tls": {"server_name": NAME, "ca_file": f"{path}.crt"},
                "proxy": {"listen": f"{PROXY}:{PROXY_PORT}"},
                "peers": [{**server, "endpoint": f"{pair.server.outer}:{PORT}"}],
            },
        )
