"""Users who log in over TCP, where nothing lets UDP through."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator

import pytest

from harness.lab import Lab
from harness.nodes import outer
from harness.pair import PORT, endpoint, outer_address
from harness.phaze import Client, Server, inside, make_client, make_server, needs_phaze
from harness.process import wait_until
from harness.traffic import BIG, assert_pings, transfer

pytestmark = [pytest.mark.umbra, needs_phaze]

PASSWORD = "a word"
NO_UDP = f"""table inet block {{
chain c {{ type filter hook input priority 0; udp dport {PORT} counter drop; }}
}}
"""
NO_TCP = f"""table inet cut {{
chain c {{ type filter hook output priority 0; tcp dport {PORT} reject with tcp reset; }}
}}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def ends(lab: Lab) -> tuple[Server, Client]:
    hub, *spaces = (lab.namespace(name) for name in ("hub", "server", "client"))
    lab.bridge(hub, [(space, outer(n)) for n, space in enumerate(spaces, 1)])
    server = make_server(lab, spaces[0])
    server.start()
    server.add_user("alice", PASSWORD)
    spaces[0].nft(NO_UDP)
    return server, make_client(lab, spaces[1])


@pytest.fixture(autouse=True)
def logs(lab: Lab, request: pytest.FixtureRequest) -> None:
    request.node.labs = [lab]


def configure(client: Client, server: Server, transport: str) -> None:
    (client.files / "ca.pem").write_text(server.authority.read_text())
    password = client.files / "password"
    password.write_text(f"{PASSWORD}\n")
    password.chmod(0o600)
    (client.files / "tunnels" / "work.yaml").write_text(
        f"tunnels:\n  {client.name}:\n    protocol: phaze\n    role: client\n"
        f"    transport: {transport}\n"
        f'    endpoints: ["{server.where}", "{endpoint(outer_address(1, 4), PORT + 1)}"]\n'
        "    auth: { ca_file: ../ca.pem, username: alice, password_file: ../password }\n"
    )
    client.umbra("reload")


def connections(node: Client | Server) -> int:
    shards = node.tunnel_status(node.name)["data_path"]["shards"]
    return sum(shard["tcp_connections"] for shard in shards)


def test_login(ends: tuple[Server, Client]) -> None:
    """Log in, and all that packets do, with a connection in place of datagrams."""
    server, client = ends
    configure(client, server, "tcp")
    client.wait()
    assert connections(server) == connections(client) == 1
    for family in (4, 6):
        assert_pings(client.namespace, inside(1, family))
        assert_pings(server.namespace, inside(2, family))
    transfer(client.namespace, server.namespace, inside(1, 4), BIG)
    transfer(server.namespace, client.namespace, inside(2, 6), BIG)
    assert connections(server) == connections(client) == 1
    assert "packets 0 " in server.namespace.run("nft", "list", "table", "inet", "block").stdout


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_reset(ends: tuple[Server, Client]) -> None:
    """A connection that is reset takes its session with it; the next one comes by a ticket, as
    there is nobody who could judge a password."""
    server, client = ends
    assert client.works(), "the test before left it connected"
    with stopped(server.part("control")):
        client.namespace.nft(NO_TCP)
        wait_until(lambda: not client.works() and connections(client) == 0, 10, "its end")
        client.namespace.nft("delete table inet cut")
        wait_until(client.works, 15, "traffic")
    wait_until(lambda: connections(server) == 1, 10, "an end of the connection at the server")
    transfer(client.namespace, server.namespace, inside(1, 4), BIG // 10)


def test_moves(ends: tuple[Server, Client]) -> None:
    """The client's address is another one under a connection that is never told: it does not wait
    for the silence that a server is found dead by."""
    server, client = ends
    assert client.works(), "the test before left it connected"
    space = client.namespace
    old, new = outer_address(2, 4), outer_address(99, 4)
    shown = json.loads(space.run("ip", "-j", "address", "show", "to", old).stdout)
    (device,) = (entry["ifname"] for entry in shown if entry)
    space.ip(f"address add {new}/24 dev {device}", f"address del {old}/24 dev {device}")
    wait_until(client.works, 20, "traffic from elsewhere")
    assert connections(client) == 1


def test_auto(ends: tuple[Server, Client]) -> None:
    """UDP where it is answered, and TCP where it is not: with another endpoint after four
    seconds already."""
    server, client = ends
    client.umbra("down", client.name)
    configure(client, server, "auto")
    client.umbra("up", client.name)
    client.wait(15)
    assert connections(client) == 1
    client.umbra("down", client.name)
    server.namespace.nft("delete table inet block")
    client.umbra("up", client.name)
    client.wait()
    assert connections(client) == 0
