"""When the impact began, by Prometheus: since when the condition of the alert held before it fired. Never guessed."""

import logging
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from service.clients.prometheus import PrometheusAlert, Series, selector
from service.domain.episodes import Episode
from service.domain.events import Event, EventKind
from service.domain.incident import ONSET_FROM_PROMETHEUS
from service.intake.reasons import Source
from service.polling.parts import Concerns, Recorder, tell
from service.settings.placeholders import MissingLabel, with_labels

log = logging.getLogger(__name__)
AGAIN_AFTER = (timedelta(0), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
"""When an alert of which Prometheus knows nothing is asked of again, for its series may come late."""
WITHIN = timedelta(days=1)
"""How long before the alert a user's query may say that the impact began; beyond that it is taken for a mistake."""


class Prometheus(Protocol):
    """What is asked. Raises RequestFailed."""

    def query(self, expression: str, instant: datetime) -> list[Series]:
        """Return the instant vector that an expression had."""

    def active_alerts(self) -> list[PrometheusAlert]:
        """Return the alerts that are pending or firing now."""


class Onsets:
    """Records a `started` event with source `prometheus` for each firing of which Prometheus knows since when."""

    name = "onset"

    def __init__(
        self, prometheus: Prometheus, store: Concerns, recorder: Recorder, *, query: str | None, lookback: timedelta
    ) -> None:
        self._prometheus = prometheus
        self._store = store
        self._recorder = recorder
        self._query = query
        self._lookback = lookback
        self._asked: dict[int, tuple[int, datetime]] = {}

    def step(self, now: datetime) -> None:
        """Ask of every firing that is due to be asked of."""
        concerns = self._store.concerns(now - self._lookback)
        mine = [(c.id, e) for c in concerns for e in c.episodes if e.source == Source.ALERTMANAGER]
        self._asked = {e.id: self._asked[e.id] for _, e in mine if e.id in self._asked}
        due = [(incident_id, episode) for incident_id, episode in mine if self._is_due(episode, now)]
        active = self._prometheus.active_alerts() if due and self._query is None else []
        for incident_id, episode in due:
            onset = self._onset(episode, active)
            if onset is not None:
                tell(self._recorder, incident_id, started(episode, onset, now))
            self._note(episode, now, found=onset is not None)

    def _is_due(self, episode: Episode, now: datetime) -> bool:
        times, last = self._asked.get(episode.id, (0, now))
        return times < len(AGAIN_AFTER) and now >= last + AGAIN_AFTER[times]

    def _note(self, episode: Episode, now: datetime, *, found: bool) -> None:
        times, _ = self._asked.get(episode.id, (0, now))
        self._asked[episode.id] = (len(AGAIN_AFTER) if found else times + 1, now)

    def _onset(self, episode: Episode, active: Iterable[PrometheusAlert]) -> datetime | None:
        if self._query is not None:
            return self._by_query(self._query, episode)
        coarse = self._by_series(episode)
        exact = [a.active_at for a in active if a.active_at <= episode.starts_at and carries(a.labels, episode.labels)]
        if len(exact) == 1 and (coarse is None or abs(exact[0] - coarse) <= timedelta(seconds=1)):
            return exact[0]  # the series has whole seconds only
        return coarse

    def _by_series(self, episode: Episode) -> datetime | None:
        """Ask ALERTS_FOR_STATE, whose value is the time; the alert may carry labels that Prometheus adds on sending."""
        expression = selector("ALERTS_FOR_STATE", {"alertname": episode.labels.get("alertname", "")})
        series = self._prometheus.query(expression, episode.starts_at)
        fitting = [s for s in series if carries(s.labels, episode.labels)]
        if len(fitting) != 1:
            return None
        onset = _instant(fitting[0].samples[-1][1])
        return onset if onset is not None and onset <= episode.starts_at else None

    def _by_query(self, query: str, episode: Episode) -> datetime | None:
        try:
            expression = with_labels(query, episode.labels)
        except MissingLabel:
            return None
        values = [_instant(s.samples[-1][1]) for s in self._prometheus.query(expression, episode.starts_at)]
        onset = min((at for at in values if at is not None), default=None)
        if onset is not None and not episode.starts_at - WITHIN <= onset <= episode.starts_at:
            log.warning("onset.query: its value is no time within a day before the alert; left out")
            return None
        return onset


def started(episode: Episode, onset: datetime, now: datetime) -> Event:
    """Return the event; asked again, it is the same one."""
    return Event(
        event_id=f"onset-{episode.fingerprint}-{episode.starts_at.isoformat()}",
        kind=EventKind.STARTED,
        occurred_at=onset,
        recorded_at=now,
        source=ONSET_FROM_PROMETHEUS,
        data={"alert": episode.name},
    )


def carries(series: Mapping[str, str], alert: Mapping[str, str]) -> bool:
    """Say whether an alert carries all labels of a series; external labels come on top of them."""
    return all(alert.get(name) == value for name, value in series.items())


def _instant(seconds: float) -> datetime | None:
    if not math.isfinite(seconds) or not 0 < seconds < 2**33:
        return None
    return datetime.fromtimestamp(seconds, UTC)
