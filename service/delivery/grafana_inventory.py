"""What Grafana had when a resync began, read page by page, so that annotations need not be searched for one by one.

Only keys and digests are kept; an installation may have tens of thousands of annotations.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.clients.grafana import Annotations, PagingIncomplete, digest_of
from service.render.annotations import Annotation

_AHEAD = timedelta(days=1)
"""Annotations may be ahead of our clock, by as much as other clocks are wrong."""


@dataclass(slots=True)
class Inventory:
    """Reads on first use, and again after a failure. Every method raises RequestFailed."""

    annotations: Annotations
    clock: Callable[[], datetime]
    _digests: dict[str, dict[int, bytes]] | None = field(init=False, default=None)
    _is_complete: bool = field(init=False, default=False)

    def id_of(self, annotation: Annotation) -> int | None:
        """Return the id of the annotation if it exists exactly once and is up to date, else None."""
        digests = self._read().get(annotation.key, {})
        expected = digest_of(annotation)
        return next((i for i, digest in digests.items() if digest == expected), None) if len(digests) == 1 else None

    def is_absent(self, key: str) -> bool:
        """Return whether there was certainly no annotation with that key."""
        return key not in self._read() and self._is_complete

    def _read(self) -> dict[str, dict[int, bytes]]:
        if self._digests is not None:
            return self._digests
        digests: dict[str, dict[int, bytes]] = {}
        complete = True
        try:
            for annotation in self.annotations.ours(self.clock() + _AHEAD):
                if annotation.key is not None:
                    digests.setdefault(annotation.key, {})[annotation.id] = annotation.digest
        except PagingIncomplete:
            complete = False
        self._digests, self._is_complete = digests, complete
        return digests
