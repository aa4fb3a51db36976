"""Three hosts in a row: the client, the server of its tunnel, and the site behind that."""

from __future__ import annotations

import dataclasses
import pathlib

from bench.contenders.contender import wait_for_port
from bench.lab import End, Lab, Pair
from bench.process import Failure, run, wait_until

SITE_NETWORK = "10.97.0."
SITE = f"{SITE_NETWORK}2"
SITE_PORT = 8000
# Where a contender's front end listens, in the client's namespace.
PROXY, PROXY_PORT = "127.0.0.1", 1080
DIRECTLY = "-"
READY_SECONDS = 20


class Bed(Pair):
    def __init__(self, lab: Lab, name: str, kind: str) -> None:
        super().__init__(lab, name, kind)
        self.proxy = PROXY
        self.site = End(lab, f"{name}-{kind}-site", 3)
        run(
            ["ip", "-n", self.server.name, "link", "add", "inner", "type", "veth"]
            + ["peer", "name", "inner", "netns", self.site.name]
        )
        self.server.ip(f"address add {SITE_NETWORK}1/24 dev inner", "link set inner up")
        self.site.ip("link set lo up", f"address add {SITE}/24 dev inner", "link set inner up")

    def directly(self) -> None:
        """The client reaches the site through the server's kernel."""
        self.proxy = DIRECTLY
        self.server.run("sysctl", "-q", "net.ipv4.ip_forward=1")
        self.client.ip(f"route add {SITE_NETWORK}0/24 via {self.server.outer}")
        self.site.ip(f"route add default via {SITE_NETWORK}1")


@dataclasses.dataclass(frozen=True)
class Way:
    """What a measurement gets: three hosts whose tunnel is up."""

    pair: Bed
    target: str  # the site's address
    tools: pathlib.Path  # where bench_tools are

    def serve(self) -> None:
        """Starts what is asked, and waits until it can be reached through the tunnel."""
        self.pair.site.spawn(str(self.tools / "proxy_load"), "serve", self.target, str(SITE_PORT))
        wait_for_port(self.pair.site, "tcp", SITE_PORT)

        def answers() -> bool:
            self.pair.check()
            try:
                self.load("requests", "1", timeout=READY_SECONDS)
            except Failure:
                return False
            return True

        wait_until(answers, READY_SECONDS, "an answer through the tunnel")

    def load(self, what: str, *arguments: str, timeout: float) -> str:
        return self.pair.client.run(
            *(str(self.tools / "proxy_load"), what, self.pair.proxy, str(PROXY_PORT)),
            *(self.target, str(SITE_PORT), *arguments),
            timeout=timeout,
        )
