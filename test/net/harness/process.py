"""Running commands, and waiting for things to become true."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

# Builds with sanitizers are slower: this factor stretches every time limit.
SLOW = float(os.environ.get("UMBRA_SLOW", "1"))
# Seconds for which a busy machine may stand still, in addition to what is promised.
STALL = 1.5

Value = TypeVar("Value")


def wait_until(
    predicate: Callable[[], Value], timeout: float, what: str, every: float = 0.02
) -> Value:
    """Polls until the predicate is true and returns its value; fails after timeout seconds."""
    end = time.monotonic() + timeout * SLOW
    while True:
        value = predicate()
        if value:
            return value
        limit = f"not within {timeout * SLOW:.1f} s"
        assert time.monotonic() < end, f"{limit}: {what} (last: {value!r})"
        time.sleep(every)


def run(
    argv: Sequence[str],
    check: bool = True,
    input: str | None = None,
    timeout: float = 30,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; a failure shows all that it said."""
    result = subprocess.run(
        argv,
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        timeout=timeout * SLOW,
        env=env,
    )
    if check and result.returncode != 0:
        raise AssertionError(
            f"{' '.join(argv)!r} ended with {result.returncode}\n{result.stdout}{result.stderr}"
        )
    return result


class Process:
    """A child in the background, its output in a file; ended by its own pid."""

    def __init__(
        self, argv: Sequence[str], log: pathlib.Path, env: dict[str, str] | None = None
    ) -> None:
        self.argv = list(argv)
        self.log = log
        with open(log, "ab") as output:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def running(self) -> bool:
        return self.popen.poll() is None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, timeout: float = 10) -> int:
        """The exit status, negative for a signal; fails when the process does not end."""
        return self.popen.wait(timeout * SLOW)

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout: float = 10) -> int:
        """Asks the process to end, then insists; returns its exit status."""
        if self.running():
            self.popen.send_signal(how)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"{self.argv} did not end after {how.name}") from None


def command_lines() -> dict[int, list[str]]:
    """The arguments of every process of this machine, by pid."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        found[int(entry.name)] = [argument.decode(errors="replace") for argument in arguments]
    return found


def alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        status = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def pids_naming(word: str) -> list[int]:
    """Processes that have exactly this word (an interface name of ours) among their arguments."""
    return sorted(
        pid
        for pid, arguments in command_lines().items()
        if pid != os.getpid() and any(word in (a, a.rpartition("=")[2]) for a in arguments)
    )


def children_of(parent: int) -> list[int]:
    found = []
    for pid in command_lines():
        try:
            status = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        # The name, in parentheses, may hold anything; state and parent follow it.
        if int(status.rpartition(")")[2].split()[1]) == parent:
            found.append(pid)
    return found
