"""What a measurement gets: a server that knows many peers, and the crowd that is some of them."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.clients.generator import PACKET_SIZE, PAYLOAD, Generator, Peer, Running
from bench.clients.server import SINK, Kind, Server
from bench.lab import PLAIN, Lab, Pair
from bench.measures.time import LOST_MS, percentile
from bench.process import processor_seconds

# Numbers of clients: the one that is measured against many, those many, those of handshakes, and
# some for everything else. All are configured.
CONFIGURED, ACTIVE = 20_000, 1_000
ONE, MANY, NEWCOMERS, SHAKERS = 0, 1, 1_500, 2_000
# What is still in the server's buffers when the generator has ended.
DRAIN_SECONDS = 0.2


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long and how often; a quick run is for trying things out."""

    quick: bool

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 3

    @property
    def load_seconds(self) -> float:
        return 1 if self.quick else 2

    @property
    def handshakes(self) -> int:
        return 1_500 if self.quick else 6_000

    @property
    def flood_seconds(self) -> float:
        return 5 if self.quick else 30

    @property
    def calm_seconds(self) -> float:
        """Of what the flood is compared with."""
        return 2 if self.quick else 8

    @property
    def greedy_seconds(self) -> float:
        return 1.5 if self.quick else 5


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What became of a load."""

    sent: float  # Mbit/s of packets inside
    arrived: float  # likewise
    server_cores: float
    own_cores: float
    trips: list[float]  # ms there and back
    lost: int  # probes without an answer

    @property
    def share(self) -> float:
        """Of what was sent."""
        return self.arrived / self.sent if self.sent else 0.0

    def trip(self, percent: float) -> float:
        """Milliseconds that so many percent of all probes did not exceed."""
        return percentile(self.trips + [LOST_MS] * self.lost, percent)


class Bed:
    def __init__(self, lab: Lab, kind: Kind, number: int, tools: pathlib.Path) -> None:
        self.kind = kind
        self.pair = Pair(lab, f"clients-{kind.name}", PLAIN)
        self.generator = Generator(tools / "clients", self.pair.client)
        self.server: Server = kind.serve(self.pair, f"crowd{number}")

    def configure(self, peers: Sequence[Peer]) -> None:
        self.server.add_peers(peers)

    def start_load(self, seconds: float, **values: Any) -> Running:
        """values are the generator's options."""
        values = {"to": self.server.address, "port": SINK, "burst": 32, **values}
        duration = round(seconds * 1000)
        return self.generator.start("load", **self.server.reached, duration_ms=duration, **values)

    def load(
        self,
        seconds: float,
        port: int = SINK,
        meanwhile: Callable[[], object] = lambda: None,
        **values: Any,
    ) -> Loaded:
        """Runs one to its end. meanwhile() is done while the clients connect; for it to be over
        when they send, give them a start_ms."""
        pids = self.pair.server.vpn_pids()
        before = self.server.arrived(port)
        running = self.start_load(seconds, port=port, **values)
        meanwhile()
        used = processor_seconds(pids)
        result = running.result(seconds)
        used = processor_seconds(pids) - used
        time.sleep(DRAIN_SECONDS)
        self.pair.check()
        return loaded(result, self.server.arrived(port) - before, used)


def loaded(result: dict[str, Any], payload: int, server_seconds: float) -> Loaded:
    seconds = result["seconds"]
    megabits = PACKET_SIZE * 8 / 1e6 / seconds
    trips = result["milliseconds"]
    return Loaded(
        sent=result["packets"] * megabits,
        arrived=payload / PAYLOAD * megabits,
        server_cores=server_seconds / seconds,
        own_cores=result["cpu"] / seconds,
        trips=trips,
        lost=result["probes"] - len(trips),
    )
