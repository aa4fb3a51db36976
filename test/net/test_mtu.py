"""Interfaces from the smallest MTU of IPv6 to the largest that one datagram can carry."""

from __future__ import annotations

import re
import socket
import struct

import pytest

from harness.lab import Lab, Namespace
from harness.pair import PORT, Pair, make_pair
from harness.process import wait_until
from harness.traffic import BIG, assert_pings, exchange_datagrams, ping, transfer

pytestmark = pytest.mark.calm

LARGEST = 65475
HEADERS = {4: 28, 6: 48}
IP_MTU_DISCOVER, IP_PMTUDISC_WANT = 10, 1


@pytest.mark.parametrize("mtu", [1280, 1420, 9000, LARGEST])
def test_mtu(lab: Lab, mtu: int) -> None:
    """Pings up to exactly the MTU pass unfragmented, one byte more does not; TCP passes."""
    pair = make_pair(lab, mtu=mtu, underlay_mtu=65535)
    client, server = pair.client, pair.server
    for inside, header in HEADERS.items():
        address = server.inner[inside]
        for size in (0, 1, 15, 16, 17, mtu - header - 1, mtu - header):
            assert_pings(client.namespace, address, 2, "-s", str(size), "-M", "do")
        over = ping(client.namespace, address, 1, "-s", str(mtu - header + 1), "-M", "do", wait=1)
        assert over.received == 0
        transfer(client.namespace, server.namespace, address, BIG // 5)
        exchange_datagrams(client.namespace, server.namespace, address)


def large_over_small_cable(lab: Lab) -> Pair:
    return make_pair(lab, mtu=9000, underlay_mtu=1500)


def test_mtu_above_the_cable(lab: Lab) -> None:
    """An MTU above the cable's works by fragments outside."""
    pair = large_over_small_cable(lab)
    client, server = pair.client, pair.server
    for inside, header in HEADERS.items():
        for size in (1400, 1500, 4000, 9000 - header):
            assert_pings(client.namespace, server.inner[inside], 3, "-s", str(size))


@pytest.mark.umbra
@pytest.mark.parametrize("inside", [4, 6])
def test_mtu_above_the_cable_in_bulk(lab: Lab, inside: int) -> None:
    """Segmentation offload, which the kernel refuses above the cable's MTU, is not insisted on."""
    pair = large_over_small_cable(lab)
    client, server = pair.client, pair.server
    transfer(client.namespace, server.namespace, server.inner[inside], BIG // 5)
    transfer(server.namespace, client.namespace, client.inner[inside], BIG // 5)
    exchange_datagrams(client.namespace, server.namespace, server.inner[inside])


@pytest.mark.umbra
def test_mtu_too_large(lab: Lab) -> None:
    """An MTU that no datagram can carry is an error in the log, and does not stop the tunnel."""
    pair = make_pair(lab, underlay_mtu=65535)
    client, server = pair.client, pair.server
    assert not re.search(f"(?i)mtu.*{LARGEST}", client.device.log_text())
    client.namespace.ip(f"link set {client.device.name} mtu {LARGEST + 1}")
    wait_until(
        lambda: re.search(f"(?i)mtu.*{LARGEST}", client.device.log_text()), 3, "error in the log"
    )
    assert_pings(client.namespace, server.inner[4])
    client.namespace.ip(f"link set {client.device.name} mtu 1420")
    assert_pings(client.namespace, server.inner[4], 3, "-s", "1392", "-M", "do")


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def too_big(source: str, port: int, destination: str, mtu: int) -> bytes:
    """ICMP that says of a datagram to PORT there that it does not fit (RFC 1191 section 4)."""
    ends = socket.inet_aton(source) + socket.inet_aton(destination)
    quoted = struct.pack("!BBHHHBBH", 0x45, 0, 1400, 1, 0x4000, 64, socket.IPPROTO_UDP, 0) + ends
    quoted += struct.pack("!HHHH", port, PORT, 1380, 0)
    said = checksum(struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quoted)
    return struct.pack("!BBHHH", 3, 4, said, 0, mtu) + quoted


def fragments(capture: socket.socket) -> tuple[int, int]:
    """How many packets were captured, and how many of them are pieces."""
    packets = pieces = 0
    while True:
        try:
            packet = capture.recv(64)
        except BlockingIOError:
            return packets, pieces
        packets += 1
        pieces += struct.unpack_from("!H", packet, 6)[0] & 0x3FFF != 0


def captured(space: Namespace, link: str) -> socket.socket:
    made = space.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    space.call(lambda: made.bind((link, 0x0800)))
    made.setblocking(False)
    return made


@pytest.mark.umbra
def test_forged_too_big(lab: Lab) -> None:
    """No stranger has our datagrams cut, by saying that they do not fit."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    near, far = client.outer[4], server.outer[4]
    capture = captured(server.namespace, server.underlay)
    assert_pings(client.namespace, server.inner[4], 3, "-s", "1300")
    assert fragments(capture)[1] == 0
    stranger = server.namespace.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    for port in (client.device.port(), 51821):
        stranger.sendto(too_big(near, port, far, 600), (near, 0))
    assert_pings(client.namespace, server.inner[4], 3, "-s", "1300")
    packets, pieces = fragments(capture)
    assert packets >= 3 and pieces == 0
    assert "mtu" not in client.namespace.run("ip", "route", "get", far).stdout
    # The forgery is a good one: who listens to such answers is taken in.
    believer = client.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
    believer.bind((near, 51821))
    believer.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT)
    stranger.sendto(too_big(near, 51821, far, 600), (near, 0))
    wait_until(
        lambda: "mtu 600" in client.namespace.run("ip", "route", "get", far).stdout, 5, "a believer"
    )
    fragments(capture)
    assert_pings(client.namespace, server.inner[4], 3, "-s", "1300")
    assert fragments(capture)[1] == 0
