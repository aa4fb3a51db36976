"""The MTU of a tunnel that is to find it by itself, and packets that outgrow the way outside."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
import threading
import time

import pytest

from harness.device import Device
from harness.lab import Lab, Namespace, nodad
from harness.narrow import Path, gateways
from harness.node import Node, peer
from harness.nodes import NodePair, hosts, make_nodes, networks, outer
from harness.pair import PORT, endpoint, inner_address, outer_address
from harness.process import wait_until
from harness.traffic import BIG, assert_pings, family_of, transfer

pytestmark = [pytest.mark.umbra, pytest.mark.calm]

OVERHEAD = {4: 60, 6: 80}
STEP = 16 << 10  # of a steady stream, each 5 ms
MUCH = 1 << 20  # more than is under way of one
# Seconds until a stream goes on: two until the loss is looked for and four more to find the new
# size at worst, and then TCP's next attempt, which may come as late again.
NARROWED = 20


def mtu_of(pair: NodePair) -> int:
    return int(pair.client.namespace.links()[pair.client_tunnel]["mtu"])


@pytest.mark.parametrize("cable,outside", [(1400, 4), (1500, 6), (9000, 4)])
def test_from_the_route(lab: Lab, cable: int, outside: int) -> None:
    """What the cable carries less the overhead; a reload takes up what has changed."""
    spaces = (lab.namespace("client"), lab.namespace("server"))
    near, far = lab.link(*spaces, outer(2), outer(1), cable)
    pair = make_nodes(lab, spaces, outside=outside).start()
    expected = cable - OVERHEAD[outside]
    assert mtu_of(pair) == expected
    status = pair.client.tunnel_status(pair.client_tunnel)
    assert (status["mtu"], status["mtu_source"]) == (expected, "route")
    assert f"{expected} (from the route)" in pair.client.umbra("status").stdout
    # The server knows no endpoint and has no default route.
    assert pair.server.tunnel_status(pair.server_tunnel)["mtu"] == 1420
    assert_pings(spaces[0], inner_address(1, 4))

    # A route may say less than its cable.
    address = outer_address(1, outside)
    length = 32 if outside == 4 else 128
    spaces[0].ip(f"route add {address}/{length} dev {near} mtu 1390")
    pair.client.reload()
    assert mtu_of(pair) == max(1390 - OVERHEAD[outside], 1280)
    assert_pings(spaces[0], inner_address(1, 4))


@pytest.mark.parametrize("outside", [4, 6])
def test_what_routers_say_is_no_route(lab: Lab, outside: int) -> None:
    """The kernel's memory of a narrow path expires: the tunnel's MTU is that of the route."""
    path = Path(lab, 1300, False)
    pair = path_nodes(lab, path, outside, False)
    server = gateways(2, 2)[0 if outside == 4 else 1]
    network, via = (("198.18.2.0/24", "198.18.0.2"), ("fd18:2::/64", "fd18:0::2"))[outside == 6]
    for mtu in (1500, 1400):
        # One that a router advertised expires as well, and its metric counts.
        until = " expires 600" if outside == 6 else ""
        path.client.ip(f"route replace {network} via {via} mtu {mtu}{until}")
        path.client.run("ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1340", server, check=False)
        shown = path.client.run("ip", "route", "get", server).stdout
        assert "expires" in shown and "mtu 1300" in shown
        pair.client.reload()
        assert mtu_of(pair) == mtu - OVERHEAD[outside]


def test_configured(lab: Lab) -> None:
    """What the configuration says is not asked for, and says where it is from."""
    pair = make_nodes(lab, client={"mtu": 1300}).start()
    status = pair.client.tunnel_status(pair.client_tunnel)
    assert (status["mtu"], status["mtu_source"]) == (1300, "configured")


def test_default_route(lab: Lab) -> None:
    """Without an endpoint the default route counts, as if it were of IPv6."""
    spaces = (lab.namespace("client"), lab.namespace("server"))
    lab.link(*spaces, outer(2), outer(1), 1450)
    spaces[1].ip(f"route add default via {outer_address(2, 4)}")
    pair = make_nodes(lab, spaces).start()
    assert pair.server.tunnel_status(pair.server_tunnel)["mtu"] == 1370


def path_nodes(lab: Lab, path: Path, outside: int, umbra: bool) -> NodePair:
    server = endpoint(gateways(2, 2)[0 if outside == 4 else 1])
    pair = make_nodes(lab, (path.client, path.server), server_endpoint=server)
    pair.client.tunnels[pair.client_tunnel]["peers"][0]["umbra"] = umbra
    return pair.start()


def send_sizes(path: Path, family: int, sizes: range) -> None:
    """Datagrams of all sizes arrive, or the sender is told that they do not."""
    address, port = inner_address(1, family), 7000
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    receiver = path.server.socket(kind, socket.SOCK_DGRAM)
    sender = path.client.socket(kind, socket.SOCK_DGRAM)
    receiver.bind((address, port))
    receiver.settimeout(2)
    sender.connect((address, port))
    for size in sizes:
        for attempt in range(3):
            try:
                sender.send(bytes(size))
            except OSError as error:
                assert error.errno == errno.EMSGSIZE and size > 1150
                break
            try:
                if len(receiver.recv(2000)) == size:
                    break
            except TimeoutError:
                # The first one of its size was answered by an error, which the next one meets.
                assert attempt < 2, f"{size} bytes vanished"


def told_mtu(path: Path, size: int) -> int | None:
    """What a sender of a packet that may not be cut is told."""
    done = path.client.run("ping", "-c", "1", "-W", "1", "-M", "do", "-s", str(size),
                           inner_address(1, 4), check=False)
    found = re.search(r"mtu ?= ?(\d+)", done.stdout + done.stderr)
    return int(found[1]) if found else None


def assert_seen(node: Node, tunnel: str, name: str, limit: int) -> None:
    """The status tells what the path carries."""
    assert node.peers(tunnel)[name]["path_mtu"] == limit
    assert f"carries packets of {limit} bytes" in node.umbra("status").stdout


@pytest.mark.parametrize("silent", [False, True])
def test_narrow_v4(lab: Lab, silent: bool) -> None:
    """Over IPv4, routers cut what is too large: nothing is lost whether they may tell or not."""
    path = Path(lab, 1300, silent)
    path_nodes(lab, path, 4, False)
    for family in (4, 6):
        address = inner_address(1, family)
        for size in (500, 1200, 1240, 1300, 1372):
            assert_pings(path.client, address, 1, "-s", str(size))
        transfer(path.client, path.server, address, BIG // 20)
        transfer(path.server, path.client, inner_address(2, family), BIG // 20)


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("outside", [4, 6])
def test_probed(lab: Lab, outside: int, silent: bool) -> None:
    """Two Umbras find out what the way carries, and tell who sends more; also when it changes."""
    path = Path(lab, 1350, silent)
    pair = path_nodes(lab, path, outside, True)
    assert_pings(path.client, inner_address(1, 4), 1)
    told = wait_until(lambda: told_mtu(path, 1350), 8, "a limit")
    carries = 1350 - OVERHEAD[outside]
    assert_seen(pair.client, pair.client_tunnel, "server", told)
    for family in (4, 6):
        transfer(path.client, path.server, inner_address(1, family), BIG // 20)
        transfer(path.server, path.client, inner_address(2, family), BIG // 20)
        send_sizes(path, family, range(500, 1390, 37))
    assert carries - 8 <= told <= carries

    path.narrow(1290)
    transfer(path.client, path.server, inner_address(1, 4), BIG // 20)
    transfer(path.server, path.client, inner_address(2, 6), BIG // 20)


class Stream:
    """A steady stream of bytes over TCP, and how many have arrived."""

    def __init__(self, source: Namespace, destination: Namespace, address: str) -> None:
        family = family_of(address)
        listener = destination.socket(family, socket.SOCK_STREAM)
        listener.bind((address, 0))
        listener.listen(1)
        self.near = source.socket(family, socket.SOCK_STREAM)
        self.near.connect(listener.getsockname())
        self.far, _ = listener.accept()
        listener.close()
        self.arrived = 0
        self.over = False
        for loop in (self._send, self._receive):
            threading.Thread(target=loop, daemon=True).start()

    def _send(self) -> None:
        with self.near, contextlib.suppress(OSError):
            while not self.over:
                self.near.sendall(bytes(STEP))
                time.sleep(0.005)

    def _receive(self) -> None:
        with self.far, contextlib.suppress(OSError):
            while part := self.far.recv(1 << 20):
                self.arrived += len(part)

    def goes_on(self, timeout: float) -> float:
        """Waits until much more has arrived than may be under way; the seconds that took."""
        begin, before = time.monotonic(), self.arrived
        wait_until(lambda: self.arrived > before + MUCH, timeout, "a stream that goes on")
        return time.monotonic() - begin

    def close(self) -> None:
        self.over = True
        with contextlib.suppress(OSError):
            self.near.shutdown(socket.SHUT_RDWR)


@pytest.mark.long
def test_narrowing_under_way(lab: Lab) -> None:
    """Streams in both directions outlive that their way becomes narrow, which nobody tells."""
    path = Path(lab, 1500, True)
    pair = path_nodes(lab, path, 6, True)
    assert_pings(path.client, inner_address(1, 4), 1)
    streams = [
        Stream(path.client, path.server, inner_address(1, 4)),
        Stream(path.server, path.client, inner_address(2, 6)),
    ]
    for stream in streams:
        lab.defer(stream.close)
        stream.goes_on(10)
    assert pair.client.peers(pair.client_tunnel)["server"]["path_mtu"] is None
    path.narrow(1350)
    for stream in streams:
        stream.goes_on(NARROWED)
    for node, tunnel, name in (
        (pair.client, pair.client_tunnel, "server"), (pair.server, pair.server_tunnel, "client"),
    ):
        assert 1200 < node.peers(tunnel)[name]["path_mtu"] <= 1350 - OVERHEAD[6]


@pytest.mark.parametrize("silent", [False, True])
def test_stock_peer(lab: Lab, silent: bool) -> None:
    """Over IPv4 nothing is lost towards others, even where they are said to be what they are not.

    The other direction is theirs: wireguard-go forbids to cut its datagrams.
    """
    path = Path(lab, 1300, silent)
    device = Device(lab, path.server, "wireguard-go").start()
    node = Node(lab, path.client, "client")
    name = node.tunnel(networks(2))
    section = f"[Peer]\nPublicKey = {node.keys[name].public}\nAllowedIPs = {', '.join(hosts(2))}\n"
    device.configure(PORT, section)
    path.server.ip(
        f"link set {device.name} mtu 1420 up",
        *(f"address add {a} dev {device.name}{nodad(a)}" for a in networks(1)),
    )
    where = endpoint(gateways(2, 2)[0])
    node.tunnels[name]["peers"] = [peer("stock", device.key, hosts(1), where, umbra=True)]
    node.start()
    for family in (4, 6):
        assert_pings(path.client, inner_address(1, family), 1)
        transfer(path.client, path.server, inner_address(1, family), BIG // 20)
