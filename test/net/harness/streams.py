"""A client and a server of streams, and behind the server a web site and a name server.

	client ── 198.18.0.0/24 ── server ── 10.97.0.0/24 ── site

The client has no way to the site but through the tunnel, and no name server.
"""

from __future__ import annotations

import functools
import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from harness import socks
from harness.device import BIN
from harness.lab import Lab, Namespace
from harness.node import Node
from harness.pair import outer_address
from harness.process import Process, run, wait_until
from harness.resolving import serve_names

PROTOCOL = "phantom"
SERVER, INSIDE, SITE, STRANGE = outer_address(1, 4), "10.97.0.1", "10.97.0.2", "10.97.0.3"
PORT, FRONT, WEB, ECHO = 443, 1080, 8000, 8001
SITE_NAME, SERVER_NAME = "site.umbra.test", "vpn.umbra.test"
# Of STRANGE; nobody else has this name, or these labels.
SECRET_NAME = "clinic.secretive.test"
URL = f"http://{SITE_NAME}:{WEB}"
# Bits a second of a link that a slow and busy machine fills as well, and how much of it at least.
RATE, FILLED = 40_000_000, 0.4
HARNESS = pathlib.Path(__file__).parent


@functools.cache
def known() -> bool:
    """Whether a configuration can name the protocol."""
    try:
        text = run([str(BIN / "umbra"), "config", "reference"]).stdout
    except (OSError, AssertionError):
        return False
    row = re.search(r"^tunnels\.\*\.protocol\n(?: .*\n)+", text, re.MULTILINE)
    return bool(row) and PROTOCOL in row[0]


needs_streams = pytest.mark.skipif(
    not known(),
    reason=f"this build's configuration does not know the protocol {PROTOCOL}",
)


def make_certificate(folder: pathlib.Path, name: str, subject: str = SERVER_NAME) -> pathlib.Path:
    """One that vouches for itself; the path without .crt and .key."""
    path = folder / name
    (folder / f"{name}.key").touch(mode=0o600)
    run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-days", "2", "-subj", f"/CN={subject}"]
        + ["-addext", f"subjectAltName=DNS:{subject}"]
        + ["-keyout", f"{path}.key", "-out", f"{path}.crt"]
    )
    return path


@dataclass
class Streams:
    """Not started yet. Rows of the configuration may be changed before that, and after, with
    reload()."""

    client: Node
    server: Node
    site: Namespace
    out: str  # the client's tunnel
    web: str  # the server's
    cable: tuple[str, str]  # ends of the link between them
    certificate: pathlib.Path

    @property
    def space(self) -> Namespace:
        return self.client.namespace

    @property
    def client_rows(self) -> dict[str, Any]:
        return self.client.tunnels[self.out]

    @property
    def server_rows(self) -> dict[str, Any]:
        return self.server.tunnels[self.web]

    def start(self) -> Streams:
        self.server.start()
        self.client.start()
        return self

    def curl(
        self, path: str, *options: str, check: bool = True, timeout: float = 20
    ) -> subprocess.CompletedProcess[str]:
        """Of the site, through the front end's SOCKS5."""
        return self.space.run(
            *("curl", "-sS", "--socks5-hostname", f"127.0.0.1:{FRONT}", *options, f"{URL}{path}"),
            check=check,
            timeout=timeout,
        )

    def works(self) -> bool:
        """Whether a page comes through it now."""
        result = self.curl("/hello", "-m", "2", check=False)
        return result.stdout == "hello from the site\n"

    def assert_works(self) -> None:
        wait_until(self.works, 10, "a page")

    def connect(self, name: str = SITE_NAME, port: int = ECHO):
        """A connection through the front end, of which the far end echoes."""
        return socks.connect(self.space, FRONT, name, port)

    def script(self, name: str, *arguments: object, timeout: float = 60) -> str:
        """Runs a program of this folder at the client."""
        words = [str(argument) for argument in arguments]
        argv = (sys.executable, str(HARNESS / name), *words)
        return self.space.run(*argv, timeout=timeout).stdout


def serve_site(lab: Lab, space: Namespace, address: str = SITE) -> Process:
    process = space.spawn(sys.executable, str(HARNESS / "site.py"), address, str(WEB))
    wait_until(lambda: "ready" in process.output(), 10, "the site")
    return process


def streams_tunnel(node: Node, addresses: Sequence[str], **rows: Any) -> str:
    """Adds a tunnel; one without addresses has no interface."""
    name = node.tunnel(addresses, protocol=PROTOCOL, **rows)
    if not addresses:
        del node.tunnels[name]["addresses"]
    return name


def make_streams(
    lab: Lab,
    client: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    peer: dict[str, Any] | None = None,
    addresses: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> Streams:
    """Rows of the two tunnels, and of the server's peer, beside those that all have."""
    near, middle, far = (lab.namespace(label) for label in ("client", "server", "site"))
    cable = lab.link(near, middle, [f"{outer_address(2, 4)}/24"], [f"{SERVER}/24"])
    lab.link(middle, far, [f"{INSIDE}/24"], [f"{SITE}/24", f"{STRANGE}/24"])
    serve_site(lab, far)
    serve_names(lab, far, SITE, {SITE_NAME: SITE, SECRET_NAME: STRANGE})
    end = Node(lab, middle, "server", settings={"resolvers": [SITE]})
    start = Node(lab, near, "client")
    certificate = make_certificate(end.folder, "tls")
    (start.folder / "server.crt").write_text((end.folder / "tls.crt").read_text())
    web = streams_tunnel(
        end,
        addresses[1],
        **{
            "role": "server",
            "listen": f"{SERVER}:{PORT}",
            "tls": {"certificate_file": "tls.crt", "key_file": "tls.key"},
            "policy": {"rules": [f"allow {SITE}/32"]},
            **(server or {}),
        },
    )
    out = streams_tunnel(
        start,
        addresses[0],
        **{
            "role": "client",
            "tls": {"server_name": SERVER_NAME, "ca_file": "server.crt"},
            "proxy": {"listen": f"127.0.0.1:{FRONT}"},
            **(client or {}),
        },
    )
    known_client = {"name": "client", "public_key": start.keys[out].public, **(peer or {})}
    end.tunnels[web]["peers"] = [known_client]
    known_server = {"name": "server", "public_key": end.keys[web].public}
    start.tunnels[out]["peers"] = [{**known_server, "endpoint": f"{SERVER}:{PORT}"}]
    return Streams(start, end, far, out, web, cable, certificate)


def throttle(space: Namespace, device: str, rate: int) -> None:
    """Limits what goes out there, behind a queue of 15 ms."""
    shape = ("tbf", "rate", f"{rate}bit", "burst", "32kb", "latency", "15ms")
    space.run("tc", "qdisc", "add", "dev", device, "root", *shape)


def waited(space: Namespace, device: str) -> int:
    """How often something had to wait there."""
    shown = space.run("tc", "-s", "-j", "qdisc", "show", "dev", device).stdout
    return json.loads(shown)[0]["overlimits"]
