"""Sites to do faults to, and the rows that tests add to the table of them."""

from contextlib import ExitStack, contextmanager

import pytest

from tests.faults.report import attach
from tests.faults.site import NOWHERE, Postgres, Site, replicas
from tests.grafana.loopback import KINDS, Grafana
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


@contextmanager
def three_replicas(folder, config=None, under=((), (), ()), server=None):
    """Give three replicas, and the PostgreSQL that they share."""
    server = server or Postgres()
    with ExitStack() as stack:
        stack.callback(server.remove)
        server.start()
        made = replicas(folder, server.new_database(), config, under)
        for replica in made:
            stack.callback(replica.stop)
        for replica in made:
            replica.wait_until_ready()
        yield server, made


@pytest.fixture(scope="session")
def common_replicas(tmp_path_factory):
    """Give three replicas of which a few clients are too many: the short runs share them."""
    narrow = {"threads": 8, "limits": {"queue": 4}, "grafana": NOWHERE}
    with three_replicas(tmp_path_factory.mktemp("common"), narrow) as common:
        yield common


@pytest.fixture
def on_postgresql(tmp_path, add, request):
    """Give a function that starts three replicas on a PostgreSQL; `under` are commands that run them.

    `common`: those that several tests share, all of whom leave them as they were.
    """
    if installed() is None:
        pytest.skip("PostgreSQL is not installed here (make servers)")
    with ExitStack() as stack:

        def begin(*args, common=False, **options):
            if common:
                server, made = request.getfixturevalue("common_replicas")
                for replica in made:
                    replica.wait_until_ready()
            else:
                server, made = stack.enter_context(three_replicas(tmp_path, *args, **options))
            return Site("PostgreSQL, 3 replicas", made, add, server)

        yield begin


@pytest.fixture
def on(request, on_sqlite):
    """Give the function for the engine that a test is parametrized with: `sqlite` or `postgresql`.

    `under` is a command that runs each exporter; `common` as of `on_postgresql`.
    """

    def begin(engine, config=None, under=(), common=False):
        if engine == "sqlite":
            return on_sqlite(config, under)
        return request.getfixturevalue("on_postgresql")(config, [under] * 3, common=common)

    return begin


@pytest.fixture
def grafana(request):
    """Give a Grafana; a test may ask for one of `KINDS`."""
    with Grafana(**KINDS[getattr(request, "param", "10.1")]) as running:
        yield running
