"""Back up a SQLite file while the service runs, and restore a backup. PostgreSQL has pg_dump."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import NullPool, create_engine

from service.store.engine import StoreRefused, is_file, parse
from service.store.locks import FileLock
from service.store.revisions import knows

PARTS = ("", "-wal", "-shm")
"""Suffixes of the files that a database in WAL mode may consist of."""


def back_up(database_url: str, target: Path) -> int:
    """Write a copy as of now into a new file and return its size in bytes; webhooks are recorded meanwhile.

    The copy is checked before it gets its name. Raises `StoreRefused`, with what to change; no partial copy is left.
    """
    source = _file(database_url)
    if not source.is_file():
        raise StoreRefused(f"there is no database at {source}")
    if target.exists():
        raise StoreRefused(f"{target} already exists; refusing to overwrite it")
    with _failures(f"cannot back up {source} to {target}"), _part(target) as part:
        with closing(_read_only(source)) as connection:
            connection.execute("VACUUM INTO ?", (str(part),))
        _check(part)
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    return target.stat().st_size


def restore(backup: Path, database_url: str, now: datetime, *, replace: bool) -> Path | None:
    """Replace the database with a backup; return where the previous database is kept, None if there was none.

    The service must not run. Raises `StoreRefused` for a file that is not a valid database, or that a newer version
    wrote, and, without `replace`, if a database exists. The previous one is kept aside, never deleted. At every moment
    one of the two is in place and complete; the new one gets the mode and owner of the old one.
    """
    target = _file(database_url)
    _check(backup)
    lock = FileLock(target)
    lock.acquire()
    try:
        if target.exists() and not replace:
            raise StoreRefused(f"{target} already exists; --replace moves it aside")
        with _failures(f"cannot restore {backup} to {target}"), _part(target) as part:
            with closing(_read_only(backup)) as connection:  # including its WAL
                connection.execute("VACUUM INTO ?", (str(part),))
            _check(part)
            _take_after(target, part)
            _sync(part)
            aside = _keep_aside(target, now)
            part.replace(target)
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
    """Raise `StoreRefused` unless the file is a complete database of a known version."""
    if not path.is_file():
        raise StoreRefused(f"there is no file {path}")
    with _failures(f"{path} is not a valid SQLite database"), closing(_read_only(path)) as connection:
        [result] = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if result != "ok":
        raise StoreRefused(f"{path} is damaged: {result}")
    engine = create_engine("sqlite://", creator=lambda: _read_only(path), poolclass=NullPool)
    try:
        if not knows(engine):
            raise StoreRefused(f"{path} is not a database of this or an older version of mttx-exporter")
    finally:
        engine.dispose()


def _take_after(target: Path, part: Path) -> None:
    """Give the new file the owner and mode of the one it replaces."""
    if target.exists():
        before = target.stat()
        with suppress(PermissionError):  # only root may chown; as the service's own user it is not needed
            os.chown(part, before.st_uid, before.st_gid)
        part.chmod(stat.S_IMODE(before.st_mode))


def _keep_aside(target: Path, now: datetime) -> Path | None:
    """Give the database's files a second name, and remove the first name of all but the database itself.

    The WAL is checkpointed first: SQLite would take one left behind for that of the backup.
    """
    _work_in_the_log(target)
    parts = [part for part in PARTS if target.with_name(target.name + part).exists()]
    if not parts:
        return None
    aside = target.with_name(f"{target.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
    if aside.exists():
        raise StoreRefused(f"{aside} already exists; try again in a second")
    for part in parts:
        _second_name(target.with_name(target.name + part), aside.with_name(aside.name + part))
    _sync(target.parent)
    for part in PARTS[1:]:
        target.with_name(target.name + part).unlink(missing_ok=True)
    return aside


def _work_in_the_log(target: Path) -> None:
    """Checkpoint the WAL into the database file if that is valid; a damaged database is kept as it is."""
    if target.exists():
        with suppress(sqlite3.Error), closing(sqlite3.connect(target)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _second_name(path: Path, name: Path) -> None:
    try:
        os.link(path, name)
    except OSError:  # some file systems have no hard links
        shutil.copy2(path, name)


@contextmanager
def _part(target: Path) -> Iterator[Path]:
    """Yield the name of an unfinished file beside the target; whatever is left of it is removed on exit."""
    part = target.with_name(f".{target.name}.part")
    leftovers = [part.with_name(part.name + end) for end in (*PARTS, "-journal")]
    for path in leftovers:
        path.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        yield part
    finally:
        for path in leftovers:
            path.unlink(missing_ok=True)


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
