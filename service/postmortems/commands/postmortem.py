"""`mttx postmortem`: write the document of an incident, check documents, and tell the service how far they are."""

import os
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import click

from service import __version__
from service.cli.output import print_json, print_line
from service.cli.params import IncidentId, config_option, output_option
from service.settings import Settings
from service.settings.files import read_text
from service.settings.sources import read

Language = Literal["ja", "en"]
Output = Literal["text", "json", "github", "sarif"]
SHIPPED = ("standard", "noctria")
PROGRESS_FROM = 20
"""How many documents are worth a progress bar."""

_PATHS = click.argument(
    "paths", metavar="FILES...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
_CHANGED_WITH = click.option(
    "--changed-with",
    metavar="RANGE",
    help="A range of git such as origin/main...HEAD: what it changes is what was changed together with the documents.",
)

_ALLOW_EMPTY = click.option("--allow-empty", is_flag=True, help="Folders without any document are no error.")


@click.group()
def postmortem() -> None:
    """Write postmortem documents, check them, and measure them.

    new, sync and status talk to the service at MTTX_URL (default http://127.0.0.1:9877), with the token in MTTX_TOKEN
    or MTTX_TOKEN_FILE.
    """


@postmortem.command()
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--dir", "directory", type=click.Path(file_okay=False, path_type=Path), help="Where to write it.")
@click.option("--lang", "language", type=click.Choice(["ja", "en"]), help="The language of the template.")
@click.option("--template", help="standard, noctria, or a Jinja file of yours.")
@config_option
def new(
    incident_id: str, directory: Path | None, language: Language | None, template: str | None, path: Path | None
) -> None:
    """Write the document of an incident, filled in with what is recorded. Never overwrites a file."""
    from service.cli.client import INCIDENTS, connect
    from service.postmortems.commands.policy import service_policy
    from service.postmortems.commands.record import facts_of
    from service.postmortems.skeleton import file_name, fill
    from service.render.filling import BadTemplate

    loaded = read(Settings, path, os.environ)
    settings = loaded.settings
    number = IncidentId().convert(incident_id, None, click.get_current_context())
    client = connect()
    timeline = client.get(f"{INCIDENTS}/{number}/timeline")
    incident = client.get(f"{INCIDENTS}/{number}")
    facts = facts_of(incident, timeline, service_policy(client, loaded), settings)
    source, shipped = _template(settings, language, template)
    try:
        text = fill(source, facts, shipped)
    except BadTemplate as error:
        raise click.ClickException(f"the template cannot be filled in: {error}") from error
    target = (directory or settings.postmortems.directory) / file_name(facts)
    _write(target, text)
    click.echo(target)


@postmortem.command()
@_PATHS
@click.option("--strict", is_flag=True, help="Warnings fail the check as well.")
@click.option("--disable", metavar="RULE", multiple=True, help="A rule that does not count, such as PM603.")
@_CHANGED_WITH
@_ALLOW_EMPTY
@click.option("--output", type=click.Choice(["text", "json", "github", "sarif"]), default="text", show_default=True)
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
    """Check documents, and every PM-*.md of folders. Exit code 1 if one has errors; docs/lint/ explains the rules."""
    from service.postmortems.commands.lint import check
    from service.postmortems.commands.terms import context_of, documents_in
    from service.postmortems.finding_texts import as_github, as_json, as_sarif, as_text, summary
    from service.postmortems.lint import failed

    loaded = read(Settings, path, os.environ)
    click.echo(f"Configuration: {loaded.file or 'defaults (there is no mttx.yml here)'}", err=True)
    found = check(
        documents_in(paths, allow_empty=allow_empty),
        context_of(loaded.settings, disable, _changed(changed_with)),
        PROGRESS_FROM,
    )
    by_path = {checked.path: checked.findings for checked in found}
    match output:
        case "json":
            click.echo(as_json(by_path))
        case "sarif":
            click.echo(as_sarif(by_path, __version__))
        case "github":
            for checked in found:
                for finding in checked.findings:
                    click.echo(as_github(checked.path, finding))
        case "text":
            for checked in found:
                for finding in checked.findings:
                    click.echo(as_text(checked.path, finding, checked.line(finding.line)))
            click.echo(summary(by_path))
    ctx.exit(1 if any(failed(list(c.findings), strict=strict) for c in found) else 0)


@postmortem.command()
@_PATHS
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing.")
@_CHANGED_WITH
@_ALLOW_EMPTY
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
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
    """Tell the service how far documents and their actions are. Sending it again changes nothing."""
    from service.cli.client import connect
    from service.postmortems.commands.policy import service_policy
    from service.postmortems.commands.sync import sync_document
    from service.postmortems.commands.terms import context_of, documents_in

    client, loaded = connect(), read(Settings, path, os.environ)
    policy = service_policy(client, loaded)
    held = context_of(loaded.settings, changed=_changed(changed_with))
    context = replace(held, zone=policy.zone, deadlines=policy.deadlines)
    synced = [
        sync_document(client, document, context, dry_run=dry_run)
        for document in documents_in(paths, allow_empty=allow_empty)
    ]
    if output == "json":
        print_json({"documents": [_synced(one) for one in synced]})
    else:
        for one in synced:
            _print_synced(one, dry_run=dry_run)
    ctx.exit(1 if any(one.failure for one in synced) else 0)


@postmortem.command()
@click.option("--all", "everything", is_flag=True, help="Those that owe nothing any more as well.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True)
@output_option
@config_option
def status(everything: bool, limit: int, output: str, path: Path | None) -> None:
    """Show which postmortems owe what: stages, the definition of done, actions and their verification."""
    from service.cli.client import connect
    from service.postmortems.commands.policy import service_policy
    from service.postmortems.commands.tables import print_status

    client, address = connect(), f"/api/v1/postmortems?limit={min(limit, 200)}{'&all=true' if everything else ''}"
    found: list[Any] = []
    following: str | None = address
    while following and len(found) < limit:
        page = client.get(following)
        found += page["postmortems"]
        following = page["next"]
    if output == "json":
        print_json({"postmortems": found[:limit]})
    else:
        print_status(found[:limit], service_policy(client, read(Settings, path, os.environ)).zone)
    if following or len(found) > limit:
        click.echo("There are more; --limit shows them.", err=True)


def _changed(revisions: str | None) -> frozenset[str] | None:
    from service.postmortems.commands.git import GitFailed, changed_in

    if revisions is None:
        return None
    try:
        return changed_in(revisions, Path())
    except GitFailed as error:
        raise click.UsageError(f"--changed-with: {error}") from error


def _template(settings: Settings, language: Language | None, template: str | None) -> tuple[str, dict[str, str]]:
    """Return the template that is named, else the configured one, and those that it may extend.

    A language that is named chooses among the shipped templates, also where a file is configured.
    """
    shipped = {f"{name}.{lang}": _shipped(name, lang) for name in SHIPPED for lang in ("ja", "en")}
    configured = settings.postmortems.template
    if template is None and language is not None and isinstance(configured, Path):
        configured = "standard"
    chosen = template or str(configured)
    if chosen in SHIPPED:
        return shipped[f"{chosen}.{language or settings.postmortems.language}"], shipped
    try:
        return read_text(Path(chosen)), shipped
    except (OSError, UnicodeDecodeError) as error:
        named = f"{chosen} is none of {', '.join(SHIPPED)}, and no file that can be read"
        raise click.ClickException(f"cannot read the template: {named} ({error})") from error


def _shipped(name: str, language: str) -> str:
    file = f"postmortem.{language}.md.j2" if name == "standard" else f"postmortem.{name}.{language}.md.j2"
    return (files("service.postmortems") / "templates" / file).read_text(encoding="utf-8")


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{target} is there already; nothing was written") from None
    except OSError as error:
        raise click.ClickException(f"cannot write {target}: {error.strerror or error}") from error


def _synced(one: Any) -> dict[str, Any]:
    events = [
        {"kind": r.kind.value, "event_id": r.event_id, "occurred_at": r.occurred_at and r.occurred_at.isoformat()}
        for r in one.plan.events
    ]
    return {
        "path": one.path,
        "incident": one.incident,
        "events": events,
        "notices": one.notices,
        "failure": one.failure,
    }


def _print_synced(one: Any, *, dry_run: bool) -> None:
    done = "would send" if dry_run else "sent"
    events = f"{done} {len(one.plan.events)} event{'' if len(one.plan.events) == 1 else 's'}"
    print_line(f"{one.path}  {one.incident or '-'}  {f'failed: {one.failure}' if one.failure else events}")
    for event in one.plan.events:
        checks = event.data.get("checks")
        what = ", ".join(f"{c}: {s}" for c, s in checks.items()) if checks else event.data.get("action_id", "")
        at = f"{event.occurred_at:%Y-%m-%d %H:%M:%S%z}" if event.occurred_at else "now"
        print_line(f"    {event.kind} {what}  {at}")
    for notice in one.notices:
        print_line(f"    note: {notice}")
