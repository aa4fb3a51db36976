"""The site that strangers meet beside a real nginx with the same files and the same certificate.

What a knock brings, and how the connection ends, is the same to the byte, to the record and to the
last packet, but for the date.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from harness.lab import Lab
from harness.process import wait_until
from harness.streams import PORT, SERVER, SERVER_NAME, Streams, needs_streams
from harness.tls import End
from test_streams_decoy import LAST_FRAMES, knock_http2, knocks, make_site, masked
from test_streams_decoy import open_tls, request

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
# The one whose behaviour is played.
VERSION = "1.22."


def version() -> str:
    if not NGINX:
        return "none"
    said = subprocess.run([NGINX, "-v"], stderr=subprocess.PIPE, text=True, check=False).stderr
    return said.strip().rpartition("/")[2]


pytestmark = [
    pytest.mark.umbra,
    pytest.mark.calm,
    needs_streams,
    pytest.mark.skipif(
        not version().startswith(VERSION), reason=f"there is no nginx {VERSION}x: {version()}"
    ),
]

THEIRS, ERROR = "198.18.0.3", "DATA on no stream"
CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{ server_tokens off; include /etc/nginx/mime.types; default_type application/octet-stream;
  access_log off; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2;
  fastcgi_temp_path {folder}/3; uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{ listen {address}:{port} ssl http2; root {site}; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {certificate}.crt; ssl_certificate_key {certificate}.key; }} }}
"""

HOST = "Host: h\r\n\r\n"
# Each of them is followed by one that ends the connection, if it does not by itself.
REQUESTS = (
    *(f"GET {path} HTTP/1.1\r\n{HOST}" for path in ("/", "/more", "/more/", "/none", "/../", "a")),
    *(f"GET /{path} HTTP/1.1\r\n{HOST}" for path in ("%zz", "%00", "a" * 9000, "dot.png")),
    *(f"GET / HTTP/{number}\r\n{HOST}" for number in ("1.0", "1.3", "2.5", "0.9", "x")),
    *(f"{method} /\r\n\r\n" for method in ("GET", "HEAD", "FOO")),
    "GET /none\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    f"CONNECT h:1 HTTP/1.1\r\n{HOST}",
    *(f"{method} / HTTP/1.1\r\n{HOST}" for method in ("HEAD", "POST", "PUT", "foo", "TRACE", "CONNECT")),
    *(f"{method} / HTTP/1.1\r\n{HOST}" for method in ("FOO", "A-_", "DESCRIBE", "F1", "M" * 9000)),
    *(f"GET / HTTP/1.1\r\n{field}\r\n{HOST}" for field in ('If-Match: "x"', "If-Match: *")),
    f"FOO / HTTP/1.1\r\nContent-Length: 3\r\n{HOST}abc",
    *(
        f"GET /dot.png HTTP/1.1\r\nRange: bytes={range}\r\n{HOST}"
        for range in ("2-4", "200-400", "-3", "5-2")
    ),
    f"GET / HTTP/1.1\r\nIf-None-Match: *\r\n{HOST}",
    f"GET / HTTP/1.1\r\nHost: h\r\n{HOST}",
    f"GET / HTTP/1.1\r\nX: {'a' * 9000}\r\n{HOST}",
    f"GET / HTTP/1.1\r\nX y: z\r\n{HOST}",
    "GET / HTTP/1.1\r\n\r\n",
    "\x16\x03\x01garbage\r\n\r\n",
    f"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n{HOST}",
    f"PUT /x HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n{HOST}abc",
    f"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n{HOST}3\r\nabc\r\n0\r\n\r\n",
)

def beside_nginx(lab: Lab) -> Streams:
    streams = make_site(lab)
    folder = lab.folder / "nginx"
    folder.mkdir(mode=0o755)
    site = streams.server.folder / "site"
    # Files of the same age, which their ETags have; nginx's own account may read nothing else.
    copy = shutil.copytree(site, folder / "site", copy_function=shutil.copy2)
    for name in (".crt", ".key"):
        shutil.copy(streams.certificate.with_suffix(name), folder / f"tls{name}")
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder, address=THEIRS, port=PORT, site=copy, certificate=folder / "tls"
        )
    )
    assert NGINX
    space = streams.server.namespace
    space.ip(f"address add {THEIRS}/24 dev {streams.cable[1]}")
    process = space.spawn(NGINX, "-c", str(configuration), "-e", str(folder / "error.log"))
    wait_until(
        lambda: f"{THEIRS}:{PORT} " in space.run("ss", "-Hlnt").stdout, 10, f"nginx: {process.output()}"
    )
    return streams


def shown(end: End) -> End:
    return End(masked(end.text), end.records, end.notified, end.last)


def ask(streams: Streams, address: str, data: bytes) -> End:
    """What comes of a request, and of one behind it that ends the connection."""
    with open_tls(streams, address=address) as tls:
        tls.write(data + request(None, "connection: close"))
        return shown(tls.read_to_end())


def test_requests(lab: Lab) -> None:
    """Good ones, and bad ones of every kind, over HTTP/1.1."""
    streams = beside_nginx(lab)
    wrong = []
    for text in REQUESTS:
        data = text.encode("latin-1")
        theirs, ours = ask(streams, THEIRS, data), ask(streams, SERVER, data)
        if theirs != ours:
            wrong.append((text[:60], theirs, ours))
    assert not wrong


def test_knocks(lab: Lab) -> None:
    """Cookies that are wrong in any way, over both versions of HTTP, and parts of a request."""
    streams = beside_nginx(lab)
    wrong = []
    for what, cookie in knocks(streams).items():
        ends, frames = [], []
        for address in (THEIRS, SERVER):
            with open_tls(streams, address=address) as tls:
                tls.write(request(cookie(tls), "connection: close"))
                ends.append(shown(tls.read_to_end()))
            with open_tls(streams, address=address) as tls:
                tls.write(request(cookie(tls))[:-20])
                tls.shut()
                ends.append(shown(tls.read_to_end()))
            frames.append(knock_http2(streams, cookie, ERROR, address))
        if ends[:2] != ends[2:] or frames[0] != frames[1]:
            wrong.append((what, ends, frames))
    assert not wrong


def test_frames(lab: Lab) -> None:
    """What ends HTTP/2, and what means nothing."""
    streams = beside_nginx(lab)
    wrong = []
    for last in LAST_FRAMES:
        theirs, ours = (
            knock_http2(streams, lambda _: None, last, address) for address in (THEIRS, SERVER)
        )
        if theirs != ours:
            wrong.append((last, theirs, ours))
    assert not wrong
