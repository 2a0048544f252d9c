"""Backing up a SQLite file beside the running service, and putting a backup in its place. PostgreSQL has pg_dump."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import create_engine

from service.store.engine import StoreRefused, is_file, parse
from service.store.locks import FileLock
from service.store.migrate import knows

PARTS = ("", "-wal", "-shm")
"""What a database in WAL mode may consist of."""


def back_up(database_url: str, target: Path) -> int:
    """Write a copy as of now into a new file and return its size in bytes; webhooks go on meanwhile.

    The copy is checked before it gets its name. Raises `StoreRefused`, with what to change; no half copy is left.
    """
    source = _file(database_url)
    if not source.is_file():
        raise StoreRefused(f"there is no database at {source}")
    if target.exists():
        raise StoreRefused(f"{target} is there already; it is not written over")
    with _part(target) as part:
        with _failures(f"cannot back up {source} to {target}"), closing(_read_only(source)) as connection:
            connection.execute("VACUUM INTO ?", (str(part),))
        _check(part)
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    return target.stat().st_size


def restore(backup: Path, database_url: str, now: datetime, *, replace: bool) -> Path | None:
    """Put a backup in the place of the database; returns where the database that was there is kept, if one was.

    The service must not run. Raises `StoreRefused` for a file that is no sound database, or that a newer version wrote,
    and, without `replace`, where there is a database already. What was there is moved aside, never deleted.
    """
    target = _file(database_url)
    _check(backup)
    lock = FileLock(target)
    lock.acquire()
    try:
        if target.exists() and not replace:
            raise StoreRefused(f"{target} is there already; --replace moves it aside")
        with _part(target) as part, _failures(f"cannot restore {backup} to {target}"):
            shutil.copyfile(backup, part)
            _sync(part)
            aside = _move_aside(target, now)
            part.rename(target)
            _sync(target.parent)
        return aside
    finally:
        lock.release()


def _file(database_url: str) -> Path:
    url = parse(database_url)
    if not is_file(url):
        raise StoreRefused("this is for SQLite files; use pg_dump and pg_restore for PostgreSQL")
    return Path(url.database or "")


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)


def _check(path: Path) -> None:
    """Refuse what is not a whole database of a version that we know."""
    if not path.is_file():
        raise StoreRefused(f"there is no file {path}")
    with _failures(f"{path} is no sound database"), closing(_read_only(path)) as connection:
        [found] = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise StoreRefused(f"{path} is damaged: {found}")
    engine = create_engine(f"sqlite:///{path}")
    try:
        if not knows(engine):
            raise StoreRefused(f"{path} is no database of this version's mttx-exporter or of an older one")
    finally:
        engine.dispose()


def _move_aside(target: Path, now: datetime) -> Path | None:
    parts = [part for part in PARTS if target.with_name(target.name + part).exists()]
    if not parts:
        return None
    aside = target.with_name(f"{target.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
    if aside.exists():
        raise StoreRefused(f"{aside} is there already; try again in a second")
    for part in parts:  # without its database too: SQLite would take a log that was left behind for the backup's own
        with suppress(FileNotFoundError):
            target.with_name(target.name + part).rename(aside.with_name(aside.name + part))
    return aside


@contextmanager
def _part(target: Path) -> Iterator[Path]:
    """Give the name of an unfinished file beside the target; what is left of it goes away however it ends."""
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _failures(what: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreRefused(f"{what}: {error}") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
