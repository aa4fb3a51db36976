"""Commands, background processes, and what /proc says about them."""

from __future__ import annotations

import ctypes
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

PR_SET_PDEATHSIG = 1
TICKS = os.sysconf("SC_CLK_TCK")

_libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """Something of one contender did not work; the others go on."""


def end_with_parent() -> None:
    """What a child does before it becomes another program."""
    # However this program ends, nothing of it stays.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(argv: Sequence[str], input: str | None = None, timeout: float = 60) -> str:
    """Runs a command to its end and returns what it printed."""
    try:
        result = subprocess.run(
            argv,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(argv)}: not done within {timeout:.0f} s") from None
    except FileNotFoundError:
        raise Failure(f"{argv[0]}: no such program") from None
    if result.returncode:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()
        raise Failure(f"{' '.join(argv)}: {said[-1] if said else f'status {result.returncode}'}")
    return result.stdout


class Process:
    """A child in the background, its output in a file; ended by its own pid."""

    def __init__(
        self, argv: Sequence[str], log: pathlib.Path, environment: dict[str, str] | None = None
    ) -> None:
        self.log = log
        with open(log, "ab") as output:
            # A session of its own: Ctrl-C reaches only the parent, which ends it in order.
            self.popen = subprocess.Popen(
                argv,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def check(self) -> None:
        """Fails with the last line it said when it has ended."""
        if self.popen.poll() is not None:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            raise Failure(lines[-1] if lines else f"ended with status {self.popen.returncode}")

    def stop(self) -> None:
        """Asks the process to end, then insists."""
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            self.popen.wait(5)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()

    def family(self) -> list[int]:
        """The process and all below it."""
        parents = _parents()
        found = [self.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found


def wait_until(condition: Callable[[], object], limit: float, what: str) -> None:
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"not within {limit:.0f} s: {what}")
        time.sleep(0.02)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third; the name before them may hold anything."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _parents() -> dict[int, int]:
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return {pid: int(fields[1]) for pid in pids if (fields := _stat(pid))}


def processor_seconds(pids: Sequence[int]) -> float:
    """What these processes have used so far, in user and kernel."""
    fields = [_stat(pid) for pid in pids]
    return sum(int(field[11]) + int(field[12]) for field in fields if field) / TICKS


def peak_bytes(pids: Sequence[int]) -> int:
    """The most resident memory that each has ever had, added up."""
    total = 0
    for pid in pids:
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                total += int(line.split()[1]) * 1024
    return total


def machine_seconds() -> tuple[float, float]:
    """(busy, stolen): seconds of all processors together since the machine started."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, interrupt, soft, stolen = map(int, file.readline().split()[1:9])
    return (user + nice + system + interrupt + soft) / TICKS, stolen / TICKS
