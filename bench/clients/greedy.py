"""One client that sends all it can, more than the server takes, and others that send little."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.clients.bed import MANY, ONE, Bed, Effort, Loaded
from bench.clients.server import OTHERS, SINK
from bench.process import Failure

COUNT = 4
PACE = 20_000_000  # bits a second of each
# Small bursts, as a sender's congestion window makes them at such a rate.
BURST = 4
PROBE_US = 10_000
# For the others to connect while all is calm, for the greedy one to connect and fill what there is
# to fill, and to outlast them, who wait a second for their last answers.
CONNECT_SECONDS, BEFORE_SECONDS, AFTER_SECONDS = 0.7, 0.8, 1.5


def others(bed: Bed, seconds: float, meanwhile: Callable[[], object] = lambda: None) -> Loaded:
    found = bed.load(
        seconds,
        port=OTHERS,
        meanwhile=meanwhile,
        start_ms=round((CONNECT_SECONDS + BEFORE_SECONDS) * 1000),
        first=MANY,
        count=COUNT,
        burst=BURST,
        rate=COUNT * PACE,
        probe_us=PROBE_US,
    )
    if not found.sent:
        raise Failure("nothing was sent")
    return found


def take(bed: Bed, effort: Effort) -> dict[str, float]:
    seconds = effort.greedy_seconds
    calm = others(bed, seconds)
    whole = BEFORE_SECONDS + seconds + AFTER_SECONDS
    before = bed.server.arrived(SINK)
    greedy = []

    def begin() -> None:
        time.sleep(CONNECT_SECONDS)
        greedy.append(bed.start_load(whole, first=ONE))
        time.sleep(BEFORE_SECONDS)

    beside = others(bed, seconds, begin)
    greedy[0].result(whole)
    arrived = bed.server.arrived(SINK) - before
    probes = len(beside.trips) + beside.lost
    return {
        "others_calm": 100 * calm.share,
        "others_share": 100 * beside.share,
        "others_p50": beside.trip(50),
        "others_p99": beside.trip(99),
        "others_calm_p99": calm.trip(99),
        "others_lost": 100 * beside.lost / probes if probes else 0.0,
        "greedy": arrived * 8 / 1e6 / whole,
    }
