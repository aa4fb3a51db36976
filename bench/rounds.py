"""Interleaved rounds: in each, every contender has new tunnels, and takes its turn in each
measurement, so that whatever the machine does meanwhile meets neighbours alike."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from bench.contenders.contender import Contender
from bench.lab import PLAIN, WIRE, Lab, Pair
from bench.measures import MEASURES, Measure
from bench.measures.tunnel import Tunnel
from bench.process import Failure

# Figures of all rounds: by contender, then by key.
Samples = dict[str, dict[str, list[float]]]


@dataclasses.dataclass(frozen=True)
class Plan:
    contenders: Sequence[Contender]
    rounds: int
    seconds: float  # of each measurement, about
    quick: bool
    tools: pathlib.Path
    measures: Sequence[Measure] = dataclasses.field(default_factory=lambda: MEASURES)
    links: Sequence[str] = (PLAIN, WIRE)
    pair: Callable[[Lab, str, str], Pair] = Pair
    way: Callable[[Pair, str, pathlib.Path], Tunnel] = Tunnel  # what measures are given


@dataclasses.dataclass
class Outcome:
    samples: Samples
    failures: dict[str, list[str]]
    seconds: float = 0.0


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Rounds:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.outcome = Outcome({c.name: {} for c in plan.contenders}, {})

    def run(self) -> Outcome:
        begin = time.monotonic()
        for number in range(1, self.plan.rounds + 1):
            for link in self.plan.links:
                self.one_link(number, link)
            say(f"round {number} of {self.plan.rounds} done, {time.monotonic() - begin:.0f} s")
        self.outcome.seconds = time.monotonic() - begin
        return self.outcome

    def one_link(self, number: int, link: str) -> None:
        measures = [
            m for m in self.plan.measures if m.link == link and (m.quick or not self.plan.quick)
        ]
        with Lab() as lab:
            tunnels: dict[str, Tunnel] = {}
            for contender in self.plan.contenders:
                with self.failing(contender, f"start on the {link}"):
                    pair = self.plan.pair(lab, contender.name, link)
                    contender.start(pair)
                    contender.wait_until_ready(pair)
                    way = self.plan.way(pair, contender.target(pair), self.plan.tools)
                    way.serve()
                    tunnels[contender.name] = way
            for place, measure in enumerate(measures):
                # Being first is nobody's privilege.
                order = list(self.plan.contenders)
                for contender in order if (number + place) % 2 else order[::-1]:
                    if contender.name in tunnels:
                        self.one_measure(contender, tunnels[contender.name], measure)

    def one_measure(self, contender: Contender, tunnel: Tunnel, measure: Measure) -> None:
        with self.failing(contender, measure.name):
            figures = measure.take(tunnel, self.plan.seconds)
            tunnel.pair.check()
            for key, value in figures.items():
                self.outcome.samples[contender.name].setdefault(key, []).append(value)

    @contextlib.contextmanager
    def failing(self, contender: Contender, what: str) -> Iterator[None]:
        try:
            yield
        except Failure as error:
            say(f"{contender.name}: {what}: {error}")
            self.outcome.failures.setdefault(contender.name, []).append(f"{what}: {error}")
