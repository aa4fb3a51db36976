"""IP packets over streams: an interface at either end."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

import pytest

from harness.lab import Lab
from harness.node import Node
from harness.pair import outer_address
from harness.process import wait_until
from harness.streams import INSIDE, PROTOCOL, SERVER, SITE, WEB, Streams, make_streams
from harness.streams import needs_streams, serve_site
from harness.traffic import IperfServer, assert_pings, exchange_datagrams, iperf_both
from harness.traffic import reachable, transfer

pytestmark = [pytest.mark.umbra, needs_streams]

NEAR, FAR, OTHER = "10.80.0.2", "10.80.0.1", "10.80.0.3"


def make(lab: Lab, *allowed: str, **server: Any) -> Streams:
    streams = make_streams(
        lab,
        addresses=([f"{NEAR}/24", "fd80::2/64"], [f"{FAR}/24", "fd80::1/64"]),
        peer={"allowed_ips": [f"{NEAR}/32", "fd80::2/128"]},
        server=server,
    )
    (peer,) = streams.client_rows["peers"]
    peer["allowed_ips"] = list(allowed) or ["10.80.0.0/24", "fd80::/64"]
    return streams.start()


def test_packets(lab: Lab) -> None:
    """Pings, bytes and datagrams pass both ways and unchanged, beside the front end."""
    streams = make(lab)
    near, far = streams.space, streams.server.namespace
    for there, here in ((FAR, NEAR), ("fd80::1", "fd80::2")):
        assert_pings(near, there)
        assert_pings(far, here)
    transfer(near, far, FAR, 5_000_000)
    transfer(far, near, NEAR, 5_000_000)
    exchange_datagrams(near, far, FAR, (0, 1, 1000, 1300, 4000))
    streams.assert_works()
    # What is not the client's does not pass, neither from it nor to it.
    name = streams.out
    near.ip(f"address add {OTHER}/32 dev {name}")
    assert not reachable(far, OTHER)
    near.ip(f"route add {FAR}/32 dev {name} src {OTHER}")
    assert not reachable(near, FAR)
    near.ip(f"route del {FAR}/32 dev {name}", f"address del {OTHER}/32 dev {name}")
    assert_pings(near, FAR)


def test_everything(lab: Lab) -> None:
    """With a default route and its kill switch nothing but the carrier passes beside it."""
    streams = make(lab, "0.0.0.0/0", "::/0", forward=True, masquerade=True)
    near = streams.space
    wait_until(lambda: reachable(near, FAR), 10, "the server inside")

    def page() -> str:
        command = ("curl", "-sS", "-m", "2", f"http://{SITE}:{WEB}/who")
        return near.run(*command, check=False).stdout

    assert page() == INSIDE
    streams.assert_works()
    ear = streams.server.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.bind((SERVER, 5353))
    ear.settimeout(0.5)
    # To the server's own address, but not the carrier: that goes inside, or nowhere.
    mouth = near.socket(socket.AF_INET, socket.SOCK_DGRAM)
    mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, streams.cable[0].encode())
    with contextlib.suppress(OSError):
        mouth.sendto(b"past it", (SERVER, 5353))
    with pytest.raises(TimeoutError):
        ear.recv(100)
    streams.server.kill()
    streams.server.start()
    wait_until(lambda: page() == INSIDE, 20, "a page from the new server")


def test_line(lab: Lab) -> None:
    """A client made of its line alone: an interface, and the networks behind the server."""
    near, middle, far = (lab.namespace(label) for label in ("client", "server", "site"))
    lab.link(near, middle, [f"{outer_address(2, 4)}/24"], [f"{SERVER}/24"])
    lab.link(middle, far, [f"{INSIDE}/24"], [f"{SITE}/24"])
    serve_site(lab, far)
    server, client = Node(lab, middle, "server"), Node(lab, near, "client")
    web, out = lab.interface_name(), lab.interface_name()
    for node in (server, client):
        rows = {
            "include": ["tunnels/*.yaml"],
            "node": {"state_dir": str(node.state), "log": {"level": "debug"}},
            "control": {"socket": str(node.socket)},
        }
        node.configuration.write_text(json.dumps(rows))
    made = server.umbra(
        *("init", f"{PROTOCOL}-server", "--directory", str(server.folder), "--name", web),
        *("--endpoint", SERVER, "--network", "10.80.0.0/24,fd80::/64", "--dns", SITE),
    )
    given = ("init", "client", "-", "--directory", str(client.folder), "--name", out)
    client.umbra(*given, input=made.stdout)
    for node in (server, client):
        node.launch()
        wait_until(lambda: "ready, tunnels" in node.log_text(), 10, node.log_text())
    for there in (FAR, "fd80::1", SITE):
        assert_pings(near, there)
    page = near.run("curl", "-sS", "-m", "5", f"http://{SITE}:{WEB}/who").stdout
    assert page == INSIDE
    status = client.tunnel_status(out)
    assert (status["mtu"], status["mtu_source"]) == (1500, "configured")
    assert status["kill_switch"] == "on"
    assert f"servers: [\"{SITE}\"]" in (client.folder / "tunnels" / f"{out}.yaml").read_text()
    # The next client gets the next addresses, and whose they are the server knows.
    named = ("--config", str(server.configuration))
    line = server.umbra(PROTOCOL, "allow", web, "bob", *named).stdout
    for part in ("address=10.80.0.3&", "address=fd80::3&", "route=0.0.0.0/0&", f"dns={SITE}#"):
        assert part in line, line
    assert server.peers(web)["bob"]["allowed_ips"] == ["10.80.0.3/32", "fd80::3/128"]


@pytest.mark.long
def test_iperf(lab: Lab) -> None:
    streams = make(lab)
    IperfServer(streams.server.namespace)
    iperf_both(streams.space, FAR)
