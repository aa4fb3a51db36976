"""The web site that a server of streams is to everybody else.

Who knocks with a wrong key, an old clock or another's words must not be able to tell it from a site
that has nothing to hide.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import socket
import statistics
import struct
import time
from collections.abc import Callable

import pytest

from harness import cookies
from harness.browser import page
from harness.device import Key, new_key
from harness.lab import Lab
from harness.process import SLOW
from harness.site import HELLO, PAGE, PICTURE, RAN, SCRIPT, content_digest
from harness.streams import PORT, SERVER, SERVER_NAME, WEB, Streams, make_streams, needs_streams
from harness.streams import serve_site
from harness.tls import TLS1_2, End, Tls

pytestmark = [pytest.mark.umbra, pytest.mark.calm, needs_streams]

TRIES = 50
APART_SECONDS = 0.005
BETWEEN_SECONDS = 0.02  # the server lets one address connect 64 times a second
Cookie = Callable[[Tls], str | None]


def make_site(lab: Lab) -> Streams:
    """The server alone, with a folder of files, and a client of which the test has the key."""
    streams = make_streams(lab, server={"decoy": {"folder": "site"}})
    folder = streams.server.folder / "site"
    (folder / "more").mkdir(parents=True)
    files = {"index.html": PAGE, "dot.png": PICTURE, "script.js": SCRIPT, "more/index.html": HELLO}
    for name, text in files.items():
        (folder / name).write_bytes(text)
    streams.server.start()
    return streams


def open_tls(
    streams: Streams,
    alpn: str = "http/1.1",
    version_max: int | None = None,
    address: str = SERVER,
) -> Tls:
    return Tls(streams.space, address, PORT, SERVER_NAME, alpn, version_max)


def curl(streams: Streams, path: str, *options: str) -> str:
    resolved = ("--resolve", f"{SERVER_NAME}:{PORT}:{SERVER}")
    trusted = ("--cacert", str(streams.certificate.with_suffix(".crt")))
    url = f"https://{SERVER_NAME}:{PORT}{path}"
    return streams.space.run("curl", "-sS", *resolved, *trusted, *options, url).stdout


def knocks(streams: Streams) -> dict[str, Cookie]:
    """Everything that must look alike, by what is wrong with it."""
    server = streams.server.keys[streams.web].public
    allowed, unknown = streams.client.keys[streams.out], new_key()

    def first(key: Key, ahead: float = 0.0, to: str = server, carrier: str = "tls") -> Cookie:
        return lambda tls: cookies.first(
            key.private, to, tls.exporter(cookies.EXPORTER), ahead, carrier
        )

    elsewhere = os.urandom(32)
    good = first(allowed)
    return {
        "no cookie": lambda tls: None,
        "a site's cookie": lambda tls: "8f14e45fceea167a",
        "no message": lambda tls: "A" * 163,
        "not base64url": lambda tls: "*" * 163,
        "too long": lambda tls: "A" * 2000,
        "unknown key": first(unknown),
        "another server's key": first(allowed, to=unknown.public),
        "a clock that is late": first(allowed, ahead=-600),
        "a clock that is early": first(allowed, ahead=600),
        "another connection's": lambda tls: cookies.first(allowed.private, server, elsewhere),
        "another carrier's": first(allowed, carrier="ws"),
        "a bit changed": lambda tls: flip(good(tls) or ""),
    }


def flip(text: str) -> str:
    return text[:100] + ("A" if text[100] != "A" else "B") + text[101:]


def request(cookie: str | None, *fields: str) -> bytes:
    lines = ["GET / HTTP/1.1", f"host: {SERVER_NAME}", "user-agent: probe", *fields]
    if cookie is not None:
        lines.append(f"cookie: {cookies.NAME}={cookie}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def masked(text: bytes) -> bytes:
    return re.sub(rb"(?i)(\ndate: )[^\r]*", rb"\1now", text)


def test_site(lab: Lab) -> None:
    """An ordinary web site over both versions of HTTP."""
    streams = make_site(lab)
    for version in ("2", "1.1"):
        way = f"--http{version}"
        assert curl(streams, "/", way) == PAGE.decode()
        assert curl(streams, "/more/", way) == HELLO.decode()
        shown = "%{http_version} %{http_code} %{content_type}"
        quiet = (way, "-o", "/dev/null", "-w", shown)
        assert curl(streams, "/script.js", *quiet).split()[:2] == [version, "200"]
        assert curl(streams, "/nothing", *quiet).split()[:2] == [version, "404"]
        head = curl(streams, "/dot.png", way, "-I").lower()
        assert "content-type: image/png" in head
        assert f"content-length: {len(PICTURE)}" in head
        # After a knock with somebody's cookie it is the same site, on the same connection.
        assert curl(streams, "/", way, "-b", f"{cookies.NAME}={'A' * 163}") == PAGE.decode()


def test_proxied_site(lab: Lab) -> None:
    """The decoy may be a real web server behind this one."""
    streams = make_streams(lab, server={"decoy": {"proxy": f"http://127.0.0.1:{WEB}"}})
    serve_site(lab, streams.server.namespace, "127.0.0.1")
    streams.server.start()
    # What is sent to it has the bound that nginx has without a word about it.
    size, most, path = 3_000_000, 1_000_000, lab.folder / "got"
    for version in ("2", "1.1"):
        assert curl(streams, "/hello", f"--http{version}") == HELLO.decode()
        curl(streams, f"/bytes/{size}", f"--http{version}", "-o", str(path))
        assert hashlib.sha256(path.read_bytes()).hexdigest() == content_digest(size)
        post = (f"--http{version}", "--data-binary", f"@{path}")
        assert "413 Request Entity Too Large" in curl(streams, "/digest", *post)
        curl(streams, f"/bytes/{most}", f"--http{version}", "-o", str(path))
        assert curl(streams, "/digest", *post) == content_digest(most)


def test_bad_folder(lab: Lab) -> None:
    """A site that cannot be shown keeps a tunnel from coming up, and not from staying up."""
    streams = make_site(lab)
    server, web, site = streams.server, streams.web, streams.server.folder / "site"
    site.rename(server.folder / "moved")
    server.reload(check=False)
    assert curl(streams, "/") == PAGE.decode()
    server.umbra("down", web)
    refused = server.umbra("up", web, check=False)
    assert refused.returncode != 0 and "decoy.folder" in refused.stderr
    status = server.tunnel_status(web)
    assert status["state"] == "failed" and "decoy.folder" in status["reason"], status
    with streams.space.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        assert made.connect_ex((SERVER, PORT)) == errno.ECONNREFUSED
    (server.folder / "moved").rename(site)
    server.umbra("up", web)
    assert curl(streams, "/") == PAGE.decode()


@pytest.mark.long
def test_browser_sees_the_site(lab: Lab) -> None:
    streams = make_site(lab)
    there = ("--ignore-certificate-errors", f"--host-resolver-rules=MAP {SERVER_NAME} {SERVER}")
    for version in ((), ("--disable-http2",)):
        assert RAN in page(streams.space, f"https://{SERVER_NAME}/", *there, *version), version


def knock(
    streams: Streams, cookie: Cookie, version_max: int | None = None
) -> tuple[bytes, End]:
    """One request that may be one, then another one that ends the connection."""
    with open_tls(streams, version_max=version_max) as tls:
        tls.write(request(cookie(tls)))
        answer = tls.read_head_and_body()
        tls.write(request(None, "connection: close"))
        end = tls.read_to_end()
    return masked(answer), End(masked(end.text), end.records, end.notified, end.last)


def test_refusals_look_alike(lab: Lab) -> None:
    """Byte for byte, record for record, to the last; and what is right is let in."""
    streams = make_site(lab)
    tried = knocks(streams)
    answer, end = knock(streams, tried["no cookie"])
    assert answer.endswith(PAGE) and answer.startswith(b"HTTP/1.1 200")
    assert end.notified and end.last == "FIN"
    for what, cookie in tried.items():
        assert knock(streams, cookie) == (answer, end), what
    # Otherwise all of this would say nothing.
    with open_tls(streams) as tls:
        server = streams.server.keys[streams.web].public
        mine = streams.client.keys[streams.out].private
        tls.write(request(cookies.first(mine, server, tls.exporter(cookies.EXPORTER))))
        said = tls.read()
    assert re.search(rb"(?i)set-cookie: " + cookies.NAME.encode() + rb"=[A-Za-z0-9_-]{99,}", said)


def test_older_tls(lab: Lab) -> None:
    """Which nothing can be bound to: a web site, whatever is shown."""
    streams = make_site(lab)
    server = streams.server.keys[streams.web].public
    mine = streams.client.keys[streams.out].private
    answer, end = knock(streams, lambda tls: None, TLS1_2)
    assert answer.endswith(PAGE)
    bound = (
        lambda tls: cookies.first(mine, server, tls.exporter(cookies.EXPORTER)),
        lambda tls: cookies.first(mine, server, bytes(32)),
    )
    for cookie in bound:
        assert knock(streams, cookie, TLS1_2) == (answer, end)


def headers_frame(cookie: str | None) -> bytes:
    """A request of HTTP/2, its fields as RFC 7541 has them, no table, no Huffman code."""

    def field(first: bytes, value: str) -> bytes:
        text = value.encode()
        # A length of seven bits, the rest behind it.
        if len(text) < 127:
            return first + bytes([len(text)]) + text
        rest = len(text) - 127
        more = b""
        while rest > 127:
            more, rest = more + bytes([rest & 127 | 128]), rest >> 7
        return first + b"\x7f" + more + bytes([rest]) + text

    block = b"\x82\x87\x84" + field(b"\x01", SERVER_NAME)
    if cookie is not None:
        block += field(b"\x0f\x11", f"{cookies.NAME}={cookie}")
    return struct.pack("!I", len(block))[1:] + b"\1\5\0\0\0\1" + block


Frames = list[tuple[int, int, int, int, bytes]]


def ask_http2(tls: Tls, cookie: str | None) -> Frames:
    """The frames of the answer: type, flags, stream, length, and what DATA holds."""
    settings = b"\0\0\0\4\0\0\0\0\0"
    tls.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + headers_frame(cookie))
    frames: Frames = []
    text = b""
    while not any(frame[2] == 1 and frame[1] & 1 for frame in frames):
        part = tls.read()
        assert part, f"the end ({tls.last}) after {frames}"
        text += part
        while len(text) >= 9 and len(text) >= 9 + int.from_bytes(text[:3], "big"):
            size, kind, flags = int.from_bytes(text[:3], "big"), text[3], text[4]
            body = text[9 : 9 + size]
            stream = int.from_bytes(text[5:9], "big")
            # HEADERS have the date; its length is coded.
            shown = (0, b"") if kind == 1 else (size, body)
            frames.append((kind, flags, stream, *shown))
            text = text[9 + size :]
    return frames


# Behind an answer: what breaks a rule, also behind frames that mean nothing.
BROKEN_RULE = b"\0\0\1\0\0\0\0\0\0x"
LAST_FRAMES = {
    "an end": b"\0\0\10\7\0\0\0\0\0" + bytes(8) + BROKEN_RULE,
    "an unknown frame": b"\1\0\0\xfa\xff\0\0\0\7" + bytes(65536) + BROKEN_RULE,
    "DATA on no stream": BROKEN_RULE,
}


def knock_http2(
    streams: Streams, cookie: Cookie, last: str, address: str = SERVER
) -> tuple[Frames, End]:
    """The answer's frames, and how the connection ends behind that."""
    with open_tls(streams, "h2", address=address) as tls:
        frames = ask_http2(tls, cookie(tls))
        tls.records.clear()
        tls.write(LAST_FRAMES[last])
        return frames, tls.read_to_end()


def test_refusals_look_alike_in_http2(lab: Lab) -> None:
    streams = make_site(lab)
    tried = knocks(streams)
    found = {last: knock_http2(streams, tried["no cookie"], last) for last in LAST_FRAMES}
    for frames, end in found.values():
        assert b"".join(frame[4] for frame in frames if frame[0] == 0) == PAGE
        assert end.last != "open", end
    for number, (what, cookie) in enumerate(tried.items()):
        last = list(LAST_FRAMES)[number % len(LAST_FRAMES)]
        assert knock_http2(streams, cookie, last) == found[last], what


@pytest.mark.long
def test_refusals_take_the_same_time(lab: Lab) -> None:
    """Medians of many tries, in turn."""
    streams = make_site(lab)
    tried = knocks(streams)
    chosen = ("no cookie", "no message", "unknown key", "a clock that is late", "a bit changed")
    times: dict[tuple[str, str], list[float]] = {("http/1.1", what): [] for what in chosen}
    times.update({("h2", what): [] for what in ("no cookie", "unknown key", "a bit changed")})
    for _ in range(TRIES):
        for (alpn, what), taken in times.items():
            time.sleep(BETWEEN_SECONDS)
            with open_tls(streams, alpn) as tls:
                cookie = tried[what](tls)
                began = time.perf_counter()
                if alpn == "h2":
                    ask_http2(tls, cookie)
                else:
                    tls.write(request(cookie))
                    tls.read_head_and_body()
                taken.append(time.perf_counter() - began)
    for version in ("http/1.1", "h2"):
        medians = {key: statistics.median(t) for key, t in times.items() if key[0] == version}
        assert max(medians.values()) - min(medians.values()) < APART_SECONDS * SLOW, medians


def test_broken_off(lab: Lab) -> None:
    """Parts of a request, and then the end: the same end whatever the part would have become."""
    streams = make_site(lab)
    tried = knocks(streams)
    found = {}
    for what in ("no message", "unknown key", "a clock that is late", "a bit changed"):
        with open_tls(streams) as tls:
            tls.write(request(tried[what](tls))[:-20])
            tls.shut()
            found[what] = tls.read_to_end()
    assert len(set(found.values())) == 1, found
    # And nothing of TLS, as nginx ends it: only who is still there is told that it is over.
    assert found["no message"].last == "FIN" and not found["no message"].notified


def raw(streams: Streams, data: bytes) -> tuple[bytes, str]:
    """What the port says to bytes that are no TLS."""
    made = streams.space.socket(socket.AF_INET, socket.SOCK_STREAM)
    with made:
        made.settimeout(10 * SLOW)
        made.connect((SERVER, PORT))
        made.sendall(data)
        said = b""
        try:
            while part := made.recv(1 << 16):
                said += part
        except ConnectionResetError:
            return said, "RST"
    return said, "FIN"


def test_no_tls(lab: Lab) -> None:
    """Plain HTTP gets a page that says so, as elsewhere; garbage that, an alert or nothing."""
    streams = make_site(lab)
    # Whatever is asked for, and the same every time.
    for asked in (b"GET /", b"GET /more/", b"PUT /x"):
        said, last = raw(streams, asked + b" HTTP/1.1\r\nhost: x\r\n\r\n")
        head, _, shown = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n"), said
        assert head.endswith(b"\r\nContent-Length: 248\r\nConnection: close"), said
        assert b"<title>400 The plain HTTP request was sent to HTTPS port</title>" in shown
        assert len(shown) == 248 and last == "FIN"
    for garbage in (b"\0" + os.urandom(299), b"\x16\x03\x01\x00\x05hello", b"SSH-2.0-probe\r\n"):
        said, last = raw(streams, garbage)
        assert said == b"" or said[0] == 21 or said.startswith(b"HTTP/1.1 400"), said
        assert last in ("FIN", "RST")
    # Bytes that break off in the middle of a record inside TLS, and then garbage.
    for tail in (os.urandom(100), b"\x17\x03\x03\x00\x40" + os.urandom(64)):
        with open_tls(streams) as tls:
            tls.write_raw(tail)
            end = tls.read_to_end()
            assert end.text == b"" and end.last in ("FIN", "RST"), end
    answer, _ = knock(streams, lambda tls: None)
    assert answer.endswith(PAGE)
