"""The most datagrams a second of which at most one in a hundred is lost.

Found by trials at fixed rates: up or down by a factor from a first guess until the limit lies
between two of them, then by halving the interval. A trial in which another process of the machine
had the processors looks like loss, so a rate fails only when it does so twice.
"""

from __future__ import annotations

import math

from bench.measures.tunnel import Tunnel
from bench.process import Failure

LOSS = 0.01
# Beyond this, once is enough.
HOPELESS_LOSS = 0.15
STEP = 1.3
HALVINGS = 3
LEAST, MOST = 500, 20_000_000
# A generator that falls behind by more is at its own limit.
KEPT_UP = 0.9


class Search:
    def __init__(self, tunnel: Tunnel, payload: int, seconds: float) -> None:
        self.tunnel, self.payload, self.seconds = tunnel, payload, seconds
        self.best = 0.0  # received a second, in a trial that passed
        self.exhausted = False  # the generator gives no more

    def passes(self, rate: float) -> bool:
        for _ in range(2):
            sent, received, took = self.tunnel.udp_load(self.payload, round(rate), self.seconds)
            if sent and 1 - received / sent <= LOSS:
                self.best = max(self.best, received / took)
                self.exhausted = sent / took < KEPT_UP * rate
                return True
            if not sent or 1 - received / sent > HOPELESS_LOSS:
                return False
        return False

    def bracket(self, guess: float) -> tuple[float, float]:
        """A rate that passes and a higher one that does not."""
        rate = guess
        if self.passes(rate):
            while not self.exhausted and rate < MOST:
                if not self.passes(rate * STEP):
                    return rate, rate * STEP
                rate *= STEP
            return rate, rate
        while rate > LEAST:
            rate /= STEP
            if self.passes(rate):
                return rate, rate * STEP
        raise Failure(f"more than {LOSS:.0%} of {self.payload} bytes lost at any rate")


def packets_per_second(tunnel: Tunnel, seconds: float, payload: int) -> dict[str, float]:
    """Thousands a second; a trial takes a sixth of `seconds`."""
    search = Search(tunnel, payload, max(0.25, seconds / 6))
    # As fast as it goes: what arrives then is about the limit, or less where much was in vain.
    _, received, took = tunnel.udp_load(payload, 0, search.seconds)
    low, high = search.bracket(max(LEAST, received / took))
    for _ in range(HALVINGS):
        if low >= high:
            break
        middle = math.sqrt(low * high)
        if search.passes(middle):
            low = middle
        else:
            high = middle
    return {f"udp{payload}": search.best / 1e3}
