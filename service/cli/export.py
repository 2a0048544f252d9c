"""Writing shipped files to a folder, without taking away what somebody changed there."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import click

from service.provisioning.shipped import Kind, shipped


class Outcome(StrEnum):
    """What became of one file."""

    WRITTEN = "written"
    SAME = "up to date"
    KEPT = "left as it is"
    OVERWRITTEN = "overwritten"


@dataclass(frozen=True, slots=True)
class Exported:
    """One file, and what became of it."""

    path: Path
    outcome: Outcome


def export(kind: Kind, suffix: str, folder: Path, *, force: bool) -> bool:
    """Write the shipped files with a suffix to a folder, say what became of each, and whether all are there now.

    Raises `ClickException` where the folder cannot be written to.
    """
    try:
        done = list(_exported(kind, suffix, folder, force=force))
    except OSError as error:
        raise click.ClickException(f"cannot export: {error}") from error
    for one in done:
        click.echo(f"{one.path}  {one.outcome}")
    kept = any(one.outcome is Outcome.KEPT for one in done)
    if kept:
        click.echo("What differs from the shipped files was left as it is; --force overwrites it.", err=True)
    return not kept


def _exported(kind: Kind, suffix: str, folder: Path, *, force: bool) -> Iterator[Exported]:
    folder.mkdir(parents=True, exist_ok=True)
    ours = sorted((one for one in shipped(kind).iterdir() if one.name.endswith(suffix)), key=lambda one: one.name)
    for source in ours:
        target, content = folder / source.name, source.read_bytes()
        outcome = _outcome(target, content, force=force)
        if outcome in (Outcome.WRITTEN, Outcome.OVERWRITTEN):
            target.write_bytes(content)
        yield Exported(target, outcome)


def _outcome(target: Path, content: bytes, *, force: bool) -> Outcome:
    if not target.exists():
        return Outcome.WRITTEN
    if target.read_bytes() == content:
        return Outcome.SAME
    return Outcome.OVERWRITTEN if force else Outcome.KEPT
