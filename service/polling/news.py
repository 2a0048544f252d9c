"""Incidents of which nothing was heard for long: Alertmanager knows whether the alert fires, Prometheus when it ended.

What neither knows is left to become stale.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from service.clients.alertmanager import AlertmanagerAlert
from service.clients.prometheus import Series, quoted
from service.domain.episodes import Episode
from service.domain.events import Alert, Observation
from service.intake.reasons import Source
from service.polling.firings import firings
from service.polling.parts import Concerns, Recorder
from service.recorder.commands import Delivery, RecordAlerts
from service.store.concerns import Concern

RECONCILED = "reconciled"
"""The source of what we read by ourselves, as evidence and in notes."""
MARGIN = timedelta(minutes=1)


class Alertmanager(Protocol):
    """What is asked. Raises RequestFailed."""

    def alerts(self) -> list[AlertmanagerAlert]:
        """Return the alerts that fire now, silenced or not."""


class Prometheus(Protocol):
    """What is asked. Raises RequestFailed."""

    def samples(self, selector: str, begin: datetime, end: datetime) -> list[Series]:
        """Return the samples of a selector as they were written."""


class News:
    """Asks of the alerts of open incidents that were silent for `quiet`."""

    name = "news"

    def __init__(
        self,
        alertmanagers: Sequence[Alertmanager],
        prometheus: Prometheus | None,
        store: Concerns,
        recorder: Recorder,
        *,
        quiet: timedelta,
        lookback: timedelta,
    ) -> None:
        self._alertmanagers = alertmanagers
        self._prometheus = prometheus
        self._store = store
        self._recorder = recorder
        self._quiet = quiet
        self._lookback = lookback

    def step(self, now: datetime) -> None:
        """Refresh what still fires, end what does not."""
        silent = [(c, e) for c in self._store.concerns(now) if now - c.heard_at >= self._quiet for e in _open(c)]
        if not silent:
            return
        firing = {alert.fingerprint for one in self._alertmanagers for alert in one.alerts()}
        for concern, episode in silent:
            if episode.fingerprint in firing:
                self._record(still_fires(concern, episode), now)
            elif self._prometheus is not None:
                self._look(self._prometheus, concern, episode, now)

    def _look(self, prometheus: Prometheus, concern: Concern, episode: Episode, now: datetime) -> None:
        """Ask Prometheus for the end; of an alert that it does not know nothing is said."""
        name = quoted(episode.labels.get("alertname", ""))
        begin = max(episode.starts_at - MARGIN, now - self._lookback)
        series = prometheus.samples(f'ALERTS{{alertname={name},alertstate="firing"}}', begin, now)
        mine = [f for f in firings(series, now) if of_episode(f.labels, episode)]
        if any(firing.ends_at is None for firing in mine):
            self._record(still_fires(concern, episode), now)
        elif mine:
            self._record(ended(episode, max(f.ends_at for f in mine if f.ends_at is not None)), now)

    def _record(self, alert: Alert, now: datetime) -> None:
        self._recorder.submit(RecordAlerts((alert,), evidence(alert, now)))


def of_episode(series: Mapping[str, str], episode: Episode) -> bool:
    """Say whether a series is that of an alert, which carries external labels on top."""
    return all(episode.labels.get(name) == value for name, value in series.items())


def still_fires(concern: Concern, episode: Episode) -> Alert:
    """Return what was heard of the alert already: heard again it changes nothing but when it was heard."""
    groups = concern.groups.get(episode.id) or ((episode.source, ""),)
    return _alert(episode, groups[0][1], episode.starts_at, None)


def ended(episode: Episode, at: datetime) -> Alert:
    """Return the end of a firing, whatever its groups."""
    return _alert(episode, "", max(at, episode.starts_at), max(at, episode.starts_at))


def evidence(alert: Alert, now: datetime) -> Delivery:
    """Return what is kept as the reason for what we recorded by ourselves."""
    seen = alert.observation
    until = seen.ends_at.isoformat() if seen.ends_at else "still firing"
    return Delivery(RECONCILED, f"{seen.fingerprint} {seen.starts_at.isoformat()} {until}".encode(), now)


def _alert(episode: Episode, group_key: str, starts_at: datetime, ends_at: datetime | None) -> Alert:
    return Alert(
        observation=Observation(
            source=episode.source,
            fingerprint=episode.fingerprint,
            group_key=group_key,
            starts_at=starts_at,
            ends_at=ends_at,
        ),
        name=episode.name,
        severity=episode.severity,
        labels=episode.labels,
        annotations=episode.annotations,
        generator_url=episode.generator_url,
    )


def _open(concern: Concern) -> list[Episode]:
    return [e for e in concern.episodes if e.source == Source.ALERTMANAGER and e.ends_at is None]
