"""The shape of the database: what the migrations make is what the tables say."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from service.domain.events import EventKind
from service.store import StoreRefused, revisions, tables
from service.store.histories import history_of
from service.store.migrate import HEAD
from tests import schema
from tests.builders import alert, event, policy
from tests.house import House
from tests.store.conftest import ENGINES

pytestmark = pytest.mark.usefixtures("databases_as_shipped")


@pytest.fixture
def engine(database_url):
    """An engine beside the store's own."""
    made = create_engine(database_url)
    yield made
    made.dispose()


def test_it_makes_exactly_the_tables_that_the_code_knows(open_store, engine):
    open_store(policy(breakdown=()))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []


@pytest.mark.parametrize("dialect", ENGINES)
def test_the_script_of_the_tests_makes_what_the_migrations_make(request, new_database, dialect):
    def tables(url):
        House(url).close()
        if dialect == "postgresql":
            return request.getfixturevalue("postgresql").dump(url)
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return [*connection.iterdump()]

    migrated = tables(new_database(dialect))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revisions, "upgrade", schema.upgrade)
        tables(new_database(dialect))
        assert tables(new_database(dialect)) == migrated


def test_it_has_one_line_of_migrations_and_its_end_is_the_schema_of_this_version():
    assert ScriptDirectory.from_config(revisions.config()).get_heads() == [HEAD]


def test_it_changes_nothing_in_a_database_that_is_up_to_date(open_store, engine):
    open_store().close()
    with engine.connect() as connection:
        before = connection.execute(text("select * from alembic_version")).all()
    open_store()
    with engine.connect() as connection:
        assert connection.execute(text("select * from alembic_version")).all() == before


def test_it_refuses_a_database_that_a_newer_version_wrote_and_leaves_it(open_store, engine):
    open_store().close()
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(StoreRefused, match=r"newer mttx-exporter wrote this database \(schema 9999\)"):
        open_store()
    with engine.connect() as connection:
        assert connection.scalar(text("select version_num from alembic_version")) == "9999"


def test_it_makes_all_tables_or_none(open_store, engine):
    """`totals` is the last table to be made; somebody else's must not leave ours half made beside it."""
    with engine.begin() as connection:
        connection.execute(text("create table totals (theirs integer)"))
    with pytest.raises(StoreRefused, match="totals"):
        open_store()
    assert inspect(engine).get_table_names() == ["totals"]


def test_it_can_be_taken_down_and_made_again(open_store, engine):
    open_store().close()
    with engine.begin() as connection:
        revisions.command.downgrade(revisions.config(connection), "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    open_store().ping()


def test_it_keeps_the_groups_of_episodes_when_their_table_is_made_anew(database_url, engine):
    house = House(database_url)
    house.send(alert(group="one"), alert(fingerprint="f2", group="one"))
    house.send(alert(group="two"))
    house.close()
    with engine.begin() as connection:
        before = _groups(connection)
        revisions.command.downgrade(revisions.config(connection), "0003")
        assert _groups(connection) == before
    again = House(database_url)
    again.close()
    with engine.connect() as connection:
        assert _groups(connection) == before
        assert len(before) == 3


def test_it_keeps_events_that_were_recorded_before_their_senders_names_were(database_url, engine):
    house = House(database_url)
    house.open(event(EventKind.DETECTED, recorded_by="pager"))
    house.close()
    with engine.begin() as connection:
        revisions.command.downgrade(revisions.config(connection), "0007-1")
    again = House(database_url)
    assert [e.recorded_by for e in again.store.read(history_of, 1, policy()).events] == [None]
    again.tell(1, EventKind.ACKNOWLEDGED, recorded_by="on-call")
    assert [e.recorded_by for e in again.store.read(history_of, 1, policy()).events] == [None, "on-call"]
    again.close()


def _groups(connection):
    query = "select episode_id, source, group_key, ends_at from episode_groups order by 1, 2, 3"
    return connection.execute(text(query)).all()


def test_it_loads_alembic_only_to_change_a_database(tmp_path):
    program = (
        "import sys; from service.app import create_app; create_app().extensions['mttx.shut_down']()\n"
        "print('alembic' in sys.modules)"
    )
    environ = {**os.environ, "MTTX_DATABASE_URL": f"sqlite:///{tmp_path / 'mttx.db'}"}
    loads = [
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, check=True)
        for _ in range(2)
    ]
    assert [load.stdout.strip() for load in loads] == [b"True", b"False"]
