"""Umbra's tunnel of streams, configured as umbra.yaml(5) has it, with its default padding."""

from __future__ import annotations

import os
import pathlib
import re

from bench.contenders.contender import wait_for_port
from bench.lab import End
from bench.process import Failure, run
from bench.streams.bed import PROXY, PROXY_PORT, SITE_NETWORK, Bed
from bench.streams.contenders import NAME, PORT, StreamContender, make_certificate, write_json

PROTOCOL = "phantom"


class Umbra(StreamContender):
    name = "umbra"
    label = "Umbra"

    def __init__(self, programs: pathlib.Path) -> None:
        self.daemon, self.tool = str(programs / "umbrad"), str(programs / "umbra")

    def missing(self) -> str | None:
        for program in (self.daemon, self.tool):
            if not os.access(program, os.X_OK):
                return program
        try:
            reference = run([self.tool, "config", "reference"])
        except Failure:
            reference = ""
        row = re.search(r"^tunnels\.\*\.protocol\n(?: .*\n)+", reference, re.MULTILINE)
        return None if row and PROTOCOL in row[0] else f"{self.daemon}'s protocol {PROTOCOL}"

    def version(self) -> str:
        return run([self.daemon, "--version"]).strip().splitlines()[0]

    def key(self, end: End) -> str:
        """Writes a key file; returns the public key."""
        private = run([self.tool, "genkey"])
        path = end.folder / "umbra.key"
        path.touch(mode=0o600)
        path.write_text(private)
        return run([self.tool, "pubkey"], input=private).strip()

    def spawn(self, end: End, tunnel: dict) -> None:
        configuration = {
            "node": {"state_dir": str(end.folder / "state"), "log": {"level": "warning"}},
            "control": {"socket": str(end.folder / "control.sock")},
            "tunnels": {
                "streams": {"protocol": PROTOCOL, "private_key_file": "umbra.key", **tunnel}
            },
        }
        path = write_json(end.folder, "umbra.yaml", configuration)
        end.spawn_vpn(self.daemon, "-c", path)

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
        wait_for_port(pair.server, "tcp", PORT)
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
