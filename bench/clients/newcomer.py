"""A whole client, of the same make as the server, that gets new keys each time it connects."""

from __future__ import annotations

import time

from bench.clients.generator import Peer
from bench.clients.server import Kind, Server, new_key, spawn_interface
from bench.lab import Pair
from bench.process import run

INTERFACE = "newcomer"
# Of the clients' network, and none of the generator's.
ADDRESS = "10.200.0.7"
# Of asking whether it has a session; each question starts a program.
ASK_SECONDS = 0.05


class Newcomer:
    def __init__(self, pair: Pair, server: Server, kind: Kind) -> None:
        self.server, self.end = server, pair.client
        assert kind.contender
        self.interface = f"{INTERFACE}{kind.name[-4:]}"
        spawn_interface(self.end, kind.contender, self.interface)
        self.end.ip(
            f"address add {ADDRESS}/32 dev {self.interface}", f"link set {self.interface} up"
        )
        self.last = ""

    def has_session(self) -> bool:
        listed = run(["wg", "show", self.interface, "latest-handshakes"]).split()
        return len(listed) == 2 and listed[1] != "0"

    def connect(self, limit: float) -> float:
        """Seconds until it has a session, or the limit."""
        key = new_key()
        path = self.end.write("newcomer.key", key.private + "\n")
        peer = self.server.key.public
        if self.last:
            run(["wg", "set", self.interface, "peer", peer, "remove"])
            run(["wg", "set", self.server.interface, "peer", self.last, "remove"])
        self.last = key.public
        self.server.add_peers([Peer(key.public, ADDRESS)])
        run(["wg", "set", self.interface, "private-key", str(path)])
        begin = time.monotonic()
        # A keepalive makes it ask for a session without a packet.
        run(
            ["wg", "set", self.interface, "peer", peer, "allowed-ips", f"{self.server.address}/32"]
            + ["endpoint", self.server.reached["server"], "persistent-keepalive", "25"]
        )
        while time.monotonic() - begin < limit:
            if self.has_session():
                return time.monotonic() - begin
            time.sleep(ASK_SECONDS)
        return limit
