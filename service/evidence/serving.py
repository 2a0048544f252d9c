"""Collecting inside the service, with what it has in its own store."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from service.evidence.collecting import Collected, collect
from service.evidence.settings import evidence_settings
from service.evidence.sources.timeline import IncidentData
from service.evidence.window import EvidenceWindow
from service.evidence.wiring import collect_options, open_sources
from service.settings import Settings


class EvidenceCollector:
    """Collects as configured; verbatim files are never sent over HTTP."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock

    @property
    def margin(self) -> timedelta:
        """How much time before and after an incident is included."""
        return evidence_settings(self._settings).margin

    def collect(self, window: EvidenceWindow, incident_data: IncidentData, target: Path) -> Collected:
        """Write an archive. Raises NotCollected."""
        options = collect_options(self._settings, allow_verbatim=False)
        with open_sources(self._settings, incident_data) as sources:
            return collect(window, sources, target, options, self._clock)
