"""What the other tests lean on: an answer that comes late is an answer, one that is lost is not."""

from __future__ import annotations

import heapq
import select
import socket
import threading
import time

import pytest

from harness.echo import HEAD, KINDS, message
from harness.lab import Lab, Namespace
from harness.nodes import outer
from harness.pair import outer_address
from harness.process import SLOW
from harness.traffic import ping

pytestmark = [pytest.mark.umbra, pytest.mark.calm, pytest.mark.long]


class Answerer:
    """Answers echoes instead of the kernel, each after a time of its own; None: never."""

    def __init__(self, space: Namespace, family: int, delays: dict[int, float | None]) -> None:
        self.family, self.delays = family, delays
        self.kind = KINDS[family]
        space.sysctl("net.ipv4.icmp_echo_ignore_all", 1)
        space.sysctl("net.ipv6.icmp.echo_ignore_all", 1)
        self.socket = space.socket(family, socket.SOCK_RAW, self.kind.protocol)
        self.ending = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        space.lab.defer(self._end)

    def _end(self) -> None:
        self.ending = True
        self.thread.join()

    def _run(self) -> None:
        due: list[tuple[float, bytes, str]] = []
        while not self.ending:
            if select.select([self.socket], [], [], 0.01)[0]:
                packet, sender = self.socket.recvfrom(1 << 16)
                skipped = 20 if self.family == socket.AF_INET else 0
                kind, _, _, identifier, number = HEAD.unpack_from(packet, skipped)
                delay = self.delays.get(number, 0.0)
                if kind == self.kind.request and delay is not None:
                    payload = packet[skipped + HEAD.size :]
                    reply = message(self.family, self.kind.reply, identifier, number, payload)
                    heapq.heappush(due, (time.monotonic() + delay, reply, sender[0]))
            while due and due[0][0] <= time.monotonic():
                _, reply, address = heapq.heappop(due)
                self.socket.sendto(reply, (address, 0))


def spaces(lab: Lab) -> tuple[Namespace, Namespace]:
    made = (lab.namespace("near"), lab.namespace("far"))
    lab.link(*made, outer(2), outer(1))
    return made


@pytest.mark.parametrize("family", [4, 6])
def test_late_answers_count(lab: Lab, family: int) -> None:
    """Answers half a second behind all others count; the one that never comes does not."""
    near, far = spaces(lab)
    delays = {2: 0.6 * SLOW, 3: None, 5: 0.5 * SLOW}
    Answerer(far, socket.AF_INET if family == 4 else socket.AF_INET6, delays)
    result = ping(near, outer_address(1, family), 5, wait=1.5)
    assert (result.sent, result.received) == (5, 4), result.text
    assert "without an answer: 3" in result.text


def test_errors_are_told(lab: Lab) -> None:
    """No route, no such source, too large, and what a router says: each in the result's words."""
    near, far = spaces(lab)
    begun = time.monotonic()
    assert "unreachable" in ping(near, "192.0.2.1", 1, wait=5).text
    assert "Cannot assign" in ping(near, outer_address(1, 4), 1, "-I", "192.0.2.1", wait=5).text
    assert ping(near, outer_address(1, 4), 1, "-s", "1472", "-M", "do").received == 1
    over = ping(near, outer_address(1, 4), 1, "-s", "1473", "-M", "do", wait=5)
    assert over.received == 0 and "too long" in over.text
    near.ip(f"route add default via {outer_address(1, 4)}")
    far.sysctl("net.ipv4.ip_forward", 1)
    far.ip("route add unreachable 192.0.2.0/24")
    refused = ping(near, "192.0.2.1", 2, wait=5)
    assert refused.received == 0
    assert f"2: {outer_address(1, 4)} says: type 3, code 1" in refused.text
    assert time.monotonic() - begun < 4 * SLOW, "what was refused was waited for"
