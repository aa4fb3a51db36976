"""Times and kinds of the messages that pass one link."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass

from harness.lab import Namespace

ETH_P_ALL = 3
OUTGOING = 4  # PACKET_OUTGOING
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
        self._socket.settimeout(0.2)
        self._ending = False
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()
        space.lab.defer(self.close)

    def _record(self) -> None:
        while not self._ending:
            try:
                packet, address = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            if len(packet) > 28 and packet[0] == 0x45 and packet[9] == socket.IPPROTO_UDP:
                size = int.from_bytes(packet[24:26], "big") - 8
                leaving = address[2] == OUTGOING
                self.messages.append(Message(time.monotonic(), leaving, packet[28], size))

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
