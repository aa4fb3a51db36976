"""Many streams at once, slow ones among fast ones, and what they cost."""

from __future__ import annotations

import json
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import time

import pytest

from harness.lab import Lab
from harness.node import Node
from harness.process import SLOW, children_of, wait_until
from harness.streams import (
    ECHO,
    FILLED,
    FRONT,
    HARNESS,
    PORT,
    RATE,
    SERVER,
    SERVER_NAME,
    SITE,
    SITE_NAME,
    URL,
    WEB,
    Streams,
    make_streams,
    needs_streams,
    streams_tunnel,
    throttle,
    waited,
)

pytestmark = [pytest.mark.umbra, needs_streams]

DOWNLOADS = int(1000 / SLOW)
# Of a byte there and back, and what waits in the server's kernel meanwhile.
PING_MS, AHEAD_BYTES = 200, 256 * 1024
IDLE, CONNECTIONS_EACH, TUNNELS = 10_000, 6, 17
IDLE_BYTES = 300_000_000


def memory(node: Node) -> int:
    """Bytes of all processes of a daemon, shared ones counted once."""
    assert node.process
    total = 0
    for pid in (node.process.pid, *children_of(node.process.pid)):
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def open_of(node: Node, tunnel: str) -> tuple[int, int]:
    """Streams, and connections to their targets."""
    figures = node.tunnel_status(tunnel)["streams"]
    return figures["streams"], figures["relays"]


def test_thousand_downloads(lab: Lab) -> None:
    """At once, each of which arrives whole."""
    streams = make_streams(lab).start()
    streams.assert_works()
    printed = streams.script(
        *("downloads.py", "get", FRONT, SITE_NAME, WEB, DOWNLOADS, 20_000), timeout=60
    )
    assert json.loads(printed)["whole"] == DOWNLOADS, printed


def seconds_of(streams: Streams, size: int) -> float:
    quiet = ("-o", "/dev/null", "-w", "%{time_total}")
    return min(float(streams.curl(f"/bytes/{size}", *quiet).stdout) for _ in range(2))


@pytest.mark.long
def test_stalled_downloads(lab: Lab) -> None:
    """Who does not read costs at most his windows, and slows nobody on the same connection."""
    streams = make_streams(lab, client={"streams": {"connections": 1}}).start()
    streams.assert_works()
    alone = seconds_of(streams, 20_000_000)
    before = memory(streams.client) + memory(streams.server)
    stalled = []
    for _ in range(32):
        connection = streams.connect(port=WEB)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /endless HTTP/1.1\r\n\r\n")
        stalled.append(connection)
    # Their windows are full when the site cannot send any more.
    seconds_of(streams, 20_000_000)
    beside = seconds_of(streams, 20_000_000)
    assert beside < 2 * alone + 0.5, (alone, beside)
    # At either end a window of 256 KiB each, and as much again on its way.
    grown = memory(streams.client) + memory(streams.server) - before
    assert grown < 32 * 4 * 262144 + 16_000_000, grown
    for connection in stalled:
        connection.close()


@pytest.mark.long
def test_small_beside_bulk(lab: Lab) -> None:
    """On a narrow link a byte there and back takes little, while a download fills it."""
    streams = make_streams(lab, client={"streams": {"connections": 1}}).start()
    server, cable = streams.server.namespace, streams.cable[1]
    throttle(server, cable, RATE)
    seconds = 3
    with streams.connect() as small:
        command = ["curl", "-sS", "-o", "/dev/null", "-m", str(seconds), "-w", "%{size_download}"]
        command += ["--socks5-hostname", f"127.0.0.1:{FRONT}", f"{URL}/endless"]
        bulk = subprocess.Popen(
            streams.space.command(command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        lab.defer(lambda: bulk.poll() is None and bulk.kill())
        wait_until(lambda: waited(server, cable) > 100, 5, "a full link")
        times, ahead = [], []
        while bulk.poll() is None:
            began = time.monotonic()
            small.sendall(b"!")
            assert small.recv(1) == b"!"
            times.append((time.monotonic() - began) * 1000)
            shown = server.run("ss", "-Htino", "state", "established", f"sport = :{PORT}").stdout
            ahead += [int(unsent) for unsent in re.findall(r" notsent:(\d+)", shown)]
    arrived = int(bulk.communicate(timeout=30 * SLOW)[0])
    assert arrived * 8 / seconds > FILLED * RATE, f"{arrived} bytes in {seconds} s"
    # What is in front of the byte tells more than the time, which is a busy machine's as well.
    assert statistics.median(ahead) <= AHEAD_BYTES, sorted(ahead)
    assert statistics.median(times) <= PING_MS, sorted(times)


@pytest.mark.long
def test_idle_streams(lab: Lab) -> None:
    """10,000 of them over 100 connections."""
    streams = make_streams(lab, client={"streams": {"connections": CONNECTIONS_EACH}})
    key = streams.server.keys[streams.web].public
    fronts = [FRONT]
    for number in range(1, TUNNELS):
        fronts.append(FRONT + number)
        name = streams_tunnel(
            streams.client,
            (),
            role="client",
            tls={"server_name": SERVER_NAME, "ca_file": "server.crt"},
            proxy={"listen": f"127.0.0.1:{FRONT + number}"},
            streams={"connections": CONNECTIONS_EACH},
            peers=[{"name": "server", "public_key": key, "endpoint": f"{SERVER}:{PORT}"}],
        )
        public = streams.client.keys[name].public
        streams.server_rows["peers"].append({"name": f"client{number}", "public_key": public})
    for node in (streams.client, streams.server):
        node.log_level = "info"
    streams.start()
    command = [sys.executable, str(HARNESS / "downloads.py"), "idle"]
    command += [",".join(map(str, fronts)), SITE, str(ECHO), str(IDLE)]
    holder = subprocess.Popen(
        streams.space.command(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    lab.defer(lambda: holder.poll() is None and holder.kill())
    assert holder.stdout
    printed = holder.stdout.readline()
    assert json.loads(printed)["held"] == IDLE, printed
    connections = streams.server.namespace.run(
        "ss", "-Htn", "state", "established", f"sport = :{PORT}"
    ).stdout.splitlines()
    used = {node.label: memory(node) for node in (streams.server, streams.client)}
    print(f"{len(connections)} connections, bytes: {used}")
    assert len(connections) >= 0.9 * TUNNELS * CONNECTIONS_EACH
    assert max(used.values()) <= IDLE_BYTES, used
    holder.communicate("", timeout=30 * SLOW)
    # Of many that are cut at once some wait until a reset does not count.
    wait_until(lambda: open_of(streams.server, streams.web) == (0, 0), 20, "all given back")
    streams.assert_works()
