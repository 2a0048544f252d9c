"""SQLite's own: one file, one process, and what a 2xx answer needs of its settings."""

import sqlite3
import subprocess
import sys

import pytest

from service.store import Store, StoreRefused, StoreUnavailable, engine
from service.store.histories import history_of
from tests.builders import alert, policy
from tests.house import House


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mttx.db"


def opened(path):
    return Store.open(f"sqlite:///{path}", policy())


@pytest.fixture
def impatient(monkeypatch):
    """Wait for SQLite's lock no longer than a test may."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 50)


def test_it_refuses_to_open_a_file_twice(path):
    store = opened(path)
    with pytest.raises(StoreRefused, match="another mttx-exporter uses this database"):
        opened(path)
    store.ping()
    store.close()


def test_it_opens_again_after_closing(path):
    opened(path).close()
    opened(path).close()


def test_it_refuses_a_second_process(path):
    script = (
        "import sys\nfrom service.store import Store, StoreRefused\nfrom tests.builders import policy\n"
        "try:\n    Store.open(sys.argv[1], policy())\nexcept StoreRefused as error:\n    print(error)\n"
    )
    store = opened(path)
    second = [sys.executable, "-c", script, f"sqlite:///{path}"]
    output = subprocess.run(second, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "another mttx-exporter uses this database" in output
    assert "stop it, or give this one its own" in output
    store.close()


def test_it_lets_go_of_the_lock_when_it_refuses(path):
    path.write_bytes(b"no database at all, only some words\n" * 40)
    with pytest.raises(StoreRefused):
        opened(path)
    path.unlink()
    opened(path).close()


@pytest.mark.parametrize(
    "bytes_",
    [b"no database at all, only some words\n" * 40, b"SQLite format 3\0" + b"\xff" * 4096],
    ids=["text", "broken header"],
)
def test_it_refuses_a_file_that_is_no_database_and_leaves_every_byte(path, bytes_):
    path.write_bytes(bytes_)
    with pytest.raises(StoreRefused, match="cannot open"):
        opened(path)
    assert path.read_bytes() == bytes_


def test_it_takes_an_empty_file_for_a_new_database(path):
    path.touch()
    opened(path).close()


def test_it_names_a_missing_folder(tmp_path):
    with pytest.raises(StoreRefused, match="the folder of database_url must exist and be writable"):
        opened(tmp_path / "nowhere" / "mttx.db")


def test_it_refuses_a_folder(tmp_path):
    with pytest.raises(StoreRefused, match="cannot open"):
        opened(tmp_path)


@pytest.mark.parametrize(
    "url",
    ["mttx.db", "", "postgresql://localhost", "sqlite://", "sqlite:///:memory:", "mysql:///x", "nonsense:///x"],
)
def test_it_refuses_what_is_no_sqlite_file(url):
    with pytest.raises(StoreRefused, match="sqlite:///mttx"):
        Store.open(url, policy())


def test_it_keeps_words_of_the_url_that_may_be_secret_to_itself():
    with pytest.raises(StoreRefused) as refused:
        Store.open("postgresql://mttx:geheim@localhost/mttx", policy())
    assert "geheim" not in str(refused.value)


@pytest.mark.usefixtures("databases_as_shipped")
def test_it_sets_up_every_connection_for_durability(path):
    store = opened(path)
    connections = [store._engine.connect() for _ in range(3)]
    for connection in connections:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        assert pragmas == ["wal", 2]  # 2 is FULL
        connection.close()
    store.close()


def test_it_is_unavailable_while_somebody_else_writes(path, impatient):
    house = House(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        house.send(alert(0))
    other.execute("ROLLBACK")
    other.close()
    assert house.rows("select count(*) from incidents") == [(0,)]
    assert house.send(alert(0)) == [1]
    house.close()


def test_it_answers_readers_while_somebody_else_writes(path, impatient):
    house = House(path)
    house.send(alert(0))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    house.store.ping()
    assert house.get(1).incident.id == 1
    other.close()
    house.close()


def test_it_is_unavailable_when_the_file_is_damaged(path):
    house = House(path)
    house.send(*(alert(0, fingerprint=str(n), group=str(n)) for n in range(200)))
    house.close()
    whole = path.read_bytes()
    kept = len(whole) * 3 // 4
    path.write_bytes(whole[:kept] + b"\xff" * (len(whole) - kept))
    store = opened(path)
    with pytest.raises(StoreUnavailable, match="the store did not answer"):
        [store.read(history_of, incident_id, policy()) for incident_id in range(1, 200)]
    store.close()


@pytest.mark.parametrize("left", [None, b""], ids=["missing", "empty"])
def test_it_refuses_a_log_whose_database_is_gone_and_leaves_every_byte(path, left):
    """SQLite would throw the log away and begin anew."""
    log = path.with_name("mttx.db-wal")
    log.write_bytes(kept_log(path))
    path.unlink(missing_ok=True)
    if left is not None:
        path.write_bytes(left)
    before = log.read_bytes()
    with pytest.raises(StoreRefused, match=r"is missing or empty, but mttx\.db-wal beside it"):
        opened(path)
    assert log.read_bytes() == before
    assert path.exists() == (left is not None)
    log.unlink()
    opened(path).close()


def kept_log(path):
    """Return the log of a database that is in use."""
    house = House(path)
    house.send(alert(0))
    log = path.with_name("mttx.db-wal").read_bytes()
    house.close()
    return log


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_it_refuses_a_file_that_was_cut_off_and_leaves_every_byte(path, share):
    house = House(path)
    house.send(*(alert(0, fingerprint=str(n), group=str(n)) for n in range(200)))
    house.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share) // 4096 * 4096])
    before = path.read_bytes()
    with pytest.raises(StoreRefused, match="malformed"):
        opened(path)
    assert path.read_bytes() == before
