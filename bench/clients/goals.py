"""What was wanted, and what was found."""

from __future__ import annotations

from typing import Any

from bench.clients.metrics import GOALS, METRICS
from bench.report import median
from bench.rounds import Samples


def outcome(samples: Samples) -> list[dict[str, Any]]:
    """Only of what was measured."""
    found = []
    for goal in GOALS:
        value = median(samples, goal.row, goal.key)
        if value is not None:
            found.append(
                {"row": goal.row, "key": goal.key, "least": goal.least, "most": goal.most}
                | {"value": value, "met": goal.met(value)}
            )
    return found


def lines(samples: Samples) -> list[str]:
    found = []
    for goal in GOALS:
        value = median(samples, goal.row, goal.key)
        if value is None:
            continue
        metric = METRICS[goal.key]
        found.append(
            f"{'met' if goal.met(value) else 'MISSED'}: {goal.row} {goal.key} "
            f"{value:.{metric.digits}f} {metric.unit}, wanted {goal.text()}"
        )
    return found
