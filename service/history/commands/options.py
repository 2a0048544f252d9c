"""The options of `mttx history import`, and what they mean for reading the files."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from service.domain.policy import Severity
from service.history.importing.columns import NAMES, is_column
from service.history.importing.imported import ImportOptions, PostmortemDue, Unresolved
from service.history.importing.mapping import IGNORED
from service.history.importing.parsing import Format
from service.history.importing.paths import NoPath, parse_path
from service.settings.files import read_text
from service.settings.model import Settings
from service.settings.yaml_text import NotYaml, parse_yaml

_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,31}")


def time_formats(_: click.Context, __: click.Parameter, formats: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what is not a time format."""
    for form in formats:
        if "%Z" in form:
            msg = f"{form!r}: zone names are ambiguous; write the name literally, such as UTC, and give --timezone"
            raise click.BadParameter(msg)
        if form not in ("epoch", "epoch-ms") and not _is_format(form):
            raise click.BadParameter(f"{form!r} is not a format such as %d/%m/%Y %H:%M, epoch or epoch-ms")
    return formats


def _is_format(form: str) -> bool:
    sample = datetime(2026, 11, 23, 18, 4, 5, tzinfo=UTC)
    try:
        at = datetime.strptime(sample.strftime(form), form)  # noqa: DTZ007 - only tried
    except ValueError:
        return False
    return at.date() == sample.date()


def import_options(settings: Settings, options: Mapping[str, Any]) -> ImportOptions:
    """Return the options of an import. Raises UsageError."""
    mapping = _mapping(options["mapping"]) if options["mapping"] else {}
    columns = _columns(mapping.get("columns", {}), options["columns"])
    if not _SOURCE.fullmatch(options["source"]):
        raise click.UsageError("--source should be lower-case letters, digits and _")
    pairs = {**mapping.get("severities", {}), **dict(options["severities"])}
    severities = {name: severity for name, severity in settings.severity_map.items() if severity is not None}
    if options["form"] in (Format.PAGERDUTY, Format.OPSGENIE):
        severities |= settings.pagerduty.priority_map
    return ImportOptions(
        policy=settings.policy(),
        zone=options["zone"],
        time_formats=options["time_formats"],
        columns=columns,
        severities=severities | {name.lower(): _severity(str(to)) for name, to in pairs.items()},
        source=options["source"],
        unresolved=Unresolved(options["unresolved"]),
        postmortem_due=PostmortemDue(options["owed"]),
        fold=options["fold"],
    )


def _columns(of_file: Mapping[str, Any], of_options: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return pairs of theirs and ours; --map takes precedence over the mapping file."""
    options = tuple(of_options)
    named = {theirs for theirs, _ in options}
    pairs = [(theirs, ours) for theirs, value in of_file.items() if theirs not in named for ours in _listed(value)]
    for theirs, ours in (*pairs, *options):
        if ours != IGNORED and not is_column(ours):
            raise click.UsageError(f"--map: {ours!r} is not one of our columns: {', '.join(sorted(NAMES))}; or -")
        if "[" in theirs:
            try:
                parse_path(theirs)
            except NoPath as error:
                raise click.UsageError(f"--map: {error}") from None
    return (*pairs, *options)


def _listed(value: Any) -> list[str]:
    """Return what the mapping file maps a column to: one of ours, several in a list, or nothing."""
    return [str(name) for name in (value if isinstance(value, list) else [IGNORED if value is None else value])]


def _severity(name: str) -> Severity:
    try:
        return Severity(name.upper())
    except ValueError:
        raise click.UsageError(f"--severity-map: {name!r} should be one of {', '.join(Severity)}") from None


def _mapping(file: Path) -> dict[str, dict[str, Any]]:
    """Read a mapping file: `columns` and `severities`, each a mapping of their names."""
    try:
        read = parse_yaml(read_text(file))
    except (OSError, UnicodeDecodeError, NotYaml) as error:
        raise click.UsageError(f"cannot read --mapping {file}: {error}") from error
    sections = {"columns", "severities"}
    if (
        not isinstance(read, dict)
        or not set(read) <= sections
        or not all(isinstance(section, dict) for section in read.values())
    ):
        raise click.UsageError(f"--mapping {file} should have columns: and severities:, each THEIRS: OURS")
    return {name: {str(theirs): ours for theirs, ours in pairs.items()} for name, pairs in read.items()}
