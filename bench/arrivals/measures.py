"""What is measured, in this order, as later ones find the clients of earlier ones there."""

from __future__ import annotations

import dataclasses
import math
import pathlib
import threading
import time
from collections.abc import Callable

from bench.arrivals.effort import Effort
from bench.arrivals.generator import Arrived, Generator, Order, describe
from bench.arrivals.kind import PORT, SERVER, Kind
from bench.clients.memory import by_role, each
from bench.lab import PLAIN, Lab, Pair
from bench.measures.time import percentile, round_trips
from bench.measures.tunnel import Tunnel
from bench.process import Failure, processor_seconds, wait_until

WINDOW = 64
PACE_US = 10_000
# One in so many of those that come at a pace logs in anew, at a slower one.
LOGINS_SHARE, LOGINS_US = 5, 25_000
PROBE_US = 2_000
READY_SECONDS = 10
TURNS = 5
# Round trips are asked for in so long pieces while clients arrive.
PIECE_SECONDS = 0.5
# Before and behind, for each password.
CALM_SECONDS_EACH = 0.05
PASSWORDS_SECONDS = 120
# A server may let nobody come again sooner.
REST_SECONDS = 1
# For the last of those that come at a pace.
SPARE_SECONDS = 10


class Bed:
    def __init__(self, lab: Lab, kind: Kind, effort: Effort, tools: pathlib.Path) -> None:
        self.kind, self.effort = kind, effort
        self.clients = kind.clients(effort)
        self.pair = Pair(lab, f"arrivals-{kind.name}", PLAIN)
        server, client = self.pair.ends
        program = tools / "arrivals"
        if kind.sources:
            client.ip(f"route add local {kind.sources} dev lo")
            server.ip(f"route add {kind.sources} via {client.outer}")
        kind.serve(server, describe(program, kind.protocol, self.clients))
        kind.reside(client, server)
        self.tunnel = Tunnel(self.pair, SERVER, tools)
        wait_until(self.answers, READY_SECONDS, f"{kind.name}: an answer through the tunnel")
        words = [f"{server.outer}:{PORT}", str(self.clients)]
        words += kind.words(client, server, self.clients)
        self.generator = Generator(program, client, kind.protocol, *words)

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
            raise Failure(
                f"{found.count} of {order.count} arrived ({order.line().strip()}), "
                f"{found.refused} were refused"
            )
        return found


def times(found: Arrived, prefix: str) -> dict[str, float]:
    return {f"{prefix}_p{p}": percentile(found.times, p) for p in (50, 99)}


def fast(bed: Bed, way: str, prefix: str) -> dict[str, float]:
    pids = bed.pair.server.vpn_pids()
    used = processor_seconds(pids)
    found = bed.arrive(Order(way, bed.clients, WINDOW))
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
        **each(before, after, bed.clients, "active"),
        "net_mib": after["net"] / 2**20,
        "node_mib": sum(after.values()) / 2**20,
    }


def again(bed: Bed) -> dict[str, float]:
    return fast(bed, bed.kind.again, "again")


def calmly(bed: Bed, seconds: float) -> list[float]:
    """Round trips while nobody arrives, asked for as beside() does."""
    pieces = math.ceil(seconds / PIECE_SECONDS)
    return [one for _ in range(pieces) for one in round_trips(bed.tunnel, PIECE_SECONDS, PROBE_US)]


def beside(bed: Bed, order: Order) -> tuple[Arrived, list[float]]:
    """An order, and meanwhile round trips through the resident's tunnel, ms."""
    found: list[Arrived] = []
    errors: list[Failure] = []
    trips: list[float] = []

    def come() -> None:
        try:
            found.append(bed.arrive(order))
        except Failure as error:
            errors.append(error)

    coming = threading.Thread(target=come)
    coming.start()
    try:
        while not trips or coming.is_alive():
            more = round_trips(bed.tunnel, PIECE_SECONDS, PROBE_US)
            # Of the last piece nobody knows how much was beside it.
            if not trips or coming.is_alive():
                trips += more
    finally:
        coming.join()
    if errors:
        raise errors[0]
    return found[0], trips


def noticed(calm: list[float], trips: list[float], prefix: str) -> dict[str, float]:
    """By a tunnel, of arrivals beside it."""
    calm_p99, trips_p99 = percentile(calm, 99), percentile(trips, 99)
    return {
        f"{prefix}calm_p99": calm_p99,
        f"{prefix}beside_p99": trips_p99,
        f"{prefix}beside": trips_p99 / calm_p99,
    }


def paced(bed: Bed) -> dict[str, float]:
    """How soon each is there while the server has time, and what a tunnel notices of it; in turns
    with nobody arriving, so that neighbours meet the same machine."""
    calm: list[float] = []
    trips: list[float] = []
    took: list[float] = []
    count = bed.effort.paced // TURNS
    seconds = count * PACE_US / 1e6
    for turn in range(TURNS):
        calm += calmly(bed, seconds)
        order = Order(bed.kind.again, count, count, turn * count, PACE_US, seconds + SPARE_SECONDS)
        found, meanwhile = beside(bed, order)
        took += found.times
        trips += meanwhile
    return {f"paced_p{p}": percentile(took, p) for p in (50, 99)} | noticed(calm, trips, "")


def logins(bed: Bed) -> dict[str, float]:
    """How soon those are there who show again who they are, while the server has time."""
    count = bed.effort.paced // LOGINS_SHARE
    seconds = count * LOGINS_US / 1e6
    order = Order(bed.kind.first, count, count, 0, LOGINS_US, seconds + SPARE_SECONDS)
    return times(bed.arrive(order), "login")


def once(bed: Bed) -> dict[str, float]:
    count = bed.clients
    time.sleep(REST_SECONDS)
    found = bed.arrive(Order(bed.kind.again, count, count))
    return {"once_seconds": found.seconds, **times(found, "once")}


def passwords(bed: Bed) -> dict[str, float]:
    """All at once: those for whom the server has no time come again until it has. What a tunnel
    notices of it lasts as long, so it is compared with the time before and behind."""
    count = bed.clients
    seconds = CALM_SECONDS_EACH * count
    pids = bed.pair.server.vpn_pids()
    calm = calmly(bed, seconds)
    used = processor_seconds(pids)
    found, trips = beside(bed, Order(bed.kind.first, count, count, limit_seconds=PASSWORDS_SECONDS))
    used = processor_seconds(pids) - used
    calm += calmly(bed, seconds)
    return {
        "password_seconds": found.seconds,
        "password_ms": 1e3 * used / count,
        **{f"password_p{p}": percentile(found.times, p) / 1e3 for p in (50, 99)},
        **noticed(calm, trips, "password_"),
    }


@dataclasses.dataclass(frozen=True)
class Measure:
    name: str
    take: Callable[[Bed], dict[str, float]]


MEASURES = (
    Measure("first", first),
    Measure("again", again),
    Measure("paced", paced),
    Measure("logins", logins),
    Measure("once", once),
    Measure("passwords", passwords),
)
