"""Postmortems as a table, for people at a terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.domain.actions import ActionState
from service.domain.checks import Check, CheckState
from service.printable import printable

Told = Mapping[str, Any]
_STYLES = {CheckState.FAILED: "bold red", CheckState.PENDING: "yellow"}


def print_status(postmortems: Sequence[Told], zone: ZoneInfo) -> None:
    """Print a line for each postmortem: its stages, the definition of done, and its actions."""
    if not postmortems:
        click.echo("No postmortem owes anything.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Incident", "Severity", "Title", "Draft", "Final", "Definition of done", "Actions"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("Incident", "Severity"))
    for one in postmortems:
        stages = {deadline["stage"]: _stage(deadline, zone) for deadline in one["deadlines"]}
        cells = (one["id"], one["severity"], one["title"], stages.get("draft", "-"), stages.get("final", "-"))
        table.add_row(*map(_text, cells), _checks(one["checks"]), _text(_actions(one["actions"])))
    Console().print(table)
    click.echo(f"Times in {zone.key}")


def _stage(deadline: Told, zone: ZoneInfo) -> str:
    due_at = datetime.fromisoformat(deadline["due_at"])
    if deadline["done_at"]:
        done_at = datetime.fromisoformat(deadline["done_at"])
        return f"{'late' if done_at > due_at else 'done'} {_day(done_at, zone)}"
    return f"{'OVERDUE' if deadline['overdue'] else 'due'} {_day(due_at, zone)}"


def _actions(actions: Sequence[Told]) -> str:
    """Count the actions; `to verify` are completed ones, which nobody has verified yet."""
    states = Counter(action["state"] for action in actions)
    overdue = sum(action["overdue"] for action in actions)
    counts = (
        (states[ActionState.OPEN], "open"),
        (overdue, "overdue"),
        (states[ActionState.COMPLETED], "to verify"),
        (states[ActionState.VERIFIED], "verified"),
    )
    return ", ".join(f"{number} {what}" for number, what in counts if number) or "none"


def _day(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(UTC).astimezone(zone):%m-%d %H:%M}"


def _checks(checks: Mapping[str, str]) -> Text:
    """Name what fails, then what is pending; what is left is in order."""
    said = Text()
    for state, style in _STYLES.items():
        names = [check.value for check in Check if checks[check] == state]
        if names:
            said.append("\n" if said else "")
            said.append(f"{state}: ", style=style).append(", ".join(names))
    return said or Text("done")


def _text(words: str) -> Text:
    return Text(printable(words))
