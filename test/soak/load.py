"""Who uses the tunnel all the time: a TCP stream, datagrams, questions to a name server."""

from __future__ import annotations

import collections
import os
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Callable

from harness.lab import Namespace
from soak.world import INTERNET

TCP_PORT, UDP_PORT, DNS_PORT = 7777, 7778, 53
BLOCK = 16384
PAUSE = {"tcp": 0.02, "udp": 0.02, "dns": 0.1}
STALL = 45.0  # seconds without a byte, after which a stream is begun anew
SIZES = (40, 300, 1200, 1372)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Services:
    """What the Internet offers: echoes over TCP and UDP, and answers to any name."""

    def __init__(self, space: Namespace) -> None:
        self.space = space
        for address in INTERNET.values():
            listener = space.socket(_family(address), socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, TCP_PORT))
            listener.listen(16)
            listener.settimeout(None)
            self._begin(self._accept, listener)
            for port, answer in ((UDP_PORT, bytes), (DNS_PORT, answer_to)):
                ear = space.socket(_family(address), socket.SOCK_DGRAM)
                ear.bind((address, port))
                ear.settimeout(None)
                self._begin(self._reply, ear, answer)

    def _begin(self, run: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=run, args=arguments, daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        try:
            while True:
                self._begin(self._echo, listener.accept()[0])
        except OSError:
            return

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(4 * STALL)
            try:
                while data := connection.recv(BLOCK):
                    connection.sendall(data)
            except OSError:
                return

    def _reply(self, ear: socket.socket, answer: Callable[[bytes], bytes]) -> None:
        try:
            while True:
                data, sender = ear.recvfrom(65536)
                try:
                    ear.sendto(answer(data), sender)
                except OSError:
                    pass  # no way back just now
        except OSError:
            return


def question(number: int, name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    head = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0)
    return head + labels + b"\0" + struct.pack("!2H", kind, 1)


def answer_to(asked: bytes) -> bytes:
    """One address, 192.0.2.1 or 2001:db8::1, for whatever was asked."""
    if len(asked) < 17:
        return b""
    number, _, count = struct.unpack_from("!3H", asked)
    kind = struct.unpack_from("!H", asked, len(asked) - 4)[0]
    data = socket.inet_aton("192.0.2.1")
    if kind == 28:
        data = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    head = struct.pack("!6H", number, 0x8180, count, 1, 0, 0)
    record = struct.pack("!3HIH", 0xC00C, kind, 1, 1, len(data)) + data
    return head + asked[12:] + record


class Load:
    """The client's side of it. Counts what came back, and whether it is what was sent."""

    def __init__(self, space: Namespace) -> None:
        self.space = space
        self.counts: collections.Counter[str] = collections.Counter()
        self._ending = False
        self._threads = []
        for family, address in INTERNET.items():
            for kind, run in (("tcp", self._tcp), ("udp", self._udp), ("dns", self._dns)):
                arguments = (f"{kind}{family}", address)
                thread = threading.Thread(target=run, args=arguments, daemon=True)
                self._threads.append(thread)
                thread.start()
        space.lab.defer(self.close)

    def _tcp(self, name: str, address: str) -> None:
        block = os.urandom(BLOCK)
        while not self._ending:
            stream = self.space.socket(_family(address), socket.SOCK_STREAM)
            stream.settimeout(STALL)
            try:
                with stream:
                    stream.connect((address, TCP_PORT))
                    self.counts[f"{name} streams"] += 1
                    self._stream(name, stream, block)
            except OSError:
                self.counts[f"{name} ended"] += not self._ending
                time.sleep(0.5)

    def _stream(self, name: str, stream: socket.socket, block: bytes) -> None:
        while not self._ending:
            stream.sendall(block)
            back = bytearray()
            while len(back) < len(block):
                part = stream.recv(len(block) - len(back))
                if not part:
                    raise ConnectionError
                back += part
            self.counts[f"{name} bytes"] += len(back)
            self.counts["changed"] += bytes(back) != block
            time.sleep(PAUSE["tcp"])

    def _udp(self, name: str, address: str) -> None:
        mouth = self.space.socket(_family(address), socket.SOCK_DGRAM)
        data = os.urandom(2048)
        number = 0
        while not self._ending:
            size = SIZES[number % len(SIZES)]
            number += 1
            self._ask(name, mouth, (address, UDP_PORT), number.to_bytes(8, "big") + data[:size])
            time.sleep(PAUSE["udp"])

    def _dns(self, name: str, address: str) -> None:
        mouth = self.space.socket(_family(address), socket.SOCK_DGRAM)
        generator = random.Random(1)
        number = 0
        while not self._ending:
            number = number % 65535 + 1
            label = f"n{generator.getrandbits(40):x}.soak.test"
            asked = question(number, label, (1, 28)[number % 2])
            self._ask(name, mouth, (address, DNS_PORT), asked, answer_to(asked))
            time.sleep(PAUSE["dns"])

    def _ask(
        self,
        name: str,
        mouth: socket.socket,
        where: tuple[str, int],
        asked: bytes,
        expected: bytes | None = None,
    ) -> None:
        """Sends one and takes what came back by now; it may be of an earlier one."""
        self.counts[f"{name} asked"] += 1
        try:
            mouth.sendto(asked, where)
        except OSError:
            self.counts[f"{name} refused"] += 1
            return
        while select.select([mouth], [], [], PAUSE["udp"])[0]:
            try:
                back = mouth.recv(65536)
            except OSError:
                break
            self.counts[f"{name} answered"] += 1
            if expected is not None and back[:2] == expected[:2]:
                self.counts["changed"] += back != expected
                break
            if expected is None and back[:8] == asked[:8]:
                self.counts["changed"] += back != asked
                break

    def close(self) -> None:
        self._ending = True
        for thread in self._threads:
            thread.join(2)
