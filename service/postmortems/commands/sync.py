"""`mttx postmortem sync`: what documents say, compared with what the service knows, and sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from service.cli.client import INCIDENTS, Client
from service.postmortems.commands.git import GitFailed, history
from service.postmortems.commands.record import recorded_incident
from service.postmortems.context import LintContext
from service.postmortems.done import judge
from service.postmortems.plan import PlannedEvent, SyncPlan, Version, plan
from service.postmortems.reading import read
from service.postmortems.rules.metadata import INCIDENT_ID
from service.settings.files import read_bytes


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What became of a document. `failure`: why nothing, or not all, of it was sent."""

    path: str
    incident: str | None
    plan: SyncPlan
    notices: tuple[str, ...]
    failure: str | None = None


def sync_document(client: Client, path: Path, context: LintContext, *, dry_run: bool) -> SyncResult:
    """Send what a document tells and the service does not know. What fails is told, so that others are still sent."""
    nothing = SyncPlan((), ())
    try:
        versions, notices = versions_of(path)
    except (OSError, UnicodeDecodeError, GitFailed) as error:
        return SyncResult(str(path), None, nothing, (), f"cannot be read: {error}")
    document = versions[-1].document
    incident = document.incident or ""
    if not INCIDENT_ID.fullmatch(incident):
        return SyncResult(
            str(path), None, nothing, notices, "names no incident; add **Incident:** INC-7 below its title"
        )
    try:
        told = client.get(f"{INCIDENTS}/{incident}")
        assert context.now is not None  # noqa: S101 - the command has a clock
        made = plan(versions, recorded_incident(told), judge(document, context), context, context.now)
        for event in made.events if not dry_run else ():
            client.post(f"{INCIDENTS}/{incident}/events", _body(event))
    except click.ClickException as error:
        return SyncResult(str(path), incident, nothing, notices, error.message)
    return SyncResult(str(path), incident, made, (*notices, *made.notices))


def versions_of(path: Path) -> tuple[Sequence[Version], tuple[str, ...]]:
    """Return a document's versions, and what to know of them. Where git has the file, what is committed counts.

    Raises OSError, UnicodeDecodeError or GitFailed.
    """
    text = read_bytes(path).decode("utf-8-sig")
    past = history(path)
    if past is None:
        return [Version(None, read(path.name, text))], ("is in no git history: what it says is dated now",)
    notices = []
    if past.shallow:
        notices.append(
            "the clone is shallow, so that dates may come out late; fetch the whole history (fetch-depth: 0)"
        )
    if _lines(past.commits[-1].text) != _lines(text):
        notices.append("has changes that are not committed; what is committed counts")
    return [Version(commit.at, read(path.name, commit.text)) for commit in past.commits], tuple(notices)


def _lines(text: str) -> list[str]:
    return text.removeprefix("\ufeff").splitlines()


def _body(event: PlannedEvent) -> dict[str, Any]:
    at = {"occurred_at": event.occurred_at.isoformat()} if event.occurred_at else {}
    return {"kind": event.kind.value, "event_id": event.event_id, "data": dict(event.data), **at}
