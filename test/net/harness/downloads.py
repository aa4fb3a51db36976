"""Many connections through SOCKS5 at once, run as a program.

downloads.py get PROXY_PORT NAME PORT COUNT SIZE: downloads at once; prints JSON: how many came
whole, what went wrong, and the seconds of all.

downloads.py share PROXY_PORT NAME PORT COUNT SECONDS DIRECTION: downloads without end (down)
or echoes (both) at once; prints the bytes that came on each within the same seconds.

downloads.py idle PROXY_PORTS NAME PORT COUNT: opens connections, shared evenly between front ends
(comma-separated), says something on each and hears it again; prints how many there are and holds
them until standard input ends.
"""

from __future__ import annotations

import asyncio
import collections
import hashlib
import json
import pathlib
import resource
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness.site import content_digest  # noqa: E402

# At once, until the proxy has answered.
OPENING = 64


async def connect(
    proxy: int, name: str, port: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy)
    address = name.encode()
    writer.write(b"\5\1\0")
    if await reader.readexactly(2) != b"\5\0":
        raise ConnectionError("greeting")
    writer.write(b"\5\1\0\3" + bytes([len(address)]) + address + struct.pack("!H", port))
    reply = await reader.readexactly(4)
    if reply[1] != 0:
        raise ConnectionError(f"reply {reply[1]}")
    await reader.readexactly({1: 6, 4: 18}[reply[3]])
    return reader, writer


async def get(proxy: int, name: str, port: int, size: int) -> None:
    reader, writer = await connect(proxy, name, port)
    try:
        writer.write(f"GET /bytes/{size} HTTP/1.1\r\nhost: {name}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        digest, left = hashlib.sha256(), size
        while left:
            part = await reader.read(min(left, 1 << 16))
            if not part:
                raise ConnectionError(f"{left} of {size} bytes missing")
            digest.update(part)
            left -= len(part)
        if digest.hexdigest() != content_digest(size):
            raise ConnectionError("other bytes")
    finally:
        writer.close()


async def many(proxy: int, name: str, port: int, count: int, size: int) -> None:
    began = time.monotonic()
    results = await asyncio.gather(
        *(get(proxy, name, port, size) for _ in range(count)), return_exceptions=True
    )
    wrong = collections.Counter(repr(result) for result in results if result is not None)
    whole = sum(result is None for result in results)
    print(json.dumps({"whole": whole, "wrong": wrong, "seconds": time.monotonic() - began}))


async def share(
    proxy: int, name: str, port: int, count: int, seconds: float, direction: str
) -> None:
    came = [0] * count
    begun = asyncio.Semaphore(0)

    async def one(number: int) -> None:
        reader, writer = await connect(proxy, name, port)

        async def send() -> None:
            while True:
                writer.write(bytes(1 << 16))
                await writer.drain()

        if direction == "both":
            sending = asyncio.ensure_future(send())
        else:
            writer.write(f"GET /endless HTTP/1.1\r\nhost: {name}\r\n\r\n".encode())
            sending = None
        while part := await reader.read(1 << 18):
            if came[number] == 0:
                begun.release()
            came[number] += len(part)
        raise ConnectionError(f"the end after {came[number]} bytes, {sending}")

    tasks = [asyncio.ensure_future(one(number)) for number in range(count)]
    for _ in range(count):
        await begun.acquire()
    before = list(came)
    await asyncio.sleep(seconds)
    shares = [after - start for after, start in zip(came, before)]
    assert not any(task.done() for task in tasks), [t.exception() for t in tasks if t.done()]
    print(json.dumps(shares), flush=True)
    for task in tasks:
        task.cancel()


async def idle(proxies: list[int], name: str, port: int, count: int) -> None:
    door = asyncio.Semaphore(OPENING)
    held = []

    async def one(number: int) -> None:
        async with door:
            reader, writer = await connect(proxies[number % len(proxies)], name, port)
            writer.write(b"here")
            if await reader.readexactly(4) != b"here":
                raise ConnectionError("other bytes")
        held.append((reader, writer))

    results = await asyncio.gather(*(one(n) for n in range(count)), return_exceptions=True)
    wrong = collections.Counter(repr(result) for result in results if result is not None)
    print(json.dumps({"held": len(held), "wrong": wrong}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main(what: str, proxies: str, name: str, port: str, count: str, *more: str) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if what == "idle":
        asyncio.run(idle([int(p) for p in proxies.split(",")], name, int(port), int(count)))
    elif what == "share":
        asyncio.run(share(int(proxies), name, int(port), int(count), float(more[0]), more[1]))
    else:
        asyncio.run(many(int(proxies), name, int(port), int(count), int(more[0])))


if __name__ == "__main__":
    main(*sys.argv[1:])
