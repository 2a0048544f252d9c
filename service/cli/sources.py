"""`mttx sources`: try declared sources."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from service.cli.output import local_time, print_json, print_line, print_table
from service.cli.params import config_option, output_option
from service.intake.declared import DeclaredBody, parse
from service.intake.keyed_events import KeyedEvents
from service.intake.wire import PayloadError
from service.settings.files import MAX_TEXT, read_all
from service.settings.sources import load
from service.wiring.intake import alert_options
from service.wiring.sources import declaration


@click.group()
def sources() -> None:
    """Try the sources that are declared in mttx.yml, and those that are shipped."""


@sources.command()
@click.argument("name")
@click.argument("body", type=click.File("rb"))
@config_option
@output_option
@click.pass_context
def test(ctx: click.Context, name: str, body: BinaryIO, path: Path | None, output: str) -> None:
    """Show what a body of a source would record, without recording it; exit code 1 if it would be refused.

    BODY is a file with the body of a request, - for stdin.
    """
    settings = load(path, os.environ)
    try:
        content = read_all(body, getattr(body, "name", "-"), MAX_TEXT)
        now = datetime.now(UTC)
        parsed = parse(content, declaration(settings, name), alert_options(settings), now)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    except PayloadError as error:
        raise click.ClickException(f"refused ({error.reason}): {error.detail}") from error
    events = list(_events(parsed))
    if output == "json":
        print_json({"events": events, "unreadable": list(parsed.unreadable)})
    else:
        _print(events, settings.display_timezone)
        for field in parsed.unreadable:
            print_line(f"warning: `{field}` cannot be read; recorded without it")
    ctx.exit(0)


def _events(parsed: DeclaredBody) -> Iterator[dict[str, Any]]:
    if isinstance(parsed.content, KeyedEvents):
        for keyed in parsed.content.events:
            event = keyed.event
            yield {
                "kind": event.kind,
                "at": event.occurred_at.isoformat(),
                "key": keyed.incident_key,
                "severity": event.severity,
                "title": event.title,
                "labels": dict(event.labels),
                "data": dict(event.data),
            }
        return
    for alert in parsed.content.alerts:
        report = alert.observation
        yield {
            "kind": "firing" if report.ends_at is None else "resolved",
            "at": (report.ends_at or report.starts_at).isoformat(),
            "key": report.fingerprint,
            "severity": None if report.is_end_only else alert.severity,
            "title": alert.annotations.get("summary", alert.name),
            "labels": dict(alert.labels),
            "data": {},
        }
    for reason, count in parsed.content.ignored.items():
        yield {"kind": f"ignored ({reason}), {count}"}


def _print(events: list[dict[str, Any]], zone: Any) -> None:
    if not events:
        print_line("Nothing: a body of no interest. It is answered 200.")
        return
    rows = (
        (
            event["kind"],
            local_time(event.get("at"), zone),
            event.get("key", ""),
            event.get("severity") or "",
            event.get("title") or "",
            "automated" if set(event.get("data", {})) & {"automated", "resolution_source"} else "",
        )
        for event in events
    )
    print_table(("kind", "at", "key", "severity", "title", ""), rows)
