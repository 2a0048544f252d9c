"""`mttx postmortem`: create the document of an incident, check documents, send their state, and list what is due."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import click
from rich.text import Text

from service import __version__
from service.cli.output import NOTHING, count_of, local_time, print_json, print_line, print_table
from service.cli.params import config_option, incident_argument, output_option
from service.domain.actions import ActionState
from service.domain.checks import Check, CheckState
from service.postmortems.settings import postmortem_settings
from service.settings.sources import read

if TYPE_CHECKING:
    from service.postmortems.commands.documents import Language
    from service.postmortems.commands.service_data import SyncResult

Json = Mapping[str, Any]
Output = Literal["text", "json", "github", "sarif"]
PAGE = 200
_STYLES = {CheckState.FAILED: "bold red", CheckState.PENDING: "yellow"}
_PATHS = click.argument(
    "paths", metavar="FILES...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
_CHANGED_WITH = click.option(
    "--changed-with",
    metavar="RANGE",
    help="Git range, such as origin/main...HEAD, of the change that the documents are part of.",
)
_ALLOW_EMPTY = click.option("--allow-empty", is_flag=True, help="Accept folders without documents.")


@click.group()
def postmortem() -> None:
    """Create, check and measure postmortem documents.

    new, sync and status use the service at MTTX_URL (default http://127.0.0.1:9877), with the token in MTTX_TOKEN or
    MTTX_TOKEN_FILE.
    """


@postmortem.command()
@incident_argument
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Target folder; created if missing. Default: postmortems.directory.",
)
@click.option("--lang", "language", type=click.Choice(["ja", "en"]), help="Language of the template.")
@click.option("--template", help="standard, noctria, or the path of a Jinja file.")
@config_option
def new(
    incident_id: str, directory: Path | None, language: "Language | None", template: str | None, path: Path | None
) -> None:
    """Create the document of an incident from the recorded facts. Never overwrites a file."""
    from service.cli.client import INCIDENTS, connect
    from service.postmortems.commands.documents import template_of, write
    from service.postmortems.commands.service_data import facts_of, service_policy
    from service.postmortems.skeleton import file_name, fill
    from service.render.templating import BadTemplate

    loaded, client = read(path, os.environ), connect()
    timeline = client.get(f"{INCIDENTS}/{incident_id}/timeline")
    incident = client.get(f"{INCIDENTS}/{incident_id}")
    facts = facts_of(incident, timeline, service_policy(client, loaded), loaded.settings)
    source, bundled = template_of(loaded.settings, language, template)
    try:
        text = fill(source, facts, bundled)
    except BadTemplate as error:
        raise click.ClickException(f"invalid template: {error}") from error
    target = (directory or postmortem_settings(loaded.settings).directory) / file_name(facts)
    write(target, text)
    click.echo(target)


@postmortem.command()
@_PATHS
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--disable", metavar="RULE", multiple=True, help="Rule to disable, such as PM603. Can be repeated.")
@_CHANGED_WITH
@_ALLOW_EMPTY
@click.option(
    "--output",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="json: for scripts; github: annotations; sarif: code scanning.",
)
@config_option
@click.pass_context
def lint(
    ctx: click.Context,
    *,
    paths: tuple[Path, ...],
    strict: bool,
    disable: tuple[str, ...],
    changed_with: str | None,
    allow_empty: bool,
    output: Output,
    path: Path | None,
) -> None:
    """Check documents, and every PM-*.md in folders. Exit code 1 on errors; docs/lint/ explains the rules."""
    from service.postmortems.commands.documents import check, context_of, documents_in
    from service.postmortems.finding_texts import as_github, as_json, as_sarif, as_text, summary
    from service.postmortems.lint import failed

    loaded = read(path, os.environ)
    click.echo(f"Configuration: {loaded.file or 'defaults (no mttx.yml in this folder)'}", err=True)
    checked = check(documents_in(paths, allow_empty=allow_empty), context_of(loaded.settings, disable, changed_with))
    by_path = {file.path: file.findings for file in checked}
    match output:
        case "json":
            click.echo(as_json(by_path))
        case "sarif":
            click.echo(as_sarif(by_path, __version__))
        case "github":
            for file in checked:
                for finding in file.findings:
                    click.echo(as_github(file.path, finding))
        case "text":
            for file in checked:
                for finding in file.findings:
                    click.echo(as_text(file.path, finding, file.line(finding.line)))
            click.echo(summary(by_path))
    ctx.exit(1 if any(failed(list(file.findings), strict=strict) for file in checked) else 0)


@postmortem.command()
@_PATHS
@click.option("--dry-run", is_flag=True, help="Show what would be sent, without sending it.")
@_CHANGED_WITH
@_ALLOW_EMPTY
@output_option
@config_option
@click.pass_context
def sync(
    ctx: click.Context,
    *,
    paths: tuple[Path, ...],
    dry_run: bool,
    changed_with: str | None,
    allow_empty: bool,
    output: str,
    path: Path | None,
) -> None:
    """Send the state of documents and their actions to the service. Running it again changes nothing."""
    from service.cli.client import connect
    from service.postmortems.commands.documents import context_of, documents_in
    from service.postmortems.commands.service_data import service_policy, sync_document

    client, loaded = connect(), read(path, os.environ)
    policy = service_policy(client, loaded)
    local = context_of(loaded.settings, changed_with=changed_with)
    context = replace(local, zone=policy.zone, deadlines=policy.deadlines)
    documents = documents_in(paths, allow_empty=allow_empty)
    results = [sync_document(client, document, context, dry_run=dry_run) for document in documents]
    if output == "json":
        print_json({"documents": [_as_json(result) for result in results]})
    else:
        for result in results:
            _print_result(result, policy.zone, dry_run=dry_run)
    ctx.exit(1 if any(result.failure for result in results) else 0)


@postmortem.command()
@click.option("--all", "everything", is_flag=True, help="Include postmortems with nothing left to do.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=PAGE, show_default=True, help="Maximum number.")
@output_option
@config_option
def status(everything: bool, limit: int, output: str, path: Path | None) -> None:
    """List postmortems with work left: stages, the definition of done, actions and their verification."""
    from service.cli.client import connect
    from service.postmortems.commands.service_data import service_policy

    client = connect()
    postmortems: list[Json] = []
    following: str | None = f"/api/v1/postmortems?limit={min(limit, PAGE)}{'&all=true' if everything else ''}"
    while following and len(postmortems) < limit:
        page = client.get(following)
        postmortems += page["postmortems"]
        following = page["next"]
    if output == "json":
        print_json({"postmortems": postmortems[:limit]})
    else:
        _print_status(postmortems[:limit], service_policy(client, read(path, os.environ)).zone)
    if following or len(postmortems) > limit:
        click.echo("There are more; raise --limit to list them.", err=True)


# -- what they print -------------------------------------------------------------------------------------------------


def _as_json(result: "SyncResult") -> Json:
    events = [
        {"kind": e.kind.value, "event_id": e.event_id, "occurred_at": e.occurred_at and e.occurred_at.isoformat()}
        for e in result.plan.events
    ]
    names = {"path": result.path, "incident": result.incident}
    return {**names, "events": events, "notices": result.notices, "failure": result.failure}


def _print_result(result: "SyncResult", zone: ZoneInfo, *, dry_run: bool) -> None:
    sent = f"{'would send' if dry_run else 'sent'} {count_of(len(result.plan.events), 'event')}"
    outcome = f"failed: {result.failure}" if result.failure else sent
    print_line(f"{result.path}  {result.incident or NOTHING}  {outcome}")
    for event in result.plan.events:
        checks = event.data.get("checks")
        what = (
            ", ".join(f"{c}: {s}" for c, s in checks.items()) if isinstance(checks, Mapping) else _action_id(event.data)
        )
        at = f"{local_time(event.occurred_at, zone)} ({zone.key})" if event.occurred_at else "now"
        print_line(f"    {event.kind} {what}  {at}")
    for notice in result.notices:
        print_line(f"    note: {notice}")


def _action_id(data: Mapping[str, object]) -> str:
    return str(data.get("action_id", ""))


def _print_status(postmortems: Sequence[Json], zone: ZoneInfo) -> None:
    rows = [_status_row(entry, zone) for entry in postmortems]
    if rows:
        stages = (f"Draft ({zone.key})", f"Final ({zone.key})")
        print_table(("Incident", "Severity", "Title", *stages, "Definition of done", "Actions"), rows)
    else:
        click.echo("No postmortems have work left.")


def _status_row(entry: Json, zone: ZoneInfo) -> tuple[str | Text, ...]:
    stages = {deadline["stage"]: _stage(deadline, zone) for deadline in entry["deadlines"]}
    draft, final = stages.get("draft", NOTHING), stages.get("final", NOTHING)
    names = (entry["id"], entry["severity"], entry["title"])
    return *names, draft, final, _checks(entry["checks"]), _actions(entry["actions"])


def _stage(deadline: Json, zone: ZoneInfo) -> str:
    due_at = datetime.fromisoformat(deadline["due_at"])
    if deadline["done_at"]:
        done_at = datetime.fromisoformat(deadline["done_at"])
        return f"{'late' if done_at > due_at else 'done'} {done_at.astimezone(zone):%m-%d %H:%M}"
    return f"{'OVERDUE' if deadline['overdue'] else 'due'} {due_at.astimezone(zone):%m-%d %H:%M}"


def _checks(checks: Mapping[str, str]) -> Text:
    """Name what fails, then what is pending."""
    text = Text()
    for state, style in _STYLES.items():
        names = [check.value for check in Check if checks[check] == state]
        if names:
            text.append("; " if text else "")
            text.append(f"{state}: ", style=style).append(", ".join(names))
    return text or Text("done")


def _actions(actions: Sequence[Json]) -> str:
    """Count the actions; `to verify` are completed but not verified."""
    states = Counter(action["state"] for action in actions)
    counts = (
        (states[ActionState.OPEN], "open"),
        (sum(action["overdue"] for action in actions), "overdue"),
        (states[ActionState.COMPLETED], "to verify"),
        (states[ActionState.VERIFIED], "verified"),
    )
    return ", ".join(f"{number} {what}" for number, what in counts if number) or "none"
