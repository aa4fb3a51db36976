"""How many clients."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Effort:
    quick: bool

    @property
    def clients(self) -> int:
        return 300 if self.quick else 2_000

    @property
    def paced(self) -> int:
        """Of them, those that come at a pace."""
        return 300 if self.quick else 1_000

    @property
    def passwords(self) -> int:
        """Clients that log in with one, each of which costs the server a good part of a second."""
        return 15 if self.quick else 150
