"""Write locks: one process per SQLite file, one transaction at a time in PostgreSQL; leftover logs are refused."""

import fcntl
import os
from pathlib import Path
from typing import Protocol

from service.store.engine import StoreRefused


class Lock(Protocol):
    """Held for as long as a store is open."""

    def release(self) -> None:
        """Release the lock."""


class NoLock:
    """For a database that several processes share; its transactions queue (`engine.py`)."""

    def release(self) -> None:
        """Do nothing."""


def refuse_remains(database: Path) -> None:
    """Raise `StoreRefused` if a database is missing but its log exists: SQLite would discard that and start empty."""
    log = database.with_name(database.name + "-wal")
    if _size(log) and not _size(database):
        msg = (
            f"{database} is missing or empty, but {log.name} beside it contains the last writes; put the database "
            "back, restore a backup (`mttx db restore`), or move that file away to start with an empty database"
        )
        raise StoreRefused(msg)


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


class FileLock:
    """Holds `<database>.lock` for this process; the kernel releases it when the process ends, however it ends."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock without waiting; raises `StoreRefused` if another process has it or the folder is missing."""
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            msg = f"cannot open {self._path}: {error.strerror}; the folder of database_url must exist and be writable"
            raise StoreRefused(msg) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            msg = (
                f"another mttx-exporter uses this database ({self._path} is locked); stop it, or give this one its own"
            )
            raise StoreRefused(msg) from error

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
