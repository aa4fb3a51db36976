"""How many at the same time: one client against many, and handshakes a second."""

from __future__ import annotations

from bench.clients.bed import ACTIVE, MANY, ONE, SHAKERS, Bed, Effort
from bench.process import Failure, processor_seconds

# Handshakes under way at the same time: few enough that no server calls itself under load.
WINDOW = 64


def throughput(bed: Bed, effort: Effort) -> dict[str, float]:
    """Mbit/s that arrive of as much as the generator sends, which is more than the server takes.

    The same packets in the same bursts, from one client and from all in turn; one, all, all, one,
    so that a machine that becomes slower meanwhile does so for both.
    """
    figures = {}
    for burst in (32, 1):
        arrived = {ONE: 0.0, MANY: 0.0}
        for first in (ONE, MANY, MANY, ONE):
            count = 1 if first == ONE else ACTIVE
            found = bed.load(effort.load_seconds / 2, first=first, count=count, burst=burst)
            arrived[first] += found.arrived / 2
        if not arrived[ONE]:
            raise Failure("nothing arrives")
        figures |= {
            f"one{burst}": arrived[ONE],
            f"many{burst}": arrived[MANY],
            f"ratio{burst}": 100 * arrived[MANY] / arrived[ONE],
        }
    return figures


def handshakes(bed: Bed, effort: Effort) -> dict[str, float]:
    """A second, without the clients' own arithmetic, which is done before and after."""
    pids = bed.pair.server.vpn_pids()
    used = processor_seconds(pids)
    result = bed.generator.run(
        "handshakes",
        **bed.server.reached,
        first=SHAKERS,
        count=effort.handshakes,
        window=WINDOW,
        cookie_wait_ms=0,
        limit_ms=30_000,
    )
    if result["completed"] < effort.handshakes:
        raise Failure(f"only {result['completed']} of {effort.handshakes} handshakes")
    return {
        "handshakes": result["completed"] / result["seconds"],
        "handshake_us": 1e6 * (processor_seconds(pids) - used) / result["completed"],
    }
