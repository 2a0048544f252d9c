"""Collecting for the service itself, from what it has in its own store."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from service.evidence.collecting import Collected, collect
from service.evidence.configured import open_sources, terms_of
from service.evidence.sources.timeline import Story
from service.evidence.subject import Subject
from service.settings import Settings


class Collector:
    """Collects as it is configured; verbatim files are never given out over HTTP."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock

    @property
    def margin(self) -> timedelta:
        """How long before and after an incident is looked at as well."""
        return self._settings.evidence.margin

    def collect(self, subject: Subject, story: Story, target: Path) -> Collected:
        """Write an archive. Raises NotCollected."""
        terms = terms_of(self._settings, allow_verbatim=False)
        with open_sources(self._settings, story) as sources:
            return collect(subject, sources, target, terms, self._clock)
