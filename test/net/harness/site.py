"""A web site and an echo, run as a program: site.py ADDRESS PORT. The echo is at the next port.

	GET  /hello      a line of text           GET  /page       a page with a script and a picture
	GET  /who        who asks                 GET  /bytes/N    N bytes of CONTENT, repeated
	POST /digest     SHA-256 of the body      GET  /endless    CONTENT until nobody listens

Each request is a line on standard output.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import resource
import sys

HELLO = b"hello from the site\n"
CONTENT = random.Random(1).randbytes(1 << 16)
# One pixel.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
PAGE = b"""<!doctype html><title>site</title><p id=out>nothing ran</p><img id=dot src=/dot.png>
<script src=/script.js></script>"""
SCRIPT = b"""onload = () => document.getElementById("out").textContent =
"the script ran, the picture is " + document.getElementById("dot").naturalWidth + " wide";"""
RAN = "the script ran, the picture is 1 wide"
FIXED = {
    "/hello": ("text/plain", HELLO),
    "/page": ("text/html", PAGE),
    "/dot.png": ("image/png", PICTURE),
    "/script.js": ("text/javascript", SCRIPT),
}


def content_digest(size: int) -> str:
    digest = hashlib.sha256()
    for _ in range(size // len(CONTENT)):
        digest.update(CONTENT)
    digest.update(CONTENT[: size % len(CONTENT)])
    return digest.hexdigest()


def head(kind: str, length: int, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n".encode()


async def send_content(writer: asyncio.StreamWriter, size: int | None) -> None:
    left = sys.maxsize if size is None else size
    while left > 0:
        writer.write(CONTENT[: min(left, len(CONTENT))])
        left -= len(CONTENT)
        await writer.drain()


async def answer(writer: asyncio.StreamWriter, method: str, path: str, body: bytes) -> None:
    if path in FIXED:
        kind, text = FIXED[path]
        writer.write(head(kind, len(text)) + text)
    elif path == "/who":
        text = writer.get_extra_info("peername")[0].encode()
        writer.write(head("text/plain", len(text)) + text)
    elif path == "/digest" and method == "POST":
        text = hashlib.sha256(body).hexdigest().encode()
        writer.write(head("text/plain", len(text)) + text)
    elif path.startswith("/bytes/"):
        size = int(path[7:])
        writer.write(head("application/octet-stream", size))
        await send_content(writer, size)
    elif path == "/endless":
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n\r\n")
        await send_content(writer, None)
    else:
        writer.write(head("text/plain", 0, "404 Not Found"))
    await writer.drain()


async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            method, path, _ = line.decode("latin-1").split()
            print(method, path, flush=True)
            length = 0
            while (field := (await reader.readline()).strip().lower()) != b"":
                if field.startswith(b"content-length:"):
                    length = int(field[15:])
            body = await reader.readexactly(length)
            await answer(writer, method, path, body)
    except (ConnectionError, asyncio.IncompleteReadError, ValueError):
        pass
    finally:
        writer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Also a half-close: what was said comes back to the end, then the end."""
    try:
        while said := await reader.read(1 << 16):
            writer.write(said)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main(address: str, port: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    await asyncio.start_server(web, address, port, backlog=4096)
    await asyncio.start_server(echo, address, port + 1, backlog=4096)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], int(sys.argv[2])))
    except KeyboardInterrupt:
        pass
