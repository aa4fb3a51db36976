"""Umbra beside other VPNs in the same run, between network namespaces joined by veth.

All ends, and the load, share this machine's processors, so only ratios of one run mean something.
Needs root. Everything it makes is taken away again, however it ends.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import platform
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from bench import chart, goals, report
from bench.contenders import all_contenders
from bench.contenders.contender import Contender
from bench.contenders.goals import GOALS
from bench.lab import is_root, isolate
from bench.measures import MEASURES
from bench.metrics import METRICS
from bench.rounds import Plan, Rounds, say

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
LOAD_PROGRAMS = ("ip", "nsenter", "ping", "iperf3", "ethtool")
ROUNDS, SECONDS = 3, 3
Named = TypeVar("Named")  # with a name, as contenders and measures have
# Another job on the machine makes the figures worthless.
QUIET_LOAD = 0.5


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME,…", help="these contenders")
    parser.add_argument("--measures", default="", metavar="NAME,…", help="these measurements")
    parser.add_argument("--quick", action="store_true", help="one short round, fewer figures")
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}; quick: 1")
    parser.add_argument("--seconds", type=float, help=f"of each measurement: {SECONDS}")
    parser.add_argument("--json", type=pathlib.Path, default=REPOSITORY / "build/bench/bench.json")
    parser.add_argument("--svg", type=pathlib.Path, help="draw the medians there")
    parser.add_argument("--bin", type=pathlib.Path, default=REPOSITORY / "build/bin")
    parser.add_argument("--tools", type=pathlib.Path, default=REPOSITORY / "build/bench/tools")
    given = parser.parse_args(argv)
    given.rounds = given.rounds or (1 if given.quick else ROUNDS)
    given.seconds = given.seconds or SECONDS
    if given.rounds < 1 or given.seconds < 1:
        parser.error("rounds and seconds are at least 1")
    return given


def chosen(only: str, everyone: Sequence[Named]) -> list[Named]:
    """Those of the comma-separated names; all when there are none."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    known = [one.name for one in everyone]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"bench: {', '.join(unknown)}: unknown; there are {', '.join(known)}")
    return [one for one in everyone if not names or one.name in names]


def requirements(tools: pathlib.Path) -> None:
    if not is_root():
        raise SystemExit("bench: needs root: it makes network namespaces")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise SystemExit("bench: /dev/net/tun is missing or not accessible")
    for program in LOAD_PROGRAMS:
        if not shutil.which(program):
            raise SystemExit(f"bench: {program} is missing: run tools/setup bench")
    for tool in ("udp_load", "round_trip"):
        if not os.access(tools / tool, os.X_OK):
            raise SystemExit(f"bench: {tools / tool} is missing: make bench builds it")


def processor() -> str:
    with open("/proc/cpuinfo") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def look_around() -> dict[str, Any]:
    """What a reader of the figures needs to know of the machine; says when it is not quiet."""
    load = os.getloadavg()[0]
    if load > QUIET_LOAD:
        say(f"the machine is not quiet (load {load:.2f}): the figures will be worth little")
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": f"{os.cpu_count()} × {processor()}",
        "kernel": platform.release(),
        "load before": load,
    }


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupted(number: int, frame: object) -> None:
    # Once: what it made is taken down in peace.
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def until_interrupted(work: Callable[[], int]) -> int:
    """Its status, or that of a shell for what a signal has ended."""
    for number in SIGNALS:
        signal.signal(number, interrupted)
    try:
        return work()
    except KeyboardInterrupt:
        say("interrupted; everything is taken down")
        return 130


def whose_programs_are_there(
    contenders: Sequence[Contender],
) -> tuple[list[Contender], dict[str, str]]:
    """And why the others are left out, by their names."""
    present, skipped = [], {}
    for contender in contenders:
        missing = contender.missing()
        if missing:
            skipped[contender.name] = f"{missing} is missing"
            say(f"{contender.name}: skipped: {missing} is missing")
        else:
            present.append(contender)
    if not present:
        raise SystemExit("bench: nobody is left to measure")
    return present, skipped


def measure(given: argparse.Namespace) -> int:
    present, skipped = whose_programs_are_there(chosen(given.only, all_contenders(given.bin)))
    measures = chosen(given.measures, MEASURES)
    circumstances = look_around() | {"rounds": given.rounds, "seconds": given.seconds}
    isolate()
    quick = given.quick and not given.measures
    plan = Plan(present, given.rounds, given.seconds, quick, given.tools, measures)
    outcome = Rounds(plan).run()

    rows = [report.Row(c.name, c.label, c.version()) for c in present]
    print(f"{circumstances['machine']}, Linux {circumstances['kernel']}; {given.rounds} rounds, "
          f"{given.seconds:g} s each: median (min–max) × {report.REFERENCE}")
    print(report.tables(rows, outcome.samples), end="\n\n")
    for name, why in skipped.items():
        print(f"{name}: skipped: {why}")
    for name, what in outcome.failures.items():
        print(f"{name}: failed: {'; '.join(what)}")
    for line in goals.lines(outcome.samples, GOALS, METRICS):
        print(line)
    circumstances["goals"] = goals.outcome(outcome.samples, GOALS)
    text = report.as_json(rows, outcome.samples, outcome.failures, skipped, circumstances)
    report.write(given.json, text)
    if given.svg:
        report.write(given.svg, chart.chart(rows, outcome.samples))
    line = report.summary(outcome.samples)
    if line:
        print(line)
    return 1 if outcome.failures else 0


def main(argv: Sequence[str] | None = None) -> int:
    given = arguments(argv)
    requirements(given.tools)
    return until_interrupted(lambda: measure(given))
