"""How large the packets are that pass a link in one piece, before anything cuts them."""

from __future__ import annotations

import errno
import math
import socket
import threading
import time

from harness.lab import Namespace
from harness.recorder import ETH_P_ALL, OUTGOING

RCVBUFFORCE = 33  # SO_RCVBUFFORCE
HEAD = 64  # bytes of a packet that are looked at


class Sizes:
    """Notes the IP packets, super-packets in one piece, of one link and direction."""

    def __init__(self, space: Namespace, link: str, leaving: bool) -> None:
        self.sizes: list[int] = []
        self._leaving = leaving
        self._socket = space.call(
            lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        )
        self._socket.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, 1 << 26)
        space.call(lambda: self._socket.bind((link, 0)))
        self._socket.settimeout(0.2)
        self._end = math.inf
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()
        space.lab.defer(self.close)

    def _record(self) -> None:
        head = bytearray(HEAD)
        while time.monotonic() < self._end:
            try:
                # With MSG_TRUNC the result is the packet's size, not the part's.
                size, address = self._socket.recvfrom_into(head, HEAD, socket.MSG_TRUNC)
            except TimeoutError:
                if self._end < math.inf:
                    return
                continue
            except OSError as error:
                # Set down: what comes after it is up again is heard.
                if error.errno != errno.ENETDOWN:
                    raise
                continue
            if (address[2] == OUTGOING) == self._leaving:
                self.sizes.append(size)

    def close(self) -> None:
        """Takes what is still waiting, as far as it does not go on for ever, and stops."""
        self._end = time.monotonic() + 1
        self._thread.join()
        self._socket.close()

    def above(self, size: int) -> list[int]:
        """Stops; the packets larger than this."""
        if self._thread.is_alive():
            self.close()
        return [noted for noted in self.sizes if noted > size]
