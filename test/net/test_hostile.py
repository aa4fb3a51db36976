"""Strangers, and a bad cable, do not disturb a tunnel."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from harness.lab import Lab, Namespace
from harness.pair import PORT, Pair, endpoint, make_pair
from harness.process import SLOW, wait_until
from harness.traffic import Pinging, assert_pings, ping, transfer

FLOOD_SECONDS = 2
# Enough to be "under load" all the time, little enough that the kernel's queues hold it.
FLOOD_PACKETS_PER_SECOND = 20_000
ETH_P_ALL = 3
TYPES = {1: 148, 2: 92, 3: 64, 4: 128}


class Wire:
    """Hears every UDP payload that one end of the cable sends to the server's port."""

    def __init__(self, space: Namespace, link: str) -> None:
        self.socket = space.call(
            lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        )
        self.socket.setblocking(False)
        space.call(lambda: self.socket.bind((link, 0)))
        space.lab.defer(self.socket.close)

    def payloads(self) -> Iterator[bytes]:
        """UDP payloads over plain IPv4 that arrived or left since the last call."""
        while True:
            try:
                frame = self.socket.recv(65536)
            except BlockingIOError:
                return
            if frame[12:14] == b"\x08\x00" and frame[14] == 0x45 and frame[23] == 17:
                if int.from_bytes(frame[36:38], "big") == PORT:
                    yield frame[42:]


def with_attacker(lab: Lab) -> tuple[Pair, socket.socket, Wire, str]:
    """A pair, an attacker's socket towards the server, and an ear on the client's cable."""
    pair = make_pair(lab)
    attacker = lab.namespace("attacker")
    lab.link(attacker, pair.server.namespace, ["198.18.66.6/24"], ["198.18.66.1/24"])
    end = attacker.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.connect(("198.18.66.1", PORT))
    end.setblocking(False)
    return pair, end, Wire(pair.client.namespace, pair.client.underlay), "198.18.66.1"


def flood_with(end: socket.socket, make: Callable[[], bytes]) -> int:
    """Sends what make() makes for some seconds at the rate named above."""
    sent, start = 0, time.monotonic()
    while (passed := time.monotonic() - start) < FLOOD_SECONDS:
        if sent >= passed * FLOOD_PACKETS_PER_SECOND / SLOW:
            time.sleep(0.0005)
            continue
        try:
            end.send(make())
        except (BlockingIOError, ConnectionRefusedError):
            pass
        sent += 1
    return sent


def assert_undisturbed(pair: Pair, attack: Callable[[], object]) -> None:
    """No ping is lost while an attack goes on; session and endpoint stay."""
    client, server = pair.client, pair.server
    pings = Pinging(client.namespace, server.inner[4], 0.02)
    back = Pinging(server.namespace, client.inner[6], 0.02)
    before = server.device.peer(client.device)
    attack()
    assert pings.missing() == []
    assert back.missing() == []
    after = server.device.peer(client.device)
    assert after.endpoint == before.endpoint == endpoint(client.outer[4], client.device.port())
    assert after.latest_handshake == before.latest_handshake


def garbage(generator: random.Random) -> bytes:
    """Random bytes, mostly with the type and length of some message."""
    kind = generator.randrange(6)
    if kind in TYPES:
        return bytes([kind, 0, 0, 0]) + generator.randbytes(TYPES[kind] - 4)
    return generator.randbytes(generator.randrange(1, 1400))


def test_flood_of_garbage(lab: Lab) -> None:
    """Tens of thousands of datagrams that only look like messages."""
    pair, end, _, _ = with_attacker(lab)
    generator = random.Random(7)
    pool = [garbage(generator) for _ in range(2000)]
    assert_undisturbed(pair, lambda: flood_with(end, lambda: generator.choice(pool)))


def test_flood_of_replayed_initiations(lab: Lab) -> None:
    """A real initiation, with its valid first MAC, over and over, from another address."""
    pair, end, wire, _ = with_attacker(lab)
    assert_pings(pair.client.namespace, pair.server.inner[4])
    initiations = [p for p in wire.payloads() if p[0] == 1 and len(p) == 148]
    assert len(initiations) == 1
    assert_undisturbed(pair, lambda: flood_with(end, lambda: initiations[0]))
    # The server is not deaf for real ones afterwards.
    time.sleep(1.2)
    client, server = pair.client, pair.server
    client.device.configure(0, server.section(4))
    wait_until(
        lambda: ping(client.namespace, server.inner[4], 1).received, 15, "a new session afterwards"
    )


def test_replayed_data(lab: Lab) -> None:
    """Recorded data packets sent again from another address are not delivered, and no roaming."""
    pair, end, wire, _ = with_attacker(lab)
    client, server = pair.client, pair.server
    server.namespace.count("input", echo=f"iifname {server.device.name} icmp type echo-request")
    assert_pings(client.namespace, server.inner[4], 20)
    recorded = [p for p in wire.payloads() if p[0] == 4]
    assert len(recorded) >= 20
    assert server.namespace.counters()["echo"] == 20
    for packet in recorded * 10:
        end.send(packet)
    assert_pings(client.namespace, server.inner[4])
    assert server.namespace.counters()["echo"] == 23
    assert server.device.peer(client.device).endpoint == endpoint(
        client.outer[4], client.device.port()
    )


def test_altered_data(lab: Lab) -> None:
    """One flipped bit anywhere, or a byte more or less: dropped, and nothing changes."""
    pair, end, wire, _ = with_attacker(lab)
    client, server = pair.client, pair.server
    assert_pings(client.namespace, server.inner[4])
    # Messages the server has not seen: dropped on the way, and heard on the cable before.
    server.namespace.nft(
        "table inet cut {\nchain in {\ntype filter hook input priority 0;\n"
        f"iifname {server.underlay} udp dport {PORT} drop\n}}\n}}\n"
    )
    list(wire.payloads())
    ping(client.namespace, server.inner[4], 20, wait=0.1)
    fresh = [p for p in wire.payloads() if p[0] == 4 and len(p) == 128]
    assert len(fresh) == 20
    server.namespace.count("input", echo=f"iifname {server.device.name} icmp type echo-request")
    before = server.device.peer(client.device)
    for number, packet in enumerate(fresh[:-1]):
        for position in range(number, len(packet), len(fresh)):
            altered = bytearray(packet)
            altered[position] ^= 1 << (number % 8)
            end.send(bytes(altered))
        end.send(packet + b"\0")
        end.send(packet[:-1])
    # The unaltered last one shows that the others could have arrived.
    end.send(fresh[-1])
    wait_until(lambda: server.namespace.counters()["echo"] > 0, 10, "the unaltered one")
    assert server.namespace.counters()["echo"] == 1
    after = server.device.peer(client.device)
    assert after.received == before.received + 128
    assert after.latest_handshake == before.latest_handshake
    # Authentic, so from now on the peer is where that one came from.
    assert after.endpoint.startswith("198.18.66.6:")


def test_oversized_and_fragmented(lab: Lab) -> None:
    """Datagrams up to the largest, reassembled from fragments, of every type: harmless."""
    pair, end, _, _ = with_attacker(lab)

    def attack() -> None:
        for size in (0, 1, 2, 3, 4, 1472, 1473, 9000, 65506, 65507):
            for kind in range(6):
                data = bytes([kind, 0, 0, 0]) + os.urandom(65507)
                end.send(data[:size])
            time.sleep(0.02)

    assert_undisturbed(pair, attack)


def lossy(space: Namespace, link: str, percent: int) -> None:
    """Drops arriving packets at random. Segments travel singly, to be lost singly."""
    space.nft(
        f'table netdev loss {{\nchain in {{\ntype filter hook ingress device "{link}" priority 0;\n'
        f"numgen random mod 100 < {percent} drop\n}}\n}}\n"
    )
    space.run("ethtool", "-K", link, "tx-udp-segmentation", "off", "gro", "off")


@pytest.mark.parametrize("inside", [4, 6])
def test_loss(lab: Lab, inside: int) -> None:
    """10 % loss both ways: the session comes up, and what TCP carries arrives unchanged."""
    pair = make_pair(lab)
    client, server = pair.client, pair.server
    for host in (client, server):
        lossy(host.namespace, host.underlay, 10)
    wait_until(
        lambda: ping(client.namespace, server.inner[inside], 1, wait=1).received, 30, "a session"
    )
    transfer(client.namespace, server.namespace, server.inner[inside], 150_000)
    result = ping(client.namespace, server.inner[inside], 300, interval=0.005, wait=0.5)
    assert 0.6 * 300 < result.received < 0.97 * 300, result.text
