"""Sites to do faults to, and the rows that tests add to the table of them."""

from contextlib import ExitStack

import pytest

from tests.faults.report import attach
from tests.faults.site import Postgres, Site, replicas
from tests.grafana.loopback import Grafana
from tests.postgresql import installed
from tests.real.conftest import start  # noqa: F401 - a fixture
from tests.real.servers import Exporter


@pytest.fixture
def add(request):
    """Give a function that adds a row to the table of faults."""
    return lambda row: attach(request.node, row)


@pytest.fixture
def on_sqlite(tmp_path, start, add):  # noqa: F811
    """Give a function that starts an exporter on a SQLite file; `under` is a command that runs it."""

    def begin(config=None, under=(), database=None):
        url = f"sqlite:///{database}" if database else None
        return Site("SQLite", [start(Exporter(tmp_path / "mttx", config, under, url))], add)

    return begin


@pytest.fixture
def on_postgresql(tmp_path, add):
    """Give a function that starts three replicas on a PostgreSQL; `under` are commands that run them."""
    if installed() is None:
        pytest.skip("PostgreSQL is not installed here (make servers)")
    with ExitStack() as stack:

        def begin(config=None, under=((), (), ()), server=None):
            server = server or Postgres()
            stack.callback(server.remove)
            server.start()
            made = replicas(tmp_path, server.new_database(), config, under)
            for replica in made:
                stack.callback(replica.stop)
            for replica in made:
                replica.wait_until_ready()
            return Site("PostgreSQL, 3 replicas", made, add, server)

        yield begin


@pytest.fixture
def on(request, on_sqlite):
    """Give the function for the engine that a test is parametrized with: `sqlite` or `postgresql`.

    `under` is a command that runs each exporter.
    """

    def begin(engine, config=None, under=()):
        if engine == "sqlite":
            return on_sqlite(config, under)
        return request.getfixturevalue("on_postgresql")(config, [under] * 3)

    return begin


@pytest.fixture
def grafana():
    with Grafana() as running:
        yield running
