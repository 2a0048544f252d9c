"""`mttx incident`: what people tell a running service of an incident, and what it shows them."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from service.cli import incident_tables as tables
from service.cli.client import INCIDENTS, Query, connect
from service.cli.output import print_json
from service.domain.events import Role
from service.domain.incident import Phase
from service.domain.policy import Domain, IncidentType, Milestone, Severity
from service.settings.durations import parse_duration

_ID = re.compile(r"(?:INC-)?([1-9][0-9]{0,17})", re.IGNORECASE)


class When(click.ParamType[str]):
    """A time with its zone, or how long ago it was. Without a zone it would mean another instant elsewhere."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the time as RFC 3339 in UTC."""
        text = str(value).strip()
        try:
            return (datetime.now(UTC) - parse_duration(text.removesuffix("ago").strip())).isoformat()
        except (ValueError, OverflowError):
            pass
        try:
            at = datetime.fromisoformat(text)
            if at.tzinfo is not None:
                return at.astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            pass
        return self.fail(
            f"{text!r} should be a time with a zone, such as 2026-11-23T18:04:05+09:00, or an age such as 10m",
            param,
            ctx,
        )


class IncidentId(click.ParamType[str]):
    """`INC-7`, `inc-7` or `7`."""

    name = "incident"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id as the service writes it."""
        match = _ID.fullmatch(str(value))
        return f"INC-{match[1]}" if match else self.fail(f"{value!r} should be an incident such as INC-7", param, ctx)


def _choice(values: type[Any]) -> click.Choice[str]:
    return click.Choice([one.value for one in values], case_sensitive=False)


Command = Callable[..., None]
_OUTPUT = click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
_AT = click.option("--at", type=When(), help="When it happened, if not now: a time with a zone, or an age such as 10m.")
_EVENT_ID = click.option("--event-id", help="The event's own id; a repeat changes nothing. Else a new one is made.")
_INCIDENT = click.argument("incident_id", metavar="INCIDENT", type=IncidentId())


def _says(command: Command) -> Command:
    """Add what every command that reports an event takes."""
    for option in (_OUTPUT, _EVENT_ID, _AT, _INCIDENT):
        command = option(command)
    return command


@click.group()
def incident() -> None:
    """Report what happens in an incident, and look at it.

    Talks to the service at MTTX_URL (default http://127.0.0.1:9877), with the token in MTTX_TOKEN or MTTX_TOKEN_FILE.
    """


@incident.command("open")
@click.argument("title")
@click.option("--severity", type=_choice(Severity))
@click.option("--at", "detected_at", type=When(), help="When it was detected, if not now.")
@click.option("--started", "started_at", type=When(), help="When the impact began, if that is known.")
@click.option("--type", "types", type=_choice(IncidentType), multiple=True)
@click.option("--domain", "domains", type=_choice(Domain), multiple=True)
@click.option("--label", "labels", metavar="NAME=VALUE", multiple=True)
@_EVENT_ID
@_OUTPUT
def open_(title: str, labels: tuple[str, ...], event_id: str | None, output: str, **said: Any) -> None:
    """Open an incident that no alert told of."""
    body = {"title": title, "labels": dict(_label(text) for text in labels), **said}
    _show(connect().post(INCIDENTS, _complete(body, event_id)), output)


@incident.command()
@_says
def ack(**common: Any) -> None:
    """Say that somebody is on it."""
    _report("acknowledged", **common)


@incident.command()
@_says
def mitigate(**common: Any) -> None:
    """Say that the impact is contained."""
    _report("mitigated", **common)


@incident.command()
@_says
@click.option("--automated", is_flag=True, help="A machine did it: it is no first response of a person.")
@click.option("--reason", help="Why it is over, such as what ended it.")
def resolve(automated: bool, reason: str | None, **common: Any) -> None:
    """Say that it is over."""
    data = {"automated": True} if automated else {}
    _report("resolved", data=data | ({"reason": reason} if reason else {}), **common)


@incident.command()
@_says
@click.option("--reason", help="Why it is no incident.")
def dismiss(reason: str | None, **common: Any) -> None:
    """Say that it is no incident; it counts in no indicator then."""
    _report("dismissed", data={"reason": reason} if reason else {}, **common)


@incident.command()
@_says
@click.argument("level", metavar="SEVERITY", type=_choice(Severity))
def severity(level: str, **common: Any) -> None:
    """Set how bad it is; deadlines follow."""
    _report("severity_changed", severity=level, **common)


@incident.command()
@_says
@click.argument("role", type=_choice(Role))
@click.argument("name")
def assign(role: str, name: str, **common: Any) -> None:
    """Say who has which role. A commander counts as the first response."""
    _report("role_assigned", data={"role": role, "name": name}, **common)


@incident.command()
@_says
@click.argument("text")
@click.option("--important", is_flag=True)
def note(text: str, important: bool, **common: Any) -> None:
    """Add a remark to the timeline."""
    data = {"text": text, "important": True} if important else {"text": text}
    _report("note", data=data, **common)


@incident.command()
@_INCIDENT
@click.argument("what", metavar="MILESTONE|EVENT-ID")
@click.argument("time", type=When())
@_EVENT_ID
@_OUTPUT
def correct(what: str, time: str, **common: Any) -> None:
    """Put a milestone, or an event, at its right time. `show` lists the ids of events."""
    about = "milestone" if what in list(Milestone) else "event_id"
    _report("corrected", data={about: what, "occurred_at": time}, **common)


@incident.command()
@click.argument("incident_ids", metavar="INCIDENT...", type=IncidentId(), nargs=-1, required=True)
@_AT
@_EVENT_ID
@_OUTPUT
def review(incident_ids: tuple[str, ...], **common: Any) -> None:
    """Record that the weekly review discussed incidents. This finalizes those that owe no document (SEV-4)."""
    for incident_id in incident_ids:
        _report("reviewed", incident_id=incident_id, **common)


@incident.command("list")
@click.option("--open", "open_only", is_flag=True, help="Only those that somebody still has to do something about.")
@click.option("--phase", type=_choice(Phase), multiple=True)
@click.option("--severity", type=_choice(Severity), multiple=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@_OUTPUT
def list_(open_only: bool, phase: tuple[str, ...], severity: tuple[str, ...], limit: int, output: str) -> None:
    """List incidents, newest first."""
    query: Query = {"limit": limit, "phase": phase, "severity": severity, **({"open": "true"} if open_only else {})}
    page = connect().get(INCIDENTS, query)
    if output == "json":
        print_json(page)
    else:
        tables.print_list(page["incidents"], more=page["next"] is not None)


@incident.command()
@_INCIDENT
@_OUTPUT
def show(incident_id: str, output: str) -> None:
    """Show one incident with its timeline."""
    client = connect()
    told = client.get(f"{INCIDENTS}/{incident_id}")
    if output == "json":
        print_json(told)
    else:
        tables.print_incident(told, client.get(f"{INCIDENTS}/{incident_id}/timeline"))


def _report(
    kind: str, *, incident_id: str, event_id: str | None, output: str, at: str | None = None, **more: Any
) -> None:
    body = _complete({"kind": kind, "occurred_at": at, **more}, event_id)
    _show(connect().post(f"{INCIDENTS}/{incident_id}/events", body), output)


def _complete(body: dict[str, Any], event_id: str | None) -> dict[str, Any]:
    """Leave out what was not said, and name the event, so that sending it twice is sending it once."""
    said = {key: value for key, value in body.items() if value}
    return {**said, "event_id": event_id or str(uuid.uuid4())}


def _show(told: Any, output: str) -> None:
    if output == "json":
        print_json(told)
    else:
        tables.print_line(told)
        tables.print_warnings(told)


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} should be NAME=VALUE", param_hint="--label")
    return name, value
