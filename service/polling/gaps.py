"""After a gap in which no notification could arrive: read from Prometheus, once, what fired and resolved meanwhile.

Each round in which notifications could arrive stores its time. A longer pause between two rounds is a gap, whether this
service was down or every Alertmanager.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from service.clients.alertmanager import AlertmanagerApi
from service.clients.errors import RequestFailed
from service.clients.prometheus import PrometheusApi
from service.domain.episodes import Episode
from service.domain.events import Alert, Event, EventKind, Observation
from service.domain.senders import sender_of
from service.domain.silences import Silence
from service.intake.alerts import UNNAMED, AlertParseOptions, ignored
from service.intake.fingerprints import fingerprint
from service.intake.sources import Source
from service.polling.firing_intervals import SELECTOR, FiringInterval, firing_intervals, is_series_of
from service.polling.quiet_incidents import ended
from service.polling.recording import RECONCILED, record_alert, record_event
from service.recorder.writer import Recorder
from service.store import Store
from service.store.heartbeats import last_heartbeat, record_heartbeat
from service.store.incidents import recent_episodes

MARGIN = timedelta(minutes=10)
"""How long before the gap is read as well, so that what started then is not taken for new."""


@dataclass(slots=True)
class GapPoll:
    """Detects gaps and fills them, `delay` after their end: Alertmanager may report everything itself."""

    name: ClassVar[str] = "gaps"
    prometheus: PrometheusApi
    alertmanagers: Sequence[AlertmanagerApi]
    store: Store
    recorder: Recorder
    options: AlertParseOptions
    longest_pause: timedelta
    delay: timedelta
    lookback: timedelta
    source: str = Source.ALERTMANAGER.value
    _gap: tuple[datetime, datetime] | None = field(init=False, default=None)

    def run(self, now: datetime) -> None:
        """Record that notifications can arrive; after a gap, and `delay`, read what is missing."""
        self._reach_alertmanager()
        if self._gap is None:
            before = self.store.read(last_heartbeat)
            if before is not None and now - before > self.longest_pause:
                self._gap = (max(before, now - self.lookback), now)
        if self._gap is not None:
            begin, end = self._gap
            if now - end < self.delay:
                return
            self._fill(begin, now)
            self._gap = None
        self.store.write(record_heartbeat, now)

    def _reach_alertmanager(self) -> None:
        """Return if one Alertmanager answers, or none is configured. Raises RequestFailed."""
        failure: RequestFailed | None = None
        for alertmanager in self.alertmanagers:
            try:
                alertmanager.alerts()
            except RequestFailed as error:
                failure = error
            else:
                return
        if failure is not None:
            raise failure

    def _fill(self, begin: datetime, now: datetime) -> None:
        ended_intervals = [
            interval
            for interval in firing_intervals(self.prometheus.samples(SELECTOR, begin - MARGIN, now), now)
            if interval.ends_at is not None and interval.ends_at > begin
        ]
        if not ended_intervals:
            return
        external = self.prometheus.external_labels()
        silences = [s for alertmanager in self.alertmanagers for s in alertmanager.silences()]
        recent = self.store.read(recent_episodes, begin - MARGIN - self.lookback)
        recorded = [e for _, es in recent for e in es if sender_of(e.source) == sender_of(self.source)]
        for interval in ended_intervals:
            if episode := _episode_of(interval, recorded):
                if episode.ends_at is None:
                    record_alert(self.recorder, ended(episode, interval.ends_at or now), now)
            elif interval.starts_at >= begin and not _silenced(interval, silences):
                self._open(interval, {**external, **interval.labels}, now)

    def _open(self, interval: FiringInterval, labels: Mapping[str, str], now: datetime) -> None:
        severity = self.options.severities.severity_of(labels).severity
        if severity is None or ignored(labels, self.options):
            return
        name = labels.get("alertname") or UNNAMED
        alert = Alert(
            observation=Observation(
                source=self.source,
                fingerprint=fingerprint(labels),
                group_key=f"{RECONCILED}:{name}",
                starts_at=interval.starts_at,
                ends_at=interval.ends_at,
            ),
            name=name,
            severity=severity,
            labels=labels,
            annotations={},
        )
        for incident_id in record_alert(self.recorder, alert, now):
            record_event(self.recorder, incident_id, reconciled(alert, now))


def reconciled(alert: Alert, now: datetime) -> Event:
    """Return the note about the origin of an incident without a notification."""
    report = alert.observation
    return Event(
        event_id=f"reconciled-{report.fingerprint}-{report.starts_at.isoformat()}",
        kind=EventKind.NOTE,
        occurred_at=report.starts_at,
        recorded_at=now,
        source=RECONCILED,
        data={"text": f"{alert.name} was read from Prometheus afterwards: no notification arrived."},
    )


def _episode_of(interval: FiringInterval, episodes: Iterable[Episode]) -> Episode | None:
    """Return the recorded episode that overlaps; its start may differ from the first sample by a moment."""
    for episode in episodes:
        starts_before = interval.ends_at is None or episode.starts_at <= interval.ends_at
        ends_after = episode.ends_at is None or episode.ends_at >= interval.starts_at
        if starts_before and ends_after and is_series_of(interval.labels, episode.labels):
            return episode
    return None


def _silenced(interval: FiringInterval, silences: Iterable[Silence]) -> bool:
    """Return whether a silence would have suppressed its notification."""
    if interval.ends_at is None:
        return False
    return any(s.matches(interval.labels) and s.covers(interval.starts_at, interval.ends_at) for s in silences)
