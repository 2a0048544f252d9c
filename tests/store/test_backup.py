"""A backup is a sound database, made beside the running service; restoring one deletes nothing."""

import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from service.store import Store, StoreRefused
from service.store.backup import back_up, restore
from tests.builders import alert, at, policy
from tests.house import House, listed


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/mttx.db"


@pytest.fixture
def live(url):
    built = House(url)
    yield built
    built.close()


def incidents(url):
    store = Store.open(url, policy())
    try:
        return [line.id for line in listed(store)]
    finally:
        store.close()


def fire(house, name):
    house.send(alert(0, fingerprint=name, group=name))


def test_it_copies_a_database_that_is_written_to(live, tmp_path):
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            fire(live, f"n{number}")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            size = back_up(live.url, tmp_path / f"{number}.db")
            assert size == (tmp_path / f"{number}.db").stat().st_size
    finally:
        stop.set()
        writer.join()
    for number in range(3):
        with sqlite3.connect(tmp_path / f"{number}.db") as copy:
            assert copy.execute("pragma integrity_check").fetchone() == ("ok",)
        copy.close()


def test_a_backup_can_be_restored_and_what_was_there_is_kept(live, tmp_path):
    fire(live, "before")
    back_up(live.url, tmp_path / "backup.db")
    fire(live, "after")
    live.close()
    with pytest.raises(StoreRefused, match="--replace moves it aside"):
        restore(tmp_path / "backup.db", live.url, at(0), replace=False)
    assert incidents(live.url) == [2, 1]
    aside = restore(tmp_path / "backup.db", live.url, at(0), replace=True)
    assert incidents(live.url) == [1]
    assert incidents(f"sqlite:///{aside}") == [2, 1]


def test_what_a_killed_service_left_in_its_log_is_kept_too(live, tmp_path):
    fire(live, "one")
    back_up(live.url, tmp_path / "backup.db")
    fire(live, "two")
    killed = tmp_path / "killed"
    killed.mkdir()
    for part in ("mttx.db", "mttx.db-wal"):
        (killed / part).write_bytes((tmp_path / part).read_bytes())
    aside = restore(tmp_path / "backup.db", f"sqlite:///{killed}/mttx.db", at(0), replace=True)
    assert incidents(f"sqlite:///{killed}/mttx.db") == [1]
    assert incidents(f"sqlite:///{aside}") == [2, 1]


def test_it_restores_where_there_was_nothing(live, tmp_path):
    fire(live, "one")
    back_up(live.url, tmp_path / "backup.db")
    assert restore(tmp_path / "backup.db", f"sqlite:///{tmp_path}/new.db", at(0), replace=False) is None
    assert incidents(f"sqlite:///{tmp_path}/new.db") == [1]


def test_it_restores_beside_the_log_of_a_database_that_is_gone(live, tmp_path):
    """SQLite would take that log for the backup's own. It is moved aside, never deleted."""
    fire(live, "one")
    back_up(live.url, tmp_path / "backup.db")
    for number in range(20):
        fire(live, f"later{number}")
    left = tmp_path / "new.db-wal"
    left.write_bytes((tmp_path / "mttx.db-wal").read_bytes())
    content = left.read_bytes()
    aside = restore(tmp_path / "backup.db", f"sqlite:///{tmp_path}/new.db", at(0), replace=False)
    assert incidents(f"sqlite:///{tmp_path}/new.db") == [1]
    assert aside.with_name(aside.name + "-wal").read_bytes() == content


def test_it_does_not_restore_under_a_running_service(live, tmp_path):
    fire(live, "one")
    back_up(live.url, tmp_path / "backup.db")
    with pytest.raises(StoreRefused, match="another mttx-exporter uses this database"):
        restore(tmp_path / "backup.db", live.url, at(0), replace=True)


def test_it_never_writes_over_a_file(live, tmp_path):
    (tmp_path / "there.db").write_text("precious")
    with pytest.raises(StoreRefused, match="already exists; refusing to overwrite it"):
        back_up(live.url, tmp_path / "there.db")
    assert (tmp_path / "there.db").read_text() == "precious"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "there is no file"),
        (b"", "not a database of this"),
        (b"no database" * 1000, "is not a valid SQLite database"),
    ],
)
def test_it_restores_nothing_that_is_no_database(url, tmp_path, content, complaint):
    if content is not None:
        (tmp_path / "backup.db").write_bytes(content)
    with pytest.raises(StoreRefused, match=complaint):
        restore(tmp_path / "backup.db", url, at(0), replace=False)
    assert not (tmp_path / "mttx.db").exists()


def test_it_restores_no_damaged_backup(live, url, tmp_path):
    for number in range(30):
        fire(live, f"n{number}")
    path = tmp_path / "backup.db"
    back_up(live.url, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = os.urandom(len(content) - len(content) // 2)
    path.write_bytes(content)
    with pytest.raises(StoreRefused, match=r"valid SQLite database|damaged"):
        restore(path, f"sqlite:///{tmp_path}/new.db", at(0), replace=False)
    assert not (tmp_path / "new.db").exists()


def test_a_full_disk_leaves_no_half_backup(live, tmp_path):
    with pytest.raises(StoreRefused, match="cannot back up"):
        back_up(live.url, tmp_path / "nowhere" / "backup.db")
    assert not list(tmp_path.glob("**/.*.part"))


def test_it_is_for_sqlite_only(tmp_path):
    with pytest.raises(StoreRefused, match="pg_dump"):
        back_up("postgresql+psycopg://localhost/mttx", tmp_path / "backup.db")


def test_it_backs_up_nothing_that_is_not_there(url, tmp_path):
    with pytest.raises(StoreRefused, match="there is no database"):
        back_up(url, tmp_path / "backup.db")


def mode(path):
    return path.stat().st_mode & 0o777


def test_a_backup_is_for_its_owner_alone_whatever_the_umask(live, tmp_path):
    before = os.umask(0o022)
    try:
        back_up(live.url, tmp_path / "backup.db")
        restore(tmp_path / "backup.db", f"sqlite:///{tmp_path}/new.db", at(0), replace=False)
    finally:
        os.umask(before)
    assert mode(tmp_path / "backup.db") == mode(tmp_path / "new.db") == 0o600


def test_a_restored_database_keeps_the_mode_of_the_one_before(live, tmp_path):
    back_up(live.url, tmp_path / "backup.db")
    live.close()
    (tmp_path / "mttx.db").chmod(0o640)
    restore(tmp_path / "backup.db", live.url, at(0), replace=True)
    assert mode(tmp_path / "mttx.db") == 0o640


@pytest.mark.parametrize("name", ["a b#c.db", "what?mode=rw.db", "100%.db"])
def test_a_name_may_have_any_signs_and_nothing_else_is_left_behind(live, tmp_path, name):
    fire(live, "one")
    folder = tmp_path / "backups"
    folder.mkdir()
    back_up(live.url, folder / name)
    live.close()
    assert [path.name for path in folder.iterdir()] == [name]
    restore(folder / name, live.url, at(0), replace=True)
    assert [path.name for path in folder.iterdir()] == [name]
    assert incidents(live.url) == [1]


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", range(24))
def test_a_crash_at_any_step_of_a_restore_leaves_one_whole_database(live, tmp_path, monkeypatch, step):
    fire(live, "before")
    back_up(live.url, tmp_path / "backup.db")
    fire(live, "after")
    killed = tmp_path / "killed"
    killed.mkdir()
    for part in ("mttx.db", "mttx.db-wal"):
        (killed / part).write_bytes((tmp_path / part).read_bytes())
    url, calls = f"sqlite:///{killed}/mttx.db", iter(range(100))

    def crashing(real):
        def call(*args, **more):
            if next(calls) == step:
                raise Crash
            return real(*args, **more)

        return call

    with monkeypatch.context() as patch:
        for owner, names in ((os, ("link", "fsync")), (Path, ("replace", "rename", "unlink", "chmod"))):
            for name in names:
                patch.setattr(owner, name, crashing(getattr(owner, name)))
        with suppress(Crash):
            restore(tmp_path / "backup.db", url, at(0), replace=True)
    assert incidents(url) in ([2, 1], [1])


def test_what_the_log_of_a_backup_still_holds_is_restored_too(live, tmp_path):
    fire(live, "one")
    copied = tmp_path / "copied"
    copied.mkdir()
    for part in ("mttx.db", "mttx.db-wal"):
        (copied / part).write_bytes((tmp_path / part).read_bytes())
    restore(copied / "mttx.db", f"sqlite:///{tmp_path}/new.db", at(0), replace=False)
    assert incidents(f"sqlite:///{tmp_path}/new.db") == [1]
