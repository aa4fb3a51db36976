"""The figures by their keys."""

from __future__ import annotations

from bench.metrics import Group, Metric, by_key, less

GROUPS = (
    Group(
        "Downloads through a SOCKS5 front end, Gbit/s",
        (
            Metric("down1", "1 stream", "Gbit/s", 2),
            Metric("down32", "32 streams", "Gbit/s", 2),
            less("cpu", "own CPU s/GB", "s/GB", 2),
        ),
    ),
    Group(
        "1,000 requests, one after the other, each a connection; ms until all of 1,000 bytes came",
        (
            less("request_p50", "p50", "ms", 2),
            less("request_p99", "p99", "ms", 2),
            less("memory", "peak MiB", "MiB", 1),
        ),
    ),
)
METRICS = by_key(GROUPS)
# In these Umbra is to be ahead of everybody.
GOALS = ("down1", "down32", "request_p50", "request_p99", "cpu")
