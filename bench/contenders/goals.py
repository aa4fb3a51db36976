"""What is wanted of contenders that are Umbra's."""

from __future__ import annotations

from bench.goals import Goal

GOALS = (
    Goal("umbra-mighty-chacha20", "tcp1", least=0.9, beside="umbra"),
    Goal("umbra-mighty-aes", "tcp1", least=1, beside="umbra"),
    *(
        goal
        for row in ("umbra-mighty-chacha20", "umbra-mighty-aes")
        for goal in (Goal(row, "tcp1", least=1), Goal(row, "rtt_idle", most=2))
    ),
)
