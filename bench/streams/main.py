"""Streams through proxies, Umbra beside others in the same run.

All ends, and the load, share this machine's processors, so only ratios of one run mean something.
Needs root. Everything it makes is taken away again, however it ends.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import statistics
from collections.abc import Sequence

from bench import report
from bench.lab import PLAIN, is_root, isolate
from bench.main import (
    REPOSITORY,
    ROUNDS,
    SECONDS,
    chosen,
    look_around,
    until_interrupted,
    whose_programs_are_there,
)
from bench.rounds import Plan, Rounds, Samples
from bench.streams.bed import Bed, Way
from bench.streams.contenders import StreamContender, others
from bench.streams.measures import MEASURES
from bench.streams.metrics import GOALS, GROUPS, METRICS
from bench.streams.umbra import Umbra

PROGRAMS = ("ip", "nsenter", "ss", "sysctl", "ethtool")
OURS, NOBODY, REFERENCE = "umbra", "none", "trojan"


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run streams", description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME,…", help="these contenders")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}; quick: 1")
    parser.add_argument("--seconds", type=float, help=f"of each measurement: {SECONDS}; quick: 1")
    build = REPOSITORY / "build"
    parser.add_argument("--json", type=pathlib.Path, default=build / "bench/streams.json")
    parser.add_argument("--bin", type=pathlib.Path, default=build / "bin")
    parser.add_argument("--tools", type=pathlib.Path, default=build / "bench/tools")
    given = parser.parse_args(argv)
    given.rounds = given.rounds or (1 if given.quick else ROUNDS)
    given.seconds = given.seconds or (1 if given.quick else SECONDS)
    if given.rounds < 1 or given.seconds < 1:
        parser.error("rounds and seconds are at least 1")
    return given


def all_contenders(programs: pathlib.Path) -> list[StreamContender]:
    direct, *rest = others()
    return [direct, Umbra(programs), *rest]


def requirements(tools: pathlib.Path) -> None:
    if not is_root():
        raise SystemExit("bench: needs root: it makes network namespaces")
    for program in PROGRAMS:
        if not shutil.which(program):
            raise SystemExit(f"bench: {program} is missing: run tools/setup bench")
    if not os.access(tools / "proxy_load", os.X_OK):
        raise SystemExit(f"bench: {tools / 'proxy_load'} is missing: make bench-streams builds it")


def standing(samples: Samples) -> list[str]:
    """A line for each figure in which Umbra is to be ahead: of whom it is, and of whom not."""
    lines = []
    for key in GOALS:
        metric = METRICS[key]
        medians = {
            name: statistics.median(figures[key])
            for name, figures in samples.items()
            if name != NOBODY and figures.get(key)
        }
        ours = medians.pop(OURS, None)
        if ours is None or not medians:
            continue
        behind = [
            f"{name} {value:.{metric.digits}f}"
            for name, value in medians.items()
            if (value >= ours if metric.more_is_better else value <= ours)
        ]
        text = f"behind {', '.join(behind)}" if behind else "ahead of all"
        lines.append(f"{key}: {OURS} {ours:.{metric.digits}f} {metric.unit}: {text}")
    return lines


def measure(given: argparse.Namespace) -> int:
    present, skipped = whose_programs_are_there(chosen(given.only, all_contenders(given.bin)))
    circumstances = look_around() | {"rounds": given.rounds, "seconds": given.seconds}
    isolate()
    plan = Plan(
        *(present, given.rounds, given.seconds, given.quick, given.tools),
        measures=MEASURES, links=(PLAIN,), pair=Bed, way=Way,
    )
    outcome = Rounds(plan).run()

    rows = [report.Row(c.name, c.label, c.version()) for c in present]
    print(f"{circumstances['machine']}, Linux {circumstances['kernel']}; {given.rounds} rounds, "
          f"{given.seconds:g} s each: median (min–max) × {REFERENCE}")
    print(report.tables(rows, outcome.samples, GROUPS, REFERENCE), end="\n\n")
    for name, why in skipped.items():
        print(f"{name}: skipped: {why}")
    for name, what in outcome.failures.items():
        print(f"{name}: failed: {'; '.join(what)}")
    print("\n".join(standing(outcome.samples)))
    report.write(
        given.json,
        report.as_json(rows, outcome.samples, outcome.failures, skipped, circumstances, METRICS),
    )
    return 1 if outcome.failures else 0


def main(argv: Sequence[str]) -> int:
    given = arguments(argv)
    requirements(given.tools)
    return until_interrupted(lambda: measure(given))
