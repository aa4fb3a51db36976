"""A machine that says by which address it sees whoever asks it: the way that packets take."""

from __future__ import annotations

import socket
import threading

from harness.lab import Namespace
from harness.process import SLOW

PORT = 9


def answer_all(space: Namespace, address: str) -> None:
    """A UDP port of the address says where a datagram came from."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    served = space.socket(family, socket.SOCK_DGRAM)
    served.bind((address, PORT))

    def serve() -> None:
        while True:
            try:
                _, source = served.recvfrom(64)
                served.sendto(source[0].encode(), source)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()


def source(space: Namespace, address: str, held: socket.socket | None = None) -> str:
    """Which of our addresses the machine at this one saw; "" without an answer."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    asking = held or space.socket(family, socket.SOCK_DGRAM)
    asking.settimeout(0.5 * SLOW)
    try:
        for _ in range(4):
            try:
                asking.sendto(b"?", (address, PORT))
                return asking.recv(64).decode()
            except TimeoutError:
                continue
            except OSError:
                return ""
        return ""
    finally:
        if not held:
            asking.close()
