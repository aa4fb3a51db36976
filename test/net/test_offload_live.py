"""Offloads that change while packets pass, and how large packets get by them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest

from harness.device import REFERENCE, UMBRA
from harness.lab import Lab, Namespace
from harness.mighty import PROTOCOL, needs_mighty
from harness.node import Node
from harness.nodes import make_nodes
from harness.pair import PORT, Host, Pair, inner_address, make_pair
from harness.process import wait_until
from harness.sizes import Sizes
from harness.traffic import (
    BIG,
    IperfServer,
    Pinging,
    assert_pings,
    exchange_datagrams,
    transfer,
)

pytestmark = pytest.mark.umbra

OVERHEAD = 32  # header and tag of a datagram
SHARED_OVERHEAD = 40  # with keys that both ends share
DATAGRAM_MAX = 65507
SEGMENTS_MAX = 64
TCP_HEADERS = {4: 52, 6: 72}  # with timestamps


def gso_limit(mtu: int, overhead: int = OVERHEAD) -> int:
    """As many segments of TCP as one send carries, and their one header."""
    segments = min(max(DATAGRAM_MAX // (mtu + overhead), 1), SEGMENTS_MAX)
    return segments * (mtu - TCP_HEADERS[4]) + TCP_HEADERS[4]


def link(space: Namespace, name: str) -> dict[str, int]:
    (described,) = json.loads(space.run("ip", "-d", "-j", "link", "show", name).stdout)
    return described


def wait_limit(space: Namespace, name: str, expected: int) -> None:
    wait_until(
        lambda: link(space, name)["gso_max_size"] == expected,
        5,
        f"gso_max_size {expected} instead of {link(space, name)['gso_max_size']}",
    )
    shown = link(space, name)
    assert shown["gso_max_segs"] == SEGMENTS_MAX
    assert shown.get("gso_ipv4_max_size", expected) == expected


def test_limit_of_large_packets(lab: Lab) -> None:
    """gso_max_size follows the MTU, also after the interface has moved."""
    pair = make_pair(lab, underlay_mtu=9500)
    space, name = pair.client.namespace, pair.client.device.name
    assert gso_limit(1420) == 61612
    wait_limit(space, name, 61612)
    for mtu in (1280, 9000, 1500, 1420):
        space.ip(f"link set {name} mtu {mtu}")
        wait_limit(space, name, gso_limit(mtu))
    target = lab.namespace("target")
    space.ip(f"link set {name} netns {target.name}")
    wait_limit(target, name, 61612)
    target.ip(f"link set {name} mtu 1400")
    wait_limit(target, name, gso_limit(1400))


def test_limit_of_large_packets_by_configuration(lab: Lab) -> None:
    """The same of umbrad's interfaces: at the start, with an MTU given, and after a reload."""
    nodes = make_nodes(lab, client={"mtu": 1380})
    nodes.start()
    space, name = nodes.client.namespace, nodes.client_tunnel
    wait_limit(space, name, gso_limit(1380))
    nodes.client.tunnels[name]["mtu"] = 1300
    nodes.client.reload()
    wait_limit(space, name, gso_limit(1300))
    transfer(space, nodes.server.namespace, inner_address(1, 4), BIG // 10)


@needs_mighty
def test_limit_of_large_packets_with_shared_keys(lab: Lab) -> None:
    """Their datagrams are larger, so that at an ordinary MTU one packet less goes into a send."""
    node = Node(lab, lab.namespace("server"), "server")
    name = lab.interface_name()
    shared = {"protocol": PROTOCOL, "role": "server", "listen": f"[::]:{PORT}"}
    node.tunnels[name] = {**shared, "addresses": ["10.99.0.1/24"], "mtu": 1420}
    node.start()
    assert gso_limit(1420, SHARED_OVERHEAD) < gso_limit(1420)
    wait_limit(node.namespace, name, gso_limit(1420, SHARED_OVERHEAD))


def test_no_limit_without_large_packets(lab: Lab) -> None:
    """An interface without segmentation is left as the kernel made it."""
    pair = make_pair(lab, options=["--no-offload=tun"])
    shown = link(pair.client.namespace, pair.client.device.name)
    assert shown["gso_max_size"] == 65536


def count_packets(pair: Pair, inside: int) -> tuple[list[int], list[int]]:
    """Super-packets that enter the tunnel and those that leave it, of one transfer."""
    client, server = pair.client, pair.server
    inner = Sizes(client.namespace, client.device.name, leaving=True)
    outer = Sizes(client.namespace, client.underlay, leaving=True)
    transfer(client.namespace, server.namespace, server.inner[inside], BIG // 5)
    return inner.above(1500), outer.above(1500)


@pytest.mark.parametrize("mtu", [1280, 1420])
@pytest.mark.parametrize("outside", [4, 6])
@pytest.mark.parametrize("inside", [4, 6])
def test_one_read_is_one_send(lab: Lab, inside: int, outside: int, mtu: int) -> None:
    """
    The largest packet that TCP makes fits one send. Without the limit it would take two: this test
    would tell.
    """
    pair = make_pair(lab, outside=outside, mtu=mtu)
    client = pair.client
    space, name = client.namespace, client.device.name
    wait_limit(space, name, gso_limit(mtu))
    inner, outer = count_packets(pair, inside)
    assert inner and outer
    payload = mtu - TCP_HEADERS[inside]
    segments = [-(-(size - TCP_HEADERS[inside]) // payload) for size in inner]
    assert max(inner) <= gso_limit(mtu)
    assert max(segments) * (mtu + OVERHEAD) <= DATAGRAM_MAX
    # Not lower than it must be; of the limit the kernel keeps some hundred bytes for headers.
    assert max(segments) >= DATAGRAM_MAX // (mtu + OVERHEAD) - 1
    # Some more than one each only where single packets leave together; two each would be double.
    assert len(outer) <= len(inner) * 1.2 + 2


def test_two_sends_without_the_limit(lab: Lab) -> None:
    """What the limit is for: the kernel's own makes packets of which one send cannot carry all."""
    pair = make_pair(lab)
    client = pair.client
    name = client.device.name
    wait_limit(client.namespace, name, 61612)
    client.namespace.ip(f"link set {name} gso_max_size 65536")
    inner, outer = count_packets(pair, 4)
    segments = [-(-(size - 52) // 1368) for size in inner]
    assert max(segments) * (1420 + OVERHEAD) > DATAGRAM_MAX
    assert outer


class Transfers:
    """Transfers both ways in the background, one after the other, while something happens."""

    def __init__(self, pair: Pair, inside: int = 4) -> None:
        self.pair, self.inside = pair, inside
        self.done = [0, 0]
        self._errors: list[BaseException] = []
        self._ending = False
        self._threads = [
            threading.Thread(target=self._run, args=(way,), daemon=True) for way in (0, 1)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, way: int) -> None:
        hosts = [self.pair.client, self.pair.server]
        near, far = hosts if way == 0 else reversed(hosts)
        try:
            while not self._ending:
                transfer(near.namespace, far.namespace, far.inner[self.inside], BIG // 10)
                self.done[way] += 1
        except BaseException as error:
            self._errors.append(error)

    def next(self, count: int = 2) -> None:
        """Waits until so many more went each way."""
        wanted = [done + count for done in self.done]
        wait_until(
            lambda: self._errors or all(d >= w for d, w in zip(self.done, wanted)),
            30,
            f"transfers {wanted}, at {self.done}",
        )
        if self._errors:
            raise self._errors[0]

    def end(self) -> None:
        self._ending = True
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)
        if self._errors:
            raise self._errors[0]


def toggle(space: Namespace, name: str, *features: str) -> None:
    space.run("ethtool", "-K", name, *features)


def exchange_beside_others(pair: Pair) -> None:
    """The way is full of others' packets all the time, and queues have an end."""
    for attempt in range(3):
        try:
            exchange_datagrams(pair.client.namespace, pair.server.namespace, pair.server.inner[4])
            return
        except TimeoutError:
            if attempt == 2:
                raise


@pytest.mark.parametrize("peer", [UMBRA, REFERENCE])
def test_tun_offloads_switched_by_the_operator(lab: Lab, peer: str) -> None:
    """ethtool -K of the tunnel's own interface, off and on while bytes flow: all goes on."""
    pair = make_pair(lab, server=peer)
    client = pair.client
    pings = Pinging(client.namespace, pair.server.inner[6])
    transfers = Transfers(pair)
    transfers.next()
    for features in (
        ("tso", "off"),
        ("gso", "off", "tx-udp-segmentation", "off"),
        ("tx", "off", "sg", "off"),
        ("gro", "off"),
        ("tx", "on", "sg", "on", "tso", "on", "gso", "on", "tx-udp-segmentation", "on"),
    ):
        toggle(client.namespace, client.device.name, *features)
        transfers.next()
        exchange_beside_others(pair)
    transfers.end()
    assert len(pings.missing()) <= 2


def change_outer_offloads(host: Host) -> Iterator[Callable[[], None]]:
    space, name = host.namespace, host.underlay
    yield lambda: toggle(space, name, "tx", "off")
    yield lambda: toggle(space, name, "tx-udp-segmentation", "off")
    yield lambda: toggle(space, name, "gro", "off")
    yield lambda: toggle(space, name, "sg", "off", "gso", "off")
    # Segments above it are refused (EMSGSIZE, EINVAL before Linux 6.14), and go in fragments.
    yield lambda: space.ip(f"link set {name} mtu 1400")
    yield lambda: space.ip(f"link set {name} mtu 1500")
    yield lambda: toggle(space, name, "tx", "on", "sg", "on", "gso", "on", "gro", "on")


@pytest.mark.parametrize("outside", [4, 6])
def test_outer_device_loses_its_offloads(lab: Lab, outside: int) -> None:
    """The device below loses checksums, segmentation and MTU while bytes flow: they go on."""
    pair = make_pair(lab, outside=outside)
    transfers = Transfers(pair)
    transfers.next()
    for change in change_outer_offloads(pair.client):
        change()
        transfers.next()
    transfers.end()
    exchange_datagrams(pair.client.namespace, pair.server.namespace, pair.server.inner[4])
    assert_pings(pair.server.namespace, pair.client.inner[6])


def test_outer_path_moves_to_another_device(lab: Lab) -> None:
    """Another cable, without any offload, takes over while bytes flow; then the first again."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    near, far = lab.link(client.namespace, server.namespace, ["198.18.8.2/24"], ["198.18.8.1/24"])
    for host, name in ((client, near), (server, far)):
        toggle(host.namespace, name, "tx", "off", "sg", "off", "gro", "off")
    transfers = Transfers(pair)
    transfers.next()
    client.namespace.ip(
        f"route add {server.outer[4]}/32 via 198.18.8.1", f"link set {client.underlay} down"
    )
    transfers.next()
    passed = Sizes(client.namespace, near, leaving=True)
    transfers.next()
    assert passed.above(1000)
    client.namespace.ip(f"link set {client.underlay} up", f"link del {near}")
    transfers.next()
    transfers.end()


def test_down_and_up_amid_large_packets(lab: Lab) -> None:
    """
    An interface that is down refuses super-packets; that is no reason to write single ones once it
    is up again.
    """
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    IperfServer(server.namespace)
    written = Sizes(server.namespace, server.device.name, leaving=False)

    def large() -> int:
        return sum(size > 1420 for size in written.sizes)

    client.namespace.spawn("iperf3", "-c", server.inner[4], "-t", "60", "--bidir")
    for _ in range(4):
        before = large()
        wait_until(lambda: large() > before + 20, 20, "super-packets")
        server.namespace.ip(f"link set {server.device.name} down")
        server.namespace.ip(f"link set {server.device.name} up")
    before = large()
    wait_until(lambda: large() > before + 20, 20, "super-packets")


def test_moved_amid_large_packets(lab: Lab) -> None:
    """After a move to another namespace packets are as large as before, both ways."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    target = lab.namespace("target")
    transfer(client.namespace, server.namespace, server.inner[4], BIG // 10)
    server.namespace.ip(f"link set {server.device.name} netns {target.name}")
    server.namespace = target
    server.bring_up()
    read = Sizes(target, server.device.name, leaving=True)
    written = Sizes(target, server.device.name, leaving=False)
    transfer(client.namespace, target, server.inner[4], BIG // 10)
    transfer(target, client.namespace, client.inner[4], BIG // 10)
    assert written.above(1420)
    assert max(read.above(1420)) <= 61612
