"""What is measured: one row a measurement, in the order of a round."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

from bench.lab import PLAIN, WIRE
from bench.measures import cost, tcp, time, udp
from bench.measures.tunnel import Tunnel

Figures = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Measure:
    """Runs for about `seconds` and gives figures by the keys of `metrics.METRICS`."""

    name: str
    link: str
    take: Callable[[Tunnel, float], Figures]
    quick: bool  # part of a quick run


def _tcp(prefix: str, link: str, quick: tuple[str, ...]) -> list[Measure]:
    ways: dict[str, Callable[[Tunnel, float], Figures]] = {
        "tcp1": functools.partial(tcp.one_stream, prefix=prefix),
        "tcp8": functools.partial(tcp.many_streams, prefix=prefix),
        "rev": functools.partial(tcp.reverse, prefix=prefix),
    }
    return [Measure(prefix + name, link, take, name in quick) for name, take in ways.items()]


def _udp(payload: int, quick: bool) -> Measure:
    take = functools.partial(udp.packets_per_second, payload=payload)
    return Measure(f"udp{payload}", PLAIN, take, quick)


MEASURES = [
    *_tcp("", PLAIN, quick=("tcp1", "tcp8", "rev")),
    _udp(1280, quick=False),
    _udp(512, quick=False),
    _udp(64, quick=True),
    Measure("idle", PLAIN, time.idle, quick=False),
    Measure("load", PLAIN, time.under_load, quick=True),
    Measure("paced", PLAIN, cost.paced, quick=False),
    # Last on its link: the peak of all that was done there.
    Measure("memory", PLAIN, cost.memory, quick=False),
    *_tcp("wire_", WIRE, quick=("tcp1",)),
]
