"""The protocol's long times, all waited for at once, beside the other tests.

Each scenario is set up when the session starts; its test, at the end of the session, waits for
what is left of its time and judges.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.device import REFERENCE, UNDER_TEST
from harness.lab import Lab
from harness.pair import Pair, make_pair
from harness.recorder import Recorder
from harness.traffic import Pinging, assert_pings

REKEY_SECONDS = 250  # two rekeys, at 120 s each, and some seconds
EXPIRY_SECONDS = 200
KEEPALIVE_SECONDS = 40
SILENCE_SECONDS = 150


@dataclass
class Scenario:
    """A pair, what was recorded at the client's cable, and when all of it is over."""

    lab: Lab
    pair: Pair
    recorder: Recorder
    started: float
    seconds: float
    pings: Pinging | None = None

    def wait(self) -> None:
        """Waits until the scenario's time is over; the protocol's times know no UMBRA_SLOW."""
        time.sleep(max(0.0, self.started + self.seconds - time.monotonic()))


def _begin(
    lab: Lab, seconds: float, client: str = UNDER_TEST, server: str = UNDER_TEST
) -> Scenario:
    pair = make_pair(lab, client, server)
    recorder = Recorder(pair.client.namespace, pair.client.underlay)
    assert_pings(pair.client.namespace, pair.server.inner[4], 2)
    return Scenario(lab, pair, recorder, time.monotonic(), seconds)


def _rekey(client: str, server: str) -> Callable[[Lab], Scenario]:
    def begin(lab: Lab) -> Scenario:
        scenario = _begin(lab, REKEY_SECONDS, client, server)
        pair = scenario.pair
        scenario.pings = Pinging(pair.client.namespace, pair.server.inner[4], 0.1)
        return scenario

    return begin


def _one_way(lab: Lab) -> Scenario:
    """After the pings one more datagram goes to the server, which has nothing to answer."""
    scenario = _begin(lab, KEEPALIVE_SECONDS)
    client, server = scenario.pair.client, scenario.pair.server
    ear = server.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.bind((server.inner[4], 9))
    mouth = client.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
    scenario.started = time.monotonic()
    mouth.sendto(b"nobody answers this", (server.inner[4], 9))
    assert ear.recv(100)
    return scenario


def _silence(lab: Lab) -> Scenario:
    """The server falls silent; the client goes on pinging for some seconds only."""
    scenario = _begin(lab, SILENCE_SECONDS)
    client, server = scenario.pair.client, scenario.pair.server
    # Not the cable's carrier, and no ICMP error, may be what the client notices.
    server.namespace.nft(
        "table netdev silence {\nchain in {\n"
        f'type filter hook ingress device "{server.underlay}" priority 0; policy drop;\n}}\n}}\n'
    )
    scenario.started = time.monotonic()
    client.namespace.spawn("ping", "-c", "5", "-i", "0.2", server.inner[4])
    return scenario


def _idle(lab: Lab) -> Scenario:
    return _begin(lab, EXPIRY_SECONDS)


SCENARIOS: dict[str, Callable[[Lab], Scenario]] = {
    "rekey": _rekey(UNDER_TEST, UNDER_TEST),
    "rekey-initiator": _rekey(UNDER_TEST, REFERENCE),
    "rekey-responder": _rekey(REFERENCE, UNDER_TEST),
    "one-way": _one_way,
    "silence": _silence,
    "idle": _idle,
}


class Waits:
    """The scenarios of one session. One that could not begin fails its own test only."""

    def __init__(self, names: set[str]) -> None:
        self.labs: dict[str, Lab] = {}
        self._begun: dict[str, Scenario | BaseException] = {}
        for name in sorted(names):
            lab = self.labs[name] = Lab()
            try:
                self._begun[name] = SCENARIOS[name](lab)
            except Exception as error:
                self._begun[name] = error

    def get(self, name: str) -> Scenario:
        begun = self._begun[name]
        if isinstance(begun, BaseException):
            raise begun
        begun.wait()
        return begun

    def close(self) -> None:
        errors = []
        for lab in self.labs.values():
            try:
                lab.close()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]
