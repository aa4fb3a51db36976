"""Times there and back, when nothing else happens and beside a stream that fills the tunnel."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence

from bench.measures import tcp
from bench.measures.tunnel import Tunnel
from bench.process import Failure

IDLE_INTERVAL_US = 5000
LOAD_INTERVAL_US = 2000
# What an unanswered request counts as, in milliseconds.
LOST_MS = 1000.0
# For the stream to get to its speed, and to end after the last request.
BEFORE_SECONDS, AFTER_SECONDS = 0.4, 0.2


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def round_trips(tunnel: Tunnel, seconds: float, interval_us: int) -> list[float]:
    """Milliseconds."""
    count = max(1, round(seconds * 1e6 / interval_us))
    arguments = (tunnel.target, str(count), str(interval_us))
    lines = tunnel.from_client("round_trip", *arguments, timeout=seconds + 20).split()
    return [LOST_MS if line == "lost" else float(line) / 1e3 for line in lines]


def idle(tunnel: Tunnel, seconds: float) -> dict[str, float]:
    return {"rtt_idle": percentile(round_trips(tunnel, seconds, IDLE_INTERVAL_US), 50)}


def under_load(tunnel: Tunnel, seconds: float) -> dict[str, float]:
    seconds = max(1, round(seconds))
    times: list[float] = []
    errors: list[Failure] = []

    def ask() -> None:
        time.sleep(BEFORE_SECONDS)
        try:
            asked = seconds - BEFORE_SECONDS - AFTER_SECONDS
            times.extend(round_trips(tunnel, asked, LOAD_INTERVAL_US))
        except Failure as error:
            errors.append(error)

    # The stream is this thread's: a child ends with the thread that started it.
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        rate = tcp.rate(tunnel, seconds)
    finally:
        asking.join()
    if errors:
        raise errors[0]
    return {
        "rtt_p50": percentile(times, 50),
        "rtt_p99": percentile(times, 99),
        "rtt_lost": 100 * times.count(LOST_MS) / len(times),
        "rtt_load": rate,
    }
