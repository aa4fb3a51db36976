"""What a measurement gets: a pair of hosts whose tunnel is up."""

from __future__ import annotations

import dataclasses
import pathlib

from bench.lab import Pair
from bench.process import run


@dataclasses.dataclass(frozen=True)
class Tunnel:
    pair: Pair
    target: str  # the server's address inside
    tools: pathlib.Path  # where bench_tools are

    def serve(self) -> None:
        """Starts what the load talks to."""
        self.pair.server.spawn("iperf3", "-s", "-B", self.target)

    def from_client(self, tool: str, *arguments: str, timeout: float = 60) -> str:
        """Runs one of bench_tools in the client's namespace."""
        return self.pair.client.run(str(self.tools / tool), *arguments, timeout=timeout)

    def udp_load(self, payload: int, rate: int, seconds: float) -> tuple[int, int, float]:
        """Datagrams sent, those received, and the seconds that took."""
        printed = run(
            [str(self.tools / "udp_load"), str(self.pair.client.path), str(self.pair.server.path)]
            + [self.target, str(payload), str(rate), str(round(seconds * 1000))],
            timeout=seconds + 20,
        )
        sent, received, took = printed.split()
        return int(sent), int(received), float(took)
