"""`mttx evidence`: collect the evidence of an incident into one archive, and verify such an archive."""

import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.output import count_of, local_time, print_json, print_line
from service.cli.params import Duration, IncidentId, Instant, config_option, output_option
from service.settings.model import Settings
from service.settings.sources import load

if TYPE_CHECKING:
    from service.evidence.collecting import Collected
    from service.evidence.commands.request import EvidenceRequest
    from service.evidence.verify import Verification

ALLOW_VERBATIM = click.option(
    "--allow-verbatim", is_flag=True, help="Include files marked as verbatim, unredacted, with any secrets in them."
)


@click.group()
def evidence() -> None:
    """Collect the evidence of an incident into one archive, and verify such an archive.

    The `evidence:` section of mttx.yml selects what is collected (docs/evidence.md). The incident is read from the
    service at MTTX_URL (default http://127.0.0.1:9877), with the token in MTTX_TOKEN or MTTX_TOKEN_FILE, and the
    archive's SHA-256 is recorded there.
    """
    os.umask(0o077)


@evidence.command()
@click.argument("incident_id", metavar="[INCIDENT]", type=IncidentId(), required=False)
@click.option("--margin", type=Duration(), help="Time to include before and after. Default: `evidence.margin`.")
@click.option("--from", "begin", type=Instant(), help="Start of the window: a time with a zone, or an age such as 2h.")
@click.option("--to", "end", type=Instant(), help="End of the window. Default: the end of the incident, or now.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The archive. Default: evidence-INC-7.zip."
)
@ALLOW_VERBATIM
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
    """Collect the evidence of an incident, or of a time window.

    Exit code 1 if there is no archive, or if a source failed and the archive is incomplete; the output and the manifest
    say what is missing.
    """
    from service.evidence.commands.request import open_request
    from service.evidence.commands.tables import as_json, print_collected
    from service.evidence.window import NoWindow

    if incident_id is None and (begin is None or margin is not None):
        raise click.UsageError("give an incident such as INC-7, or a time window with --from (and --to)")
    settings, now = load(path, os.environ), datetime.now(UTC)
    try:
        request = open_request(incident_id, settings, now, margin=margin, begin=begin, end=end)
    except NoWindow as error:
        raise click.UsageError(str(error)) from error
    target = out or Path(f"evidence-{incident_id or f'{request.window.start:%Y%m%dT%H%M%SZ}'}.zip")
    collected = _collect(request, settings, target, allow_verbatim=allow_verbatim, show=output == "text")
    if output == "json":
        print_json(as_json(collected))
    else:
        print_collected(collected)
    request.record(collected)
    ctx.exit(0 if collected.manifest.complete else 1)


@evidence.command()
@click.argument("incident_id", metavar="[INCIDENT]", type=IncidentId(), required=False)
@click.option(
    "--from", "begin", type=Instant(), help="Start of the window. Default: that of the incident, or an hour ago."
)
@ALLOW_VERBATIM
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
    """Show what an archive would contain now. Every source is asked; nothing is kept or recorded.

    Exit code 1 if a configured source fails, or if none of the sources that the standard requires is configured.
    """
    from service.domain.checks import is_evidence
    from service.evidence.commands.request import open_request
    from service.evidence.commands.tables import as_json, print_missing
    from service.evidence.window import NoWindow

    settings, now = load(path, os.environ), datetime.now(UTC)
    start = begin or (now - timedelta(hours=1) if incident_id is None else None)
    try:
        request = open_request(incident_id, settings, now, margin=None, begin=start, end=None)
    except NoWindow as error:
        raise click.UsageError(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="mttx-evidence-check-") as folder:
        target = Path(folder) / "evidence.zip"
        collected = _collect(request, settings, target, allow_verbatim=allow_verbatim, show=output == "text")
    passes = is_evidence({"sources": collected.manifest.states})
    if output == "json":
        print_json({**as_json(collected), "archive": None, "passes": passes})
    else:
        print_missing(collected)
        print_line("the evidence check would pass" if passes else "the evidence check would not pass")
    ctx.exit(0 if passes else 1)


def _collect(
    request: "EvidenceRequest", settings: Settings, target: Path, *, allow_verbatim: bool, show: bool
) -> "Collected":
    """Collect and show the progress. Raises ClickException."""
    from service.evidence.collecting import NotCollected
    from service.evidence.collector import EvidenceCollector
    from service.evidence.commands.tables import show_progress

    collector = EvidenceCollector(settings, lambda: datetime.now(UTC), allow_verbatim=allow_verbatim)
    try:
        return collector.collect(
            request.window,
            request.incident_data,
            target,
            lambda sources: show_progress(sources, show, on_terminal=sys.stderr.isatty()),
        )
    except NotCollected as error:
        raise click.ClickException(str(error)) from error


@evidence.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--sha256", metavar="HEX", help="The expected digest, such as that in the postmortem.")
@click.option(
    "--recorded", is_flag=True, help="Compare with the digests that the service has recorded on the incident."
)
@output_option
@click.pass_context
def verify(ctx: click.Context, *, file: Path, sha256: str | None, recorded: bool, output: str) -> None:
    """Verify that an archive is complete and unchanged. Exit code 1 if it is not.

    Without --sha256 or --recorded, an archive that was rebuilt together with its seal passes: compare it with a digest
    that was kept elsewhere.
    """
    from service.evidence.commands.request import recorded_digests
    from service.evidence.verify import verify as verify_archive

    try:
        verdict = verify_archive(file, sha256)
    except OSError as error:
        raise click.ClickException(f"cannot read {file}: {error.strerror or error}") from error
    problems = list(verdict.problems)
    if recorded:
        problems += _unrecorded(verdict.sha256, recorded_digests(verdict.incident_id))
    if output == "json":
        result = {"file": str(file), "sha256": verdict.sha256, "good": not problems, "problems": problems}
        details = {"incident_id": verdict.incident_id, "collected_at": verdict.collected_at, "files": verdict.files}
        print_json({**result, **details, "complete": verdict.complete})
    else:
        for problem in problems:
            print_line(f"{file}: {problem}")
        what = f"{verdict.incident_id or 'no incident'}, {count_of(verdict.files, 'file')}"
        details_line = f"{what}, collected {_collected_at(verdict)} ({verdict.zone.key})"
        print_line(f"{len(problems)} problems found" if problems else f"{file} OK: {details_line}")
        print_line(f"SHA-256 {verdict.sha256}")
    ctx.exit(1 if problems else 0)


def _collected_at(verdict: "Verification") -> str:
    """Return the time in the archive's zone; if the manifest has no valid time, return its text."""
    try:
        return local_time(verdict.collected_at, verdict.zone)
    except (ValueError, OverflowError):
        return verdict.collected_at


def _unrecorded(sha256: str, digests: frozenset[str]) -> list[str]:
    if sha256 in digests:
        return []
    return ["its SHA-256 is not recorded on the incident" if digests else "no evidence is recorded on the incident"]
