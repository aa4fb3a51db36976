"""The figures by their keys: what they are called and which way is better."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Metric:
    key: str
    title: str
    unit: str
    digits: int
    more_is_better: bool = True


@dataclasses.dataclass(frozen=True)
class Group:
    """Figures that are one table of the report."""

    title: str
    metrics: tuple[Metric, ...]


def less(key: str, title: str, unit: str, digits: int) -> Metric:
    """The less of it the better."""
    return Metric(key, title, unit, digits, more_is_better=False)


def by_key(groups: Sequence[Group]) -> dict[str, Metric]:
    return {metric.key: metric for group in groups for metric in group.metrics}


def _tcp(prefix: str) -> tuple[Metric, ...]:
    return (
        Metric(f"{prefix}tcp1", "1 stream", "Gbit/s", 2),
        Metric(f"{prefix}tcp8", "8 streams", "Gbit/s", 2),
        Metric(f"{prefix}rev", "reverse", "Gbit/s", 2),
        less(f"{prefix}cpu", "CPU s/GB", "s/GB", 2),
    )


GROUPS = (
    Group("TCP on the veth, Gbit/s", _tcp("")),
    Group("TCP on the wire (no UDP segmentation by the link), Gbit/s", _tcp("wire_")),
    Group(
        "UDP, thousands of packets a second with at most 1 % lost",
        tuple(Metric(f"udp{size}", f"{size} bytes", "kpps", 1) for size in (1280, 512, 64)),
    ),
    Group(
        "Round trip, ms; under load: beside one TCP stream that fills the tunnel (lost: 1000)",
        (
            less("rtt_idle", "idle", "ms", 3),
            less("rtt_p50", "load, p50", "ms", 2),
            less("rtt_p99", "load, p99", "ms", 2),
            less("rtt_lost", "load, lost %", "%", 1),
        ),
    ),
    Group(
        "Own processes of the busier end",
        (
            less("paced_cores", "cores at 1 Gbit/s", "cores", 2),
            less("memory", "peak MiB", "MiB", 1),
        ),
    ),
)
METRICS = by_key(GROUPS)

# Of the line that ends a run: the figure's name there, and its key.
SUMMARY = (
    ("tcp1", "tcp1"),
    ("wire", "wire_tcp1"),
    ("tcp8", "tcp8"),
    ("rev", "rev"),
    ("udp64pps", "udp64"),
    ("p99load", "rtt_p99"),
)
