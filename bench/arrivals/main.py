"""Many clients that come to one server, and come again.

Needs root. Everything it makes is taken away again, however it ends.
"""

from __future__ import annotations

import argparse
import os
import pathlib
from collections.abc import Sequence

from bench import goals, report
from bench.arrivals.effort import Effort
from bench.arrivals.kind import Kind
from bench.arrivals.kinds import all_kinds
from bench.arrivals.measures import MEASURES, Bed
from bench.arrivals.metrics import GOALS, GROUPS, METRICS
from bench.lab import Lab, is_root, isolate
from bench.main import REPOSITORY, chosen, look_around, until_interrupted, whose_programs_are_there
from bench.process import Failure
from bench.rounds import Samples, say

ROUNDS = 3


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run arrivals", description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME,…", help="these protocols")
    parser.add_argument("--quick", action="store_true", help="one round of few clients")
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}; quick: 1")
    build = REPOSITORY / "build"
    parser.add_argument("--json", type=pathlib.Path, default=build / "bench/arrivals.json")
    parser.add_argument("--bin", type=pathlib.Path, default=build / "bin")
    parser.add_argument("--tools", type=pathlib.Path, default=build / "bench/tools")
    given = parser.parse_args(argv)
    given.rounds = given.rounds or (1 if given.quick else ROUNDS)
    return given


def requirements(tools: pathlib.Path) -> None:
    if not is_root():
        raise SystemExit("bench: needs root: it makes network namespaces")
    for tool in ("arrivals", "round_trip"):
        if not os.access(tools / tool, os.X_OK):
            raise SystemExit(f"bench: {tools / tool} is missing: make bench-arrivals builds it")


def one_round(
    kind: Kind, effort: Effort, tools: pathlib.Path, figures: dict[str, list[float]]
) -> None:
    """Each with a server that has seen none of them."""
    with Lab() as lab:
        bed = Bed(lab, kind, effort, tools)
        for measure in [one for one in MEASURES if one.name in kind.measures]:
            for key, value in measure.take(bed).items():
                figures.setdefault(key, []).append(value)


def measure(given: argparse.Namespace) -> int:
    kinds, skipped = whose_programs_are_there(chosen(given.only, all_kinds(given.bin)))
    effort = Effort(given.quick)
    circumstances = look_around() | {"rounds": given.rounds, "clients": effort.clients}
    isolate()
    samples: Samples = {kind.name: {} for kind in kinds}
    failures: dict[str, list[str]] = {}
    for number in range(given.rounds):
        for kind in kinds if number % 2 else kinds[::-1]:
            try:
                one_round(kind, effort, given.tools, samples[kind.name])
            except Failure as error:
                say(f"{kind.name}: {error}")
                failures.setdefault(kind.name, []).append(str(error))
        say(f"round {number + 1} of {given.rounds} done")

    rows = [report.Row(kind.name, kind.label, kind.version()) for kind in kinds]
    print(f"{circumstances['machine']}, Linux {circumstances['kernel']}; {effort.clients} clients, "
          f"{given.rounds} rounds: median (min–max)")
    print(report.tables(rows, samples, GROUPS), end="\n\n")
    for name, what in failures.items():
        print(f"{name}: failed: {'; '.join(what)}")
    print("\n".join(goals.lines(samples, GOALS, METRICS)))
    circumstances["goals"] = goals.outcome(samples, GOALS)
    text = report.as_json(rows, samples, failures, skipped, circumstances, METRICS)
    report.write(given.json, text)
    return 1 if failures else 0


def main(argv: Sequence[str]) -> int:
    given = arguments(argv)
    requirements(given.tools)
    return until_interrupted(lambda: measure(given))
