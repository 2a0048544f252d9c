"""What Grafana held when a resync began, read page by page, so that annotations need not be looked for one by one.

Kept are keys and digests only; a store may have tens of thousands of annotations.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Protocol

from service.clients.grafana import GrafanaAnnotation, PagingIncomplete, digest_of
from service.render.annotations import Annotation

_AHEAD = timedelta(days=1)
"""Annotations may lie ahead of our clock, by as much as other clocks are wrong."""


class Annotations(Protocol):
    """Grafana's annotations; raises `DeliveryError`."""

    def ours(self, until: datetime) -> Iterator[GrafanaAnnotation]:
        """Yield every annotation with a key that begins by then, some of them twice.

        Raises `Unordered` at the end where some may lack.
        """


class Inventory:
    """Reads at the first question, and again where that failed. Every method raises `DeliveryError`."""

    def __init__(self, annotations: Annotations, clock: Callable[[], datetime]) -> None:
        self._annotations = annotations
        self._clock = clock
        self._found: dict[str, dict[int, bytes]] | None = None
        self._is_complete = False

    def id_of(self, annotation: Annotation) -> int | None:
        """Return the id of the only annotation with that key where it is as it should be; None in any other case."""
        same_key = self._read().get(annotation.key, {})
        wanted = digest_of(annotation)
        return next((i for i, digest in same_key.items() if digest == wanted), None) if len(same_key) == 1 else None

    def lacks(self, key: str) -> bool:
        """Say whether it is certain that there was no annotation with that key."""
        return key not in self._read() and self._is_complete

    def _read(self) -> dict[str, dict[int, bytes]]:
        if self._found is not None:
            return self._found
        found: dict[str, dict[int, bytes]] = {}
        complete = True
        try:
            for one in self._annotations.ours(self._clock() + _AHEAD):
                if one.key is not None:
                    found.setdefault(one.key, {})[one.id] = one.digest
        except PagingIncomplete:
            complete = False
        self._found, self._is_complete = found, complete
        return found
