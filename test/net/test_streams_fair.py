"""Streams that share a connection over a narrow link: each has its part, and a byte gets through."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

import pytest

from harness.lab import Lab
from harness.streams import (
    ECHO,
    FILLED,
    FRONT,
    HARNESS,
    RATE,
    SITE_NAME,
    WEB,
    make_streams,
    needs_streams,
    throttle,
)

pytestmark = [pytest.mark.umbra, pytest.mark.long, needs_streams]

BULK, SECONDS = 8, 2.0
# Of a byte there and back; each way that is full has a queue of its own.
PING_MS = {"down": 200, "both": 300}


@pytest.mark.parametrize("direction", ("down", "both"))
def test_equal_shares(lab: Lab, direction: str) -> None:
    streams = make_streams(lab, client={"streams": {"connections": 1}}).start()
    for space, cable in zip((streams.space, streams.server.namespace), streams.cable):
        throttle(space, cable, RATE)
    port = {"down": WEB, "both": ECHO}[direction]
    command = [sys.executable, str(HARNESS / "downloads.py"), "share", FRONT, SITE_NAME, port]
    command = [str(word) for word in (*command, BULK, SECONDS, direction)]
    with streams.connect() as small:
        bulk = subprocess.Popen(streams.space.command(command), stdout=subprocess.PIPE, text=True)
        lab.defer(lambda: bulk.poll() is None and bulk.kill())
        time.sleep(0.5)
        times = []
        while bulk.poll() is None:
            began = time.monotonic()
            small.sendall(b"!")
            assert small.recv(1) == b"!"
            times.append((time.monotonic() - began) * 1000)
            time.sleep(0.01)
    assert bulk.stdout
    shares = json.loads(bulk.stdout.read())
    connections = streams.server.namespace.run(
        "ss", "-Htn", "state", "established", "sport = :443"
    ).stdout.splitlines()
    assert len(connections) == 1, connections
    # Jain's index: 1 where all are the same, 1/n where one has all.
    index = sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))
    print(f"{direction}: index {index:.4f}, smallest/largest {min(shares) / max(shares):.3f},")
    median = statistics.median(times)
    print(f"{sum(shares) * 8 / SECONDS / 1e6:.1f} Mbit/s, {len(times)} times, {median:.1f} ms")
    assert index > 0.98 and min(shares) > 0.6 * max(shares), shares
    assert sum(shares) * 8 / SECONDS > FILLED * RATE, shares
    assert len(times) > 3 and median < PING_MS[direction], sorted(times)
