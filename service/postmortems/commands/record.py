"""From the JSON of the API to what a template is filled with, and to what is known of a document's incident."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from service.domain.actions import Action, ActionState
from service.domain.checks import EVIDENCE_COLLECTED, Check, CheckState
from service.domain.policy import Domain, IncidentType, Indicator, Milestone, Severity, Stage
from service.postmortems.commands.policy import ServicePolicy
from service.postmortems.plan import RecordedIncident
from service.postmortems.skeleton import ActionFact, AlertFact, EvidenceFact, Interval, Link, PostmortemFacts
from service.render.timeline import Moment
from service.settings import Settings

Told = Mapping[str, Any]
INTERVALS = (Indicator.DETECT, Indicator.ACKNOWLEDGE, Indicator.MITIGATE, Indicator.RESOLVE)
_MILESTONES = {
    Milestone.STARTED: "started",
    Milestone.DETECTED: "detected",
    Milestone.MITIGATED: "mitigated",
    Milestone.RESOLVED: "resolved",
}
_TOLD_ELSEWHERE = {"corrected", "retracted", "merged", "postmortem_checked", "dismissed", *_MILESTONES.values()}


def facts_of(incident: Told, timeline: Told, policy: ServicePolicy, settings: Settings) -> PostmortemFacts:
    """Return what is known of an incident; zone and targets are those of the service, links those configured here."""
    zone = policy.zone
    milestones = {Milestone(name): datetime.fromisoformat(at) for name, at in incident["milestones"].items() if at}
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
        zone=zone,
        began_at=began_at,
        milestones=milestones,
        roles=incident["roles"],
        domains=tuple(Domain(d) for d in incident["domains"]),
        types=tuple(IncidentType(t) for t in incident["types"]),
        alerts=tuple(_alerts(incident["alerts"])),
        intervals=tuple(_intervals(incident["indicators"], severity, policy)),
        deadlines={Stage(d["stage"]): datetime.fromisoformat(d["due_at"]) for d in incident["deadlines"]},
        timeline=tuple(_moments(incident, timeline, milestones)),
        actions=tuple(_action_fact(action, zone) for action in incident["actions"]),
        links=tuple(_links(incident["id"], began_at, milestones.get(Milestone.RESOLVED), settings)),
        evidence=tuple(_evidence(timeline)),
    )


def recorded_incident(incident: Told) -> RecordedIncident:
    """Return what is known of an incident, to be compared with its document."""
    return RecordedIncident(
        event_ids=frozenset(event["event_id"] for event in incident["events"]),
        milestones={Milestone(name): datetime.fromisoformat(at) for name, at in incident["milestones"].items() if at},
        actions={action["action_id"]: _action(action) for action in incident["actions"]},
        checks={Check(name): CheckState(state) for name, state in incident["checks"].items()},
    )


def _action(told: Told) -> Action:
    return Action(
        action_id=told["action_id"],
        title=told["title"],
        action_type=told["action_type"],
        owner=told["owner"],
        verification=told["verification"],
        due_at=datetime.fromisoformat(told["due_at"]) if told["due_at"] else None,
        state=ActionState(told["state"]),
    )


def _action_fact(told: Told, zone: ZoneInfo) -> ActionFact:
    action = _action(told)
    due = f"{action.due_at.astimezone(zone):%Y-%m-%d}" if action.due_at else ""
    names = (action.action_id, action.title, action.owner)
    return ActionFact(*names, due, action.action_type, action.verification, action.state.value)


def _alerts(told: list[Told]) -> Iterator[AlertFact]:
    """Yield each alert once, however often it fired."""
    seen: set[tuple[str, str]] = set()
    for alert in told:
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


def _moments(incident: Told, timeline: Told, milestones: Mapping[Milestone, datetime]) -> Iterator[Moment]:
    """Yield what happened in order: milestones, what people reported, and each alert's first firing."""
    names = list(dict.fromkeys(alert["name"] for alert in incident["alerts"]))
    found = [Moment(milestones[m], kind, _detected_by(m, names)) for m, kind in _MILESTONES.items() if m in milestones]
    fired: set[str] = set(names[:1])
    for entry in timeline["entries"]:
        at = datetime.fromisoformat(entry["at"])
        if entry["what"] == "alert_firing" and entry["alert"]["name"] not in fired:
            fired.add(entry["alert"]["name"])
            found.append(Moment(at, "alert", entry["alert"]["name"]))
        elif entry["event"] and not _is_told_elsewhere(entry["event"]):
            found.append(Moment(at, entry["event"]["kind"], _said(entry["event"])))
    yield from sorted(found, key=lambda moment: moment.at)


def _is_told_elsewhere(event: Told) -> bool:
    return event["kind"] in _TOLD_ELSEWHERE or EVIDENCE_COLLECTED in event["data"]


def _detected_by(milestone: Milestone, names: list[str]) -> str:
    return ", ".join(names[:5]) if milestone is Milestone.DETECTED else ""


def _said(event: Told) -> str:
    data = event["data"]
    words = [data.get(key) for key in ("role", "name", "text", "action_id", "title")]
    said = [str(word) for word in (event["severity"], *words) if word]
    return " ".join(said)


def _evidence(timeline: Told) -> Iterator[EvidenceFact]:
    """Yield the archives that were collected, the latest last."""
    for entry in timeline["entries"]:
        collected = entry["event"]["data"].get(EVIDENCE_COLLECTED) if entry["event"] else None
        if collected:
            yield EvidenceFact(collected["archive"], collected["sha256"], datetime.fromisoformat(entry["at"]))


def _links(incident_id: str, begin: datetime, end: datetime | None, settings: Settings) -> Iterator[Link]:
    """Fill in the configured links; the window has half an hour around it, so that one sees what was usual."""
    margin = timedelta(minutes=30)
    first, last = begin - margin, (end or begin + timedelta(hours=6)) + margin
    values = {
        "incident": quote(incident_id),
        "from_ms": int(first.timestamp() * 1000),
        "to_ms": int(last.timestamp() * 1000),
        "from": quote(first.isoformat()),
        "to": quote(last.isoformat()),
    }
    for name, address in settings.postmortems.links.items():
        yield Link(name, address.format_map(values))
    if settings.public_url:
        yield Link("mttx", f"{settings.public_url}/api/v1/incidents/{incident_id}")
