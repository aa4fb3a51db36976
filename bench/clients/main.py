"""Many clients of one server: Umbra's, and wireguard-go beside it.

Needs root. Everything it makes is taken away again, however it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence

from bench import goals, report
from bench.clients import crowd, flood, greedy, memory
from bench.clients.bed import Bed, Effort
from bench.clients.metrics import GOALS, GROUPS, METRICS
from bench.clients.server import Kind, all_kinds
from bench.contenders.wireguard import WireguardGo
from bench.lab import Lab, is_root, isolate
from bench.main import REPOSITORY, look_around, until_interrupted
from bench.process import Failure
from bench.rounds import Samples, say

PROGRAMS = ("ip", "nsenter", "nft", "wg", "sysctl")


@dataclasses.dataclass(frozen=True)
class Measure:
    name: str
    take: Callable[[Bed, Effort], dict[str, float]]
    every_round: bool = False
    always: bool = False  # others need what it does


# In this order.
MEASURES = (
    Measure("memory", memory.take, always=True),
    Measure("show", memory.show),
    Measure("throughput", crowd.throughput, every_round=True),
    Measure("handshakes", crowd.handshakes, every_round=True),
    Measure("greedy", greedy.take, every_round=True),
    Measure("flood", flood.take),
    Measure("connect", flood.connect),
)


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run clients", description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME,…", help="these servers")
    parser.add_argument("--measures", default="", metavar="NAME,…", help="these measurements")
    parser.add_argument("--quick", action="store_true", help="one short round")
    build = REPOSITORY / "build"
    parser.add_argument("--json", type=pathlib.Path, default=build / "bench/clients.json")
    parser.add_argument("--bin", type=pathlib.Path, default=build / "bin")
    parser.add_argument("--tools", type=pathlib.Path, default=build / "bench/tools")
    return parser.parse_args(argv)


def requirements(tools: pathlib.Path) -> None:
    if not is_root():
        raise SystemExit("bench: needs root: it makes network namespaces")
    for program in PROGRAMS:
        if not shutil.which(program):
            raise SystemExit(f"bench: {program} is missing: run tools/setup bench")
    if not os.access(tools / "clients", os.X_OK):
        raise SystemExit(f"bench: {tools / 'clients'} is missing: make bench-clients builds it")


def chosen(names: str, known: Sequence[str]) -> list[str]:
    """Those of the comma-separated names; all when there are none."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"bench: {', '.join(unknown)}: unknown; there are {', '.join(known)}")
    return [name for name in known if not wanted or name in wanted]


class Run:
    def __init__(self, kinds: Sequence[Kind], measures: Sequence[Measure], effort: Effort) -> None:
        self.kinds, self.measures, self.effort = kinds, measures, effort
        self.samples: Samples = {kind.name: {} for kind in kinds}
        self.failures: dict[str, list[str]] = {}
        self.begin = time.monotonic()

    def run(self, tools: pathlib.Path) -> None:
        with Lab() as lab:
            beds: list[Bed] = []
            for number, kind in enumerate(self.kinds):
                with self.failing(kind, "start"):
                    beds.append(Bed(lab, kind, number, tools))
            for measure in self.measures:
                # Neighbours in time meet the same machine.
                for number in range(self.effort.rounds if measure.every_round else 1):
                    for bed in beds if number % 2 else beds[::-1]:
                        if bed.kind.takes_part(measure.name):
                            self.one(bed, measure)
                say(f"{measure.name} done, {time.monotonic() - self.begin:.0f} s")

    def one(self, bed: Bed, measure: Measure) -> None:
        with self.failing(bed.kind, measure.name):
            figures = measure.take(bed, self.effort)
            bed.pair.check()
            for key, value in figures.items():
                self.samples[bed.kind.name].setdefault(key, []).append(value)

    @contextlib.contextmanager
    def failing(self, kind: Kind, what: str) -> Iterator[None]:
        try:
            yield
        except Failure as error:
            say(f"{kind.name}: {what}: {error}")
            self.failures.setdefault(kind.name, []).append(f"{what}: {error}")


def measure(given: argparse.Namespace) -> int:
    kinds = all_kinds(given.bin, [WireguardGo()])
    names = chosen(given.only, [kind.name for kind in kinds])
    wanted = chosen(given.measures, [m.name for m in MEASURES])
    skipped = {kind.name: f"{missing} is missing" for kind in kinds
               if kind.name in names and (missing := kind.missing())}
    for name, why in skipped.items():
        say(f"{name}: skipped: {why}")
    kinds = [kind for kind in kinds if kind.name in names and kind.name not in skipped]
    if not kinds:
        raise SystemExit("bench: nobody is left to measure")
    circumstances = look_around() | {"quick": given.quick}
    isolate()
    measures = [m for m in MEASURES if m.always or m.name in wanted]
    run = Run(kinds, measures, Effort(given.quick))
    run.run(given.tools)

    rows = [report.Row(kind.name, kind.label, kind.version()) for kind in kinds]
    print(f"{circumstances['machine']}, Linux {circumstances['kernel']}; many clients: "
          f"median (min–max) × {report.REFERENCE}")
    print(report.tables(rows, run.samples, GROUPS), end="\n\n")
    for name, what in run.failures.items():
        print(f"{name}: failed: {'; '.join(what)}")
    print("\n".join(goals.lines(run.samples, GOALS, METRICS)))
    circumstances["goals"] = goals.outcome(run.samples, GOALS)
    report.write(
        given.json,
        report.as_json(rows, run.samples, run.failures, skipped, circumstances, METRICS),
    )
    return 1 if run.failures else 0


def main(argv: Sequence[str]) -> int:
    given = arguments(argv)
    requirements(given.tools)
    return until_interrupted(lambda: measure(given))
