"""Traffic through a tunnel, and what became of it."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import signal
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.echo import echo, understood
from harness.lab import Namespace
from harness.process import SLOW, Process, wait_until

BIG = int(50_000_000 / SLOW)
UDP_RATE = f"{10 / SLOW:.1f}M"


def family_of(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@dataclass(frozen=True)
class PingResult:
    sent: int
    received: int
    text: str

    @property
    def lost(self) -> int:
        return self.sent - self.received


def ping(
    source: Namespace,
    address: str,
    count: int = 3,
    *options: str,
    interval: float = 0.02,
    wait: float = 2,
) -> PingResult:
    """Some pings, of which the last, and so each, may take `wait` seconds; nothing is asserted.

    Options are those of ping(8); with one that harness/echo.py does not know it is ping(8) that
    sends, and waits less.
    """
    if (read := understood(options)) is None:
        return _ping_8(source, address, count, options, interval, wait)
    echoes = echo(source, address, count, read, interval, wait * SLOW)
    return PingResult(count, len(echoes.answered), echoes.text())


def _ping_8(
    source: Namespace,
    address: str,
    count: int,
    options: tuple[str, ...],
    interval: float,
    wait: float,
) -> PingResult:
    result = source.run(
        *("ping", "-n", "-q", "-c", str(count), "-i", str(interval)),
        *("-W", str(wait * SLOW), *options, address),
        check=False,
        timeout=30 + count * (interval + wait),
    )
    found = re.search(r"(\d+) packets transmitted, (\d+) received", result.stdout)
    if not found:
        # No route, no address to send from: ping gives up at once.
        return PingResult(count, 0, result.stderr)
    return PingResult(int(found[1]), int(found[2]), result.stdout)


def assert_pings(source: Namespace, address: str, count: int = 3, *options: str) -> None:
    """All of some pings must be answered."""
    result = ping(source, address, count, *options)
    assert result.lost == 0, f"{source.label} to {address}:\n{result.text}"


def reachable(source: Namespace, address: str) -> bool:
    """Whether one ping is answered soon; to be asked again where an answer is waited for."""
    return ping(source, address, 1, wait=0.5 / SLOW).received == 1


def flood(source: Namespace, address: str, count: int = 2000) -> None:
    """Pings as fast as they are answered, without a loss."""
    result = ping(source, address, count, interval=0)
    assert result.lost == 0, result.text


class Pinging:
    """Pings in the background; missing() names the ones that were not answered."""

    def __init__(self, source: Namespace, address: str, interval: float = 0.05) -> None:
        self.process: Process = source.spawn(
            "ping", "-n", "-D", "-i", str(interval), address, env={**os.environ, "LC_ALL": "C"}
        )
        self.address = address
        self.next()

    def answered(self) -> dict[int, float]:
        """Time of arrival by sequence number."""
        lines = re.finditer(r"\[([\d.]+)\] .*icmp_seq=(\d+) ttl=", self.process.output())
        return {int(line[2]): float(line[1]) for line in lines}

    def last(self) -> int:
        return max(self.answered(), default=0)

    def next(self, timeout: float = 10) -> int:
        """Waits for an answer to a ping later than all answered so far."""
        before = self.last()
        return wait_until(
            lambda: self.last() > before and self.last(), timeout, f"pong of {self.address}"
        )

    def missing(self) -> list[int]:
        """Stops, after one more answer, and returns the numbers of the lost ones."""
        self.next()
        answered = self.answered()
        self.process.stop(signal.SIGINT)
        return sorted(set(range(1, max(answered) + 1)) - set(answered))

    def longest_gap(self) -> float:
        """The longest time, in seconds, between two answers so far."""
        times = sorted(self.answered().values())
        return max((b - a for a, b in zip(times, times[1:])), default=0.0)


@functools.cache
def random_data(size: int) -> bytes:
    return os.urandom(size)


def transfer(source: Namespace, destination: Namespace, address: str, size: int = BIG) -> None:
    """Sends random bytes over TCP; their SHA-256 must arrive unchanged."""
    data = random_data(size)
    family = family_of(address)
    listener = destination.socket(family, socket.SOCK_STREAM)
    listener.settimeout(30 * SLOW)
    listener.bind((address, 0))
    listener.listen(1)
    received: list[tuple[int, str]] = []

    def receive() -> None:
        connection, _ = listener.accept()
        connection.settimeout(30 * SLOW)
        digest, total, room = hashlib.sha256(), 0, bytearray(1 << 20)
        with connection:
            while count := connection.recv_into(room):
                digest.update(memoryview(room)[:count])
                total += count
            received.append((total, digest.hexdigest()))
            connection.sendall(b"!")

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    sender = source.socket(family, socket.SOCK_STREAM)
    sender.settimeout(30 * SLOW)
    with sender, listener:
        sender.connect(listener.getsockname())
        sender.sendall(data)
        sender.shutdown(socket.SHUT_WR)
        assert sender.recv(1) == b"!"
    thread.join(10)
    assert received == [(size, hashlib.sha256(data).hexdigest())]


DATAGRAM_SIZES = (0, 1, 15, 16, 17, 500, 1000, 1392, 1400, 3000, 9000, 30000)


def exchange_datagrams(
    source: Namespace, destination: Namespace, address: str, sizes: Iterable[int] = DATAGRAM_SIZES
) -> None:
    """UDP datagrams of several sizes go there and come back with the same content."""
    family = family_of(address)
    far = destination.socket(family, socket.SOCK_DGRAM)
    far.bind((address, 0))
    near = source.socket(family, socket.SOCK_DGRAM)
    for end in (near, far):
        end.settimeout(5 * SLOW)
    with near, far:
        near.connect(far.getsockname())
        for size in sizes:
            data = random_data(65536)[size : 2 * size]
            near.send(data)
            arrived, sender = far.recvfrom(65536)
            assert arrived == data, f"{size} bytes changed on the way there"
            far.sendto(arrived, sender)
            assert near.recv(65536) == data, f"{size} bytes changed on the way back"


BURST = 64  # datagrams: any queue has room for them, whoever is late to empty it


def exchange_bursts(
    source: Namespace, destination: Namespace, address: str, size: int = 300, count: int = 12
) -> None:
    """
    Equal datagrams in quick succession, which is what UDP segmentation joins, go there and come
    back. The next ones wait until all have arrived, so that a slow machine loses next to none: two
    bursts may go once more, and a fault is there in each.
    """
    family = family_of(address)
    far = destination.socket(family, socket.SOCK_DGRAM)
    far.bind((address, 0))
    near = source.socket(family, socket.SOCK_DGRAM)
    for end in (near, far):
        end.settimeout(2 * SLOW)
    incomplete = 0
    with near, far:
        near.connect(far.getsockname())
        far.connect(near.getsockname())
        for first in range(0, count * BURST, BURST):
            numbers = range(first, first + BURST)
            sent = {number.to_bytes(4, "big") + random_data(size - 4) for number in numbers}
            for one, other, way in ((near, far, "there"), (far, near, "back")):
                while missing := _burst(one, other, sent):
                    incomplete += 1
                    assert incomplete <= 2, f"{missing} of {BURST} datagrams lost on the way {way}"


def _burst(source: socket.socket, destination: socket.socket, sent: set[bytes]) -> int:
    """How many did not arrive; none may be changed."""
    for data in sent:
        source.send(data)
    arrived: set[bytes] = set()
    try:
        while arrived != sent:
            data = destination.recv(65536)
            # One of a burst before may be late, and is as it was.
            assert data[4:] == next(iter(sent))[4:], f"{len(data)} bytes that nobody sent"
            arrived |= {data} & sent
    except TimeoutError:
        pass
    return len(sent) - len(arrived)


class IperfServer:
    """An iperf3 server that serves one client after the other."""

    def __init__(self, namespace: Namespace) -> None:
        self.process = namespace.spawn("iperf3", "-s", "--forceflush")
        wait_until(lambda: "listening" in self.process.output(), 5, "iperf3 listening")


def iperf(
    source: Namespace, address: str, *options: str, amount: tuple[str, str] = ("-t", "1")
) -> dict[str, Any]:
    """One run of an iperf3 client; returns its sums, and nothing may have gone wrong."""
    command = ["iperf3", "-J", "-c", address, *amount, *options]

    def once() -> dict[str, Any] | None:
        result = source.run(*command, check=False, timeout=30)
        report = json.loads(result.stdout)
        # The server may not be done with the client before, and listens anew after each.
        error = report.get("error", "")
        busy = any(reason in error for reason in ("server is busy", "Connection re"))
        return None if busy else report

    report = wait_until(once, 5, "the iperf3 server free", every=0.2)
    assert "error" not in report, report["error"]
    end = report["end"]
    return end.get("sum") or {**end["sum_sent"], "received": end["sum_received"]}


def iperf_datagrams(source: Namespace, address: str, *direction: str) -> None:
    """
    UDP datagrams of 1200 bytes, of which few may be lost. On a busy machine the receiver may get
    the processor too late for one of the runs; a fault is there in each.
    """
    for attempts_left in (2, 1, 0):
        options = ("-u", "-b", UDP_RATE, "-l", "1200", *direction)
        report = iperf(source, address, *options, amount=("-k", "400"))
        if report["lost_packets"] <= report["packets"] // 20:
            break
        assert attempts_left, report
    assert report["packets"] > 300, report


def iperf_both(source: Namespace, address: str) -> None:
    """TCP and UDP, both directions."""
    for direction in ([], ["-R"]):
        report = iperf(source, address, *direction, amount=("-n", str(BIG // 2)))
        # It ends when all was sent, whatever is still on its way.
        assert report["received"]["bytes"] >= BIG // 10, report
        iperf_datagrams(source, address, *direction)
