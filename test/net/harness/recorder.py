"""Times and kinds of the messages that pass one link."""

from __future__ import annotations

import socket
import struct
import threading
import time
from dataclasses import dataclass

from harness.lab import Namespace

ETH_P_ALL = 3
OUTGOING = 4  # PACKET_OUTGOING
SO_TIMESTAMPNS = 35  # without a name in Python; messages of the same number carry the time
KEEPALIVE_SIZE = 32
DATA = 4
INITIATION = 1


@dataclass(frozen=True)
class Message:
    time: float
    leaving: bool
    kind: int
    size: int


class Recorder:
    """Notes every UDP datagram over plain IPv4 that leaves or reaches a namespace by a link."""

    def __init__(self, space: Namespace, link: str) -> None:
        self.messages: list[Message] = []
        self._socket = space.call(
            lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        )
        space.call(lambda: self._socket.bind((link, 0)))
        # The kernel says when: this thread may get its processor much later.
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._offset = time.monotonic() - time.time()
        self._socket.settimeout(0.2)
        self._ending = False
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()
        space.lab.defer(self.close)

    def _record(self) -> None:
        while not self._ending:
            try:
                packet, notes, _, address = self._socket.recvmsg(2048, 128)
            except TimeoutError:
                continue
            if len(packet) > 28 and packet[0] == 0x45 and packet[9] == socket.IPPROTO_UDP:
                size = int.from_bytes(packet[24:26], "big") - 8
                leaving = address[2] == OUTGOING
                self.messages.append(Message(self._time(notes), leaving, packet[28], size))

    def _time(self, notes: list[tuple[int, int, bytes]]) -> float:
        for level, kind, data in notes:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("qq", data[:16])
                return seconds + nanoseconds / 1e9 + self._offset
        return time.monotonic()

    def times(self, kind: int, leaving: bool, size: int | None = None) -> list[float]:
        return [
            m.time
            for m in self.messages
            if m.kind == kind and m.leaving == leaving and size in (None, m.size)
        ]

    def close(self) -> None:
        self._ending = True
        self._thread.join()
        self._socket.close()
