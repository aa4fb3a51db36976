"""The figures by their keys."""

from __future__ import annotations

from bench.metrics import Group, Metric

GROUPS = (
    Group(
        "Downloads through a SOCKS5 front end, Gbit/s",
        (
            Metric("down1", "1 stream", "Gbit/s", 2),
            Metric("down32", "32 streams", "Gbit/s", 2),
            Metric("cpu", "own CPU s/GB", "s/GB", 2, more_is_better=False),
        ),
    ),
    Group(
        "1,000 requests, one after the other, each a connection; ms until all of 1,000 bytes came",
        (
            Metric("request_p50", "p50", "ms", 2, more_is_better=False),
            Metric("request_p99", "p99", "ms", 2, more_is_better=False),
            Metric("memory", "peak MiB", "MiB", 1, more_is_better=False),
        ),
    ),
)
METRICS = {metric.key: metric for group in GROUPS for metric in group.metrics}
# In these Umbra is to be ahead of everybody.
GOALS = ("down1", "down32", "request_p50", "request_p99", "cpu")
