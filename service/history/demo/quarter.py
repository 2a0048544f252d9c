"""A quarter of incidents as they would have been reported: alerts, actions and documents, each at its time.

The same seed gives the same quarter relative to `now`, so that some incidents are still open. Proportions are
realistic: a fifth is never reported as recovered, and in a fifth the recovery comes before the mitigation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from service.domain.events import Alert, Event, EventKind, Observation
from service.domain.policy import Severity
from service.history.demo.cast import ACTIONS, NOTES, ROLES, TROUBLES, Trouble

K = EventKind
SPAN = timedelta(days=91)
INCIDENTS = 120
SOURCE = "demo"
INTO = "into"
"""The key of a merge's target, by its number here; its incident is known only once it is recorded."""
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_TO_DRAFT = {Severity.SEV_1: 9, Severity.SEV_2: 18, Severity.SEV_3: 36, Severity.SEV_4: 60}
_TO_FINAL = {Severity.SEV_1: 34, Severity.SEV_2: 55, Severity.SEV_3: 90, Severity.SEV_4: 110}


@dataclass(frozen=True, slots=True)
class DemoStep:
    """A report at `at` about one incident, by its number here: a notification of its alert, or an event."""

    at: datetime
    number: int
    alert: Alert | None = None
    event: Event | None = None


def quarter(now: datetime, seed: int = 7) -> list[DemoStep]:
    """Return the steps in order of time; none lies after `now`."""
    dice = Random(seed)  # noqa: S311 - the same quarter each time is what it is for
    now = now.replace(microsecond=0)
    starts = sorted(now - SPAN + _DAY + (SPAN - 2 * _DAY) * dice.random() for _ in range(INCIDENTS))
    steps: list[DemoStep] = []
    for number, start in enumerate(starts):
        steps += _DemoIncident(number, start.replace(microsecond=0), now, dice).steps()
    for number, unfinished in enumerate(_unfinished(now, dice), start=len(starts)):
        steps += (DemoStep(step.at, number, step.alert, step.event) for step in unfinished)
    return sorted((step for step in steps if step.at <= now), key=lambda step: (step.at, step.number))


@dataclass(slots=True)
class _DemoIncident:
    """One incident's life from its detection to its last action."""

    number: int
    start: datetime
    now: datetime
    dice: Random
    trouble: Trouble = field(init=False)
    severity: Severity = field(init=False)
    serial: int = 0

    def __post_init__(self) -> None:
        self.trouble = self.dice.choice(TROUBLES)
        self.severity = self.dice.choice(self.trouble.severities)

    def steps(self) -> Iterator[DemoStep]:
        """Yield the whole life."""
        dice = self.dice
        end = self.start + _MINUTE * min(900, dice.lognormvariate(4.0, 0.9))
        by_alert = dice.random() < 0.75
        yield from self._begin(by_alert)
        if dice.random() < 0.05:
            yield self.event(K.DISMISSED, self.start + 20 * _MINUTE, data={"reason": "A test of the alert"})
            if by_alert:
                yield self.alert(end)
            return
        yield from self._response(end)
        if by_alert:
            yield self.alert(end)
        if not by_alert or dice.random() < 0.78:
            yield self.event(K.RESOLVED, end + _MINUTE * dice.uniform(0, 8))
        if dice.random() < 0.04 and not by_alert:
            yield self.event(K.REOPENED, end + 30 * _MINUTE)
            end += 75 * _MINUTE
            yield self.event(K.RESOLVED, end)
        yield from self._aftermath(end)

    def _begin(self, by_alert: bool) -> Iterator[DemoStep]:
        started_at = self.start - _MINUTE * self.dice.lognormvariate(1.0, 0.6) if self.dice.random() < 0.7 else None
        if by_alert:
            yield self.alert(None, started_at)
            return
        yield self.event(
            K.DETECTED,
            self.start,
            title=f"{self.trouble.summary} ({self.trouble.service})",
            severity=self.severity,
            types=self.trouble.types,
            domains=self.trouble.domains,
            labels=self.trouble.labels,
        )
        if started_at is not None:
            yield self.event(K.STARTED, started_at, reported_at=self.start)

    def _response(self, end: datetime) -> Iterator[DemoStep]:
        dice = self.dice
        acknowledged_at = self.start + min((end - self.start) * 0.8, _MINUTE * dice.lognormvariate(1.6, 0.8))
        if dice.random() < 0.88:
            yield self.event(K.ACKNOWLEDGED, acknowledged_at)
        if self.severity <= Severity.SEV_2:
            yield self.role(acknowledged_at + _MINUTE, "commander", ROLES[0])
            yield self.role(acknowledged_at + 4 * _MINUTE, "comms", ROLES[2])
            yield self.event(K.NOTE, acknowledged_at + 6 * _MINUTE, data={"text": dice.choice(NOTES)})
        if dice.random() < 0.65:
            late = dice.random() < 0.2
            at = end + 9 * _MINUTE if late else acknowledged_at + (end - acknowledged_at) * dice.uniform(0.2, 0.9)
            yield self.event(K.MITIGATED, at)

    def _aftermath(self, end: datetime) -> Iterator[DemoStep]:
        dice = self.dice
        drafted_at = self.start + _HOUR * _TO_DRAFT[self.severity] * dice.lognormvariate(-0.3, 0.45)
        finalized_at = self.start + _HOUR * _TO_FINAL[self.severity] * dice.lognormvariate(-0.25, 0.4)
        drafted_at, finalized_at = max(drafted_at, end + _HOUR), max(finalized_at, drafted_at + 2 * _HOUR, end + _DAY)
        document = {"document": f"postmortems/{self.start:%Y-%m-%d}-{self.trouble.service}.md"}
        if dice.random() < 0.06:
            return  # it was never written
        yield self.event(K.POSTMORTEM_DRAFTED, drafted_at, data=document)
        if dice.random() < 0.04:
            return
        yield self.event(K.POSTMORTEM_FINALIZED, finalized_at, data=document)
        state = "failed" if dice.random() < 0.08 else "passed"
        checks = {"evidence": state, "actions": "passed", "issues": "passed", "documents": "not_needed"}
        yield self.event(K.POSTMORTEM_CHECKED, finalized_at + _MINUTE, data={**document, "checks": checks})
        for number, (kind, title) in enumerate(dice.sample(ACTIONS, dice.randint(0, 3)), start=1):
            yield from self._action(f"A{number}", kind, title, finalized_at)

    def _action(self, action_id: str, kind: str, title: str, opened_at: datetime) -> Iterator[DemoStep]:
        dice = self.dice
        due_at = opened_at + _DAY * dice.choice((7, 14, 21, 30))
        data = {"action_id": action_id, "action_type": kind, "title": title, "due_at": due_at.isoformat()}
        yield self.event(K.ACTION_OPENED, opened_at, data={**data, "owner": dice.choice(ROLES)})
        if dice.random() < 0.85:
            completed_at = opened_at + (due_at - opened_at) * dice.uniform(0.3, 1.15)
            yield self.event(K.ACTION_COMPLETED, completed_at, data={"action_id": action_id})
            if dice.random() < 0.8:
                verified_at = completed_at + _DAY * dice.uniform(1, 10)
                yield self.event(K.ACTION_VERIFIED, verified_at, data={"action_id": action_id})

    # -- reports ---------------------------------------------------------------------------------------------------

    def alert(self, ends_at: datetime | None, started_at: datetime | None = None) -> DemoStep:
        """Return the notification that the alert fires, or that it has ended."""
        name, service = self.trouble.alert, self.trouble.service
        labels = {
            "alertname": name,
            **self.trouble.labels,
            "incident_type": ",".join(self.trouble.types),
            "incident_domain": ",".join(self.trouble.domains),
        }
        observation = Observation(
            source="alertmanager",
            fingerprint=f"{SOURCE}-{self.number}",
            group_key=f'{{}}:{{alertname="{name}", service="{service}", demo="{self.number}"}}',
            starts_at=self.start,
            ends_at=ends_at,
        )
        alert = Alert(
            observation=observation,
            name=name,
            severity=self.severity,
            labels=labels,
            annotations={"summary": f"{self.trouble.summary} ({service})"},
            onset_at=started_at,
        )
        return DemoStep((ends_at or self.start) + timedelta(seconds=10), self.number, alert=alert)

    def role(self, at: datetime, role: str, name: str) -> DemoStep:
        """Return the assignment of a role."""
        return self.event(K.ROLE_ASSIGNED, at, data={"role": role, "name": name})

    def event(self, kind: EventKind, at: datetime, *, reported_at: datetime | None = None, **more: Any) -> DemoStep:
        """Return an event; by default it is reported when it happens."""
        self.serial += 1
        at = at.replace(microsecond=0)
        reported_at = reported_at or at
        name = f"{SOURCE}-{self.number}-{self.serial}"
        event = Event(event_id=name, kind=kind, occurred_at=at, recorded_at=reported_at, source=SOURCE, **more)
        return DemoStep(reported_at, self.number, event=event)


def _unfinished(now: datetime, dice: Random) -> Iterator[list[DemoStep]]:
    """Yield open incidents at `now`: a clock of each kind runs, one has been silent for days, and reports are due."""

    def begun(ago: timedelta, severity: Severity, which: int) -> _DemoIncident:
        incident = _DemoIncident(INCIDENTS + which, now - ago, now, dice)
        incident.trouble = next(t for t in TROUBLES[which:] + TROUBLES if severity in t.severities)
        incident.severity = severity
        return incident

    worst = begun(26 * _MINUTE, Severity.SEV_1, 0)
    yield [
        worst.alert(None, worst.start - 4 * _MINUTE),
        worst.event(K.ACKNOWLEDGED, worst.start + 3 * _MINUTE),
        worst.role(worst.start + 4 * _MINUTE, "commander", ROLES[0]),
        worst.role(worst.start + 9 * _MINUTE, "comms", ROLES[2]),
        worst.event(K.NOTE, worst.start + 15 * _MINUTE, data={"text": NOTES[0], "important": True}),
    ]
    yield [begun(8 * _MINUTE, Severity.SEV_2, 9).alert(None)]
    contained = begun(2 * _HOUR, Severity.SEV_3, 5)
    yield [
        contained.alert(None, contained.start - 2 * _MINUTE),
        contained.event(K.ACKNOWLEDGED, contained.start + 12 * _MINUTE),
        contained.event(K.MITIGATED, contained.start + 50 * _MINUTE),
    ]
    yield [begun(5 * _HOUR, Severity.SEV_4, 11).alert(None)]
    yield [begun(3 * _DAY, Severity.SEV_3, 8).alert(None)]  # silenced, and its end is never reported
    for ago, severity in ((10 * _HOUR, Severity.SEV_1), (22 * _HOUR, Severity.SEV_2), (30 * _HOUR, Severity.SEV_2)):
        owing = begun(ago, severity, 12)
        owing.number += int(ago / _HOUR)
        end = owing.start + 70 * _MINUTE
        yield [
            owing.alert(None, owing.start - 3 * _MINUTE),
            owing.event(K.ACKNOWLEDGED, owing.start + 5 * _MINUTE),
            owing.alert(end),
        ]
    doubled = begun(110 * _MINUTE, Severity.SEV_4, 2)
    yield [
        doubled.alert(None),
        doubled.event(K.MERGED, doubled.start + 10 * _MINUTE, data={INTO: INCIDENTS + 2}),
        doubled.alert(doubled.start + 40 * _MINUTE),
    ]
