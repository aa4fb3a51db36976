"""No VPN: the link by itself, and so what the machine can do at all."""

from __future__ import annotations

from bench.contenders.contender import Contender
from bench.lab import Pair


class NoVpn(Contender):
    name = "none"
    label = "no VPN"

    def start(self, pair: Pair) -> None:
        pass

    def target(self, pair: Pair) -> str:
        return pair.server.outer
