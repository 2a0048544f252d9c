"""What a shared database must do, asked of real ones, and of one whose lock locks nothing."""

import json

import pytest
from click.testing import CliRunner

from service.cli import main
from service.store import Store, StoreRefused
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


@pytest.fixture
def lock_that_locks_nothing(durable):
    """The address of a database whose advisory lock is a function that returns at once."""
    url = durable.new_database()
    name = url.rpartition("/")[2]
    durable._ask(
        name,
        "CREATE SCHEMA fake",
        "CREATE FUNCTION fake.pg_advisory_xact_lock(bigint) RETURNS void LANGUAGE sql AS ''",
        f"ALTER DATABASE {name} SET search_path = fake, pg_catalog, public",
    )
    return url


def run(*arguments, **environment):
    return CliRunner(env=environment).invoke(main, ["db", "probe", *arguments])


def failed_checks(url):
    return [result.check for result in probe(url) if not result.ok]


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


def test_it_finds_a_lock_that_locks_nothing_and_the_service_does_not_start_there(lock_that_locks_nothing):
    assert failed_checks(lock_that_locks_nothing) == ["turns"]
    with pytest.raises(StoreRefused, match="db probe"):
        Store.open(lock_that_locks_nothing, policy())
    result = run(lock_that_locks_nothing, "--output", "json")
    assert result.exit_code == 1
    assert [c["check"] for c in json.loads(result.stdout)["checks"] if not c["ok"]] == ["turns"]


def test_it_finds_a_server_that_does_not_sync(postgresql):
    assert failed_checks(postgresql.new_database()) == ["durability"]


def test_it_leaves_nothing_behind(durable):
    url = durable.new_database()
    assert run(MTTX_DATABASE_URL=url).exit_code == 0
    assert durable._ask(url.rpartition("/")[2], "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.parametrize("url", ["sqlite:///mttx.db", "postgresql+psycopg://mttx@127.0.0.1:1/mttx", "mysql://x/y"])
def test_it_refuses_what_it_cannot_probe(url):
    assert run(url).exit_code == 1
