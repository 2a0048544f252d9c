"""The window that evidence is collected for and, if there is one, its incident. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.policy import Milestone


class NoWindow(ValueError):
    """The window is empty or ends in the future; the text says what to change."""


@dataclass(frozen=True, slots=True)
class EvidenceWindow:
    """From `start` up to and including `end`, aware UTC; `zone` is only for what people read.

    `incident_start` and `incident_end` are the incident's own, without the margin; those of the window if there is no
    incident. `incident` is its JSON as the API returns it, empty without an incident.
    """

    start: datetime
    end: datetime
    zone: ZoneInfo
    incident_start: datetime
    incident_end: datetime
    milestones: Mapping[Milestone, datetime] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    incident: Mapping[str, Any] = field(default_factory=dict)

    @property
    def incident_id(self) -> str | None:
        """Return `INC-7`, or None without an incident."""
        incident_id: str | None = self.incident.get("id")
        return incident_id

    def contains(self, instant: datetime) -> bool:
        """Return whether an instant lies in the window."""
        return self.start <= instant <= self.end


def incident_window(
    incident: Mapping[str, Any],
    zone: ZoneInfo,
    now: datetime,
    *,
    margin: timedelta,
    begin: datetime | None = None,
    end: datetime | None = None,
) -> EvidenceWindow:
    """Return the window of an incident with the margin around it; `begin` and `end` override it.

    An incident that is still open ends now, and no window ends after `now`. Raises NoWindow.
    """
    milestones = {Milestone(name): datetime.fromisoformat(at) for name, at in incident["milestones"].items() if at}
    incident_start = _incident_start(incident, milestones, now)
    incident_end = max(_incident_end(incident, milestones, now), incident_start)
    return replace(
        time_window(begin or incident_start - margin, end or min(incident_end + margin, now), zone, now),
        incident_start=incident_start,
        incident_end=incident_end,
        milestones=milestones,
        labels=dict(incident["labels"]),
        incident=incident,
    )


def time_window(begin: datetime, end: datetime, zone: ZoneInfo, now: datetime) -> EvidenceWindow:
    """Return a window in UTC, without an incident. Raises NoWindow if it is empty or ends in the future."""
    if begin >= end:
        local_begin, local_end = begin.astimezone(zone).isoformat(), end.astimezone(zone).isoformat()
        raise NoWindow(f"the window begins at {local_begin}, which is not before its end, {local_end}")
    if end > now:
        local_end = end.astimezone(zone).isoformat()
        raise NoWindow(f"the window ends in the future, at {local_end}; omit the end to use the current time")
    start, end = begin.astimezone(UTC), end.astimezone(UTC)
    return EvidenceWindow(start, end, zone, incident_start=start, incident_end=end)


def _incident_start(incident: Mapping[str, Any], milestones: Mapping[Milestone, datetime], now: datetime) -> datetime:
    """Return the start of the impact or the detection, whichever is earlier; else the first event."""
    instants = [milestones[name] for name in (Milestone.STARTED, Milestone.DETECTED) if name in milestones]
    instants = instants or [datetime.fromisoformat(event["occurred_at"]) for event in incident["events"]]
    return min(instants, default=now)


def _incident_end(incident: Mapping[str, Any], milestones: Mapping[Milestone, datetime], now: datetime) -> datetime:
    dismissed = incident.get("dismissed_at")
    return milestones.get(Milestone.RESOLVED) or (datetime.fromisoformat(dismissed) if dismissed else now)
