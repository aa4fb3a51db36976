"""The figures of crowds by their keys, and what is wanted of Umbra's."""

from __future__ import annotations

from bench.goals import Goal
from bench.metrics import Group, Metric, by_key, less

GROUPS = (
    Group(
        "Throughput, Mbit/s that arrive, 20,000 peers configured; 1 client, and 1,000 in turn",
        (
            Metric("one32", "1, bursts of 32", "Mbit/s", 0),
            Metric("many32", "1,000, of 32", "Mbit/s", 0),
            Metric("ratio32", "%", "%", 0),
            Metric("one1", "1, of 1", "Mbit/s", 0),
            Metric("many1", "1,000, of 1", "Mbit/s", 0),
            Metric("ratio1", "%", "%", 0),
        ),
    ),
    Group(
        "Handshakes, without the clients' own arithmetic",
        (
            Metric("handshakes", "a second", "1/s", 0),
            less("handshake_us", "server's µs for one", "µs", 0),
        ),
    ),
    Group(
        "Memory, bytes more: a configured peer, an active one, and after it renewed its session",
        (
            less("peer_net", "configured", "B", 0),
            less("active_net", "active", "B", 0),
            less("renewed_net", "renewed", "B", 0),
            less("peer_control", "configured, control", "B", 0),
            less("peer_privileged", "privileged", "B", 0),
            less("start_mib", "at first, MiB", "MiB", 1),
        ),
    ),
    Group(
        "20,000 peers by wg(8), ms",
        (
            less("show", "wg show", "ms", 0),
            less("dump", "wg show dump", "ms", 0),
            less("configure_seconds", "adding them, s", "s", 2),
        ),
    ),
    Group(
        "A session paced at 1 Gbit/s, Mbit/s that arrive; flood: 50,000 initiations/s (lost: 1000)",
        (
            Metric("calm", "no flood", "Mbit/s", 0),
            Metric("hungry", "flood elsewhere", "Mbit/s", 0),
            Metric("flooded", "flood", "Mbit/s", 0),
            Metric("kept", "kept %", "%", 1),
            Metric("delivered", "of sent %", "%", 1),
            less("calm_p99", "p99 ms, no flood", "ms", 1),
            less("flooded_p99", "flood", "ms", 1),
        ),
    ),
    Group(
        "The same, what it takes",
        (
            Metric("flood_rate", "flood, thousands/s", "kpps", 1),
            less("flood_cores", "its own cores", "cores", 2),
            less("calm_cores", "server's cores, no flood", "cores", 2),
            less("flooded_cores", "flood", "cores", 2),
        ),
    ),
    Group(
        "New clients beside flood and session, s until connected: median, worst (12: not at all)",
        (
            less("own", "same make", "s", 2),
            less("own_worst", "worst", "s", 2),
            less("stock", "cookie kept for the next try", "s", 2),
            less("stock_worst", "worst", "s", 2),
            less("prompt", "cookie used at once", "s", 2),
            less("prompt_worst", "worst", "s", 2),
        ),
    ),
    Group(
        "4 clients at 20 Mbit/s each beside one that sends all it can (round trip, lost: 1000)",
        (
            Metric("others_calm", "arrives %, alone", "%", 1),
            Metric("others_share", "beside it", "%", 1),
            less("others_calm_p99", "p99 ms, alone", "ms", 1),
            less("others_p50", "p50 ms, beside", "ms", 1),
            less("others_p99", "p99 ms", "ms", 1),
            less("others_lost", "echoes lost %", "%", 1),
            Metric("greedy", "that one, Mbit/s", "Mbit/s", 0),
        ),
    ),
)
METRICS = by_key(GROUPS)

GOALS = (
    Goal("umbra", "ratio32", least=80),
    Goal("umbra", "peer_net", most=2048),
    Goal("umbrad", "peer_net", most=2048),
    Goal("umbra", "renewed_net", most=8192),
    Goal("umbra-openssl", "renewed_net", most=12288),
    Goal("umbra", "show", most=300),
    Goal("umbra", "kept", least=95),
    Goal("umbra", "own_worst", most=5),
    Goal("umbra", "others_share", least=90),
)
