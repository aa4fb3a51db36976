"""What the sandbox costs: throughput of umbra-wg with it and without, in interleaved pairs.

Two pairs of hosts stand side by side; a pair of measurements is one of each, and which comes first
alternates. The figure is the median of the pairs' quotients.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

from bench.contenders.wireguard import Umbra
from bench.lab import PLAIN, Lab, Pair, isolate
from bench.main import REPOSITORY, look_around, requirements
from bench.measures import tcp
from bench.measures.tunnel import Tunnel
from bench.report import write
from bench.rounds import say

PAIRS, SECONDS = 9, 3
GOAL = 0.93
INSIDE, OUTSIDE = "umbra", "umbra-bare"


def quotients(samples: dict[str, list[float]]) -> list[float]:
    """Of each pair: with the sandbox / without."""
    return [inside / outside for inside, outside in zip(samples[INSIDE], samples[OUTSIDE])]


def verdict(samples: dict[str, list[float]]) -> tuple[str, bool]:
    found = quotients(samples)
    middle = statistics.median(found)
    medians = {name: statistics.median(values) for name, values in samples.items()}
    text = (
        f"TCP, one stream: {medians[INSIDE]:.2f} Gbit/s in the sandbox, "
        f"{medians[OUTSIDE]:.2f} outside; quotient {middle:.3f} "
        f"({min(found):.3f}–{max(found):.3f}, {len(found)} pairs), goal {GOAL}: "
    )
    return text + ("reached" if middle >= GOAL else "missed"), middle >= GOAL


def measure(given: argparse.Namespace) -> dict[str, list[float]]:
    contenders = [
        Umbra(INSIDE, given.bin, aead="auto"),
        Umbra(OUTSIDE, given.bin, aead="auto", options=("--no-sandbox",)),
    ]
    samples: dict[str, list[float]] = {c.name: [] for c in contenders}
    with Lab() as lab:
        tunnels = {}
        for contender in contenders:
            pair = Pair(lab, contender.name, PLAIN)
            contender.start(pair)
            contender.wait_until_ready(pair)
            tunnels[contender.name] = Tunnel(pair, contender.target(pair), given.tools)
            tunnels[contender.name].serve()
        for number in range(given.pairs):
            order = [INSIDE, OUTSIDE] if number % 2 == 0 else [OUTSIDE, INSIDE]
            for name in order:
                samples[name].append(tcp.rate(tunnels[name], given.seconds))
            say(f"pair {number + 1} of {given.pairs}: {quotients(samples)[-1]:.3f}")
    return samples


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench/run sandbox", description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    parser.add_argument("--json", type=pathlib.Path, default=REPOSITORY / "build/bench/sandbox.json")
    parser.add_argument("--bin", type=pathlib.Path, default=REPOSITORY / "build/bin")
    parser.add_argument("--tools", type=pathlib.Path, default=REPOSITORY / "build/bench/tools")
    given = parser.parse_args(argv)
    requirements(given.tools)
    circumstances: dict[str, Any] = look_around()
    isolate()
    samples = measure(given)
    text, reached = verdict(samples)
    print(text)
    found = {"circumstances": circumstances, "samples": samples, "quotients": quotients(samples)}
    write(given.json, json.dumps(found, indent=1) + "\n")
    return 0 if reached else 1
