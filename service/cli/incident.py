"""`mttx incident`: report what happens in an incident to a running service, and look at its incidents."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from service.cli.client import INCIDENTS, Client, Query, connect, service_zone
from service.cli.incident_tables import incidents_csv, print_incident, print_incidents, print_summary, print_warnings
from service.cli.output import print_json
from service.cli.params import IncidentId, Instant, Pair, choice, incident_argument, label_option, output_option
from service.domain.events import Role
from service.domain.incident import Phase
from service.domain.policy import Domain, IncidentType, Milestone, Severity

PAGE = 1000
"""Incidents that the API gives at once."""
Command = Callable[..., None]
_AT = click.option(
    "--at", type=Instant(), help="When it happened: a time with a zone, or an age such as 10m. Default: now."
)
_EVENT_ID = click.option("--event-id", help="Idempotency key; a repeat changes nothing. Default: a new one.")


def _reporting(command: Command) -> Command:
    """Add the options shared by every command that reports an event."""
    for option in (output_option, _EVENT_ID, _AT, incident_argument):
        command = option(command)
    return command


@click.group()
def incident() -> None:
    """Report what happens in an incident, and look at incidents.

    Talks to the service at MTTX_URL (default http://127.0.0.1:9877), with the token in MTTX_TOKEN or MTTX_TOKEN_FILE.
    """


@incident.command("open")
@click.argument("title")
@click.option("--severity", type=choice(Severity), help="Default: `default_severity`.")
@click.option("--at", "detected_at", type=Instant(), help="When it was detected. Default: now.")
@click.option("--started", "started_at", type=Instant(), help="When the impact began, if known.")
@click.option("--type", "types", type=choice(IncidentType), multiple=True, help="Can be repeated.")
@click.option("--domain", "domains", type=choice(Domain), multiple=True, help="Can be repeated.")
@label_option("Can be repeated.")
@_EVENT_ID
@output_option
def open_(title: str, labels: tuple[tuple[str, str], ...], event_id: str | None, output: str, **fields: Any) -> None:
    """Open an incident that no alert reported."""
    body = {"title": title, "labels": dict(labels), **fields}
    _print_result(connect().post(INCIDENTS, _complete(body, event_id)), output)


@incident.command()
@_reporting
def ack(**common: Any) -> None:
    """Acknowledge the incident."""
    _report("acknowledged", **common)


@incident.command()
@_reporting
def mitigate(**common: Any) -> None:
    """Report that the impact is contained."""
    _report("mitigated", **common)


@incident.command()
@_reporting
@click.option("--automated", is_flag=True, help="Done by a machine; does not count as a person's first response.")
@click.option("--reason", help="What ended it.")
def resolve(automated: bool, reason: str | None, **common: Any) -> None:
    """Report that the incident is over."""
    data = {"automated": True} if automated else {}
    _report("resolved", data=data | ({"reason": reason} if reason else {}), **common)


@incident.command()
@_reporting
@click.option("--reason", help="Why it is a false alarm.")
def dismiss(reason: str | None, **common: Any) -> None:
    """Dismiss it as a false alarm; it then counts in no indicator."""
    _report("dismissed", data={"reason": reason} if reason else {}, **common)


@incident.command()
@_reporting
def reopen(**common: Any) -> None:
    """Report that it goes on after all; the next resolution counts."""
    _report("reopened", **common)


@incident.command()
@_reporting
@click.argument("into", metavar="INTO", type=IncidentId())
def merge(into: str, **common: Any) -> None:
    """Make the incident part of another, INTO. A merge cannot be undone."""
    _report("merged", data={"into": into}, **common)


@incident.command()
@_reporting
@click.argument("level", metavar="SEVERITY", type=choice(Severity))
def severity(level: str, **common: Any) -> None:
    """Set the severity; the deadlines follow."""
    _report("severity_changed", severity=level, **common)


@incident.command()
@_reporting
@click.argument("labels", metavar="NAME=VALUE...", type=Pair(), nargs=-1, required=True)
def label(labels: tuple[tuple[str, str], ...], **common: Any) -> None:
    """Set labels, such as the team that it belongs to; an empty value clears one."""
    _report("described", labels=dict(labels), **common)


@incident.command()
@_reporting
@click.option("--title", help="What it is about.")
@click.option("--type", "types", type=choice(IncidentType), multiple=True, help="Add a type; can be repeated.")
@click.option("--domain", "domains", type=choice(Domain), multiple=True, help="Add a domain; can be repeated.")
def describe(title: str | None, types: tuple[str, ...], domains: tuple[str, ...], **common: Any) -> None:
    """Change the title, or add types and domains."""
    _report("described", title=title, types=types, domains=domains, **common)


@incident.command()
@_reporting
@click.argument("role", type=choice(Role))
@click.argument("name")
def assign(role: str, name: str, **common: Any) -> None:
    """Assign a role. Assigning a commander counts as the first response."""
    _report("role_assigned", data={"role": role, "name": name}, **common)


@incident.command()
@_reporting
@click.argument("text")
@click.option("--important", is_flag=True, help="Also annotate it in Grafana.")
def note(text: str, important: bool, **common: Any) -> None:
    """Add a note to the timeline."""
    data = {"text": text, "important": True} if important else {"text": text}
    _report("note", data=data, **common)


@incident.command()
@incident_argument
@click.argument("what", metavar="MILESTONE|EVENT-ID")
@click.argument("time", type=Instant())
@_EVENT_ID
@output_option
def correct(what: str, time: datetime, **common: Any) -> None:
    """Correct the time of a milestone or of an event. `show` lists the event ids."""
    about = "milestone" if what in list(Milestone) else "event_id"
    _report("corrected", data={about: what, "occurred_at": time.isoformat()}, **common)


@incident.command()
@incident_argument
@click.argument("about", metavar="EVENT-ID")
@_EVENT_ID
@output_option
def retract(about: str, **common: Any) -> None:
    """Retract an event, which then counts for nothing. `show` lists the event ids."""
    _report("retracted", data={"event_id": about}, **common)


@incident.command()
@click.argument("incident_ids", metavar="INCIDENT...", type=IncidentId(), nargs=-1, required=True)
@_AT
@_EVENT_ID
@output_option
def review(incident_ids: tuple[str, ...], **common: Any) -> None:
    """Record that the weekly review discussed incidents; finalizes those that need no document (SEV-4)."""
    for incident_id in incident_ids:
        _report("reviewed", incident_id=incident_id, **common)


@incident.command("list")
@click.option("--open", "open_only", is_flag=True, help="Only open incidents.")
@click.option("--phase", type=choice(Phase), multiple=True, help="Only these phases; can be repeated.")
@click.option("--severity", type=choice(Severity), multiple=True, help="Only these severities; can be repeated.")
@label_option("Only incidents with this value of a configured dimension, such as team=payments; can be repeated.")
@click.option("--from", help="Detected at or after this time, or day of the service's display zone.")
@click.option("--to", help="Detected before this time, or before this day.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Maximum number.")
@click.option(
    "--output",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="json: for scripts; csv: for spreadsheets. Both with labels and intervals.",
)
def list_(open_only: bool, labels: tuple[tuple[str, str], ...], output: str, limit: int, **filters: Any) -> None:
    """List incidents, newest first."""
    query: Query = {
        **dict(labels),
        **{name: value for name, value in filters.items() if value is not None},
        **({"open": "true"} if open_only else {}),
        **({} if output == "text" else {"full": "true"}),
    }
    client = connect()
    page = _incidents(client, query, limit)
    match output:
        case "json":
            print_json(page)
        case "csv":
            click.echo(incidents_csv(page["incidents"]), nl=False)
        case _:
            print_incidents(page["incidents"], service_zone(client), more=page["next"] is not None)


def _incidents(client: Client, query: Query, limit: int) -> dict[str, Any]:
    """Return as many incidents as are wanted, of as many pages as it takes."""
    page = client.get(INCIDENTS, {**query, "limit": min(limit, PAGE)})
    incidents = page["incidents"]
    while page["next"] is not None and len(incidents) < limit > PAGE:
        rest = {"limit": min(limit - len(incidents), PAGE), "cursor": incidents[-1]["id"].removeprefix("INC-")}
        page = client.get(INCIDENTS, {**query, **rest})
        incidents += page["incidents"]
    return {"incidents": incidents, "next": page["next"]}


@incident.command()
@incident_argument
@output_option
def show(incident_id: str, output: str) -> None:
    """Show one incident with its timeline."""
    client = connect()
    record = client.get(f"{INCIDENTS}/{incident_id}")
    if output == "json":
        print_json(record)
    else:
        print_incident(record, client.get(f"{INCIDENTS}/{incident_id}/timeline"))


def _report(
    kind: str, *, incident_id: str, event_id: str | None, output: str, at: datetime | None = None, **fields: Any
) -> None:
    body = _complete({"kind": kind, "occurred_at": at, **fields}, event_id)
    _print_result(connect().post(f"{INCIDENTS}/{incident_id}/events", body), output)


def _complete(body: dict[str, Any], event_id: str | None) -> dict[str, Any]:
    """Drop empty fields and add an event id, so that sending twice is idempotent."""
    fields = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in body.items() if value}
    return {**fields, "event_id": event_id or str(uuid.uuid4())}


def _print_result(record: Any, output: str) -> None:
    if output == "json":
        print_json(record)
    else:
        print_summary(record)
        print_warnings(record)
