"""What was wanted of figures, and what was found."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from bench.metrics import Metric
from bench.report import median, ratio
from bench.rounds import Samples


@dataclasses.dataclass(frozen=True)
class Goal:
    """What the median of a figure of one row shall be, or its ratio to that of another row."""

    row: str
    key: str
    least: float | None = None
    most: float | None = None
    beside: str | None = None

    def value(self, samples: Samples) -> float | None:
        if self.beside:
            return ratio(samples, self.row, self.beside, self.key)
        return median(samples, self.row, self.key)

    def met(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    def text(self) -> str:
        if self.most is None:
            return f"at least {self.least:g}"
        return f"at most {self.most:g}"

    def found(self, value: float, metric: Metric) -> str:
        if self.beside:
            return f"× {value:.2f} of {self.beside}"
        return f"{value:.{metric.digits}f} {metric.unit}"


def measured(samples: Samples, goals: Sequence[Goal]) -> list[tuple[Goal, float]]:
    found = [(goal, goal.value(samples)) for goal in goals]
    return [(goal, value) for goal, value in found if value is not None]


def outcome(samples: Samples, goals: Sequence[Goal]) -> list[dict[str, Any]]:
    """Only of what was measured."""
    return [
        dataclasses.asdict(goal) | {"value": value, "met": goal.met(value)}
        for goal, value in measured(samples, goals)
    ]


def lines(
    samples: Samples, goals: Sequence[Goal], metrics: Mapping[str, Metric]
) -> list[str]:
    return [
        f"{'met' if goal.met(value) else 'MISSED'}: {goal.row} {goal.key} "
        f"{goal.found(value, metrics[goal.key])}, wanted {goal.text()}"
        for goal, value in measured(samples, goals)
    ]
