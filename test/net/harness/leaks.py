"""What leaves a host outside its tunnel: a capture of one link, and senders that try to get out."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from harness.lab import Namespace
from harness.traffic import family_of

ETH_P_ALL = 3
ETH_P_ARP = 0x0806
OUTGOING = 4  # PACKET_OUTGOING
SO_RCVBUFFORCE = 33
SOL_PACKET = 263
PACKET_STATISTICS = 6
ROOM = 32 << 20
KEPT = 500  # leaks that are described
WIREGUARD_LEAST = 32  # bytes of the smallest message, an empty one of data

HOP_BY_HOP, TCP, UDP, ICMP, ICMPV6 = 0, 6, 17, 1, 58
NEIGHBOURS = range(133, 138)
LISTENERS = (130, 131, 132, 143)

Where = tuple[str, int]


class LeakWatch:
    """Notes everything that comes in by a link and is not what may pass a kill switch.

    To be used on the far end of the cable, where only what was really sent arrives. `endpoints`
    may get datagrams that look like the tunnel's, `resolvers` questions for names.
    """

    def __init__(
        self,
        space: Namespace,
        link: str,
        endpoints: Iterable[Where],
        resolvers: Iterable[str] = (),
        also: Iterable[str] = (),  # addresses that may be spoken to, as of a LAN
        looks: Callable[[bytes], bool] | None = None,  # like the tunnel's; WireGuard's
    ) -> None:
        self.seen: Counter[str] = Counter()
        self.leaks: list[str] = []
        self.leaked = 0
        self._endpoints = {(ipaddress.ip_address(a), p) for a, p in endpoints}
        self._resolvers = {ipaddress.ip_address(a) for a in resolvers}
        self._looks = looks or looks_like_wireguard
        self._also = {ipaddress.ip_address(a) for a in also}
        self._socket = space.call(
            lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        )
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        space.call(lambda: self._socket.bind((link, ETH_P_ALL)))
        self._socket.settimeout(0.1)
        self._ending = False
        self._dropped = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        space.lab.defer(self.close)

    def _watch(self) -> None:
        while True:
            try:
                packet, address = self._socket.recvfrom(2048)
            except TimeoutError:
                if self._ending:
                    return
                continue
            if address[2] != OUTGOING:
                self._judge(packet, address[1])

    def _judge(self, packet: bytes, kind: int) -> None:
        try:
            name = self._name(packet, kind)
        except (IndexError, struct.error):
            name = None
        if name:
            self.seen[name] += 1
            return
        self.leaked += 1
        if len(self.leaks) < KEPT:
            self.leaks.append(f"{time.monotonic():.3f} {describe(packet, kind)}")

    def _name(self, packet: bytes, kind: int) -> str | None:
        """What it is, if it may pass."""
        if kind == ETH_P_ARP:
            return "arp"
        found = parse(packet, kind)
        if not found:
            return None
        protocol, destination, payload, hops = found
        if destination in self._also:
            return "also"
        if protocol == UDP:
            source_port, port = struct.unpack("!HH", payload[:4])
            if (destination, port) in self._endpoints and self._looks(payload[8:]):
                return "tunnel"
            if (source_port, port) == ((68, 67) if kind == 0x0800 else (546, 547)):
                return "dhcp"
        if protocol in (UDP, TCP) and destination in self._resolvers:
            return "resolver" if payload[2:4] == b"\0\x35" else None
        if protocol == ICMPV6 and payload[0] in NEIGHBOURS and hops == 255:
            return "neighbours"
        if protocol == ICMPV6 and payload[0] in LISTENERS and hops == 1:
            return "listeners"
        return None

    def complete(self) -> bool:
        """Whether the kernel had room for all of it."""
        made = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self._dropped += struct.unpack("II", made)[1]
        return self._dropped == 0

    def assert_none(self, note: str = "") -> None:
        time.sleep(0.15)
        assert self.complete(), "the capture missed packets"
        assert self.leaked == 0, f"{note}: {self.leaked} leaked:\n" + "\n".join(self.leaks)

    def forget(self) -> None:
        time.sleep(0.15)
        self.leaks.clear()
        self.leaked = 0

    def close(self) -> None:
        if not self._ending:
            self._ending = True
            self._thread.join()
            self._socket.close()


def parse(packet: bytes, kind: int) -> tuple[int, Any, bytes, int] | None:
    """Protocol, destination, what is behind the IP headers, and the hop limit."""
    if kind == 0x0800 and len(packet) >= 20:
        size = (packet[0] & 15) * 4
        return packet[9], ipaddress.ip_address(packet[16:20]), packet[size:], packet[8]
    if kind == 0x86DD and len(packet) >= 40:
        protocol, rest = packet[6], packet[40:]
        if protocol == HOP_BY_HOP:
            protocol, rest = rest[0], rest[8 + rest[1] * 8 :]
        return protocol, ipaddress.ip_address(packet[24:40]), rest, packet[7]
    return None


def looks_like_wireguard(payload: bytes) -> bool:
    return len(payload) >= WIREGUARD_LEAST and payload[0] in (1, 2, 3, 4) and payload[1:4] == b"\0\0\0"


def describe(packet: bytes, kind: int) -> str:
    found = parse(packet, kind)
    if not found:
        return f"ethertype {kind:#06x}, {len(packet)} bytes"
    protocol, destination, payload, hops = found
    start = packet[12:16] if kind == 0x0800 else packet[8:24]
    ports = struct.unpack("!HH", payload[:4]) if protocol in (UDP, TCP) and len(payload) >= 4 else ""
    return (
        f"{ipaddress.ip_address(start)} > {destination} protocol {protocol} {ports} "
        f"hops {hops}, {len(packet)} bytes, {payload[:8].hex()}"
    )


class Senders:
    """Programs of a host that know nothing of tunnels and send without end.

    Datagrams to addresses of both families, with and without a source of the outer link, pings,
    connections, and questions for names.
    """

    def __init__(
        self,
        space: Namespace,
        targets: Iterable[str],
        sources: Iterable[str] = (),
        resolvers: Iterable[str] = (),
        pause: float = 0.004,
    ) -> None:
        self.sent: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._space = space
        self._targets = list(targets)
        self._sources = list(sources)
        self._resolvers = list(resolvers)
        self._pause = pause
        self._ending = False
        self._thread = threading.Thread(target=lambda: space.call(self._run), daemon=True)
        self._thread.start()
        space.lab.defer(self.close)

    def _attempt(self, name: str, action: Any) -> None:
        try:
            action()
            self.sent[name] += 1
        except OSError:
            self.refused[name] += 1

    def _run(self) -> None:
        plain = {f: socket.socket(f, socket.SOCK_DGRAM) for f in (socket.AF_INET, socket.AF_INET6)}
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        raw6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        for made in (*plain.values(), raw, raw6):
            made.setblocking(False)
        number = 0
        while not self._ending:
            number += 1
            for target in self._targets:
                family = family_of(target)
                self._attempt("udp", lambda: plain[family].sendto(b"leak?", (target, 9)))
                if number % 4 == 0:
                    self._attempt("tcp", lambda: self._connect(target))
                if family == socket.AF_INET:
                    echo = struct.pack("!BBHHH", 8, 0, 0xF7FF - number % 0x7000, 0, number % 0x7000)
                    self._attempt("icmp", lambda: raw.sendto(echo, (target, 0)))
                else:
                    echo = struct.pack("!BBHHH", 128, 0, 0, 0, number % 0x7000)
                    self._attempt("icmp6", lambda: raw6.sendto(echo, (target, 0)))
                for source in self._sources:
                    if family_of(source) == family:
                        self._attempt("bound", lambda: self._send_from(source, target))
            for resolver in self._resolvers:
                self._attempt("dns", lambda: self._ask(plain[family_of(resolver)], resolver))
            time.sleep(self._pause)
        for made in (*plain.values(), raw, raw6):
            made.close()

    @staticmethod
    def _connect(target: str) -> None:
        with socket.socket(family_of(target), socket.SOCK_STREAM) as made:
            made.setblocking(False)
            try:
                made.connect((target, 80))
            except BlockingIOError:
                pass

    @staticmethod
    def _send_from(source: str, target: str) -> None:
        with socket.socket(family_of(source), socket.SOCK_DGRAM) as made:
            made.setblocking(False)
            made.bind((source, 0))
            made.sendto(b"leak?", (target, 9))

    @staticmethod
    def _ask(made: socket.socket, resolver: str) -> None:
        question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04leak\x04test\0\0\x01\0\x01"
        made.sendto(question, (resolver, 53))

    def close(self) -> None:
        if not self._ending:
            self._ending = True
            self._thread.join()
