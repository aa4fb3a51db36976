"""The ciphers alone: what sealing and opening a packet takes with each back end."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
from collections.abc import Iterable, Sequence

from bench.main import REPOSITORY
from bench.process import run
from bench.report import write

Times = dict[tuple[str, str], dict[tuple[str, int], float]]  # cipher, back end: way, bytes: ns


def parse(lines: Iterable[str]) -> Times:
    times: Times = {}
    for line in lines:
        cipher, back_end, way, size, nanoseconds = line.split()
        times.setdefault((cipher, back_end), {})[way, int(size)] = float(nanoseconds)
    return times


def table(times: Times) -> str:
    columns = sorted({column for row in times.values() for column in row}, key=lambda c: (c[1], c[0] != "seal"))
    cells = [["", *(f"{way} {size} B" for way, size in columns)]]
    for (cipher, back_end), row in times.items():
        figures = (f"{row[c]:.0f}" if c in row else "-" for c in columns)
        cells.append([f"{cipher}, {back_end}", *figures])
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return "\n".join(
        f"{line[0]:{widths[0]}}" + "".join(f"  {t:>{w}}" for t, w in zip(line[1:], widths[1:]))
        for line in cells
    )


def as_json(times: Times) -> str:
    rows = [
        {"cipher": cipher, "back_end": back_end, "way": way, "bytes": size, "ns": nanoseconds}
        for (cipher, back_end), row in times.items()
        for (way, size), nanoseconds in row.items()
    ]
    return json.dumps(rows, indent=1) + "\n"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench/run ciphers", description=__doc__)
    parser.add_argument("--json", type=pathlib.Path, default=REPOSITORY / "build/bench/ciphers.json")
    parser.add_argument("--tools", type=pathlib.Path, default=REPOSITORY / "build/bench/tools")
    given = parser.parse_args(argv)
    program = given.tools / "aead_speed"
    if not os.access(program, os.X_OK):
        raise SystemExit(f"bench: {program} is missing: make bench builds it")
    times = parse(run([str(program)]).splitlines())
    print("The ciphers alone, ns a packet in batches of 32, the least of 60 rounds")
    print(table(times))
    write(given.json, as_json(times))
    return 0
