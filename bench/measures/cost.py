"""What a tunnel's own processes use."""

from __future__ import annotations

import time

from bench.measures import tcp
from bench.measures.tunnel import Tunnel
from bench.process import peak_bytes, processor_seconds

PACE = "1G"
# Gbit/s. Who does not reach the pace has no figure.
REACHED = 0.95


def paced(tunnel: Tunnel, seconds: float) -> dict[str, float]:
    """Of one processor, by the processes of the busier end, while a stream has 1 Gbit/s."""
    pids = [end.vpn_pids() for end in tunnel.pair.ends]
    before = [processor_seconds(end) for end in pids]
    begin = time.monotonic()
    rate = tcp.rate(tunnel, seconds, "-b", PACE)
    took = time.monotonic() - begin
    used = [processor_seconds(end) - was for end, was in zip(pids, before)]
    if rate < REACHED:
        return {"paced_rate": rate}
    return {"paced_cores": max(used) / took, "paced_rate": rate}


def memory(tunnel: Tunnel, seconds: float) -> dict[str, float]:
    """The peak of the end with more, in MiB."""
    del seconds
    return {"memory": max(peak_bytes(end.vpn_pids()) for end in tunnel.pair.ends) / 2**20}
