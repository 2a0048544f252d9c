"""Incidents as terminal text; times in the zone of the service."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from service.cli.output import local_time, print_line, print_table
from service.domain.durations import duration
from service.domain.policy import Indicator, Milestone
from service.domain.senders import sender_of
from service.render.spreadsheets import Cell, csv_text

Json = Mapping[str, Any]
_DETAILS = ("role", "name", "text", "milestone", "event_id", "into", "action_id", "reason")


def print_summary(incident: Json) -> None:
    """Print the state of an incident in one line."""
    print_line(f"{incident['id']}  {incident['severity']}  {incident['phase']}  {incident['title']}")


def print_incidents(incidents: Sequence[Json], zone: ZoneInfo, *, more: bool) -> None:
    """Print a list of incidents, with the dimensions that any of them has a value of; `more`: further ones follow."""
    carried = {name for incident in incidents for name, value in incident["dimensions"].items() if value}
    dimensions = [name for name in (incidents[0]["dimensions"] if incidents else ()) if name in carried]
    rows = [
        (
            incident["id"],
            incident["severity"],
            f"{incident['phase']}, stale" if incident["stale"] else incident["phase"],
            local_time(incident["milestones"]["detected"], zone),
            *(incident["dimensions"][name] for name in dimensions),
            incident["title"],
        )
        for incident in incidents
    ]
    if rows:
        headings = (name.replace("_", " ").capitalize() for name in dimensions)
        print_table(("Incident", "Severity", "Phase", f"Detected ({zone.key})", *headings, "Title"), rows)
    else:
        click.echo("No incidents.")
    if more:
        click.echo("There are more; --limit shows more.", err=True)


def incidents_csv(incidents: Sequence[Json]) -> str:
    """Return a list of incidents, each in full, as CSV."""
    dimensions = list(dict.fromkeys(name for incident in incidents for name in incident["dimensions"]))
    columns = ["id", "title", "severity", "phase", *dimensions, *(f"{m}_at" for m in Milestone)]
    columns += [*(f"time_to_{indicator}_seconds" for indicator in Indicator), "labels"]
    return csv_text(columns, (_cells(incident, dimensions) for incident in incidents))


def _cells(incident: Json, dimensions: Sequence[str]) -> list[Cell]:
    return [
        *(incident["id"], incident["title"], incident["severity"], incident["phase"]),
        *(incident["dimensions"].get(name, "") for name in dimensions),
        *(incident["milestones"][milestone] for milestone in Milestone),
        *(incident["indicators"].get(indicator) for indicator in Indicator),
        json.dumps(incident["labels"], ensure_ascii=False, sort_keys=True),
    ]


def print_warnings(incident: Json) -> None:
    """Print the warnings about the times of an incident."""
    for warning in incident.get("warnings", ()):
        print_line(f"warning: {warning}", err=True)


def print_incident(incident: Json, timeline: Json) -> None:
    """Print all of one incident."""
    zone = ZoneInfo(timeline["timezone"])
    print_summary(incident)
    if incident["merged_into"]:
        print_line(f"merged into {incident['merged_into']}")
    print_warnings(incident)
    time_heading = f"Time ({zone.key})"
    milestones = ((name, local_time(at, zone)) for name, at in incident["milestones"].items())
    print_table(("Milestone", time_heading), milestones)
    click.echo()
    print_table(("Details", ""), _facts(incident, zone))
    click.echo()
    entries = sorted([*timeline["entries"], *_corrections(incident)], key=lambda e: datetime.fromisoformat(e["at"]))
    print_table((time_heading, "Entry", "Recorded by", "Event id"), (_entry_row(entry, zone) for entry in entries))


def _entry_row(entry: Json, zone: ZoneInfo) -> tuple[str, str, str, str]:
    event = entry["event"] or {}
    return (
        local_time(entry["at"], zone),
        _description(entry, zone),
        event.get("recorded_by") or "",
        event.get("event_id", ""),
    )


def _facts(incident: Json, zone: ZoneInfo) -> list[tuple[str, str]]:
    facts = [(name.replace("_", " "), value) for name, value in incident["dimensions"].items() if value]
    facts += [
        (f"time to {name}", duration(timedelta(seconds=seconds))) for name, seconds in incident["indicators"].items()
    ]
    for deadline in incident["deadlines"]:
        state = "done" if deadline["done_at"] else ("overdue since" if deadline["overdue"] else "due")
        at = local_time(deadline["done_at"] or deadline["due_at"], zone)
        facts.append((f"postmortem {deadline['stage']}", f"{state} {at}"))
    facts += [(role, name) for role, name in incident["roles"].items()]
    facts += [(f"action {a['action_id']}", f"{a['state']}: {a['title']}") for a in incident["actions"]]
    return facts


def _corrections(incident: Json) -> list[Json]:
    """Return the corrections and retractions, since the timeline shows only their effect."""
    kinds = ("corrected", "retracted")
    return [{"at": event["occurred_at"], "event": event} for event in incident["events"] if event["kind"] in kinds]


def _description(entry: Json, zone: ZoneInfo) -> str:
    event = entry["event"]
    if event is None:
        alert = entry["alert"]
        source = alert.get("source", "")
        state = f"{alert['name']} {entry['what'].removeprefix('alert_')}"
        return f"{state} · {source}" if sender_of(source) else state
    data, change = event["data"], event.get("change")
    keys = [key for key in _DETAILS if data.get(key) and not (change and key == "name")]
    words = [str(data[key]) for key in keys] + ([_change(event, zone)] if change else [])
    words += _descriptions(event) if event["kind"] == "described" else []
    kind = event["kind"].replace("_", " ")
    return f"{kind}: {' '.join(words)}" if words else kind


def _descriptions(event: Json) -> list[str]:
    labels = [f"{name}={value}" for name, value in event["labels"].items()]
    return [*filter(None, (event["title"],)), *event["types"], *event["domains"], *labels]


def _change(event: Json, zone: ZoneInfo) -> str:
    values = (event["change"]["before"], event["change"]["after"])
    is_time = event["kind"] == "corrected"
    before, after = (local_time(value, zone) if is_time and value else value for value in values)
    return f"{before} → {after}" if before else f"→ {after}"
