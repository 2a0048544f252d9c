"""Incidents as tables, for people at a terminal."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.domain.durations import duration
from service.printable import printable

Told = Mapping[str, Any]
_DETAILS = ("role", "name", "text", "milestone", "event_id", "into", "action_id", "reason")


def print_line(incident: Told) -> None:
    """Print where an incident stands, in one line."""
    click.echo(f"{incident['id']}  {incident['severity']}  {incident['phase']}  {printable(incident['title'])}")


def print_list(incidents: Sequence[Told], more: bool) -> None:
    """Print a list of incidents; `more`: it goes on."""
    table = _table("Incident", "Severity", "Phase", "Detected (UTC)", "Title")
    for one in incidents:
        phase = f"{one['phase']}, stale" if one["stale"] else one["phase"]
        table.add_row(
            *map(_text, (one["id"], one["severity"], phase, _in(one["milestones"]["detected"]), one["title"]))
        )
    _print(table if incidents else Text("No incidents."))
    if more:
        click.echo("There are more; --limit shows up to 1000.", err=True)


def print_warnings(incident: Told) -> None:
    """Print what is unlikely about the times of an incident."""
    for warning in incident.get("warnings", ()):
        click.echo(f"warning: {warning}", err=True)


def print_incident(incident: Told, timeline: Told) -> None:
    """Print all of one incident; times in the zone of the service."""
    zone = ZoneInfo(timeline["timezone"])
    print_line(incident)
    if incident["merged_into"]:
        click.echo(f"merged into {incident['merged_into']}")
    print_warnings(incident)
    milestones = _table("Milestone", f"Time ({zone.key})")
    for name, at in incident["milestones"].items():
        milestones.add_row(name, _in(at, zone))
    facts = _table("What", "")
    for name, value in _facts(incident, zone):
        facts.add_row(_text(name), _text(value))
    entries = _table(f"Time ({zone.key})", "What", "Recorded by", "Event id")
    for entry in sorted([*timeline["entries"], *_corrections(incident)], key=lambda e: datetime.fromisoformat(e["at"])):
        event = entry["event"] or {}
        cells = (_said(entry, zone), event.get("recorded_by") or "", event.get("event_id", ""))
        entries.add_row(_in(entry["at"], zone), *map(_text, cells))
    for table in (milestones, facts, entries):
        _print(table)


def _facts(incident: Told, zone: ZoneInfo) -> list[tuple[str, str]]:
    lengths = {name: timedelta(seconds=seconds) for name, seconds in incident["indicators"].items()}
    facts = [(f"time to {name}", duration(length)) for name, length in lengths.items()]
    for deadline in incident["deadlines"]:
        done = "done" if deadline["done_at"] else ("overdue since" if deadline["overdue"] else "due")
        facts.append(
            (f"postmortem {deadline['stage']}", f"{done} {_in(deadline['done_at'] or deadline['due_at'], zone)}")
        )
    facts += [(role, name) for role, name in incident["roles"].items()]
    facts += [(f"action {a['action_id']}", f"{a['state']}: {a['title']}") for a in incident["actions"]]
    return facts


def _corrections(incident: Told) -> list[Told]:
    """Return what people corrected and retracted: the timeline shows only what came of it."""
    kinds = ("corrected", "retracted")
    return [{"at": event["occurred_at"], "event": event} for event in incident["events"] if event["kind"] in kinds]


def _said(entry: Told, zone: ZoneInfo) -> str:
    event = entry["event"]
    if event is None:
        return f"{entry['alert']['name']} {entry['what'].removeprefix('alert_')}"
    data, change = event["data"], event.get("change")
    keys = [key for key in _DETAILS if data.get(key) and not (change and key == "name")]
    words = [str(data[key]) for key in keys] + ([_change(event, zone)] if change else [])
    kind = event["kind"].replace("_", " ")
    return f"{kind}: {' '.join(words)}" if words else kind


def _change(event: Told, zone: ZoneInfo) -> str:
    values = (event["change"]["before"], event["change"]["after"])
    is_time = event["kind"] == "corrected"
    before, after = (_in(value, zone) if is_time and value else value for value in values)
    return f"{before} → {after}" if before else f"→ {after}"


def _in(at: str | None, zone: ZoneInfo | None = None) -> str:
    return f"{datetime.fromisoformat(at).astimezone(zone or UTC):%Y-%m-%d %H:%M:%S}" if at else "-"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _text(text: str) -> Text:
    return Text(printable(text))


def _print(what: Table | Text) -> None:
    Console().print(what, "")
