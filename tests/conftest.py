"""What every test shares: real commands that may be missing on a machine, and which tests run when.

`MTTX_REQUIRE_ALL=1` (CI) turns every skip into a failure, so that nothing is believed tested that was not.
`MTTX_TORTURE=1`, or `-m torture`, adds the long runs.

Coverage makes Python 3.11 four to five times as slow, so it is measured where it can tell something: not where real
servers do the work, and not in properties, whose examples are drawn by chance, so that the gate asks for what somebody
wrote down. A test that computes for long what others cover is marked `no_cover`.
"""

import os
import shutil
from contextlib import ExitStack
from functools import partial

import pytest
from jinja2 import BytecodeCache, Environment

from service.store import engine, revisions
from service.web.pages import renderer
from tests import pgbouncer, schema
from tests.postgresql import PostgreSQL, installed

pytest_plugins = ["tests.faults.report"]
UNMEASURED = ("real", "hypothesis")


@pytest.fixture(scope="session")
def require():
    """Give a function that returns the path of a command, or skips the test: in CI that fails it."""

    def find(command):
        path = shutil.which(command)
        if path is None:
            pytest.skip(f"{command} is not installed here (make servers)")
        return path

    return find


def pytest_addoption(parser):
    parser.addoption("--pooler", choices=pgbouncer.MODES, help="Reach PostgreSQL through PgBouncer in this mode.")


@pytest.fixture(scope="session")
def pooled(request):
    """Give a function that puts a server behind PgBouncer, if `--pooler` asks for it."""
    with ExitStack() as stack:

        def pool(server):
            mode = request.config.getoption("pooler")
            if mode:
                stack.enter_context(pgbouncer.behind(server, mode))
            return server

        yield pool


@pytest.fixture(scope="session", autouse=True)
def quick_databases():
    """Make new databases by a script, and wait for no disk: not in a test that uses `databases_as_shipped`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revisions, "upgrade", schema.upgrade)
        patch.setattr(engine, "_set_up_sqlite", schema.set_up_quickly)
        yield


@pytest.fixture
def databases_as_shipped(monkeypatch):
    """Make and set up databases as those of users are."""
    monkeypatch.setattr(revisions, "upgrade", schema.migrate)
    monkeypatch.setattr(engine, "_set_up_sqlite", schema.set_up_sqlite)


class CompiledPages(BytecodeCache):
    """The templates of the pages, compiled: all services of this process share them."""

    def __init__(self):
        self._code = {}

    def load_bytecode(self, bucket):
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket):
        self._code[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def compiled_pages():
    """Compile each template once: it takes longer than all the rest of a test that shows a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renderer, "Environment", partial(Environment, bytecode_cache=CompiledPages()))
        yield


@pytest.fixture(scope="session")
def postgresql(pooled):
    """Give a PostgreSQL server that all tests share; each makes a database of its own."""
    if installed() is None:
        pytest.skip("PostgreSQL is not installed here (make servers)")
    server = PostgreSQL().start()
    schema.learn(server)
    pooled(server)
    yield server
    server.remove()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Leave the torture out unless it is asked for: deselected, not skipped, so that CI's rule stays simple.

    And begin with what waits for servers: at the end there are small tests, of which each worker takes what is left.
    """
    items.sort(key=lambda item: item.get_closest_marker("real") is None)
    if os.environ.get("MTTX_TORTURE") != "1" and "torture" not in (config.option.markexpr or ""):
        _leave_out("torture", config, items)
    if not (shutil.which("helm") and shutil.which("kustomize")):
        _leave_out("helm", config, items)


def _leave_out(marker, config, items):
    """Deselect the tests with a marker."""
    config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker(marker)])
    items[:] = [item for item in items if not item.get_closest_marker(marker)]


@pytest.fixture(autouse=True)
def umask():
    """Take back what a command run within a test did to the files of all later ones."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Measure nothing in the tests of UNMEASURED, their fixtures included."""
    measuring = item.config.pluginmanager.getplugin("_cov")
    if measuring is None or measuring.cov_controller is None or not any(map(item.get_closest_marker, UNMEASURED)):
        return (yield)
    measuring.cov_controller.cov.stop()
    try:
        return (yield)
    finally:
        measuring.cov_controller.cov.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return _failed_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return _failed_if_skipped((yield))


def _failed_if_skipped(report):
    if os.environ.get("MTTX_REQUIRE_ALL") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason}; MTTX_REQUIRE_ALL=1 allows no skipped test"
    return report
