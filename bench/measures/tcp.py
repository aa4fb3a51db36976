"""TCP streams by iperf3: what the receiver got, and what the whole machine spent on it."""

from __future__ import annotations

import json
import time

from bench.measures.tunnel import Tunnel
from bench.process import Failure, machine_seconds

STREAMS = 8
# A server that is still busy with, or not yet ready for, a client says so.
ATTEMPTS = 20


def iperf3(tunnel: Tunnel, seconds: float, *more: str) -> dict:
    command = ["iperf3", "-J", "-c", tunnel.target, "-t", f"{max(1, round(seconds))}", *more]
    for _ in range(ATTEMPTS):
        try:
            told = json.loads(tunnel.pair.client.run(*command, timeout=seconds + 20))
            if "sum_received" in told["end"]:
                return told["end"]
            error = told.get("error", "no result")
        except Failure as failure:
            error = str(failure)
        tunnel.pair.check()
        time.sleep(0.1)
    raise Failure(f"{' '.join(command)}: {error}")


def rate(tunnel: Tunnel, seconds: float, *more: str) -> float:
    """Gbit/s."""
    return iperf3(tunnel, seconds, *more)["sum_received"]["bits_per_second"] / 1e9


def one_stream(tunnel: Tunnel, seconds: float, prefix: str) -> dict[str, float]:
    busy, stolen = machine_seconds()
    received = iperf3(tunnel, seconds)["sum_received"]
    busy_after, stolen_after = machine_seconds()
    gigabytes = received["bytes"] / 1e9
    if not gigabytes:
        raise Failure("nothing was received")
    return {
        f"{prefix}tcp1": received["bits_per_second"] / 1e9,
        f"{prefix}cpu": (busy_after - busy) / gigabytes,
        f"{prefix}stolen": stolen_after - stolen,
    }


def many_streams(tunnel: Tunnel, seconds: float, prefix: str) -> dict[str, float]:
    return {f"{prefix}tcp8": rate(tunnel, seconds, "-P", str(STREAMS))}


def reverse(tunnel: Tunnel, seconds: float, prefix: str) -> dict[str, float]:
    return {f"{prefix}rev": rate(tunnel, seconds, "-R")}
