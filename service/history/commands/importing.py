"""One import: files are read, what is wrong with them is told, and the rest is recorded, or taken back."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.cli.output import print_line
from service.delivery.configured import targets_of
from service.domain.events import EventKind
from service.history.importing.parsing import Format, parse
from service.history.importing.past import Bad, Past, Reading
from service.history.recording import Recorded, record_pasts
from service.settings import Settings
from service.store import Store, StoreRefused, StoreUnavailable

MOST_SHOWN = 50
"""How many bad lines are shown to people; JSON has them all."""
MOST_NAMED = 20
"""How many ignored columns are named to people: an export of Jira has hundreds."""

Between = tuple[datetime | None, datetime | None]


class Import:
    """Imports files into the database of the settings."""

    def __init__(self, settings: Settings, form: Format, reading: Reading, now: datetime) -> None:
        self._settings = settings
        self._form = form
        self._reading = reading
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
        """Return what became of it. Raises ClickException for a database that cannot be used."""
        parsed = parse(files, self._form, self._reading, self._now)
        wanted = [past for past in parsed.pasts if _is_between(past, between)]

        def keep(done: Recorded) -> bool:
            return not dry_run and (skip_bad or not (parsed.bad or done.refused))

        targets = targets_of(self._settings) if annotate else ()
        done = self._record(wanted, targets, keep, bar=bar)
        warnings = [Bad(past.where, warning) for past in wanted for warning in past.warnings]
        return {
            "dry_run": dry_run,
            "written": keep(done),
            "incidents": len(wanted),
            "opened": done.opened,
            "changed": done.changed,
            "unchanged": done.known,
            "events": done.events,
            "left_out": len(parsed.pasts) - len(wanted),
            "bad": [asdict(bad) for bad in (*parsed.bad, *done.refused)],
            "warnings": [asdict(one) for one in (*warnings, *done.differences)],
            "columns_not_read": list(parsed.unread),
            "mappings_without_match": list(parsed.unmatched),
        }

    def _record(
        self, pasts: Sequence[Past], targets: Sequence[str], keep: Callable[[Recorded], bool], *, bar: bool
    ) -> Recorded:
        progress = Progress(
            TextColumn("Importing"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not bar,
        )
        try:
            store = Store.open(self._settings.database, self._reading.policy, targets)
        except StoreRefused as error:
            raise click.ClickException(f"{error}; stop the service while history is imported") from error
        try:
            with progress:
                task = progress.add_task("", total=len(pasts))
                return record_pasts(
                    store,
                    self._reading.policy,
                    pasts,
                    self._now,
                    keep=keep,
                    progress=lambda number: progress.update(task, completed=number),
                )
        except StoreUnavailable as error:
            raise click.ClickException(f"{error}; nothing was imported, it is safe to try again") from error
        finally:
            store.close()


def _is_between(past: Past, between: Between) -> bool:
    detected_at = next(event.occurred_at for event in past.events if event.kind is EventKind.DETECTED)
    since, before = between
    return (since is None or detected_at >= since) and (before is None or detected_at < before)


def show(report: dict[str, Any]) -> None:
    """Tell people what became of it: the lines that are wrong on stderr, as other tools name a place in a file."""
    for title, lines in (("", report["bad"]), ("warning: ", report["warnings"])):
        for line in lines[:MOST_SHOWN]:
            print_line(f"{line['where']}: {title}{line['detail']}", err=True)
        if len(lines) > MOST_SHOWN:
            print_line(f"… and {len(lines) - MOST_SHOWN} more; --output json has them all", err=True)
    if names := report["columns_not_read"]:
        more = f", … and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        print_line(f"ignored columns: {', '.join(names[:MOST_NAMED])}{more} (--map THEIRS=OURS)", err=True)
    for path in report["mappings_without_match"]:
        print_line(f"warning: --map {path}: no line has it", err=True)
    left_out = f", {report['left_out']:,} left out by --since or --before" if report["left_out"] else ""
    counts = (
        f"{report['opened']:,} new, {report['changed']:,} changed, {report['unchanged']:,} as they were{left_out}; "
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
        print_line(f"{len(report['bad']):,} lines are bad; {others}", err=True)
