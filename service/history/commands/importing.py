"""One import: files are read, their errors reported, and the rest is recorded, or rolled back."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.cli.output import print_line
from service.domain.events import EventKind
from service.history.importing.imported import ImportedIncident, ImportOptions, LineError
from service.history.importing.parsing import Format, parse
from service.history.recording import ImportResult, record_incidents
from service.settings.model import Settings
from service.store import Store, StoreRefused, StoreUnavailable
from service.wiring.delivery import receiver_names

MAX_SHOWN = 50
"""How many faulty lines are shown to people; JSON has all of them."""
MAX_NAMED = 20
"""How many ignored columns are shown to people: an export of Jira has hundreds."""

Between = tuple[datetime | None, datetime | None]


class Import:
    """Imports files into the database of the settings."""

    def __init__(self, settings: Settings, form: Format, options: ImportOptions, now: datetime) -> None:
        self._settings = settings
        self._form = form
        self._options = options
        self._now = now

    def run(
        self,
        files: Sequence[tuple[str, bytes]],
        between: Between,
        *,
        dry_run: bool,
        skip_bad: bool,
        annotate: bool,
        bar: bool,
    ) -> dict[str, Any]:
        """Return a report. Raises ClickException for a database that cannot be used."""
        parsed = parse(files, self._form, self._options, self._now)
        incidents = [incident for incident in parsed.incidents if _is_between(incident, between)]

        def keep(result: ImportResult) -> bool:
            return not dry_run and (skip_bad or not (parsed.errors or result.refused))

        targets = receiver_names(self._settings) if annotate else ()
        result = self._record(incidents, targets, keep, bar=bar)
        warnings = [LineError(incident.where, warning) for incident in incidents for warning in incident.warnings]
        return {
            "dry_run": dry_run,
            "written": keep(result),
            "incidents": len(incidents),
            "opened": result.opened,
            "changed": result.changed,
            "unchanged": result.unchanged,
            "events": result.events,
            "left_out": len(parsed.incidents) - len(incidents),
            "bad": [asdict(error) for error in (*parsed.errors, *result.refused)],
            "warnings": [asdict(warning) for warning in (*warnings, *result.differences)],
            "columns_not_read": list(parsed.ignored),
            "mappings_without_match": list(parsed.unmatched),
        }

    def _record(
        self,
        incidents: Sequence[ImportedIncident],
        targets: Sequence[str],
        keep: Callable[[ImportResult], bool],
        *,
        bar: bool,
    ) -> ImportResult:
        progress = Progress(
            TextColumn("Importing"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not bar,
        )
        try:
            store = Store.open(self._settings.database, self._options.policy, targets)
        except StoreRefused as error:
            raise click.ClickException(f"{error}; stop the service during the import") from error
        try:
            with progress:
                task = progress.add_task("", total=len(incidents))
                return record_incidents(
                    store,
                    self._options.policy,
                    incidents,
                    self._now,
                    keep=keep,
                    progress=lambda number: progress.update(task, completed=number),
                )
        except StoreUnavailable as error:
            raise click.ClickException(f"{error}; nothing was imported, and it is safe to try again") from error
        finally:
            store.close()


def _is_between(incident: ImportedIncident, between: Between) -> bool:
    detected_at = next(event.occurred_at for event in incident.events if event.kind is EventKind.DETECTED)
    since, before = between
    return (since is None or detected_at >= since) and (before is None or detected_at < before)


def show(report: dict[str, Any]) -> None:
    """Print the report for people, faulty lines on stderr as FILE:LINE: MESSAGE."""
    for title, lines in (("", report["bad"]), ("warning: ", report["warnings"])):
        for line in lines[:MAX_SHOWN]:
            print_line(f"{line['where']}: {title}{line['detail']}", err=True)
        if len(lines) > MAX_SHOWN:
            print_line(f"… and {len(lines) - MAX_SHOWN} more; --output json shows all", err=True)
    if names := report["columns_not_read"]:
        more = f", … and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        print_line(f"ignored columns: {', '.join(names[:MAX_NAMED])}{more} (--map THEIRS=OURS)", err=True)
    for path in report["mappings_without_match"]:
        print_line(f"warning: --map {path}: matches no line", err=True)
    left_out = f", {report['left_out']:,} excluded by --since or --before" if report["left_out"] else ""
    counts = (
        f"{report['opened']:,} new, {report['changed']:,} changed, {report['unchanged']:,} unchanged{left_out}; "
        f"{report['events']:,} events"
    )
    if report["written"]:
        print_line(f"imported: {counts}")
    elif report["dry_run"]:
        print_line(f"would import: {counts}")
    if report["bad"]:
        others = (
            "the others were imported" if report["written"] else "nothing was imported (--skip-bad imports the others)"
        )
        print_line(f"{len(report['bad']):,} faulty lines; {others}", err=True)
