"""A flood of initiations from strangers, and what it does to those who belong there.

All of it shares the machine's processors: the flood, the paced session, and the server. So the same
is measured first without a flood, and then with one against a port where nobody listens, which
shows what the flood's own hunger does.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from bench.clients.bed import NEWCOMERS, ONE, Bed, Effort, Loaded
from bench.clients.generator import Running
from bench.clients.newcomer import Newcomer

FLOOD = 50_000  # initiations a second
PACE = 1_000_000_000  # bits a second
PROBE_US = 10_000
CLOSED_PORT = 9999
# For the session to connect while all is calm; until the flood has found its pace; and for it to
# outlast what is measured.
CONNECT_SECONDS, BEFORE_SECONDS, AFTER_SECONDS = 0.7, 1.3, 1.0
# What clients wait for an answer, and stop waiting altogether.
AGAIN_MS, LIMIT_MS = 5_000, 12_000
CLIENTS = 6


def flooding(bed: Bed, target: str, seconds: float) -> Running:
    return bed.generator.start(
        "flood",
        "--spoof",
        server=target,
        key=bed.server.key.public,
        rate=FLOOD,
        duration_ms=round((BEFORE_SECONDS + seconds + AFTER_SECONDS) * 1000),
    )


def paced(bed: Bed, seconds: float, meanwhile: Callable[[], object] = lambda: None) -> Loaded:
    start = round((CONNECT_SECONDS + BEFORE_SECONDS) * 1000)
    return bed.load(
        seconds,
        meanwhile=meanwhile,
        first=ONE,
        rate=PACE,
        probe_us=PROBE_US,
        start_ms=start,
    )


def beside(bed: Bed, target: str, seconds: float) -> tuple[Loaded, dict[str, Any]]:
    """The paced session while a flood goes to the target."""
    floods = []

    def begin() -> None:
        time.sleep(CONNECT_SECONDS)
        floods.append(flooding(bed, target, seconds))
        time.sleep(BEFORE_SECONDS)

    session = paced(bed, seconds, begin)
    return session, floods[0].result(seconds)


def seconds_of(times: list[float]) -> list[float]:
    """Those who got no session count with the longest that was waited."""
    return [(ms or LIMIT_MS) / 1e3 for ms in times]


def arriving(bed: Bed, first: int, seconds: float, wait_ms: int | None) -> Running:
    """Clients that come one after another; they wait for an answer like any, and after a cookie
    until then (None) or so long."""
    return bed.generator.start(
        "connect",
        **bed.server.reached,
        first=first,
        count=CLIENTS,
        again_ms=AGAIN_MS,
        cookie_wait_ms=wait_ms,
        every_ms=round(seconds * 1000 / CLIENTS),
        limit_ms=LIMIT_MS + round(seconds * 1000),
    )


def newcomers(bed: Bed, seconds: float) -> dict[str, float]:
    """How long they need for their first session: clients that only remember a cookie, as stock
    ones do, those that use it at once, and a client of the same make as the server."""
    own = Newcomer(bed.pair, bed.server, bed.kind)
    stock = arriving(bed, NEWCOMERS, seconds, None)
    prompt = arriving(bed, NEWCOMERS + CLIENTS, seconds, 0)
    end = time.monotonic() + seconds
    own_times = []
    while not own_times or time.monotonic() < end:
        own_times.append(own.connect(LIMIT_MS / 1e3))
    figures = {}
    for name, times in (
        ("stock", seconds_of(stock.result(LIMIT_MS / 1e3)["milliseconds"])),
        ("prompt", seconds_of(prompt.result(LIMIT_MS / 1e3)["milliseconds"])),
        ("own", own_times),
    ):
        figures |= {name: statistics.median(times), f"{name}_worst": max(times)}
    return figures


def take(bed: Bed, effort: Effort) -> dict[str, float]:
    calm = paced(bed, effort.calm_seconds)
    end = bed.pair.server
    hungry, _ = beside(bed, f"{end.outer}:{CLOSED_PORT}", effort.calm_seconds)
    flooded, flood = beside(bed, bed.server.reached["server"], effort.flood_seconds)
    return {
        "calm": calm.arrived,
        "hungry": hungry.arrived,
        "flooded": flooded.arrived,
        "kept": 100 * flooded.arrived / calm.arrived if calm.arrived else 0.0,
        "delivered": 100 * flooded.share,
        "calm_p99": calm.trip(99),
        "flooded_p99": flooded.trip(99),
        "flood_rate": flood["packets"] / flood["seconds"] / 1e3,
        "flood_cores": flood["cpu"] / flood["seconds"],
        "calm_cores": calm.server_cores,
        "flooded_cores": flooded.server_cores,
    }


def connect(bed: Bed, effort: Effort) -> dict[str, float]:
    """New clients beside the flood and the paced session. A run of its own, so that their makers'
    work is not in the paced session's figures."""
    seconds = effort.flood_seconds
    whole = seconds + 2 * LIMIT_MS / 1e3
    session = bed.start_load(whole, first=ONE, rate=PACE)
    time.sleep(CONNECT_SECONDS)
    flood = flooding(bed, bed.server.reached["server"], whole)
    try:
        time.sleep(BEFORE_SECONDS)
        return newcomers(bed, seconds)
    finally:
        flood.stop()
        session.stop()
