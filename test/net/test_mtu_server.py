"""TCP between clients of a server and hosts behind it that no ICMP reaches."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from harness.lab import Lab, Namespace
from harness.narrow import Path, gateways
from harness.nodes import NodePair, hosts, make_nodes
from harness.pair import endpoint, inner_address
from harness.process import SLOW, wait_until
from harness.traffic import BIG, assert_pings, family_of, random_data

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

SIZE = BIG // 20
HOST = {4: "203.0.113.2", 6: "fd77::2"}
DEAF = """table inet deaf {
    chain in { type filter hook input priority 0; icmp type destination-unreachable drop
        icmpv6 type packet-too-big drop; }
}"""


def make(
    lab: Lab, path: Path, outside: int, client: int, server: int, behind: int = 1500
) -> tuple[NodePair, Namespace]:
    """A server that masquerades, and an Internet host behind it that hears no ICMP."""
    internet = lab.namespace("internet")
    sides = (["203.0.113.1/24", "fd77::1/64"], ["203.0.113.2/24", "fd77::2/64"])
    near, _ = lab.link(path.server, internet, *sides)
    path.server.ip(f"link set {near} mtu {behind}")
    internet.nft(DEAF)
    pair = make_nodes(
        lab,
        (path.client, path.server),
        server_endpoint=endpoint(gateways(2, 2)[0 if outside == 4 else 1]),
        client_allowed=[*hosts(1), "203.0.113.0/24", "fd77::/64"],
        client={"mtu": client},
        server={"mtu": server, "masquerade": True},
    )
    pair.client.tunnels[pair.client_tunnel]["peers"][0]["umbra"] = True
    pair.start()
    assert_pings(path.client, inner_address(1, 4), 1)
    return pair, internet


def exchange(client: Namespace, host: Namespace, family: int, patience: float = 20) -> bool:
    """Bytes both ways over one connection of the client. False: they stop coming."""
    patience *= SLOW
    data = random_data(SIZE)
    listener = host.socket(family_of(HOST[family]), socket.SOCK_STREAM)
    listener.settimeout(patience)
    listener.bind((HOST[family], 0))
    listener.listen(1)

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            connection.settimeout(patience)
            with connection:
                if receive(connection) == data:
                    connection.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    near = client.socket(family_of(HOST[family]), socket.SOCK_STREAM)
    near.settimeout(patience)
    try:
        with near, listener:
            near.connect(listener.getsockname())
            near.sendall(data)
            arrived = receive(near)
    except TimeoutError:
        return False
    thread.join(patience)
    assert arrived == data
    return True


def receive(connection: socket.socket) -> bytes:
    got = bytearray()
    while len(got) < SIZE and (part := connection.recv(1 << 20)):
        got += part
    return bytes(got)


def test_clamp_to_the_interface(lab: Lab) -> None:
    """A server with a smaller MTU than its client: the firewall's rule, and that it is the rule."""
    path = Path(lab, 1500, False)
    pair, internet = make(lab, path, 4, 1420, 1280)
    for family in (4, 6):
        assert exchange(path.client, internet, family)
    pair.server.namespace.nft("flush chain inet umbra forward")
    for family in (4, 6):
        assert not exchange(path.client, internet, family, 1), "the rule is not what helped"


def test_clamp_to_the_way_behind(lab: Lab) -> None:
    """A server with a narrow way on, which its client is not told of either."""
    path = Path(lab, 1500, False)
    _, internet = make(lab, path, 4, 1420, 1420, 1300)
    path.client.nft(DEAF)
    for family in (4, 6):
        assert exchange(path.client, internet, family)


def test_clamp_to_the_path(lab: Lab) -> None:
    """A client with a narrow way to the server, which tells nobody and both ends found out."""
    path = Path(lab, 1350, True)
    pair, internet = make(lab, path, 6, 1420, 1420)

    def limited() -> bool:
        ends = ((pair.client, pair.client_tunnel, "server"), (pair.server, pair.server_tunnel, "client"))
        return all(node.peers(tunnel)[name]["path_mtu"] for node, tunnel, name in ends)

    wait_until(limited, 8, "limits of both ends")
    for family in (4, 6):
        assert exchange(path.client, internet, family)
