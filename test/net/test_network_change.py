"""The host's network changes under a client: traffic again within a second of a usable route."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from harness.lab import Lab, Namespace, nodad
from harness.nodes import NodePair, hosts, make_nodes
from harness.pair import PORT, endpoint, inner_address, make_pair
from harness.process import SLOW, STALL, wait_until
from harness.traffic import assert_pings, family_of, reachable
from test_node_names import NAME, NameServer, resolv_conf

pytestmark = [pytest.mark.umbra]

# A second is promised.
ALLOWED = 1.0 * SLOW + STALL

WLAN, LTE, SERVER = 1, 2, 3


def address(network: int, host: int, family: int) -> str:
    return f"198.51.{network}.{host}" if family == 4 else f"fd51:{network}::{host}"


def width(family: int) -> int:
    return 24 if family == 4 else 64


class Roads:
    """A client with two ways to the router that the server is behind as well."""

    def __init__(self, lab: Lab) -> None:
        self.client, self.router = lab.namespace("client"), lab.namespace("router")
        self.server = lab.namespace("server")
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            self.router.sysctl(key, 1)
        self.device: dict[int, str] = {}
        self.far: dict[int, str] = {}
        for network, space in ((WLAN, self.client), (LTE, self.client), (SERVER, self.server)):
            ends = [
                [f"{address(network, host, family)}/{width(family)}" for family in (4, 6)]
                for host in (2, 1)
            ]
            self.device[network], self.far[network] = lab.link(space, self.router, *ends)
        self.route(self.server, SERVER)
        self.route(self.client, WLAN)

    def route(self, space: Namespace, network: int) -> float:
        """The default routes; returns when they were usable."""
        for family in (4, 6):
            everywhere = "0.0.0.0/0" if family == 4 else "::/0"
            space.ip(
                f"route replace {everywhere} via {address(network, 1, family)} "
                f"dev {self.device[network]}"
            )
        return time.monotonic()


class Stream:
    """Datagrams through the tunnel every 10 ms, one way, and when they arrived."""

    def __init__(self, lab: Lab, source: Namespace, sink: Namespace, target: str) -> None:
        family = family_of(target)
        self.sink = sink.socket(family, socket.SOCK_DGRAM)
        self.sink.bind((target, 0))
        self.source = source.socket(family, socket.SOCK_DGRAM)
        self.where = self.sink.getsockname()
        self.arrivals: list[float] = []
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self.send, self.receive)]
        for thread in self.threads:
            thread.start()
        lab.defer(self.end)

    def end(self) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def send(self) -> None:
        while not self.ended.wait(0.01):
            try:
                self.source.sendto(b"x" * 500, self.where)
            except OSError:
                pass  # no route for the moment

    def receive(self) -> None:
        self.sink.settimeout(0.2)
        while not self.ended.is_set():
            try:
                self.sink.recv(2048)
            except TimeoutError:
                continue
            self.arrivals.append(time.monotonic())

    def back_after(self, moment: float) -> float:
        """Seconds from the moment to the first datagram of three in a row."""

        def three() -> float | None:
            later = [a for a in self.arrivals if a > moment]
            return later[0] - moment if len(later) > 2 else None

        return wait_until(three, 20, "the stream goes on")


def start(lab: Lab, roads: Roads, outside: int, **client) -> NodePair:
    where = endpoint(address(SERVER, 2, outside))
    pair = make_nodes(
        lab, (roads.client, roads.server), server_endpoint=where, client=client,
        client_allowed=["0.0.0.0/0", "::/0"] if client else hosts(1),
    )  # fmt: skip
    pair.start()
    assert_pings(roads.client, inner_address(1, 4), 3)
    return pair


def seen_at(pair: NodePair) -> str:
    return pair.server.peers(pair.server_tunnel)["client"]["endpoint"]


def server_sees(pair: NodePair, where: str) -> None:
    port = pair.client.tunnel_status(pair.client_tunnel)["listen_port"]
    wait_until(lambda: seen_at(pair) == endpoint(where, port), 5, f"the server sees {where}")


def wait_condition(pair: NodePair, condition: str) -> dict:
    def look() -> dict | None:
        status = pair.client.tunnel_status(pair.client_tunnel)
        return status if status["condition"] == condition else None

    return wait_until(look, 15, f"the client is {condition}")


@pytest.mark.parametrize("outside", [4, 6])
def test_traffic_goes_on(lab: Lab, outside: int) -> None:
    """
    Only the server sends: the worst case, as it cannot know where its client is. The client's
    address is replaced; its default route moves to the other link while the first stays up; that
    link goes down and up; and the other one loses its carrier and gets it back.
    """
    roads = Roads(lab)
    pair = start(lab, roads, outside)
    down = Stream(lab, roads.server, roads.client, inner_address(2, 4))
    down.back_after(time.monotonic())
    measured: dict[str, float] = {}

    new, old = address(WLAN, 7, outside), address(WLAN, 2, outside)
    roads.client.ip(
        f"address add {new}/{width(outside)} dev {roads.device[WLAN]}{nodad(new)}",
        f"address del {old}/{width(outside)} dev {roads.device[WLAN]}",
    )
    measured["address"] = down.back_after(roads.route(roads.client, WLAN))
    server_sees(pair, new)

    moment = roads.route(roads.client, LTE)
    lte = address(LTE, 2, outside)
    server_sees(pair, lte)
    measured["route moved"] = time.monotonic() - moment

    # Down: nothing is left to send by. Up again a while later, as after a tunnel of a train.
    roads.client.ip(f"link set {roads.device[LTE]} down", f"link set {roads.device[WLAN]} down")
    lost = wait_condition(pair, "reconnecting")
    assert lost["reason"] == f"no route to {endpoint(address(SERVER, 2, outside))}"
    time.sleep(1)
    roads.client.ip(f"link set {roads.device[WLAN]} up")
    for family in (4, 6):
        where = address(WLAN, 7 if family == outside else 2, family)
        roads.client.ip(
            f"address replace {where}/{width(family)} dev {roads.device[WLAN]}{nodad(where)}"
        )
    measured["link down and up"] = down.back_after(roads.route(roads.client, WLAN))
    server_sees(pair, new)

    # The access point goes away and comes back: the carrier tells.
    roads.router.ip(f"link set {roads.far[WLAN]} down")
    time.sleep(1)
    roads.router.ip(f"link set {roads.far[WLAN]} up")
    gateway = address(WLAN, 1, outside)
    roads.router.ip(
        f"address replace {gateway}/{width(outside)} dev {roads.far[WLAN]}{nodad(gateway)}"
    )
    measured["gateway back"] = down.back_after(roads.route(roads.client, WLAN))

    wait_condition(pair, "connected")
    line = pair.client.umbra("status").stdout.split(f"{pair.client_tunnel}: ")[1].splitlines()[0]
    where = endpoint(address(SERVER, 2, outside))
    assert line.startswith(f"up, connected to {where} for "), line
    line = pair.server.umbra("status", pair.server_tunnel).stdout.splitlines()[0]
    assert line == f"{pair.server_tunnel}: up, 1 of 1 peer connected"
    print({what: round(seconds, 3) for what, seconds in measured.items()})
    assert max(measured.values()) < ALLOWED, measured


@pytest.mark.long
def test_handshake_that_waited(lab: Lab) -> None:
    """A tunnel that takes everything starts without any route: it connects once there is one."""
    roads = Roads(lab)
    roads.client.ip("route del 0.0.0.0/0", "route del ::/0")
    where = endpoint(address(SERVER, 2, 4))
    pair = make_nodes(
        lab, (roads.client, roads.server), server_endpoint=where,
        client_allowed=["0.0.0.0/0", "::/0"],
    )  # fmt: skip
    pair.start()
    up = Stream(lab, roads.client, roads.server, inner_address(1, 4))
    time.sleep(2)
    assert not up.arrivals
    waited = up.back_after(roads.route(roads.client, LTE))
    print(f"connected after {waited:.3f} s")
    assert waited < ALLOWED
    # The default route moves, with the tunnel's own rules over it.
    moment = roads.route(roads.client, WLAN)
    server_sees(pair, address(WLAN, 2, 4))
    assert up.back_after(moment) < ALLOWED


@pytest.mark.calm
def test_other_family(lab: Lab) -> None:
    """The network of now has no IPv6: a session with the name's v6 address goes on at its v4 one."""
    roads = Roads(lab)
    names = NameServer(lab, roads.server, address(SERVER, 2, 4))
    names.serve(address(SERVER, 2, 6), address(SERVER, 2, 4))
    resolv_conf(lab, address(SERVER, 2, 4))
    pair = make_nodes(
        lab, (roads.client, roads.server), server_endpoint=f"{NAME}:{PORT}", client_allowed=hosts(1)
    )
    pair.start()
    wait_until(lambda: reachable(roads.client, inner_address(1, 4)), 15, "pings by name")
    server_sees(pair, address(WLAN, 2, 6))
    handshake = pair.client.peers(pair.client_tunnel)["server"]["latest_handshake"]
    down = Stream(lab, roads.server, roads.client, inner_address(2, 4))
    down.back_after(time.monotonic())
    # Both at once: a prefix that is not renewed any more goes with its route.
    roads.client.ip(
        "route del ::/0", f"address del {address(WLAN, 2, 6)}/64 dev {roads.device[WLAN]}"
    )
    moment = time.monotonic()
    server_sees(pair, address(WLAN, 2, 4))
    waited = down.back_after(moment)
    print(f"by the other family after {time.monotonic() - moment:.3f} s")
    assert waited < ALLOWED
    assert pair.client.peers(pair.client_tunnel)["server"]["latest_handshake"] == handshake


def test_single_interface(lab: Lab) -> None:
    """umbra-wg follows a route that moves to another link while the first stays up, too."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    near, _ = lab.link(
        client.namespace, server.namespace, [f"{address(LTE, 2, 4)}/24"], [f"{address(LTE, 1, 4)}/24"]
    )
    behind = address(SERVER, 2, 4)
    server.namespace.ip("link set lo up", f"address add {behind}/32 dev lo")
    client.namespace.ip(f"route add {behind}/32 via {server.outer[4]} dev {client.underlay}")
    client.device.set("peer", server.device.key.public, "endpoint", endpoint(behind))
    assert_pings(client.namespace, server.inner[4])
    moment = time.monotonic()
    client.namespace.ip(f"route replace {behind}/32 via {address(LTE, 1, 4)} dev {near}")
    expected = endpoint(address(LTE, 2, 4), client.device.port())
    wait_until(
        lambda: server.device.peer(client.device).endpoint == expected, 5, "the server follows"
    )
    assert time.monotonic() - moment < ALLOWED
