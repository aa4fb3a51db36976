"""What is measured, in this order, as later ones find the clients of earlier ones there."""

from __future__ import annotations

import dataclasses
import pathlib
import threading
from collections.abc import Callable

from bench.arrivals.generator import Arrived, Generator, Order, describe
from bench.arrivals.kinds import PORT, SERVER, Kind
from bench.clients.memory import by_role, each
from bench.lab import PLAIN, Lab, Pair
from bench.measures.time import percentile, round_trips
from bench.measures.tunnel import Tunnel
from bench.process import Failure, processor_seconds, wait_until

WINDOW = 64
PACE_US = 10_000
PROBE_US = 2_000
READY_SECONDS = 10
TURNS = 5
# For the last of those that come at a pace.
SPARE_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class Effort:
    quick: bool

    @property
    def clients(self) -> int:
        return 300 if self.quick else 2_000

    @property
    def paced(self) -> int:
        """Of them, for as long as they take at PACE_US."""
        return 300 if self.quick else 1_000


class Bed:
    def __init__(self, lab: Lab, kind: Kind, effort: Effort, tools: pathlib.Path) -> None:
        self.kind, self.effort = kind, effort
        self.pair = Pair(lab, f"arrivals-{kind.name}", PLAIN)
        server, client = self.pair.ends
        program = tools / "arrivals"
        kind.serve(server, describe(program, kind.protocol, effort.clients))
        kind.reside(client, server)
        self.tunnel = Tunnel(self.pair, SERVER, tools)
        wait_until(self.answers, READY_SECONDS, f"{kind.name}: an answer through the tunnel")
        at = f"{server.outer}:{PORT}"
        self.generator = Generator(program, client, kind.protocol, at, effort.clients)

    def answers(self) -> bool:
        self.pair.check()
        try:
            self.pair.client.run("ping", "-n", "-c", "1", "-W", "1", SERVER)
        except Failure:
            return False
        return True

    def arrive(self, order: Order) -> Arrived:
        found = self.generator.arrive(order)
        self.pair.check()
        if found.count < order.count:
            raise Failure(f"{found.count} of {order.count} arrived, {found.refused} were refused")
        return found


def times(found: Arrived, prefix: str) -> dict[str, float]:
    return {f"{prefix}_p{p}": percentile(found.times, p) for p in (50, 99)}


def fast(bed: Bed, way: str, prefix: str) -> dict[str, float]:
    pids = bed.pair.server.vpn_pids()
    used = processor_seconds(pids)
    found = bed.arrive(Order(way, bed.effort.clients, WINDOW))
    used = processor_seconds(pids) - used
    return {
        f"{prefix}_rate": found.count / found.seconds,
        f"{prefix}_us": 1e6 * used / found.count,
        **times(found, prefix),
    }


def first(bed: Bed) -> dict[str, float]:
    """With the memory that they take, so all of them are new to the server."""
    before = by_role(bed)
    figures = fast(bed, bed.kind.first, "first")
    after = by_role(bed)
    return {
        **figures,
        **each(before, after, bed.effort.clients, "active"),
        "net_mib": after["net"] / 2**20,
        "node_mib": sum(after.values()) / 2**20,
    }


def again(bed: Bed) -> dict[str, float]:
    return fast(bed, bed.kind.again, "again")


def once(bed: Bed) -> dict[str, float]:
    count = bed.effort.clients
    found = bed.arrive(Order(bed.kind.again, count, count))
    return {"once_seconds": found.seconds, **times(found, "once")}


def beside(bed: Bed, order: Order) -> tuple[Arrived, list[float]]:
    """An order, and meanwhile round trips through the resident's tunnel, ms."""
    found: list[Arrived] = []
    errors: list[Failure] = []

    def come() -> None:
        try:
            found.append(bed.arrive(order))
        except Failure as error:
            errors.append(error)

    coming = threading.Thread(target=come)
    coming.start()
    try:
        trips = round_trips(bed.tunnel, order.count * order.every_us / 1e6, PROBE_US)
    finally:
        coming.join()
    if errors:
        raise errors[0]
    return found[0], trips


def paced(bed: Bed) -> dict[str, float]:
    """How soon each is there while the server has time, and what a tunnel notices of it; in turns
    with nobody arriving, so that neighbours meet the same machine."""
    calm: list[float] = []
    trips: list[float] = []
    took: list[float] = []
    count = bed.effort.paced // TURNS
    seconds = count * PACE_US / 1e6
    for turn in range(TURNS):
        calm += round_trips(bed.tunnel, seconds, PROBE_US)
        order = Order(bed.kind.again, count, count, turn * count, PACE_US, seconds + SPARE_SECONDS)
        found, meanwhile = beside(bed, order)
        took += found.times
        trips += meanwhile
    figures = {f"paced_p{p}": percentile(took, p) for p in (50, 99)}
    calm_p99, trips_p99 = percentile(calm, 99), percentile(trips, 99)
    return figures | {"calm_p99": calm_p99, "beside_p99": trips_p99, "beside": trips_p99 / calm_p99}


@dataclasses.dataclass(frozen=True)
class Measure:
    name: str
    take: Callable[[Bed], dict[str, float]]


MEASURES = (
    Measure("first", first),
    Measure("again", again),
    Measure("paced", paced),
    Measure("once", once),
)
