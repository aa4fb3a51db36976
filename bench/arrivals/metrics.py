"""The figures by their keys, and what is wanted of them."""

from __future__ import annotations

from bench.goals import Goal
from bench.metrics import Group, Metric, by_key, less


def _times(prefix: str, title: str) -> tuple[Metric, ...]:
    return (
        less(f"{prefix}_p50", f"{title}p50 ms", "ms", 1),
        less(f"{prefix}_p99", "p99", "ms", 1),
    )


GROUPS = (
    Group(
        "Arrivals, 64 at a time as fast as the server answers",
        (
            Metric("first_rate", "a second", "1/s", 0),
            *_times("first", ""),
            less("first_us", "server's µs for one", "µs", 0),
            Metric("again_rate", "again: a second", "1/s", 0),
            *_times("again", ""),
            less("again_us", "server's µs", "µs", 0),
        ),
    ),
    Group(
        "All at once, and 100 a second; beside these, the round trip of one that is there",
        (
            less("once_seconds", "all at once, s", "s", 2),
            *_times("once", ""),
            *_times("paced", "paced: "),
            less("calm_p99", "trip p99 ms, alone", "ms", 2),
            less("beside_p99", "beside", "ms", 2),
            less("beside", "×", "times", 2),
        ),
    ),
    Group(
        "Memory",
        (
            less("net_mib", "net, all there, MiB", "MiB", 1),
            less("node_mib", "all processes", "MiB", 1),
            less("active_net", "B more for one that is there", "B", 0),
            less("active_control", "in control", "B", 0),
        ),
    ),
)
METRICS = by_key(GROUPS)

GOALS = (
    Goal("umbra-mighty", "paced_p99", most=100),
    Goal("umbra-mighty", "beside", most=2),
)
