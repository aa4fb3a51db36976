"""One echo after the other, all the time: when the tunnel carries packets, and when it does not."""

from __future__ import annotations

import os
import select
import socket
import threading
import time

from harness.echo import HEAD, KINDS, message
from harness.lab import Namespace

INTERVAL = 0.05
GRACE = 0.5  # seconds that an answer may take before its echo counts as unanswered
STEADY = 10  # answers in a row, and the tunnel is back


class Probe:
    def __init__(self, space: Namespace, address: str) -> None:
        self.address = address
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.kind = KINDS[self.family]
        self.identifier = (os.getpid() * 7 + int(self.family)) & 0xFFFF
        self.sent: list[float] = []  # by number
        self.answered: list[bool] = []
        self.socket = space.socket(self.family, socket.SOCK_RAW, self.kind.protocol)
        self.socket.setblocking(False)
        self._ending = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        space.lab.defer(self.close)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ending:
            now = time.monotonic()
            if now >= due:
                self._send(now)
                due = max(due + INTERVAL, now)
            if select.select([self.socket], [], [], max(0.0, due - now))[0]:
                self._receive()

    def _send(self, now: float) -> None:
        number = len(self.sent)
        payload = number.to_bytes(8, "big")
        wire = message(
            self.family, self.kind.request, self.identifier, number & 0xFFFF, payload
        )
        self.sent.append(now)
        self.answered.append(False)
        try:
            self.socket.sendto(wire, (self.address, 0))
        except OSError:
            pass  # refused here: by a kill switch, or for want of a route

    def _receive(self) -> None:
        try:
            packet = self.socket.recv(2048)
        except OSError:
            return
        body = packet[20:] if self.family == socket.AF_INET else packet
        if len(body) < HEAD.size + 8:
            return
        kind, _, _, identifier, _ = HEAD.unpack_from(body)
        if kind == self.kind.reply and identifier == self.identifier:
            number = int.from_bytes(body[HEAD.size : HEAD.size + 8], "big")
            if number < len(self.answered):
                self.answered[number] = True

    def steady(self, since: float) -> bool:
        """Whether the latest echoes, all sent after `since`, were answered."""
        ripe = time.monotonic() - GRACE / 5
        number, count = len(self.sent) - 1, 0
        while number >= 0 and self.sent[number] > ripe:
            number -= 1
        while number >= 0 and count < STEADY:
            if self.sent[number] < since or not self.answered[number]:
                return False
            number, count = number - 1, count + 1
        return count == STEADY

    def back_after(self, since: float, until: float) -> float:
        """Seconds from `since` to the end of the last gap before `until`; 0 without a gap."""
        number = len(self.sent) - 1
        while number >= 0 and self.sent[number] >= since:
            if self.sent[number] <= until and not self.answered[number]:
                return self.sent[number] + INTERVAL - since
            number -= 1
        return 0.0

    def lost(self) -> int:
        return self.answered[:-STEADY].count(False)

    def close(self) -> None:
        self._ending = True
        self._thread.join()
