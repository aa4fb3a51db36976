"""Several sessions at once over the same tests: no file's tests are run by two of them."""

from __future__ import annotations

import pathlib
from collections import Counter
from collections.abc import Iterator

import pytest

# A test marked "long" takes about as much time as so many others.
LONG_WEIGHT = 8


class Share:
    """Who is first to put a name into the folder has what the name stands for."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self._claimed: dict[str, bool] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def claim(self, name: str) -> bool:
        if name not in self._claimed:
            try:
                (self.folder / name).touch(exist_ok=False)
                self._claimed[name] = True
            except FileExistsError:
                self._claimed[name] = False
        return self._claimed[name]

    def order(self, items: list[pytest.Item]) -> None:
        """What takes long begins early, so that the sessions end at about the same time.

        The slow tests wait beside all others: one session has them all, and judges them last.
        """
        weights: Counter[str] = Counter()
        for item in items:
            weights[item.path.stem] += LONG_WEIGHT if item.get_closest_marker("long") else 1
        items.sort(key=lambda item: (slow(item), -weights[item.path.stem], item.path.stem))
        if any(slow(item) for item in items) and not self.claim("slow"):
            items[:] = [item for item in items if not slow(item)]

    def mine(self, items: list[pytest.Item]) -> Iterator[pytest.Item]:
        """Claims a file when its turn comes."""
        return (item for item in items if slow(item) or self.claim(item.path.stem))


def slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None
