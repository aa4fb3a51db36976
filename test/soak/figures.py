"""Memory, descriptors and folders over time; and the arithmetic of the report."""

from __future__ import annotations

import os
import pathlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.node import Node
from harness.process import children_of, command_lines

EVERY = 5.0  # seconds between samples


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """By least squares: the value's growth in each unit of time."""
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return 0.0
    return statistics.linear_regression(*zip(*points)).slope


@dataclass
class Sample:
    time: float
    pss: int  # KiB
    anonymous: int  # KiB that are this process's alone, whoever else runs the same program
    descriptors: int


@dataclass
class Life:
    """One process from its first sample to its last."""

    pid: int
    samples: list[Sample] = field(default_factory=list)

    def later(self) -> list[Sample]:
        """The last three quarters: at first, caches and pools fill."""
        return self.samples[len(self.samples) // 4 :]

    def growth(self) -> float:
        """KiB an hour of anonymous memory: PSS moves with every start of another umbrad."""
        return 3600 * slope([(s.time, s.anonymous) for s in self.later()])

    def descriptors(self) -> tuple[int, int]:
        """The fewest of the first half of these, and the fewest of the second: bursts aside."""
        later = self.later()
        half = len(later) // 2
        if half == 0:
            return (0, 0)
        return min(s.descriptors for s in later[:half]), min(s.descriptors for s in later[half:])


def memory_of(pid: int) -> tuple[int, int]:
    """PSS and anonymous memory in KiB."""
    found = {"Pss:": 0, "Anonymous:": 0}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        words = line.split()
        if words[0] in found:
            found[words[0]] = int(words[1])
    return found["Pss:"], found["Anonymous:"]


def processes_of(node: Node) -> dict[str, int]:
    """Pids by role: privileged, net, control."""
    if not node.process or not node.process.running():
        return {}
    found = {"privileged": node.process.pid}
    lines = command_lines()
    for pid in children_of(node.process.pid):
        for role in ("net", "control"):
            if f"--process={role}" in lines.get(pid, []):
                found[role] = pid
    return found


def zombies_of(node: Node) -> list[int]:
    """Children of the daemon that nobody has waited for."""
    if not node.process:
        return []
    found = []
    for pid in children_of(node.process.pid):
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state == "Z":
            found.append(pid)
    return found


class Watch:
    """Samples of the processes of some nodes, by "node role"."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self.nodes = nodes
        self.lives: dict[str, list[Life]] = {}
        self._next = 0.0

    def sample(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        for name, node in self.nodes.items():
            for role, pid in processes_of(node).items():
                try:
                    pss, anonymous = memory_of(pid)
                    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
                except OSError:
                    continue  # it has just ended
                lives = self.lives.setdefault(f"{name} {role}", [])
                if not lives or lives[-1].pid != pid:
                    lives.append(Life(pid))
                lives[-1].samples.append(Sample(now, pss, anonymous, descriptors))
