"""What was made last time, and need not be made again."""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
S = TypeVar("S")
T = TypeVar("T")


class Kept(Generic[K, S, T]):
    """What was last made of each source, by key: the same object again while the source is equal."""

    def __init__(self) -> None:
        self._last: dict[K, tuple[S, T]] = {}

    def all_of(self, sources: Iterable[tuple[K, S]], make: Callable[[K, S], T]) -> dict[K, T]:
        """Return what is made of all sources, and forget every other; `make` depends on nothing else."""
        last, self._last = self._last, {}
        for key, source in sources:
            kept = last.get(key)
            if kept is None or not (kept[0] is source or kept[0] == source):
                kept = source, make(key, source)
            self._last[key] = kept
        return {key: made for key, (_, made) in self._last.items()}
