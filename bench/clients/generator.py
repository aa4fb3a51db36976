"""The load generator bench/generator, run in the client's namespace."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
from typing import Any

from bench.lab import End
from bench.process import Failure, end_with_parent, run

PACKET_SIZE = 1420
# Headers of IPv4 and UDP.
HEADERS = 28
PAYLOAD = PACKET_SIZE - HEADERS
# For keys, connecting and ending, besides what a run is told to take.
SPARE_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Peer:
    public_key: str
    address: str


def option(name: str, value: object) -> str:
    return f"--{name.replace('_', '-')}={value}"


def options(values: dict[str, Any]) -> list[str]:
    return [option(name, value) for name, value in values.items() if value is not None]


class Generator:
    """Its clients are numbered; which of them take part is told each time by first and count."""

    def __init__(self, program: pathlib.Path, end: End) -> None:
        self.program = program
        self.end = end

    def peers(self, first: int, count: int) -> list[Peer]:
        text = run([str(self.program), "keys", *options({"first": first, "count": count})])
        return [Peer(*line.split()) for line in text.splitlines()]

    def command(self, mode: str, *words: str, **values: Any) -> list[str]:
        return self.end.command(str(self.program), mode, *words, *options(values))

    def run(self, mode: str, *words: str, **values: Any) -> dict[str, Any]:
        seconds = (values.get("duration_ms") or values.get("limit_ms") or 0) / 1000
        command = self.command(mode, *words, **values)
        return json.loads(run(command, timeout=seconds + SPARE_SECONDS))

    def start(self, mode: str, *words: str, **values: Any) -> Running:
        return Running(self.end, self.command(mode, *words, **values))


class Running:
    """A run of it in the background, ended with the lab at the latest."""

    def __init__(self, end: End, command: list[str]) -> None:
        self.command = command
        self.popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        end.lab.defer(self.stop)

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.communicate()

    def result(self, seconds: float) -> dict[str, Any]:
        try:
            output, errors = self.popen.communicate(timeout=seconds + SPARE_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise Failure(f"{' '.join(self.command)}: not done in time") from None
        if self.popen.returncode:
            lines = errors.strip().splitlines()
            raise Failure(lines[-1] if lines else f"clients: status {self.popen.returncode}")
        return json.loads(output)
