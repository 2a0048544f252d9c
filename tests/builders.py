"""Builders with defaults, so that a test writes only what matters to it."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.breakdown import Dimension
from service.domain.episodes import AlertReport, Episode
from service.domain.events import Alert, Event, EventKind, Observation, ReceivedWebhook
from service.domain.incident import Phase
from service.domain.policy import (
    Indicator,
    Milestone,
    Policy,
    Severity,
    Stage,
    Statistic,
    Target,
    Weekday,
    WeeklyReview,
)
from service.domain.senders import named_alias, named_source
from service.store.incidents import IncidentRow

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday morning."""


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


REVIEW = WeeklyReview(Weekday.MONDAY, time(10), ZoneInfo("Asia/Tokyo"))


def policy(**changes: Any) -> Policy:
    """The standard's policy (sections 2 and 4)."""
    hours = timedelta(hours=1)
    values: dict[str, Any] = {
        "deadlines": {
            Severity.SEV_1: {Stage.DRAFT: 12 * hours, Stage.FINAL: 48 * hours},
            Severity.SEV_2: {Stage.DRAFT: 24 * hours, Stage.FINAL: 72 * hours},
            Severity.SEV_3: {Stage.DRAFT: 48 * hours, Stage.FINAL: 120 * hours},
            Severity.SEV_4: {Stage.FINAL: REVIEW},
        },
        "targets": (
            Target(Indicator.DETECT, Statistic.P95, timedelta(minutes=5)),
            Target(Indicator.ACKNOWLEDGE, Statistic.P95, timedelta(minutes=10)),
            Target(Indicator.RESOLVE, Statistic.MEAN, 2 * hours, Severity.SEV_1),
            Target(Indicator.RESOLVE, Statistic.MEAN, 6 * hours, Severity.SEV_2),
        ),
        "resolve_from": Milestone.DETECTED,
        "default_severity": Severity.SEV_3,
        "reopen_window": timedelta(minutes=15),
        "stale_after": timedelta(hours=24),
        "breakdown": (Dimension("team", 2), Dimension("service", 50)),
    }
    return Policy(**{**values, **changes})


def event(kind: EventKind, minutes: float = 0, **fields: Any) -> Event:
    values: dict[str, Any] = {
        "event_id": f"{kind}-{minutes}",
        "kind": kind,
        "occurred_at": at(minutes),
        "recorded_at": at(minutes),
        "source": "api",
    }
    return Event(**{**values, **fields})


def observation(
    starts: float = 0,
    ends: float | None = None,
    *,
    fingerprint: str = "f1",
    group: str = "g1",
    stale: bool = False,
    peer: str = "",
    sender: str = "",
) -> Observation:
    return Observation(
        source=named_source("alertmanager", sender),
        fingerprint=fingerprint,
        group_key=group,
        starts_at=at(starts),
        ends_at=None if ends is None else at(ends),
        stale=stale,
        peer=peer,
    )


def report(
    starts: float = 0,
    ends: float | None = None,
    *,
    received: float = 600,
    last: float | None = None,
    onset: float | None = None,
    **fields: Any,
) -> AlertReport:
    """What a sender reported, received once unless `last` says otherwise."""
    return AlertReport(
        observation=observation(starts, ends, **fields),
        first_received=at(received),
        last_received=at(received if last is None else last),
        onset_at=None if onset is None else at(onset),
    )


def alert(
    starts: float = 0,
    ends: float | None = None,
    *,
    fingerprint: str = "f1",
    group: str = "g1",
    severity: Severity = Severity.SEV_2,
    onset: float | None = None,
    peer: str = "",
    sender: str = "",
    aliases: tuple[str, ...] = (),
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Alert:
    return Alert(
        observation=observation(starts, ends, fingerprint=fingerprint, group=group, peer=peer, sender=sender),
        name="CheckoutErrors",
        severity=severity,
        labels={"alertname": "CheckoutErrors", **(labels or {})},
        annotations=annotations or {},
        onset_at=None if onset is None else at(onset),
        aliases=tuple(named_alias(alias, sender) for alias in aliases),
    )


def incident_row(incident_id: int = 1, **fields: Any) -> IncidentRow:
    """A row of a list: an open incident, detected at 0."""
    values: dict[str, Any] = {
        "title": "Queue",
        "severity": Severity.SEV_1,
        "phase": Phase.DETECTED,
        "types": ("data",),
        "milestones": {Milestone.DETECTED: at(0)},
        "opened_at": at(0),
        "last_seen_at": at(0),
        "stale_at": None,
        "deadlines_from": at(0),
        "due": {},
    }
    return IncidentRow(id=incident_id, **{**values, **fields})


def episode(starts: float = 0, ends: float | None = None, **fields: Any) -> Episode:
    values: dict[str, Any] = {
        "id": 1,
        "source": "alertmanager",
        "fingerprint": "f1",
        "starts_at": at(starts),
        "ends_at": None if ends is None else at(ends),
        "name": "CheckoutErrors",
        "severity": Severity.SEV_2,
        "incident_id": 1,
    }
    return Episode(**{**values, **fields})


def delivery(minutes: float = 0, body: bytes = b"{}", source: str = "alertmanager") -> ReceivedWebhook:
    return ReceivedWebhook(source, body, at(minutes))
