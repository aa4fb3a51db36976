"""A server of streams and its client made as people make them: by a line."""

from __future__ import annotations

import re

import pytest

from harness.lab import Lab
from harness.node import Node
from harness.pair import outer_address
from harness.process import wait_until
from harness.site import HELLO
from harness.streams import FRONT, PORT, SERVER, SITE, WEB, needs_streams, serve_site

pytestmark = [pytest.mark.umbra, pytest.mark.calm, needs_streams]

LINE = re.compile(r"^phantom://\S+$", re.MULTILINE)


def run_made(node: Node) -> None:
    """Starts umbrad with what `umbra init` made."""
    node.process = node.namespace.spawn(
        *node.command()[:1],
        *("-c", str(node.folder / "etc" / "umbra.yaml")),
        *("--set", f"control.socket={node.socket}", "--set", f"node.state_dir={node.state}"),
    )
    process = node.process
    wait_until(lambda: "ready, tunnels: 1" in process.output(), 10, process.output())


def test_line(lab: Lab) -> None:
    """`umbra init phantom-server` on one host, its line on another one's standard input: a page
    comes by SOCKS5 and by CONNECT, and strangers see a web site."""
    near, middle, far = (lab.namespace(label) for label in ("client", "server", "site"))
    lab.link(near, middle, [f"{outer_address(2, 4)}/24"], [f"{SERVER}/24"])
    lab.link(middle, far, ["11.22.33.1/24"], ["11.22.33.2/24"])  # public: no rule is needed
    serve_site(lab, far, "11.22.33.2")
    server, client = Node(lab, middle, "server"), Node(lab, near, "client")
    made = server.umbra(
        *("init", "phantom-server", "--endpoint", SERVER, "--client", "alice"),
        *("--directory", str(server.folder / "etc")),
    )
    (line,) = LINE.findall(made.stdout)
    assert made.stdout == f"{line}\n" and line not in made.stderr
    assert line not in "".join(f.read_text() for f in server.folder.rglob("*") if f.is_file())
    # A letter that is none, a key that is cut, an end that was lost, and another scheme.
    for damaged in (line[:14] + "*" + line[15:], line[:14] + line[15:], line[:-20], line[1:]):
        folder = client.folder / "damaged"
        refused = client.umbra(
            *("init", "client", "-", "--directory", str(folder)), input=damaged, check=False
        )
        assert refused.returncode != 0 and refused.stderr.strip(), damaged
        assert line[14:40] not in refused.stderr and not folder.exists()
    client.umbra("init", "client", "-", "--directory", str(client.folder / "etc"), input=made.stdout)
    run_made(server)
    run_made(client)
    url = f"http://11.22.33.2:{WEB}/hello"
    for way in (("--socks5-hostname",), ("-p", "-x")):
        said = near.run("curl", "-sS", *way, f"127.0.0.1:{FRONT}", url)
        assert said.stdout == HELLO.decode(), way
    (shown,) = [t for t in server.status()["tunnels"]]
    assert shown["state"] == "up" and server.peers(shown["name"])["alice"]["state"] == "connected"
    page = near.run("curl", "-sSk", "-D", "-", f"https://{SERVER}:{PORT}/").stdout
    assert page.startswith("HTTP/2 200") and "<html" in page.lower()


def test_code(lab: Lab) -> None:
    """The line as a QR code, when it is asked for, beside the line."""
    node = Node(lab, lab.namespace("alone"), "node")
    said = {}
    for qr in ((), ("--qr",)):
        folder = node.folder / f"etc{len(qr)}"
        made = node.umbra(
            "init", "phantom-server", "--endpoint", "192.0.2.1", "--directory", str(folder), *qr
        )
        assert len(LINE.findall(made.stdout)) == 1
        said[qr] = made.stdout
    assert said[()].count("\n") == 1
    code = LINE.sub("", said[("--qr",)]).strip("\n").splitlines()
    # A version 10 code has 57 modules a side; a line of text has two rows of it.
    assert len(code) > 28 and len(set(map(len, code))) <= 2, code
