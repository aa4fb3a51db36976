"""Everything that leaves the client by an uplink and is neither the tunnel nor the link's own."""

from __future__ import annotations

import collections
import ctypes
import ipaddress
import socket
import struct
import threading

from harness.lab import Namespace

ETH_P_ALL, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 = 3, 0x0806, 0x0800, 0x86DD
OUTGOING = 4
SO_ATTACH_FILTER, SO_RCVBUFFORCE = 26, 33
NEIGHBOURS = {133, 134, 135, 136, 137, 143}  # of ICMPv6, and its reports of multicast groups


# Classic BPF: what leaves is taken, all else dropped: A = packet type; A == OUTGOING?
PROGRAM = b"".join(
    struct.pack("HBBI", *row)
    for row in (
        (0x30, 0, 0, 0xFFFFF004),
        (0x15, 0, 1, OUTGOING),
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    )
)
HEAD = 128  # bytes of a packet that are looked at


class Leaks:
    """Counts, by what they are, the packets that should not have left."""

    def __init__(
        self, space: Namespace, links: list[str], servers: set[str], ports: set[int]
    ) -> None:
        self.servers, self.ports = servers, ports
        self.seen: collections.Counter[str] = collections.Counter()
        self.first: list[bytes] = []
        self._program = ctypes.create_string_buffer(PROGRAM, len(PROGRAM))
        header = struct.pack("HP", len(PROGRAM) // 8, ctypes.addressof(self._program))
        self._ending = False
        for link in links:
            opened = space.call(
                lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
            )
            opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
            opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, header)
            space.call(lambda: opened.bind((link, 0)))
            opened.settimeout(0.2)
            threading.Thread(target=self._run, args=(opened,), daemon=True).start()
        space.lab.defer(self.close)

    def _run(self, opened: socket.socket) -> None:
        while not self._ending:
            try:
                packet, address = opened.recvfrom(HEAD)
            except OSError:
                continue  # nothing for a while, or the link is down
            if address[2] == OUTGOING and (what := self.judge(address[1], packet)):
                self.seen[what] += 1
                if len(self.first) < 50:
                    self.first.append(packet[:64])
        opened.close()

    def judge(self, kind: int, packet: bytes) -> str | None:
        """What leaked; None for what may pass."""
        if kind == ETH_P_ARP:
            return None
        if kind == ETH_P_IP and len(packet) >= 20:
            protocol, body = packet[9], packet[(packet[0] & 15) * 4 :]
            target = str(ipaddress.IPv4Address(packet[16:20]))
        elif kind == ETH_P_IPV6 and len(packet) >= 40:
            protocol, body = packet[6], packet[40:]
            if protocol == 0 and len(body) >= 8:  # reports of groups stand behind an option
                protocol, body = body[0], body[8 * (body[1] + 1) :]
            target = str(ipaddress.IPv6Address(packet[24:40]))
        else:
            return f"protocol {kind:#06x}"
        first = body[0] if body else 0
        if protocol == 58 and first in NEIGHBOURS:
            return None
        if target in self.servers:
            # The tunnel's datagrams, cut parts of them, the kernel's word that its socket is gone.
            port = int.from_bytes(body[2:4], "big")
            offset = int.from_bytes(packet[6:8], "big") & 0x1FFF if kind == ETH_P_IP else 0
            cut = protocol == 44 or protocol == 17 and offset > 0
            unreachable = (protocol, first) in ((1, 3), (58, 1))
            if protocol == 17 and port in self.ports or cut or unreachable:
                return None
        return f"protocol {protocol} to {target}"

    def count(self) -> int:
        return sum(self.seen.values())

    def close(self) -> None:
        self._ending = True
