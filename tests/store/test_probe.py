"""What a shared database must do, asked of real ones, and of one that does not do it for each check."""

import json
import logging
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, event

from service.cli import main
from service.store import Store, StoreRefused
from service.store.copying import copy
from service.store.probe import probe
from tests import pgbouncer
from tests.builders import policy
from tests.postgresql import PostgreSQL, installed


@pytest.fixture(scope="module")
def durable():
    """A PostgreSQL as operators run it: the tests' common one does not sync."""
    if installed() is None:
        pytest.skip("PostgreSQL is not installed here (make servers)")
    server = PostgreSQL(fsync="on").start()
    yield server
    server.remove()


def database(server, *statements):
    """A new database in which the statements were executed; `fake` in them is a schema that comes before all others."""
    url = server.new_database()
    name = url.rpartition("/")[2]
    server._ask(name, "CREATE SCHEMA fake", *statements)
    server._ask(name, f"ALTER DATABASE {name} SET search_path = fake, pg_catalog, public")
    return url


def after(tag, what):
    """Statements for an event trigger: whenever a command with this tag ends in mttx_probe, do something."""
    return (
        f"CREATE FUNCTION fake.meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN {what}; END $$",
        f"CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('{tag}') EXECUTE FUNCTION fake.meddle()",
    )


@contextmanager
def meddling(name, listener):
    """Do something in every connection while the block runs."""
    event.listen(Engine, name, listener, retval=name == "before_cursor_execute")
    try:
        yield
    finally:
        event.remove(Engine, name, listener)


def with_isolation(ours, instead):
    """What makes transactions of our isolation level have another one."""

    def change(connection):
        if connection.get_isolation_level() == ours:
            connection.connection.driver_connection.execute(f"SET TRANSACTION ISOLATION LEVEL {instead}")

    return meddling("begin", change)


def keeping_what_is_rolled_back():
    return meddling("rollback", lambda connection: connection.connection.driver_connection.commit())


def ignoring_lock_timeout():
    def change(_connection, _cursor, statement, parameters, _context, _many):
        return ("SELECT 1" if statement.startswith("SET LOCAL lock_timeout") else statement), parameters

    return meddling("before_cursor_execute", change)


LOCKS_NOTHING = "CREATE FUNCTION fake.pg_advisory_xact_lock(bigint) RETURNS void LANGUAGE sql AS ''"
OTHER_SUM = "CREATE FUNCTION fake.sum(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT $2'"
OTHER_PLUS = "CREATE OPERATOR fake.+ (leftarg = bigint, rightarg = bigint, function = fake.sum)"
STATEMENTS = {
    "turns": [LOCKS_NOTHING],
    "partial index": after("CREATE INDEX", "DROP INDEX IF EXISTS fake.mttx_probe_open"),
    "upsert": [OTHER_SUM, OTHER_PLUS],
    "tables": after("CREATE TABLE", "RAISE 'no tables today'"),
}
MEDDLING = {
    "READ COMMITTED": ("isolation", lambda: with_isolation("READ COMMITTED", "REPEATABLE READ")),
    "REPEATABLE READ": ("isolation", lambda: with_isolation("REPEATABLE READ", "READ COMMITTED")),
    "rolled back": ("migrations", keeping_what_is_rolled_back),
    "lock_timeout": ("turns", ignoring_lock_timeout),
}


def run(*arguments, **environment):
    return CliRunner(env=environment).invoke(main, ["db", "probe", *arguments])


def failed_checks(url):
    return [result.check for result in probe(url) if not result.ok]


def assert_refused(url, check):
    """The probe finds it, and the service does not start there and has written nothing."""
    assert failed_checks(url) == [check]
    with pytest.raises(StoreRefused, match=rf"\({check}: .*db probe"):
        Store.open(url, policy())


def tables(server, url):
    return server._ask(url.rpartition("/")[2], "SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'fake')")


@pytest.mark.parametrize("mode", [None, *pgbouncer.MODES])
def test_it_passes_postgresql_with_and_without_a_pooler(durable, mode):
    if mode is None:
        assert failed_checks(durable.new_database()) == []
        return
    if pgbouncer.installed() is None:
        pytest.skip("PgBouncer is not installed here (make servers)")
    with pgbouncer.behind(durable, mode):
        url = durable.new_database()
        assert failed_checks(url) == []
        assert "pooler" in probe(url)[0].detail


@pytest.mark.parametrize("check", STATEMENTS)
def test_the_service_does_not_start_on_an_engine_that_does_something_else(durable, check):
    url = database(durable, *STATEMENTS[check])
    assert_refused(url, check)
    assert tables(durable, url) == []
    result = run(url, "--output", "json")
    assert result.exit_code == 1
    assert [c["check"] for c in json.loads(result.stdout)["checks"] if not c["ok"]] == [check]


@pytest.mark.parametrize("what", MEDDLING)
def test_the_service_does_not_start_on_an_engine_that_forgets_what_it_was_told(durable, what):
    check, meddle = MEDDLING[what]
    url = durable.new_database()
    with meddle():
        assert_refused(url, check)
    assert tables(durable, url) == []


def test_nothing_is_copied_to_an_engine_that_does_something_else(durable, tmp_path):
    source = f"sqlite:///{tmp_path / 'mttx.db'}"
    Store.open(source, policy()).close()
    url = database(durable, *STATEMENTS["turns"])
    with pytest.raises(StoreRefused, match=r"\(turns: "):
        copy(source, url, lambda *_: None)
    assert tables(durable, url) == []


def test_the_service_does_not_start_where_titles_cannot_be_stored(durable):
    durable._ask("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    assert_refused(durable.url("latin"), "encoding")


def test_the_service_starts_on_a_server_that_does_not_sync_and_warns(postgresql, caplog):
    url = postgresql.new_database()
    assert failed_checks(url) == ["durability"]
    with caplog.at_level(logging.WARNING):
        Store.open(url, policy()).close()
    assert "not durable: fsync is off" in caplog.text


def test_many_may_probe_at_the_same_time_beside_one_that_was_killed(durable):
    url = durable.new_database()
    durable._ask(url.rpartition("/")[2], "CREATE TABLE mttx_probe (id bigint)")
    failures = []
    threads = [threading.Thread(target=lambda: failures.extend(failed_checks(url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, tables(durable, url)) == ([], [])


def test_it_does_not_wait_for_the_turn_of_a_writer(durable):
    url = durable.new_database()
    store = Store.open(url, policy())
    with store.transaction():
        assert failed_checks(url) == []
    store.close()


def test_a_database_that_is_not_there_is_not_called_unfit():
    with pytest.raises(StoreRefused, match="cannot open"):
        Store.open("postgresql+psycopg://mttx@127.0.0.1:1/mttx", policy())


def test_it_leaves_nothing_behind_and_every_check_is_documented(durable):
    url = durable.new_database()
    documented = (Path(__file__).parents[2] / "docs/scaling.md").read_text(encoding="utf-8")
    for result in probe(url)[1:]:
        assert f"\n| {result.check} |" in documented
    assert run(MTTX_DATABASE_URL=url).exit_code == 0
    assert tables(durable, url) == []


@pytest.mark.parametrize("url", ["sqlite:///mttx.db", "postgresql+psycopg://mttx@127.0.0.1:1/mttx", "mysql://x/y"])
def test_it_refuses_what_it_cannot_probe(url):
    assert run(url).exit_code == 1
