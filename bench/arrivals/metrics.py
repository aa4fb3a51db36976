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
            *_times("login", "logins: "),
            less("calm_p99", "trip p99 ms, alone", "ms", 2),
            less("beside_p99", "beside", "ms", 2),
            less("beside", "×", "times", 2),
        ),
    ),
    Group(
        "Logins with passwords, all at once, and the round trip of one that is there",
        (
            less("password_seconds", "all there, s", "s", 2),
            less("password_p50", "p50 s", "s", 1),
            less("password_p99", "p99", "s", 1),
            less("password_ms", "server's ms for one", "ms", 0),
            less("password_calm_p99", "trip p99 ms, alone", "ms", 2),
            less("password_beside_p99", "beside", "ms", 2),
            less("password_beside", "×", "times", 2),
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
    Goal("umbra-phaze", "paced_p99", most=100),
    Goal("umbra-phaze", "login_p99", most=100),
    Goal("umbra-phaze", "beside", most=2),
    Goal("umbra-phaze", "once_seconds", most=10),
    Goal("umbra-phaze-password", "password_seconds", most=30),
    Goal("umbra-phaze-password", "password_beside", most=2),
)
