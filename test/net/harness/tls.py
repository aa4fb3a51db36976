"""A TLS client of which every byte is seen: OpenSSL without a socket, by ctypes.

Python's own ssl shows neither records nor the exporter.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from dataclasses import dataclass

from harness.lab import Namespace
from harness.process import SLOW

CTRL_SET_SERVER_NAME, NAMETYPE_HOST_NAME = 55, 0
CTRL_SET_VERSION_MAX, TLS1_2 = 124, 0x0303
ERROR_SSL, ERROR_WANT_READ, ERROR_ZERO_RETURN = 1, 2, 6
ROOM = 1 << 16


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL("libssl.so.3")
    for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new", "BIO_new", "BIO_s_mem"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


_ssl = _load()


def _pointer(value: int | None) -> ctypes.c_void_p:
    assert value, "OpenSSL gave nothing"
    return ctypes.c_void_p(value)


@dataclass(frozen=True)
class End:
    """How a connection ended: what came, what of it were records, and the last word."""

    text: bytes
    records: tuple[tuple[int, int], ...]  # content type and length, behind the handshake
    notified: bool  # close_notify came
    last: str  # FIN, RST, or open


class Tls:
    def __init__(
        self,
        space: Namespace,
        address: str,
        port: int,
        name: str,
        alpn: str = "http/1.1",
        version_max: int | None = None,
    ) -> None:
        self.socket = space.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(10 * SLOW)
        self.socket.connect((address, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._context = _pointer(_ssl.SSL_CTX_new(_pointer(_ssl.TLS_client_method())))
        self._ssl = _pointer(_ssl.SSL_new(self._context))
        self._in = _pointer(_ssl.BIO_new(_pointer(_ssl.BIO_s_mem())))
        self._out = _pointer(_ssl.BIO_new(_pointer(_ssl.BIO_s_mem())))
        _ssl.SSL_set_bio(self._ssl, self._in, self._out)
        protocols = bytes([len(alpn)]) + alpn.encode()
        assert _ssl.SSL_set_alpn_protos(self._ssl, protocols, len(protocols)) == 0
        _ssl.SSL_ctrl(self._ssl, CTRL_SET_SERVER_NAME, NAMETYPE_HOST_NAME, name.encode())
        if version_max:
            assert _ssl.SSL_ctrl(self._ssl, CTRL_SET_VERSION_MAX, version_max, None) == 1
        self.raw = b""  # of what came, that is no whole record yet
        self.records: list[tuple[int, int]] = []
        self.last = "open"
        while (result := _ssl.SSL_connect(self._ssl)) != 1:
            assert _ssl.SSL_get_error(self._ssl, result) == ERROR_WANT_READ, "no handshake"
            self._flush()
            assert self._fill(), f"{self.last} in the handshake"
        self._flush()
        self.records.clear()

    def _flush(self) -> None:
        room = ctypes.create_string_buffer(ROOM)
        while (size := _ssl.BIO_read(self._out, room, ROOM)) > 0:
            self.socket.sendall(room.raw[:size])

    def _fill(self) -> bool:
        """Waits for more of the carrier; false at its end."""
        try:
            came = self.socket.recv(ROOM)
        except ConnectionResetError:
            self.last = "RST"
            return False
        except TimeoutError:
            return False
        if not came:
            self.last = "FIN"
            return False
        _ssl.BIO_write(self._in, came, len(came))
        self.raw += came
        while len(self.raw) >= 5:
            kind, _, length = struct.unpack_from("!BHH", self.raw)
            if len(self.raw) < 5 + length:
                break
            self.records.append((kind, length))
            self.raw = self.raw[5 + length :]
        return True

    def exporter(self, label: str, size: int = 32) -> bytes:
        out = ctypes.create_string_buffer(size)
        text = label.encode()
        # An empty context is not none: RFC 5705, but the same in TLS 1.3.
        assert _ssl.SSL_export_keying_material(
            self._ssl, out, ctypes.c_size_t(size), text, ctypes.c_size_t(len(text)), b"",
            ctypes.c_size_t(0), 1,
        ) == 1
        return out.raw

    def write(self, data: bytes) -> None:
        assert _ssl.SSL_write(self._ssl, data, len(data)) == len(data)
        self._flush()

    def write_raw(self, data: bytes) -> None:
        """Past TLS."""
        self.socket.sendall(data)

    def read(self) -> bytes:
        """Some bytes; none at the end, which last and notified() tell more about."""
        room = ctypes.create_string_buffer(ROOM)
        while (result := _ssl.SSL_read(self._ssl, room, ROOM)) <= 0:
            if _ssl.SSL_get_error(self._ssl, result) != ERROR_WANT_READ or not self._fill():
                return b""
            self._flush()
        return room.raw[:result]

    def notified(self) -> bool:
        return bool(_ssl.SSL_get_shutdown(self._ssl) & 2)

    def read_head_and_body(self) -> bytes:
        """One answer of HTTP/1.1 with a content-length."""
        text = b""
        while b"\r\n\r\n" not in text:
            part = self.read()
            assert part, f"the end ({self.last}) after {text!r}"
            text += part
        head, _, body = text.partition(b"\r\n\r\n")
        lengths = [f[15:] for f in head.lower().split(b"\r\n") if f.startswith(b"content-length:")]
        while len(body) < int(lengths[0]):
            part = self.read()
            assert part, f"the end ({self.last}) after {len(body)} bytes"
            body += part
        return head + b"\r\n\r\n" + body

    def read_to_end(self) -> End:
        text = b""
        while part := self.read():
            text += part
        while self.last == "open" and self._fill():
            pass
        return End(text, tuple(self.records), self.notified(), self.last)

    def shut(self) -> None:
        """close_notify and FIN."""
        _ssl.SSL_shutdown(self._ssl)
        self._flush()
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.socket.close()
        _ssl.SSL_free(self._ssl)
        _ssl.SSL_CTX_free(self._context)

    def __enter__(self) -> Tls:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
