"""What is wanted of contenders that are Umbra's."""

from __future__ import annotations

from bench.goals import Goal


def _goals(protocol: str) -> list[Goal]:
    chacha20, aes = f"{protocol}-chacha20", f"{protocol}-aes"
    beside = [
        Goal(chacha20, "tcp1", least=0.9, beside="umbra"),
        Goal(aes, "tcp1", least=1, beside="umbra"),
    ]
    alone = [(Goal(row, "tcp1", least=1), Goal(row, "rtt_idle", most=2)) for row in (chacha20, aes)]
    return beside + [goal for both in alone for goal in both]


GOALS = (*_goals("umbra-mighty"), *_goals("umbra-phaze"))
