"""The service's API as the commands use it: its policy, the facts about an incident, sending a document's events."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import click

from service.cli.client import INCIDENTS, Client
from service.domain.actions import Action, ActionState
from service.domain.checks import EVIDENCE_COLLECTED, Check, CheckState
from service.domain.durations import duration
from service.domain.policy import (
    WEEKLY_REVIEW,
    Domain,
    DueRule,
    IncidentType,
    Indicator,
    Milestone,
    Severity,
    Stage,
    Weekday,
    WeeklyReview,
)
from service.postmortems.commands.documents import GitFailed, versions_of
from service.postmortems.context import LintContext
from service.postmortems.done import judge
from service.postmortems.plan import PlannedEvent, PostmortemRecord, SyncPlan, plan
from service.postmortems.rules.metadata import INCIDENT_ID
from service.postmortems.settings import postmortem_settings
from service.postmortems.skeleton import ActionFact, AlertFact, EvidenceFact, Interval, Link, Moment, PostmortemFacts
from service.settings.model import Settings
from service.settings.sources import Loaded

Json = Mapping[str, Any]
Limits = Mapping[tuple[str, str | None, str], timedelta]
INTERVALS = (Indicator.DETECT, Indicator.ACKNOWLEDGE, Indicator.MITIGATE, Indicator.RESOLVE)
_MILESTONES = {
    Milestone.STARTED: "started",
    Milestone.DETECTED: "detected",
    Milestone.MITIGATED: "mitigated",
    Milestone.RESOLVED: "resolved",
}
_NOT_IN_TIMELINE = {"corrected", "retracted", "merged", "postmortem_checked", "dismissed", *_MILESTONES.values()}
"""Kinds of events that are covered by the milestones or are no part of the story."""


# -- the policy ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """The policy of the service. `limits` by indicator, severity (None: all together) and statistic."""

    zone: ZoneInfo
    limits: Limits
    deadlines: Mapping[Severity, Mapping[Stage, DueRule]]

    def limit(self, indicator: Indicator, severity: Severity) -> timedelta | None:
        """Return the target that one incident is compared with: the strictest that applies to it."""
        limits = (limit for (name, of, _), limit in self.limits.items() if name == indicator and of in (severity, None))
        return min(limits, default=None)


def service_policy(client: Client, loaded: Loaded) -> ServicePolicy:
    """Fetch the policy of the service; prints where the local configuration differs."""
    policy = _policy(client.get("/api/v1/policy"))
    for difference in _differences(policy, loaded):
        click.echo(f"note: {difference}; using the service's value", err=True)
    return policy


def _policy(payload: Any) -> ServicePolicy:
    review = payload["weekly_review"]
    meeting = review and WeeklyReview(
        Weekday(review["weekday"]), time.fromisoformat(review["time"]), ZoneInfo(review["timezone"])
    )
    return ServicePolicy(
        zone=ZoneInfo(payload["timezone"]),
        limits={
            (t["indicator"], t["incident_severity"], t["statistic"]): timedelta(seconds=t["limit"])
            for t in payload["targets"]
        },
        deadlines={
            Severity(severity): {
                Stage(stage): meeting if rule == WEEKLY_REVIEW else timedelta(seconds=rule)
                for stage, rule in stages.items()
            }
            for severity, stages in payload["deadlines"].items()
        },
    )


def _differences(policy: ServicePolicy, loaded: Loaded) -> Iterator[str]:
    """Yield the keys that are set here to another value than the service has; defaults are not compared."""
    settings = loaded.settings
    sections = {key.partition(".")[0]: origin for key, origin in loaded.origins.items()}
    if "display_timezone" in sections and settings.display_timezone.key != policy.zone.key:
        origin = sections["display_timezone"]
        yield f"display_timezone is {settings.display_timezone.key} in {origin}, {policy.zone.key} in the service"
    if "targets" in sections:
        local: Limits = {(t.indicator, t.severity, t.statistic): t.limit for t in settings.targets.each()}
        measured = {key: limit for key, limit in policy.limits.items() if key[0] not in ("draft", "finalize")}
        for key in sorted({*local, *measured}, key=str):
            if local.get(key) != measured.get(key):
                name = ".".join(part for part in key if part)
                values = [duration(limit) if limit else "not set" for limit in (local.get(key), measured.get(key))]
                yield f"targets.{name} is {values[0]} in {sections['targets']}, {values[1]} in the service"
    if {"deadlines", "weekly_review"} & sections.keys():
        origin = sections.get("deadlines") or sections["weekly_review"]
        for severity, stages in settings.policy().deadlines.items():
            if stages != policy.deadlines.get(severity, {}):
                yield f"deadlines.{severity} in {origin} differ from those of the service"


# -- facts for a new document ----------------------------------------------------------------------------------------


def facts_of(incident: Json, timeline: Json, policy: ServicePolicy, settings: Settings) -> PostmortemFacts:
    """Return the facts about an incident; zone and targets are the service's, the links are configured locally."""
    milestones = _instants(incident["milestones"])
    began_at = min(
        (milestones[m] for m in (Milestone.STARTED, Milestone.DETECTED) if m in milestones),
        default=min((datetime.fromisoformat(e["at"]) for e in timeline["entries"]), default=None),
    )
    assert began_at is not None  # noqa: S101 - an incident has at least one event
    severity = Severity(incident["severity"])
    return PostmortemFacts(
        incident=incident["merged_into"] or incident["id"],
        title=incident["title"],
        severity=severity,
        phase=incident["phase"],
        zone=policy.zone,
        began_at=began_at,
        milestones=milestones,
        roles=incident["roles"],
        domains=tuple(Domain(d) for d in incident["domains"]),
        types=tuple(IncidentType(t) for t in incident["types"]),
        alerts=tuple(_alerts(incident["alerts"])),
        intervals=tuple(_intervals(incident["indicators"], severity, policy)),
        deadlines={Stage(d["stage"]): datetime.fromisoformat(d["due_at"]) for d in incident["deadlines"]},
        timeline=tuple(_moments(incident, timeline, milestones)),
        actions=tuple(_action_fact(action, policy.zone) for action in incident["actions"]),
        links=tuple(_links(incident["id"], began_at, milestones.get(Milestone.RESOLVED), settings)),
        evidence=tuple(_evidence(timeline)),
    )


def _instants(milestones: Json) -> dict[Milestone, datetime]:
    return {Milestone(name): datetime.fromisoformat(at) for name, at in milestones.items() if at}


def _action(action: Json) -> Action:
    return Action(
        action_id=action["action_id"],
        title=action["title"],
        action_type=action["action_type"],
        owner=action["owner"],
        verification=action["verification"],
        due_at=datetime.fromisoformat(action["due_at"]) if action["due_at"] else None,
        state=ActionState(action["state"]),
    )


def _action_fact(payload: Json, zone: ZoneInfo) -> ActionFact:
    action = _action(payload)
    due = f"{action.due_at.astimezone(zone):%Y-%m-%d}" if action.due_at else ""
    names = (action.action_id, action.title, action.owner)
    return ActionFact(*names, due, action.action_type, action.verification, action.state.value)


def _alerts(alerts: list[Json]) -> Iterator[AlertFact]:
    """Yield each alert once, however often it fired."""
    seen: set[tuple[str, str]] = set()
    for alert in alerts:
        annotations = alert["annotations"]
        summary = annotations.get("summary") or annotations.get("description") or ""
        if (alert["name"], summary) not in seen:
            seen.add((alert["name"], summary))
            urls = (("graph", alert["generator_url"]), ("runbook", annotations.get("runbook_url", "")))
            yield AlertFact(alert["name"], summary, tuple(Link(name, url) for name, url in urls if url))


def _intervals(measured: Mapping[str, float], severity: Severity, policy: ServicePolicy) -> Iterator[Interval]:
    for indicator in INTERVALS:
        seconds = measured.get(indicator)
        length = None if seconds is None else timedelta(seconds=seconds)
        yield Interval(indicator, length, policy.limit(indicator, severity))


def _moments(incident: Json, timeline: Json, milestones: Mapping[Milestone, datetime]) -> Iterator[Moment]:
    """Yield the milestones, the events of people, and the first firing of each alert, in order."""
    names = list(dict.fromkeys(alert["name"] for alert in incident["alerts"]))
    moments = [
        Moment(milestones[m], kind, _detected_by(m, names)) for m, kind in _MILESTONES.items() if m in milestones
    ]
    fired: set[str] = set(names[:1])
    for entry in timeline["entries"]:
        at = datetime.fromisoformat(entry["at"])
        if entry["what"] == "alert_firing" and entry["alert"]["name"] not in fired:
            fired.add(entry["alert"]["name"])
            moments.append(Moment(at, "alert", entry["alert"]["name"]))
        elif entry["event"] and _is_in_timeline(entry["event"]):
            moments.append(Moment(at, entry["event"]["kind"], _description(entry["event"])))
    yield from sorted(moments, key=lambda moment: moment.at)


def _is_in_timeline(event: Json) -> bool:
    return event["kind"] not in _NOT_IN_TIMELINE and EVIDENCE_COLLECTED not in event["data"]


def _detected_by(milestone: Milestone, names: list[str]) -> str:
    return ", ".join(names[:5]) if milestone is Milestone.DETECTED else ""


def _description(event: Json) -> str:
    details = [event["data"].get(key) for key in ("role", "name", "text", "action_id", "title")]
    return " ".join(str(detail) for detail in (event["severity"], *details) if detail)


def _evidence(timeline: Json) -> Iterator[EvidenceFact]:
    """Yield the collected archives, the latest last."""
    for entry in timeline["entries"]:
        archive = entry["event"]["data"].get(EVIDENCE_COLLECTED) if entry["event"] else None
        if archive:
            yield EvidenceFact(archive["archive"], archive["sha256"], datetime.fromisoformat(entry["at"]))


def _links(incident_id: str, begin: datetime, end: datetime | None, settings: Settings) -> Iterator[Link]:
    """Fill in the configured links; the window includes half an hour before and after, for comparison."""
    margin = timedelta(minutes=30)
    first, last = begin - margin, (end or begin + timedelta(hours=6)) + margin
    values = {
        "incident": quote(incident_id),
        "from_ms": int(first.timestamp() * 1000),
        "to_ms": int(last.timestamp() * 1000),
        "from": quote(first.isoformat()),
        "to": quote(last.isoformat()),
    }
    for name, url in postmortem_settings(settings).links.items():
        yield Link(name, url.format_map(values))
    if settings.public_url:
        yield Link("mttx", f"{settings.public_url}/api/v1/incidents/{incident_id}")


# -- sync ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SyncResult:
    """The result for one document. `failure`: why none, or not all, of its events were sent."""

    path: str
    incident: str | None
    plan: SyncPlan
    notices: tuple[str, ...]
    failure: str | None = None


def sync_document(client: Client, path: Path, context: LintContext, *, dry_run: bool) -> SyncResult:
    """Send the events that the service does not have yet. A failure is returned, so that other documents are sent."""
    nothing = SyncPlan((), ())
    try:
        versions, notices = versions_of(path)
    except (OSError, UnicodeDecodeError, GitFailed) as error:
        return SyncResult(str(path), None, nothing, (), f"cannot be read: {error}")
    document = versions[-1].document
    incident = document.incident or ""
    if not INCIDENT_ID.fullmatch(incident):
        failure = "names no incident; add **Incident:** INC-7 below its title"
        return SyncResult(str(path), None, nothing, notices, failure)
    try:
        recorded = recorded_incident(client.get(f"{INCIDENTS}/{incident}"))
        assert context.now is not None  # noqa: S101 - the command has a clock
        planned = plan(versions, recorded, judge(document, context), context, context.now)
        for event in planned.events if not dry_run else ():
            client.post(f"{INCIDENTS}/{incident}/events", _body(event))
    except click.ClickException as error:
        return SyncResult(str(path), incident, nothing, notices, error.message)
    return SyncResult(str(path), incident, planned, (*notices, *planned.notices))


def recorded_incident(incident: Json) -> PostmortemRecord:
    """Return an incident as recorded, for comparison with its document."""
    return PostmortemRecord(
        event_ids=frozenset(event["event_id"] for event in incident["events"]),
        milestones=_instants(incident["milestones"]),
        actions={action["action_id"]: _action(action) for action in incident["actions"]},
        checks={Check(name): CheckState(state) for name, state in incident["checks"].items()},
    )


def _body(event: PlannedEvent) -> dict[str, Any]:
    at = {"occurred_at": event.occurred_at.isoformat()} if event.occurred_at else {}
    return {"kind": event.kind.value, "event_id": event.event_id, "data": dict(event.data), **at}
