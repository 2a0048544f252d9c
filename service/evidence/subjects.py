"""From an incident, as the API tells of it, to the window that evidence is collected about."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.policy import Milestone
from service.evidence.subject import Subject, Window

Told = Mapping[str, Any]


class NoWindow(ValueError):
    """There is nothing between the two times; the text says what to change."""


def subject_of(
    incident: Told,
    zone: ZoneInfo,
    now: datetime,
    *,
    margin: timedelta,
    begin: datetime | None = None,
    end: datetime | None = None,
) -> Subject:
    """Return the incident with the margin around it; `begin` and `end` override it, and nothing lies after `now`.

    An incident that is still open ends now. Raises NoWindow.
    """
    milestones = {Milestone(name): datetime.fromisoformat(at) for name, at in incident["milestones"].items() if at}
    began = min(_instants(incident, milestones), default=now)
    ended = max(_ended(incident, milestones, now), began)
    return Subject(
        window=window_of(begin or began - margin, end or min(ended + margin, now), zone, now),
        began=began,
        ended=ended,
        milestones=milestones,
        labels=dict(incident["labels"]),
        incident=incident,
    )


def window_of(begin: datetime, end: datetime, zone: ZoneInfo, now: datetime) -> Window:
    """Return a window in UTC. Raises NoWindow for one that is empty or lies ahead."""
    if begin >= end:
        raise NoWindow(f"the window begins at {begin.isoformat()}, which is not before its end, {end.isoformat()}")
    if end > now:
        raise NoWindow(f"the window ends at {end.isoformat()}, which is yet to come; leave its end out for now")
    return Window(begin.astimezone(UTC), end.astimezone(UTC), zone)


def without_incident(window: Window) -> Subject:
    """Return a window that no incident is named for."""
    return Subject(window=window, began=window.start, ended=window.end)


def _instants(incident: Told, milestones: Mapping[Milestone, datetime]) -> Iterator[datetime]:
    """Yield what the incident may have begun with: impact or detection, else whatever is known first."""
    known = [milestones[one] for one in (Milestone.STARTED, Milestone.DETECTED) if one in milestones]
    yield from known
    if not known:
        yield from (datetime.fromisoformat(event["occurred_at"]) for event in incident["events"])


def _ended(incident: Told, milestones: Mapping[Milestone, datetime], now: datetime) -> datetime:
    dismissed = incident.get("dismissed_at")
    return milestones.get(Milestone.RESOLVED) or (datetime.fromisoformat(dismissed) if dismissed else now)
