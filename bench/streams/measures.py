"""What is measured, in the order of a round."""

from __future__ import annotations

import functools

from bench.lab import PLAIN
from bench.measures import Measure
from bench.measures.time import percentile
from bench.process import peak_bytes, processor_seconds
from bench.streams.bed import Way

STREAMS = 32
REQUESTS = 1000
REQUESTS_SECONDS = 60


def _processor_seconds(way: Way) -> dict[int, float]:
    pids = [pid for end in way.pair.ends for pid in end.vpn_pids()]
    return {pid: processor_seconds([pid]) for pid in pids}


def bulk(way: Way, seconds: float, streams: int, cost: bool) -> dict[str, float]:
    """Gbit/s that arrive at the client; seconds of all processes of both ends for a gigabyte."""
    before = _processor_seconds(way)
    printed = way.load("bulk", str(streams), str(round(seconds * 1000)), timeout=seconds + 30)
    spent = sum(used - before.get(pid, 0.0) for pid, used in _processor_seconds(way).items())
    arrived, nanoseconds, ever = (int(word) for word in printed.split())
    figures = {f"down{streams}": 8 * arrived / nanoseconds}
    if cost and before:
        figures["cpu"] = spent / (ever / 1e9)
    return figures


def requests(way: Way, seconds: float) -> dict[str, float]:
    """Milliseconds from asking the front end for a connection to the end of an answer."""
    del seconds
    lines = way.load("requests", str(REQUESTS), timeout=REQUESTS_SECONDS).split()
    times = [float(line) / 1e3 for line in lines]
    return {"request_p50": percentile(times, 50), "request_p99": percentile(times, 99)}


def memory(way: Way, seconds: float) -> dict[str, float]:
    """The peak of the end with more, in MiB."""
    del seconds
    pids = [end.vpn_pids() for end in way.pair.ends]
    return {"memory": max(map(peak_bytes, pids)) / 2**20} if any(pids) else {}


MEASURES = [
    Measure("down1", PLAIN, functools.partial(bulk, streams=1, cost=True), quick=True),
    Measure("down32", PLAIN, functools.partial(bulk, streams=STREAMS, cost=False), quick=True),
    Measure("requests", PLAIN, requests, quick=True),
    # Last: the peak of all that was done.
    Measure("memory", PLAIN, memory, quick=False),
]
