"""What ended an incident, and what undid that: its acts and the starts of its alerts, in order of time.

The fold evaluates the whole incident, the grouping the state before a given instant; both must agree.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.domain.episodes import Episode
from service.domain.events import INCIDENT_KEY, INTO_KEY, Event, EventKind


class ResolutionSource(StrEnum):
    """What ended an incident: its alerts, a person, a machine's event, or the absence of reports."""

    ALERTS = "alerts"
    HUMAN = "human"
    AUTOMATION = "automation"
    STALE = "stale"


EXPLICIT = (ResolutionSource.HUMAN, ResolutionSource.AUTOMATION)
ACTS = frozenset({EventKind.MITIGATED, EventKind.RESOLVED, EventKind.REOPENED, EventKind.DISMISSED, EventKind.MERGED})
"""The kinds of events that `Recovery.act` accepts."""
REOPENED_BY_REPORT = "mttx"
"""The source of the service's own `reopened` events: an alert assumed to be over is firing; kept as history."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """When, by whom and by which event an incident ended. `is_known` False: `at` is assumed, for grouping only."""

    at: datetime
    source: ResolutionSource
    event: Event | None = None
    is_known: bool = True


def source_of(resolved: Event) -> ResolutionSource:
    """Return the resolution source of a `resolved` event."""
    if resolved.data.get("resolution_source") in (ResolutionSource.STALE, ResolutionSource.ALERTS):
        return ResolutionSource(resolved.data["resolution_source"])
    return ResolutionSource.AUTOMATION if resolved.automated else ResolutionSource.HUMAN


SenderKey = tuple[str, str]
"""Source and the sender's key of an incident."""


def sender_keys(events: Iterable[Event]) -> set[SenderKey]:
    """Return the senders' keys of the incident that these events belong to."""
    return {(e.source, e.data[INCIDENT_KEY]) for e in events if INCIDENT_KEY in e.data}


class Recovery:
    """Takes an incident's episodes (`start`) and acts (`act`) in order of time; starts first if times are equal.

    An alert that fires again undoes the recovery. `reopened` undoes a dismissal if there is one, else the recovery and
    the mitigation. A merge into an unknown incident (with none of `keys`) counts as a dismissal.
    """

    def __init__(self, keys: Set[SenderKey] = frozenset()) -> None:
        self._keys = keys
        self.dismissed_at: datetime | None = None
        self.mitigations: list[Event] = []
        self.reopened_at: datetime | None = None
        self._episodes: list[Episode] = []
        self._last_start: datetime | None = None
        self._resolutions: list[Resolution] = []

    def start(self, episode: Episode) -> None:
        """Apply the start of an episode."""
        self._episodes.append(episode)
        self._last_start = episode.starts_at
        self._resolutions = [r for r in self._resolutions if r.at >= episode.starts_at]

    def act(self, event: Event) -> None:
        """Apply an act of a person or a machine."""
        match event.kind:
            case EventKind.MITIGATED:
                self.mitigations.append(event)
            case EventKind.RESOLVED:
                self._resolve(event)
            case EventKind.DISMISSED:
                self.dismissed_at = self.dismissed_at or event.occurred_at
            case EventKind.MERGED if self._is_into_unknown(event):
                self.dismissed_at = self.dismissed_at or event.occurred_at
            case EventKind.REOPENED if event.source != REOPENED_BY_REPORT:
                self._reopen(event.occurred_at)
            case _:
                pass

    def _is_into_unknown(self, merged: Event) -> bool:
        data = merged.data
        return INTO_KEY in data and "into" not in data and (merged.source, data[INTO_KEY]) not in self._keys

    def _resolve(self, event: Event) -> None:
        at = self._over_at(event)
        if self._last_start is None or at >= self._last_start:
            self._resolutions.append(Resolution(at, source_of(event), event))

    def _reopen(self, at: datetime) -> None:
        if self.dismissed_at is not None:
            self.dismissed_at = None
        else:
            self.reopened_at = at
            self.mitigations = []
            self._resolutions = []

    def _over_at(self, resolved: Event) -> datetime:
        """Return the time of a resolution; one sent without a time means the end of the alerts, if all have ended."""
        ends = [e.ends_at for e in self._episodes if e.ends_at is not None and not e.end_unknown]
        if not resolved.untimed or len(ends) < len(self._episodes) or not ends:
            return resolved.occurred_at
        latest = max(ends)
        if latest > resolved.recorded_at or (self.reopened_at is not None and latest < self.reopened_at):
            return resolved.occurred_at
        return latest

    @property
    def closed_at(self) -> datetime | None:
        """When a person or a machine closed it, whatever its alerts do, else None."""
        explicit = self._explicit()
        return self.dismissed_at or (explicit.at if explicit else None)

    def _explicit(self) -> Resolution | None:
        return next((r for r in self._resolutions if r.source in EXPLICIT), None)

    def resolution(self) -> Resolution | None:
        """Return what ended the incident, None while it is open.

        The first explicit resolution that was not undone counts; without one, the end of the last episode once all
        have ended. A resolution derived from a pager's alerts, or an assumed (stale) one, counts only if the incident
        has no alerts of its own.
        """
        if explicit := self._explicit():
            return explicit
        if self._episodes:
            return self._by_alerts(self._episodes)
        second_hand = (r for r in self._resolutions if r.source is ResolutionSource.ALERTS)
        return next(second_hand, next(iter(self._resolutions), None))

    def _by_alerts(self, episodes: Sequence[Episode]) -> Resolution | None:
        ends = [e.ends_at for e in episodes if e.ends_at is not None]
        if len(ends) < len(episodes) or (self.reopened_at is not None and max(ends) < self.reopened_at):
            return None
        if any(e.end_unknown for e in episodes):
            return Resolution(max(ends), ResolutionSource.STALE, is_known=False)
        stale = any(e.stale for e in episodes)
        return Resolution(max(ends), ResolutionSource.STALE if stale else ResolutionSource.ALERTS)


def recovery_of(events: Sequence[Event], episodes: Sequence[Episode]) -> Recovery:
    """Return the recovery after all effective events, which are in order, and episodes of an incident."""
    recovery = Recovery(sender_keys(events))
    waiting = sorted(episodes, key=lambda e: e.starts_at)
    begun = 0
    for event in events:
        if event.kind not in ACTS:
            continue
        while begun < len(waiting) and waiting[begun].starts_at <= event.occurred_at:
            recovery.start(waiting[begun])
            begun += 1
        recovery.act(event)
    for episode in waiting[begun:]:
        recovery.start(episode)
    return recovery
