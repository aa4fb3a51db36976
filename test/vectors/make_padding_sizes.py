#!/usr/bin/env python3
"""make_padding_sizes.py LISTEN CONNECT: writes src/stream/padding_sizes.c from a browser's traffic.

Relays connections to a port of this host to another one, with 15 ms of delay each way and 50 Mbit/s,
until its input ends, and looks at the TLS records that pass. The table in the tree was made so:
nghttpd (nghttp2-server) served the HTML of Debian's debian-handbook, git-doc and python3-doc, and
`chromium --headless` loaded 253 of their pages, each with a new profile and so a new connection.

A burst is what goes one way before anything comes back, where the browser is: the plaintext of TLS
records, after the handshake. The first eight each way of a connection count; what is larger than a
full record counts as one. The table has 32 parts of equal numbers.
"""
import asyncio
import pathlib
import struct
import sys

BURSTS, PARTS, LARGEST = 8, 32, 16384
DELAY, BYTES_A_SECOND = 0.015, 50e6 / 8
HANDSHAKE_RECORDS = (53, 69)  # a client's Finished with SHA-256 and SHA-384
RECORD_OVERHEAD = 17          # a record's type and tag, inside
APPLICATION_DATA = 23


class Connection:
    """What passes the browser's end, in order."""

    def __init__(self):
        self.pending = {True: b"", False: b""}
        self.begun = False
        self.last = None
        self.asked, self.answered = [], []

    def record(self, client, size):
        if not self.begun:
            self.begun = client and size in HANDSHAKE_RECORDS
            return
        bursts = self.asked if client else self.answered
        if self.last is not client:
            bursts.append(0)
        self.last = client
        bursts[-1] += size - RECORD_OVERHEAD

    def take(self, client, data):
        data = self.pending[client] + data
        while len(data) >= 5:
            end = 5 + struct.unpack(">H", data[3:5])[0]
            if len(data) < end:
                break
            if data[0] == APPLICATION_DATA:
                self.record(client, end - 5)
            data = data[end:]
        self.pending[client] = data


async def relay(connection, client, reader, writer):
    """One way. A line of 50 Mbit/s, and what it carries comes out 15 ms later."""
    loop = asyncio.get_running_loop()
    line = asyncio.Queue()

    async def deliver():
        while True:
            due, data = await line.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                break
            if not client:
                connection.take(client, data)
            writer.write(data)
            await writer.drain()
        writer.close()

    task = asyncio.create_task(deliver())
    free = loop.time()
    while True:
        try:
            data = await reader.read(1460)
        except ConnectionError:
            data = b""
        if client:
            connection.take(client, data)
        free = max(free, loop.time()) + len(data) / BYTES_A_SECOND
        line.put_nowait((free + DELAY, data))
        if not data:
            break
        await asyncio.sleep(max(0, free - loop.time()))
    await asyncio.gather(task, return_exceptions=True)


async def run(listen, connect):
    connections = []

    async def accept(reader, writer):
        connection = Connection()
        connections.append(connection)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", connect)
        await asyncio.gather(relay(connection, True, reader, far_writer),
                             relay(connection, False, far_reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", listen)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()
    return [each for each in connections if each.asked and each.answered]


def table(sizes):
    sizes = sorted(min(size, LARGEST) for size in sizes)
    return [sizes[i * (len(sizes) - 1) // PARTS] for i in range(PARTS + 1)]


def array(name, sizes):
    lines = [""]
    for value in table(sizes):
        if len(lines[-1]) > 84:
            lines.append("")
        lines[-1] += f" {value},"
    body = "\n".join("\t" + line.strip() for line in lines)
    return f"/* Of {len(sizes):,} bursts. */\nstatic const uint16_t {name}[] = {{\n{body}\n}};\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    connections = asyncio.run(run(int(sys.argv[1]), int(sys.argv[2])))
    asked = [size for each in connections for size in each.asked[:BURSTS]]
    answered = [size for each in connections for size in each.answered[:BURSTS]]
    if not asked:
        sys.exit("no connection of TLS 1.3 came by")
    text = "\n".join([
        f"/* Made by test/vectors/make_padding_sizes.py, of {len(connections):,} connections. */",
        '#include "stream/padding_sizes.h"', "", "/* clang-format off */",
        array("requests", asked), array("answers", answered),
        "const struct padding_sizes padding_sizes_requests = {requests, sizeof requests / 2};",
        "const struct padding_sizes padding_sizes_answers = {answers, sizeof answers / 2};", ""])
    tree = pathlib.Path(__file__).resolve().parents[2]
    (tree / "src" / "stream" / "padding_sizes.c").write_text(text)


if __name__ == "__main__":
    main()
