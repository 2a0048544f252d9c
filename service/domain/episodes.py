"""From the reports of one alert to its episodes, independent of the order in which reports arrive.

An episode is one firing of one alert. `service.domain.grouping` groups episodes into incidents.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest

from service.domain.events import Observation
from service.domain.policy import Severity

UNASSIGNED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One firing of one alert: `starts_at` to `ends_at`, None while it fires.

    `stale` marks an end that was assumed because reports stopped. `end_unknown`: the alert fired again without an end
    in between (it cleared while it was silenced), and `ends_at` is its last known start, for grouping only.
    """

    id: int
    source: str
    fingerprint: str
    starts_at: datetime
    ends_at: datetime | None
    name: str
    severity: Severity
    incident_id: int
    stale: bool = False
    end_unknown: bool = False
    onset_at: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    generator_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertReport:
    """A sender's report of an alert, and when it was first and last received.

    Repeats update `last_received` only if it can matter (`service.recorder.alerts`). `onset_at` as in `Alert`.
    """

    observation: Observation
    first_received: datetime
    last_received: datetime
    onset_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """An episode before it has an id, with the reports it was computed from, earliest first; see `Episode`."""

    starts_at: datetime
    ends_at: datetime | None
    stale: bool
    end_unknown: bool
    onset_at: datetime | None
    reports: tuple[AlertReport, ...]


def spans(reports: Iterable[AlertReport], window: timedelta) -> list[Span]:
    """Merge the reports of one alert (one source, one fingerprint) into its episodes, earliest first.

    A start at or before the end of an episode belongs to it, and so does one within `window` after the latest start of
    an episode without a reported end. A later start without an end in between begins another episode, and the end of
    the first is unknown. The latest reported end counts, unless its sender withdrew it (`_taken_back`); a reported end
    takes precedence over an assumed one. A report of an end alone (`is_end_only`) never begins an episode: it ends the
    preceding one, or waits for it. Source: Alertmanager `alert/alert.go` Merge; its issues 4008, 1899, 952, 226.
    """
    firings: list[_Firing] = []
    for report in sorted(reports, key=_by_time):
        observation = report.observation
        current = firings[-1] if firings else None
        if observation.is_end_only and (current is None or not current.takes_end(observation.starts_at, window)):
            continue
        if current is not None and (observation.is_end_only or current.takes_start(observation.starts_at, window)):
            current.add(report)
        else:
            firings.append(_Firing(report))
    ends = [firing.end(following) for firing, following in zip_longest(firings, firings[1:])]
    onsets = _onsets(firings, [at for at, _, _ in ends])
    return [
        Span(firing.starts_at, ends_at, stale, end_unknown, onset_at, tuple(firing.reports))
        for firing, (ends_at, stale, end_unknown), onset_at in zip(firings, ends, onsets, strict=True)
    ]


def _by_time(report: AlertReport) -> tuple[datetime, bool, datetime, bool]:
    seen = report.observation
    return seen.starts_at, seen.ends_at is None, seen.ends_at or seen.starts_at, seen.stale


class _Firing:
    """The reports of one episode, added in order of their starts."""

    def __init__(self, report: AlertReport) -> None:
        self.starts_at = self.latest_start = report.observation.starts_at
        self.reported_end: datetime | None = None
        self.reports: list[AlertReport] = []
        self.add(report)

    def add(self, report: AlertReport) -> None:
        observation = report.observation
        self.reports.append(report)
        if not observation.is_end_only:
            self.latest_start = observation.starts_at
        if observation.ends_at is not None and not observation.stale:
            self.reported_end = max(observation.ends_at, self.reported_end or observation.ends_at)

    def takes_start(self, starts_at: datetime, window: timedelta) -> bool:
        return starts_at <= (self.latest_start + window if self.reported_end is None else self.reported_end)

    def takes_end(self, ends_at: datetime, window: timedelta) -> bool:
        """Return whether an end without its start belongs here: a repeat of the same end is only slightly later."""
        return self.starts_at < ends_at and (self.reported_end is None or ends_at <= self.reported_end + window)

    def end(self, following: "_Firing | None") -> tuple[datetime | None, bool, bool]:
        """Return the end (None while firing), whether it is assumed, and whether it is unknown."""
        if self.reported_end is not None and not _taken_back(self.reports, following):
            return self.reported_end, False, False
        assumed = self._assumed_end()
        if assumed is not None and (following is None or assumed < following.starts_at):
            return assumed, True, False
        return (None, False, False) if following is None else (self.latest_start, False, True)

    def _assumed_end(self) -> datetime | None:
        """Return the assumed end, unless the alert was reported firing afterwards."""
        assumed = [r for r in self.reports if r.observation.stale]
        if not assumed:
            return None
        assumed_at = max(r.first_received for r in assumed)
        if any(r.last_received > assumed_at for r in self.reports if r.observation.ends_at is None):
            return None
        return min((r.observation.ends_at for r in assumed if r.observation.ends_at is not None), default=None)


def _taken_back(reports: Sequence[AlertReport], following: _Firing | None) -> bool:
    """Return whether the sender of an end withdrew it, so that the episode continues.

    The sender reported a start before the end, and the same start again after every end received since: Alertmanager
    does so after its Prometheus was unreachable. A repeat from another peer, or a first report after the end, is late
    and withdraws nothing; nor does a report received after the alert fired again, nor one without a peer: of that, a
    repeat may be the retry of a request whose answer was lost.
    """
    ends = [r for r in reports if r.observation.ends_at is not None and not r.observation.stale]
    last_end = max(r.last_received for r in ends)
    first_end: dict[str, datetime] = {}
    for end in ends:
        peer = end.observation.peer
        first_end[peer] = min(end.first_received, first_end.get(peer, end.first_received))
    until = None if following is None else min(r.first_received for r in following.reports)
    return any(
        r.observation.ends_at is None
        and r.observation.peer
        and r.observation.peer in first_end
        and r.first_received < first_end[r.observation.peer]
        and last_end < r.last_received
        and (until is None or r.last_received < until)
        for r in reports
    )


def _onsets(firings: Sequence[_Firing], ends: Sequence[datetime | None]) -> list[datetime | None]:
    """Return for each episode the earliest start of the impact assigned to it, whichever report carries it."""
    onsets: list[datetime | None] = [None] * len(firings)
    for firing in firings:
        for report in firing.reports:
            if report.onset_at is not None:
                at = _beside(report.onset_at, firings, ends)
                onsets[at] = min(report.onset_at, onsets[at] or report.onset_at)
    return onsets


def _beside(onset_at: datetime, firings: Sequence[_Firing], ends: Sequence[datetime | None]) -> int:
    """Return the index of the episode that contains an onset, else of the next one, else of the last."""
    for number, (firing, ends_at) in enumerate(zip(firings, ends, strict=True)):
        if onset_at <= firing.starts_at or ends_at is None or onset_at <= ends_at:
            return number
    return len(firings) - 1


def fired_again(episodes: Iterable[Episode]) -> list[datetime]:
    """Return when the alerts of an incident fired again after all of them had cleared."""
    again: list[datetime] = []
    reach: datetime | None = None
    for episode in sorted(episodes, key=lambda e: e.starts_at):
        if reach is not None and episode.starts_at > reach:
            again.append(episode.starts_at)
        if episode.ends_at is None:
            break
        reach = max(reach, episode.ends_at) if reach else episode.ends_at
    return again
