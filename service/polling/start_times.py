"""When the impact started, by Prometheus: since when the alert's condition held before it fired. Never guessed."""

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from service.clients.prometheus import PrometheusAlert, PrometheusApi, selector
from service.domain.episodes import Episode
from service.domain.events import Event, EventKind
from service.domain.incident import ONSET_FROM_PROMETHEUS
from service.intake.sources import Source
from service.polling.firing_intervals import is_series_of
from service.polling.recording import record_event
from service.recorder.writer import Recorder
from service.settings.placeholders import MissingLabel, with_labels
from service.store import Store
from service.store.incidents import recent_episodes

log = logging.getLogger(__name__)
AGAIN_AFTER = (timedelta(0), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
"""When Prometheus is asked again about an alert that it does not know, since its series may arrive late."""
WITHIN = timedelta(days=1)
"""How long before the alert a user's query may put the start; anything earlier is considered a mistake."""


@dataclass(slots=True)
class StartTimePoll:
    """Records a `started` event with source `prometheus` for each episode whose start Prometheus knows."""

    name: ClassVar[str] = "start times"
    prometheus: PrometheusApi
    store: Store
    recorder: Recorder
    query: str | None
    lookback: timedelta
    source: str = Source.ALERTMANAGER.value
    _asked: dict[int, tuple[int, datetime]] = field(init=False, default_factory=dict)

    def run(self, now: datetime) -> None:
        """Ask about every episode that is due."""
        recent = self.store.read(recent_episodes, now - self.lookback)
        mine = [(i.id, e) for i, episodes in recent for e in episodes if e.source == self.source]
        self._asked = {e.id: self._asked[e.id] for _, e in mine if e.id in self._asked}
        due = [(incident_id, episode) for incident_id, episode in mine if self._is_due(episode, now)]
        active = self.prometheus.active_alerts() if due and self.query is None else []
        for incident_id, episode in due:
            started_at = self._started_at(episode, active)
            if started_at is not None:
                record_event(self.recorder, incident_id, started(episode, started_at, now))
            self._count(episode, now, is_final=started_at is not None)

    def _is_due(self, episode: Episode, now: datetime) -> bool:
        times, last = self._asked.get(episode.id, (0, now))
        return times < len(AGAIN_AFTER) and now >= last + AGAIN_AFTER[times]

    def _count(self, episode: Episode, now: datetime, *, is_final: bool) -> None:
        times, _ = self._asked.get(episode.id, (0, now))
        self._asked[episode.id] = (len(AGAIN_AFTER) if is_final else times + 1, now)

    def _started_at(self, episode: Episode, active: Iterable[PrometheusAlert]) -> datetime | None:
        if self.query is not None:
            return self._by_query(self.query, episode)
        coarse = self._by_series(episode)
        exact = [
            a.active_at for a in active if a.active_at <= episode.starts_at and is_series_of(a.labels, episode.labels)
        ]
        if len(exact) == 1 and (coarse is None or abs(exact[0] - coarse) <= timedelta(seconds=1)):
            return exact[0]  # the series has whole seconds only
        return coarse

    def _by_series(self, episode: Episode) -> datetime | None:
        """Query ALERTS_FOR_STATE, whose value is the time."""
        expression = selector("ALERTS_FOR_STATE", {"alertname": episode.labels.get("alertname", "")})
        series = self.prometheus.query(expression, episode.starts_at)
        matching = [s for s in series if is_series_of(s.labels, episode.labels)]
        if len(matching) != 1:
            return None
        started_at = _instant(matching[0].samples[-1][1])
        return started_at if started_at is not None and started_at <= episode.starts_at else None

    def _by_query(self, query: str, episode: Episode) -> datetime | None:
        try:
            expression = with_labels(query, episode.labels)
        except MissingLabel:
            return None
        values = [_instant(s.samples[-1][1]) for s in self.prometheus.query(expression, episode.starts_at)]
        started_at = min((at for at in values if at is not None), default=None)
        if started_at is not None and not episode.starts_at - WITHIN <= started_at <= episode.starts_at:
            log.warning("onset.query: ignoring its value, which is not a time within a day before the alert")
            return None
        return started_at


def started(episode: Episode, started_at: datetime, now: datetime) -> Event:
    """Return the event; its id is the same whenever it is polled."""
    return Event(
        event_id=f"onset-{episode.fingerprint}-{episode.starts_at.isoformat()}",
        kind=EventKind.STARTED,
        occurred_at=started_at,
        recorded_at=now,
        source=ONSET_FROM_PROMETHEUS,
        data={"alert": episode.name},
    )


def _instant(seconds: float) -> datetime | None:
    if not math.isfinite(seconds) or not 0 < seconds < 2**33:
        return None
    return datetime.fromtimestamp(seconds, UTC)
