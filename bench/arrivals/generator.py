"""The program bench/arrivals, run in the client's namespace."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import select
import subprocess
from typing import Any

from bench.lab import End
from bench.process import Failure, end_with_parent, run

# For its own start, besides what an order is given.
SPARE_SECONDS = 30


@dataclasses.dataclass(frozen=True)
class Order:
    way: str  # of arriving, as the protocol's file has it
    count: int
    window: int  # under way at the same time
    first: int = 0
    every_us: int = 0  # between two
    limit_seconds: float = 30

    def line(self) -> str:
        limit_ms = round(self.limit_seconds * 1000)
        return f"{self.way} {self.first} {self.count} {self.window} {self.every_us} {limit_ms}\n"


@dataclasses.dataclass(frozen=True)
class Arrived:
    """What became of an order."""

    count: int
    refused: int
    seconds: float
    own_seconds: float  # of a processor
    times: list[float]  # ms, of each that arrived


def arrived(told: dict[str, Any]) -> Arrived:
    return Arrived(
        told["there"], told["refused"], told["seconds"], told["cpu"], told["milliseconds"]
    )


def describe(program: pathlib.Path, protocol: str, count: int) -> list[str]:
    """What the server has to know of each client."""
    return run([str(program), "describe", protocol, str(count)]).splitlines()


class Generator:
    """One process for all orders, as its clients keep what they got. Ends with the lab."""

    def __init__(self, program: pathlib.Path, end: End, protocol: str, *words: str) -> None:
        """words: server, number of clients, and as many more as there are."""
        self.log = end.folder / "arrivals.log"
        with open(self.log, "wb") as errors:
            self.popen = subprocess.Popen(
                end.command(str(program), "run", protocol, *words),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        end.lab.defer(self.stop)

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.communicate()

    def arrive(self, order: Order) -> Arrived:
        """Carries it out to its end."""
        assert self.popen.stdin and self.popen.stdout
        try:
            self.popen.stdin.write(order.line())
            self.popen.stdin.flush()
        except BrokenPipeError:
            raise self.failure("has ended") from None
        limit = order.limit_seconds + SPARE_SECONDS
        if not select.select([self.popen.stdout], [], [], limit)[0]:
            raise self.failure("not done in time")
        line = self.popen.stdout.readline()
        if not line:
            raise self.failure("has ended")
        return arrived(json.loads(line))

    def failure(self, otherwise: str) -> Failure:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return Failure(lines[-1] if lines else f"arrivals: {otherwise}")
