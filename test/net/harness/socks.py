"""SOCKS5 (RFC 1928) spoken by hand: what a front end answers, and its UDP."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from harness.lab import Namespace
from harness.process import SLOW

GRANTED, NOT_ALLOWED, HOST = 0, 2, 4
CONNECT, ASSOCIATE = 1, 3


def address_of(name: str, port: int) -> bytes:
    try:
        return b"\1" + socket.inet_aton(name) + struct.pack("!H", port)
    except OSError:
        return b"\3" + bytes([len(name)]) + name.encode() + struct.pack("!H", port)


def receive(connection: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        part = connection.recv(size - len(got))
        if not part:
            raise ConnectionError(f"the end after {got!r}")
        got += part
    return got


def begin(space: Namespace, front: int) -> socket.socket:
    connection = space.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(10 * SLOW)
    connection.connect(("127.0.0.1", front))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(b"\5\1\0")
    assert receive(connection, 2) == b"\5\0"
    return connection


def ask(
    connection: socket.socket, command: int, name: str, port: int
) -> tuple[int, tuple[str, int]]:
    """The reply's code, and the address in it."""
    where = address_of(name, port) if name else b"\1" + bytes(6)
    connection.sendall(bytes([5, command, 0]) + where)
    _, code, _, kind = receive(connection, 4)
    host = receive(connection, {1: 4, 4: 16}[kind])
    family = socket.AF_INET if kind == 1 else socket.AF_INET6
    return code, (socket.inet_ntop(family, host), struct.unpack("!H", receive(connection, 2))[0])


def connect(space: Namespace, front: int, name: str, port: int) -> socket.socket:
    connection = begin(space, front)
    code, _ = ask(connection, CONNECT, name, port)
    assert code == GRANTED, f"{name}:{port}: reply {code}"
    return connection


def reply_to(space: Namespace, front: int, name: str, port: int) -> int:
    with begin(space, front) as connection:
        return ask(connection, CONNECT, name, port)[0]


@dataclass
class Association:
    control: socket.socket
    datagrams: socket.socket

    @staticmethod
    def open(space: Namespace, front: int) -> Association:
        control = begin(space, front)
        code, where = ask(control, ASSOCIATE, "", 0)
        assert code == GRANTED
        datagrams = space.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.settimeout(5 * SLOW)
        datagrams.connect(("127.0.0.1" if where[0] == "0.0.0.0" else where[0], where[1]))
        return Association(control, datagrams)

    def send(self, name: str, port: int, payload: bytes) -> None:
        self.datagrams.send(b"\0\0\0" + address_of(name, port) + payload)

    def receive(self) -> bytes:
        """The payload of an answer; who sent it may be an address or a name."""
        got = self.datagrams.recv(65536)
        assert got[:3] == bytes(3)
        return got[4 + {1: 4, 3: 1 + got[4], 4: 16}[got[3]] + 2 :]


def dns_query(name: str, number: int = 0x4242) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def dns_address(answer: bytes, number: int = 0x4242) -> str:
    """The address in an answer with one record, which stands at its end."""
    got, _, _, count, _, _ = struct.unpack_from("!6H", answer)
    assert (got, count) == (number, 1), answer
    return socket.inet_ntoa(answer[-4:])
