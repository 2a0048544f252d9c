"""After a gap in which nobody could have told us: read from Prometheus, once, what fired and resolved meanwhile.

Each round in which news could reach us leaves its time in the store. A longer pause between two of them is a gap,
whether this service was down or every Alertmanager.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from service.clients.alertmanager import AlertmanagerAlert
from service.clients.json_api import RequestFailed
from service.clients.prometheus import Series
from service.domain.episodes import Episode
from service.domain.events import Alert, Event, EventKind, Observation
from service.domain.silences import Silence
from service.intake.alertmanager import UNNAMED, Reading, ignored
from service.intake.fingerprints import fingerprint
from service.intake.reasons import Source
from service.intake.severities import map_severity
from service.polling.firings import SELECTOR, Firing, firings
from service.polling.news import RECONCILED, ended, evidence, of_episode
from service.polling.parts import Concerns, Recorder, tell
from service.recorder.commands import Delivery, RecordAlerts

MARGIN = timedelta(minutes=10)
"""How long before the gap is read as well, so that what began there is not taken for new."""


class Alertmanager(Protocol):
    """What is asked. Raises RequestFailed."""

    def alerts(self) -> list[AlertmanagerAlert]:
        """Return the alerts that fire now."""

    def silences(self) -> list[Silence]:
        """Return its silences, also those that have ended."""


class Prometheus(Protocol):
    """What is asked. Raises RequestFailed."""

    def samples(self, selector: str, begin: datetime, end: datetime) -> list[Series]:
        """Return the samples of a selector as they were written."""

    def external_labels(self) -> Mapping[str, str]:
        """Return the labels that Prometheus adds to every alert it sends."""


class Heard(Concerns, Protocol):
    """What is read of the store. Raises StoreUnavailable."""

    def last_heard(self) -> Mapping[str, datetime]:
        """Return when each source was heard last."""


class Gaps:
    """Finds gaps and fills them. Alertmanager gets `patience` first: it may tell everything itself."""

    name = "gaps"

    def __init__(
        self,
        prometheus: Prometheus,
        alertmanagers: Sequence[Alertmanager],
        store: Heard,
        recorder: Recorder,
        reading: Reading,
        *,
        longest_pause: timedelta,
        patience: timedelta,
        lookback: timedelta,
    ) -> None:
        self._prometheus = prometheus
        self._alertmanagers = alertmanagers
        self._store = store
        self._recorder = recorder
        self._reading = reading
        self._longest_pause = longest_pause
        self._patience = patience
        self._lookback = lookback
        self._gap: tuple[datetime, datetime] | None = None

    def step(self, now: datetime) -> None:
        """Note that news can reach us; behind a gap, and once Alertmanager had its time, read what is missing."""
        self._reach_alertmanager()
        if self._gap is None:
            before = self._store.last_heard().get(RECONCILED)
            if before is not None and now - before > self._longest_pause:
                self._gap = (max(before, now - self._lookback), now)
        if self._gap is not None:
            begin, end = self._gap
            if now - end < self._patience:
                return
            self._fill(begin, now)
            self._gap = None
        self._recorder.submit(RecordAlerts((), Delivery(RECONCILED, b"", now)))

    def _reach_alertmanager(self) -> None:
        """Return where one answers, or none is configured. Raises RequestFailed."""
        failure: RequestFailed | None = None
        for alertmanager in self._alertmanagers:
            try:
                alertmanager.alerts()
            except RequestFailed as error:
                failure = error
            else:
                return
        if failure is not None:
            raise failure

    def _fill(self, begin: datetime, now: datetime) -> None:
        over = [
            f
            for f in firings(self._prometheus.samples(SELECTOR, begin - MARGIN, now), now)
            if f.ends_at is not None and f.ends_at > begin
        ]
        if not over:
            return
        external = self._prometheus.external_labels()
        silences = [s for one in self._alertmanagers for s in one.silences()]
        known = [e for c in self._store.concerns(begin - MARGIN - self._lookback) for e in c.episodes]
        for firing in over:
            if same := _same(firing, known):
                if same.ends_at is None:
                    self._record(ended(same, firing.ends_at or now), now)
            elif firing.starts_at >= begin and not _silenced(firing, silences):
                self._open(firing, {**external, **firing.labels}, now)

    def _open(self, firing: Firing, labels: Mapping[str, str], now: datetime) -> None:
        severity = map_severity(labels, self._reading.severities).severity
        if severity is None or ignored(labels, self._reading):
            return
        name = labels.get("alertname") or UNNAMED
        alert = Alert(
            observation=Observation(
                source=Source.ALERTMANAGER.value,
                fingerprint=fingerprint(labels),
                group_key=f"{RECONCILED}:{name}",
                starts_at=firing.starts_at,
                ends_at=firing.ends_at,
            ),
            name=name,
            severity=severity,
            labels=labels,
            annotations={},
        )
        for incident_id in self._record(alert, now):
            tell(self._recorder, incident_id, reconciled(alert, now))

    def _record(self, alert: Alert, now: datetime) -> list[int]:
        outcomes = self._recorder.submit(RecordAlerts((alert,), evidence(alert, now)))
        return [outcome.incident_id for outcome in outcomes]


def reconciled(alert: Alert, now: datetime) -> Event:
    """Return the note that says where an incident comes from that nobody told us of."""
    seen = alert.observation
    return Event(
        event_id=f"reconciled-{seen.fingerprint}-{seen.starts_at.isoformat()}",
        kind=EventKind.NOTE,
        occurred_at=seen.starts_at,
        recorded_at=now,
        source=RECONCILED,
        data={"text": f"{alert.name} was read from Prometheus afterwards: no notification of it came."},
    )


def _same(firing: Firing, known: Iterable[Episode]) -> Episode | None:
    """Return the firing that we were told of; the alert's own start may lie a moment beside the first sample."""
    for episode in known:
        begins_before = firing.ends_at is None or episode.starts_at <= firing.ends_at
        ends_behind = episode.ends_at is None or episode.ends_at >= firing.starts_at
        if begins_before and ends_behind and of_episode(firing.labels, episode):
            return episode
    return None


def _silenced(firing: Firing, silences: Iterable[Silence]) -> bool:
    """Say whether nobody would have been notified of it anyway."""
    if firing.ends_at is None:
        return False
    return any(s.matches(firing.labels) and s.covers(firing.starts_at, firing.ends_at) for s in silences)
