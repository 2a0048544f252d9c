"""Open incidents without recent reports: Alertmanager knows whether the alert is firing, Prometheus when it ended.

What neither knows is left to become stale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from service.clients.alertmanager import AlertmanagerApi
from service.clients.prometheus import PrometheusApi, quoted
from service.domain.episodes import Episode
from service.domain.events import Alert, Observation
from service.intake.sources import Source
from service.polling.firing_intervals import firing_intervals, is_series_of
from service.polling.recording import record_alert
from service.recorder.writer import Recorder
from service.store import Store
from service.store.incidents import group_key_of, recent_episodes

MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class QuietIncidentPoll:
    """Asks about the alerts of open incidents without a report for `quiet`."""

    name: ClassVar[str] = "quiet incidents"
    alertmanagers: Sequence[AlertmanagerApi]
    prometheus: PrometheusApi | None
    store: Store
    recorder: Recorder
    quiet: timedelta
    lookback: timedelta
    source: str = Source.ALERTMANAGER.value

    def run(self, now: datetime) -> None:
        """Refresh the alerts that are still firing, end those that are not."""
        quiet = [
            episode
            for incident, episodes in self.store.read(recent_episodes, now)
            if now - incident.last_seen_at >= self.quiet
            for episode in episodes
            if episode.source == self.source and episode.ends_at is None
        ]
        if not quiet:
            return
        firing = {alert.fingerprint for alertmanager in self.alertmanagers for alert in alertmanager.alerts()}
        for episode in quiet:
            if episode.fingerprint in firing:
                self._record_firing(episode, now)
            elif self.prometheus is not None:
                self._record_end(self.prometheus, episode, now)

    def _record_firing(self, episode: Episode, now: datetime) -> None:
        """Record the alert as it was reported before: a repeat only changes when it was last reported."""
        group_key = self.store.read(group_key_of, episode.id) or ""
        record_alert(self.recorder, _alert(episode, group_key, episode.starts_at, None), now)

    def _record_end(self, prometheus: PrometheusApi, episode: Episode, now: datetime) -> None:
        """Ask Prometheus for the end; nothing is recorded about an alert that it does not know."""
        name = quoted(episode.labels.get("alertname", ""))
        begin = max(episode.starts_at - MARGIN, now - self.lookback)
        series = prometheus.samples(f'ALERTS{{alertname={name},alertstate="firing"}}', begin, now)
        intervals = [i for i in firing_intervals(series, now) if is_series_of(i.labels, episode.labels)]
        if any(interval.ends_at is None for interval in intervals):
            self._record_firing(episode, now)
        elif intervals:
            record_alert(self.recorder, ended(episode, max(i.ends_at for i in intervals if i.ends_at is not None)), now)


def ended(episode: Episode, at: datetime) -> Alert:
    """Return the end of an episode, in all its groups."""
    return _alert(episode, "", max(at, episode.starts_at), max(at, episode.starts_at))


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
