"""`mttx evidence`: bundle what there is of an incident into one archive, and check such an archive."""

import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from service.cli.output import print_json, print_line
from service.cli.params import Duration, IncidentId, Instant, config_option, output_option
from service.settings import load


@click.group()
def evidence() -> None:
    """Bundle what there is of an incident into one archive, and check such an archive.

    What is collected says `evidence:` in mttx.yml (docs/evidence.md). The incident is read from the service at MTTX_URL
    (default http://127.0.0.1:9877), with the token in MTTX_TOKEN or MTTX_TOKEN_FILE, and the archive's SHA-256 is
    recorded there.
    """
    os.umask(0o077)


@evidence.command()
@click.argument("incident_id", metavar="[INCIDENT]", type=IncidentId(), required=False)
@click.option("--margin", type=Duration(), help="How long before and after it, if not `evidence.margin`.")
@click.option(
    "--from", "begin", type=Instant(), help="When the window begins: a time with a zone, or an age such as 2h."
)
@click.option("--to", "end", type=Instant(), help="When it ends; else the end of the incident, or now.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The archive; else evidence-INC-7.zip.")
@click.option("--allow-verbatim", is_flag=True, help="Take in what is marked verbatim, with whatever secrets it has.")
@output_option
@config_option
@click.pass_context
def collect(
    ctx: click.Context,
    *,
    incident_id: str | None,
    margin: timedelta | None,
    begin: datetime | None,
    end: datetime | None,
    out: Path | None,
    allow_verbatim: bool,
    output: str,
    path: Path | None,
) -> None:
    """Collect the evidence of an incident, or of a window of time.

    Exit code 1 if there is no archive, or if it lacks something that a source should have given; the manifest, and
    what is printed, say what.
    """
    from service.evidence import collecting
    from service.evidence.commands.record import Case, open_case
    from service.evidence.commands.tables import as_json, print_collected, watching
    from service.evidence.configured import open_sources, terms_of
    from service.evidence.subjects import NoWindow

    if incident_id is None and (begin is None or margin is not None):
        raise click.UsageError("name an incident such as INC-7, or a window with --from (and --to)")
    settings, now = load(path, os.environ), datetime.now(UTC)
    try:
        case: Case = open_case(incident_id, settings, now, margin=margin, begin=begin, end=end)
    except NoWindow as error:
        raise click.UsageError(str(error)) from error
    target = out or Path(f"evidence-{incident_id or f'{case.subject.window.start:%Y%m%dT%H%M%SZ}'}.zip")
    terms = terms_of(settings, allow_verbatim=allow_verbatim)
    try:
        with (
            open_sources(settings, case.story) as sources,
            watching(sources, output == "text", on_terminal=sys.stderr.isatty()) as watch,
        ):
            made = collecting.collect(case.subject, sources, target, terms, lambda: datetime.now(UTC), watch)
    except collecting.NotCollected as error:
        raise click.ClickException(str(error)) from error
    if output == "json":
        print_json(as_json(made))
    else:
        print_collected(made)
    case.record(made)
    ctx.exit(0 if made.manifest.complete else 1)


@evidence.command()
@click.argument("incident_id", metavar="[INCIDENT]", type=IncidentId(), required=False)
@click.option(
    "--from", "begin", type=Instant(), help="When the window begins; else an hour ago, or the incident's own."
)
@click.option("--allow-verbatim", is_flag=True, help="Take in what is marked verbatim, with whatever secrets it has.")
@output_option
@config_option
@click.pass_context
def check(
    ctx: click.Context,
    *,
    incident_id: str | None,
    begin: datetime | None,
    allow_verbatim: bool,
    output: str,
    path: Path | None,
) -> None:
    """Say what a bundle would contain today. Everything is asked, and nothing is kept or recorded.

    Exit code 1 if a configured source fails, or if none of the sources that the standard requires is configured.
    """
    from service.domain.checks import is_evidence
    from service.evidence import collecting
    from service.evidence.commands.record import Case, open_case
    from service.evidence.commands.tables import as_json, print_missing, watching
    from service.evidence.configured import open_sources, terms_of
    from service.evidence.subjects import NoWindow

    settings, now = load(path, os.environ), datetime.now(UTC)
    start = begin or (now - timedelta(hours=1) if incident_id is None else None)
    try:
        case: Case = open_case(incident_id, settings, now, margin=None, begin=start, end=None)
    except NoWindow as error:
        raise click.UsageError(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="mttx-evidence-check-") as folder:
        terms, target = terms_of(settings, allow_verbatim=allow_verbatim), Path(folder) / "evidence.zip"
        try:
            with (
                open_sources(settings, case.story) as sources,
                watching(sources, output == "text", on_terminal=sys.stderr.isatty()) as watch,
            ):
                made = collecting.collect(case.subject, sources, target, terms, lambda: datetime.now(UTC), watch)
        except collecting.NotCollected as error:
            raise click.ClickException(str(error)) from error
    passes = is_evidence({"sources": made.manifest.states})
    if output == "json":
        print_json({**as_json(made), "archive": None, "passes": passes})
    else:
        print_missing(made)
        print_line("the check of evidence would pass" if passes else "the check of evidence would not pass")
    ctx.exit(0 if passes else 1)


@evidence.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--sha256", metavar="HEX", help="The digest that it should have, such as that of the postmortem.")
@click.option("--recorded", is_flag=True, help="Ask the service for the digests that are recorded on the incident.")
@output_option
@click.pass_context
def verify(ctx: click.Context, *, file: Path, sha256: str | None, recorded: bool, output: str) -> None:
    """Check that an archive is whole and as it was written. Exit code 1 if it is not.

    Without --sha256 or --recorded an archive that somebody built anew, seal and all, passes: compare it with a digest
    that was kept elsewhere.
    """
    from service.evidence.commands.record import recorded_digests
    from service.evidence.verify import verify as check

    try:
        verdict = check(file, sha256)
    except OSError as error:
        raise click.ClickException(f"cannot read {file}: {error.strerror or error}") from error
    problems = list(verdict.problems)
    if recorded:
        problems += _unrecorded(verdict.sha256, recorded_digests(verdict.incident_id))
    if output == "json":
        told = {"file": str(file), "sha256": verdict.sha256, "good": not problems, "problems": problems}
        about = {"incident_id": verdict.incident_id, "collected_at": verdict.collected_at, "files": verdict.files}
        print_json({**told, **about, "complete": verdict.complete})
    else:
        for problem in problems:
            print_line(f"{file}: {problem}")
        about_it = f"{verdict.incident_id or 'no incident'}, {verdict.files} files, collected {verdict.collected_at}"
        print_line(f"{len(problems)} found" if problems else f"{file} is as it was written: {about_it}")
        print_line(f"SHA-256 {verdict.sha256}")
    ctx.exit(1 if problems else 0)


def _unrecorded(sha256: str, known: frozenset[str]) -> list[str]:
    if sha256 in known:
        return []
    return ["its SHA-256 is none of those that are recorded on the incident" if known else "no evidence is recorded"]
