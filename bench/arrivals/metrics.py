"""The figures by their keys, and what is wanted of them."""

from __future__ import annotations

from bench.goals import Goal
from bench.metrics import Group, Metric


def _less(key: str, title: str, unit: str, digits: int) -> Metric:
    return Metric(key, title, unit, digits, more_is_better=False)


def _times(prefix: str, title: str) -> tuple[Metric, ...]:
    return (
        _less(f"{prefix}_p50", f"{title}p50 ms", "ms", 1),
        _less(f"{prefix}_p99", "p99", "ms", 1),
    )


GROUPS = (
    Group(
        "Arrivals, 64 at a time as fast as the server answers",
        (
            Metric("first_rate", "a second", "1/s", 0),
            *_times("first", ""),
            _less("first_us", "server's µs for one", "µs", 0),
            Metric("again_rate", "again: a second", "1/s", 0),
            *_times("again", ""),
            _less("again_us", "server's µs", "µs", 0),
        ),
    ),
    Group(
        "All at once, and 100 a second; beside these, the round trip of one that is there",
        (
            _less("once_seconds", "all at once, s", "s", 2),
            *_times("once", ""),
            *_times("paced", "paced: "),
            _less("calm_p99", "trip p99 ms, alone", "ms", 2),
            _less("beside_p99", "beside", "ms", 2),
            _less("beside", "×", "times", 2),
        ),
    ),
    Group(
        "Memory",
        (
            _less("net_mib", "net, all there, MiB", "MiB", 1),
            _less("node_mib", "all processes", "MiB", 1),
            _less("active_net", "B more for one that is there", "B", 0),
            _less("active_control", "in control", "B", 0),
        ),
    ),
)
METRICS = {metric.key: metric for group in GROUPS for metric in group.metrics}

GOALS = (
    Goal("umbra-mighty", "paced_p99", most=100),
    Goal("umbra-mighty", "beside", most=2),
)
