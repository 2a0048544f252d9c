"""Exports of PagerDuty: incidents and log entries of the REST API, raw incidents of the analytics, and their CSV.

`updated_at` is never read, since every later edit changes it. An acknowledgement is the first log entry of a person,
`seconds_to_first_ack`, or `acknowledgements` while the incident is open; otherwise there is none.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.domain.recovery import ResolutionSource
from service.history.importing.files import plain
from service.history.importing.imported import Record
from service.history.importing.paths import reach
from service.intake.pagerduty import MERGED, PEOPLE

Fields = Mapping[str, Any]


def rows(records: Sequence[Record]) -> Iterable[tuple[Record, tuple[str, ...]]]:
    """Yield the incidents in our columns with their aliases; log entries may be in any of the files."""
    entries: dict[Any, list[Fields]] = {}
    incidents: list[Record] = []
    for record in records:
        if str(record.fields.get("type", "")).endswith("_log_entry"):
            entries.setdefault(_id(reach(record.fields, "incident.id")), []).append(record.fields)
        else:
            incidents.append(record)
    for record in incidents:
        incident = record.fields
        if "service" in incident or "first_trigger_log_entry" in incident or "last_status_change_at" in incident:
            nested = incident.get("log_entries")
            own = [e for e in nested if isinstance(e, Mapping)] if isinstance(nested, list) else []
            yield _rest(record, [*own, *entries.get(_id(incident.get("id")), [])])
        else:
            yield Record(record.where, _flat(incident)), ()


def _id(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _rest(record: Record, entries: Sequence[Fields]) -> tuple[Record, tuple[str, ...]]:
    incident = record.fields
    row: dict[str, Any] = {
        "key": incident.get("id"),
        "title": incident.get("title") or incident.get("summary"),
        "severity": reach(incident, "priority.summary") or reach(incident, "priority.name"),
        "detected_at": incident.get("created_at"),
        "labels": _labels(reach(incident, "service.summary"), reach(incident, "teams[0].summary")),
    }
    row |= _acknowledgement(incident, entries)
    if incident.get("status", "resolved") == "resolved":
        at, agent = _resolution(incident, entries)
        target = reach(incident, "resolve_reason.incident.id")
        if reach(incident, "resolve_reason.type") == MERGED and target != incident.get("id"):
            row |= {"dismissed_at": at or incident.get("created_at"), "merged_into": target}
        elif at is not None:
            row |= {"resolved_at": at, "resolved_by": _by(_is_person(agent))}
    key = incident.get("incident_key")
    return Record(record.where, row), (key,) if isinstance(key, str) and 0 < len(key) <= 200 else ()


def _acknowledgement(incident: Fields, entries: Sequence[Fields]) -> dict[str, Any]:
    """Return the first acknowledgement by a person, else that of a machine, with who made it."""
    listed = incident.get("acknowledgements")
    acknowledgements = [e for e in listed if isinstance(e, Mapping)] if isinstance(listed, list) else []
    made = [(e.get("created_at"), e.get("agent")) for e in entries if _kind(e) == "acknowledge"]
    made += [(e.get("at"), e.get("acknowledger")) for e in acknowledgements]
    times = [(at, _is_person(agent)) for at, agent in made if isinstance(at, str)]
    if not times:
        return {}
    by_person = any(person for _, person in times)
    at = min(at for at, person in times if person is by_person)  # all have the same format, so that they sort as text
    source = ResolutionSource.HUMAN if by_person else ResolutionSource.AUTOMATION
    return {"acknowledged_at": at, "acknowledged_by": source.value}


def _resolution(incident: Fields, entries: Sequence[Fields]) -> tuple[Any, Any]:
    """Return when it was last resolved, and by whom; the status of a resolved incident does not change again."""
    resolved = [e for e in entries if _kind(e) == "resolve" and isinstance(e.get("created_at"), str)]
    if resolved:
        last = max(resolved, key=lambda e: str(e["created_at"]))
        return last["created_at"], last.get("agent")
    return incident.get("resolved_at") or incident.get("last_status_change_at"), incident.get("last_status_change_by")


def _flat(incident: Fields) -> dict[str, Any]:
    """Read a line of the CSV, or a raw incident of the analytics, whose columns have the same names or nearly so."""
    by_name = {plain(name): value for name, value in incident.items()}

    def get(*names: str) -> Any:
        return next((by_name[name] for name in names if by_name.get(name) not in (None, "")), None)

    row: dict[str, Any] = {
        "key": get("id", "incident_id"),
        "title": get("description", "title"),
        "severity": get("priority_name", "priority"),
        "detected_at": get("created_on", "created_at"),
        "resolved_at": get("resolved_on", "resolved_at"),
        "labels": _labels(get("service_name", "service"), get("team_name")),
    }
    seconds = get("seconds_to_first_ack")
    if str(seconds) not in ("0", "0.0", "None"):
        row["acknowledge_seconds"] = seconds
    if row["resolved_at"] is None:
        row["resolve_seconds"] = get("seconds_to_resolve")
    if row["resolved_at"] is not None or row["resolve_seconds"] is not None:
        automatic = str(get("auto_resolved")).lower() in ("true", "t", "1", "yes")
        row["resolved_by"] = _by(get("resolved_by_user_id") is not None and not automatic)
    return row


def _labels(service: Any, team: Any) -> dict[str, str]:
    return {label: name for label, name in (("service", service), ("team", team)) if isinstance(name, str)}


def _kind(entry: Fields) -> str:
    return str(entry.get("type", "")).removesuffix("_reference").removesuffix("_log_entry")


def _is_person(agent: Any) -> bool:
    return isinstance(agent, Mapping) and agent.get("type") in PEOPLE


def _by(person: bool) -> str:
    return (ResolutionSource.HUMAN if person else ResolutionSource.ALERTS).value
