"""What peers cost: memory of the daemon's processes, and the time to list them."""

from __future__ import annotations

import pathlib
import statistics
import time

from bench.clients.bed import ACTIVE, CONFIGURED, MANY, ONE, Bed, Effort
from bench.process import Failure, run

WARM_SECONDS = 0.5
# Loads until twice the memory has not grown by more than so many bytes, or so often.
WARM, WARM_LOADS = 128 * 1024, 8
# Memory that is freed or asked for behind the answer to whoever configured.
SETTLE_SECONDS = 0.5
SHOWS = 5


def role_of(words: list[str], is_first: bool) -> str:
    """Of a daemon's process, by its command line."""
    for word in words:
        if word.startswith("--process="):
            return word.partition("=")[2]
    return "privileged" if is_first else "other"


def proportional_bytes(text: str) -> int:
    """Of /proc/PID/smaps_rollup: resident memory, what is shared divided by who shares it. Socket
    buffers are the kernel's, and not in it."""
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise Failure("the kernel does not tell how much memory a process has")


def by_role(bed: Bed) -> dict[str, int]:
    """Bytes of each process; who has only one does all in it."""
    pids = bed.pair.server.vpn_pids()
    found = {}
    for pid in pids:
        folder = pathlib.Path(f"/proc/{pid}")
        words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        role = "net" if len(pids) == 1 else role_of(words, pid == pids[0])
        found[role] = proportional_bytes((folder / "smaps_rollup").read_text())
    return found


def each(
    before: dict[str, int], after: dict[str, int], count: int, prefix: str
) -> dict[str, float]:
    """Bytes more for each of count."""
    return {f"{prefix}_{role}": (after[role] - before[role]) / count for role in before}


def warmed(bed: Bed) -> dict[str, int]:
    """What one client needs to be served at full speed, in large bursts and in small ones, is
    there, so that buffers which all peers share are counted as nobody's."""
    found, steady = by_role(bed), 0
    for number in range(WARM_LOADS):
        before = found
        bed.load(WARM_SECONDS, first=ONE, burst=(32, 1)[number % 2])
        time.sleep(SETTLE_SECONDS)
        found = by_role(bed)
        steady = steady + 1 if found["net"] - before["net"] < WARM else 0
        if steady == 2:
            break
    return found


def take(bed: Bed, effort: Effort) -> dict[str, float]:
    """The first measurement of a bed: it configures the peers."""
    del effort
    bed.configure(bed.generator.peers(ONE, 1))
    empty = warmed(bed)
    peers = bed.generator.peers(ONE + 1, CONFIGURED - 1)
    begin = time.monotonic()
    bed.configure(peers)
    took = time.monotonic() - begin
    configured = warmed(bed)
    bed.load(WARM_SECONDS, first=MANY, count=ACTIVE)
    active = by_role(bed)
    # A renewed session stays beside the one before.
    bed.load(WARM_SECONDS, first=MANY, count=ACTIVE)
    renewed = by_role(bed)
    return {
        "configure_seconds": took,
        "start_mib": empty["net"] / 2**20,
        **each(empty, configured, CONFIGURED - 1, "peer"),
        **each(configured, active, ACTIVE, "active"),
        **each(configured, renewed, ACTIVE, "renewed"),
    }


def show(bed: Bed, effort: Effort) -> dict[str, float]:
    """Milliseconds of `wg show`, as people call it and as programs do."""
    del effort
    return {
        "show": median_ms(["wg", "show", bed.server.interface]),
        "dump": median_ms(["wg", "show", bed.server.interface, "dump"]),
    }


def median_ms(command: list[str]) -> float:
    times = []
    for _ in range(SHOWS):
        begin = time.monotonic()
        if not run(command):
            raise Failure(f"{' '.join(command)}: says nothing")
        times.append((time.monotonic() - begin) * 1e3)
    return statistics.median(times)
