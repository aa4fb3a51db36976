"""ICMP echoes of our own: every one of them may take its whole time to be answered.

ping(8) with some replies in hand waits for the others only as long as two round trips, or one
interval: what a busy machine answers late, it takes for lost.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
import select
import socket
import struct
import time
from dataclasses import dataclass, field

from harness.lab import Namespace

HEAD = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
PAYLOAD = 56  # what ping(8) sends
FLOOD_SECONDS = 0.01  # a flood sends the next one after an answer, or after this long
RECEIVE_BUFFER = 1 << 21
MTU_DISCOVER = {socket.AF_INET: 10, socket.AF_INET6: 23}  # IP_, IPV6_MTU_DISCOVER
DO = 2  # of both: never cut
SO_BINDTODEVICE = 25
SO_RCVBUFFORCE = 33


@dataclass(frozen=True)
class Kind:
    """What differs between ICMP and ICMPv6. An error holds the packet that it is about."""

    protocol: int
    request: int
    reply: int
    errors: tuple[int, ...]


KINDS = {
    socket.AF_INET: Kind(socket.IPPROTO_ICMP, 8, 0, (3, 11, 12)),
    socket.AF_INET6: Kind(socket.IPPROTO_ICMPV6, 128, 129, (1, 2, 3, 4)),
}

_identifiers = itertools.cycle(range(1, 1 << 16))


@dataclass
class Echoes:
    """What became of the echoes, by sequence number from 1."""

    address: str
    count: int
    sent: dict[int, float] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)  # seconds from request to reply
    failed: dict[int, str] = field(default_factory=dict)

    def settled(self) -> int:
        return len(self.answered.keys() | self.failed.keys())

    def text(self) -> str:
        times = [1000 * seconds for seconds in self.answered.values()]
        lines = [f"{self.address}: {len(self.sent)} echoes sent, {len(times)} answered"]
        if times:
            mean = sum(times) / len(times)
            lines.append(f"ms min/mean/max {min(times):.1f}/{mean:.1f}/{max(times):.1f}")
        silent = sorted(self.sent.keys() - self.answered.keys() - self.failed.keys())
        if silent:
            lines.append(f"without an answer: {', '.join(map(str, silent))}")
        lines += [f"{number}: {why}" for number, why in sorted(self.failed.items())]
        return "\n".join(lines)


@functools.cache
def _parser() -> argparse.ArgumentParser:
    """The options of ping(8) that these echoes know."""
    made = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    made.add_argument("-s", dest="size", type=int, default=PAYLOAD)
    made.add_argument("-M", dest="cut", choices=["do"])
    made.add_argument("-I", dest="source")
    made.add_argument("-m", dest="mark", type=int)
    return made


def understood(options: tuple[str, ...]) -> argparse.Namespace | None:
    """The options as read; None when one of them is for ping(8) only."""
    try:
        read, left = _parser().parse_known_args(options)
    except argparse.ArgumentError:
        return None
    return None if left else read


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) & ~1]))
    total += data[-1] << 8 if len(data) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def message(family: int, kind: int, identifier: int, number: int, payload: bytes) -> bytes:
    """An echo's bytes. The kernel fills in the checksum of ICMPv6."""
    head = HEAD.pack(kind, 0, 0, identifier, number)
    if family == socket.AF_INET:
        head = HEAD.pack(kind, 0, checksum(head + payload), identifier, number)
    return head + payload


def _open(source: Namespace, family: int, options: argparse.Namespace) -> socket.socket:
    made = source.call(lambda: socket.socket(family, socket.SOCK_RAW, KINDS[family].protocol))
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, RECEIVE_BUFFER)
    if options.cut:
        level = socket.IPPROTO_IP if family == socket.AF_INET else socket.IPPROTO_IPV6
        made.setsockopt(level, MTU_DISCOVER[family], DO)
    if options.mark:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, options.mark)
    if options.source:
        try:
            socket.inet_pton(family, options.source)
        except OSError:
            made.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, options.source.encode())
        else:
            made.bind((options.source, 0))
    return made


def _bodies(family: int, packet: bytes) -> tuple[bytes, bytes]:
    """The ICMP message of what a raw socket got, and what an error in it quotes of ours."""
    body = packet[(packet[0] & 15) * 4 :] if family == socket.AF_INET else packet
    quoted = body[HEAD.size :]
    if family == socket.AF_INET:
        return body, quoted[(quoted[0] & 15) * 4 :] if quoted else b""
    return body, quoted[40:]


class _Run:
    def __init__(self, opened: socket.socket, family: int, echoes: Echoes, size: int) -> None:
        self.socket, self.family, self.echoes = opened, family, echoes
        self.kind = KINDS[family]
        self.identifier = (next(_identifiers) + os.getpid()) & 0xFFFF
        self.payload = bytes(index & 255 for index in range(size))

    def send(self, number: int) -> None:
        wire = message(self.family, self.kind.request, self.identifier, number, self.payload)
        self.echoes.sent[number] = time.monotonic()
        try:
            self.socket.sendto(wire, (self.echoes.address, 0))
        except OSError as error:
            self.echoes.failed[number] = str(error)

    def receive(self) -> bool:
        """Takes one message; false when there is none."""
        try:
            packet, sender = self.socket.recvfrom(1 << 17)
        except BlockingIOError:
            return False
        body, quoted = _bodies(self.family, packet)
        if len(body) < HEAD.size:
            return True
        kind, code, _, identifier, number = HEAD.unpack_from(body)
        if kind == self.kind.reply and identifier == self.identifier:
            self._answer(number, body[HEAD.size :])
        elif kind in self.kind.errors and len(quoted) >= HEAD.size:
            inner, _, _, identifier, number = HEAD.unpack_from(quoted)
            if (inner, identifier) == (self.kind.request, self.identifier):
                why = f"{sender[0]} says: type {kind}, code {code}"
                self.echoes.failed.setdefault(number, why)
        return True

    def _answer(self, number: int, payload: bytes) -> None:
        if number not in self.echoes.sent or number in self.echoes.answered:
            return
        if payload != self.payload:
            self.echoes.failed[number] = "another payload came back"
            return
        self.echoes.failed.pop(number, None)
        self.echoes.answered[number] = time.monotonic() - self.echoes.sent[number]

    def wait(self, until: float, settled: int) -> None:
        """Takes answers until so many echoes are settled, or until it is so late."""
        while self.echoes.settled() < settled:
            while self.receive():
                pass
            left = until - time.monotonic()
            if self.echoes.settled() >= settled or left <= 0:
                return
            select.select([self.socket], [], [], left)

    def run(self, interval: float, wait: float) -> None:
        count = self.echoes.count
        for number in range(1, count + 1):
            begun = time.monotonic()
            self.send(number)
            if number < count:
                # In a flood, an answer is what the next one waits for; else, the time alone.
                self.wait(begun + (interval or FLOOD_SECONDS), count + 1 if interval else number)
        self.wait(time.monotonic() + wait, count)


def echo(
    source: Namespace,
    address: str,
    count: int,
    options: argparse.Namespace,
    interval: float,
    wait: float,
) -> Echoes:
    """Sends so many echoes, and waits after the last one as long as an answer may take.

    An interval of 0 sends as fast as answers come. An echo that was refused, here or by an ICMP
    error, counts as lost and is not waited for.
    """
    echoes = Echoes(address, count)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        opened = _open(source, family, options)
    except OSError as error:
        # No such address to send from, no such interface.
        echoes.failed[0] = str(error)
        return echoes
    with opened:
        _Run(opened, family, echoes, options.size).run(interval, wait)
    return echoes
