"""Fixtures that start servers and stop them whatever happens; a test that fails shows the logs of those that run."""

from contextlib import ExitStack, contextmanager

import pytest

from tests.real.servers import Exporter

_running = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    if report.failed:
        report.sections += [(f"log of {server.name}", server.tail()) for server in _running]
    return report


@contextmanager
def _starter():
    with ExitStack() as stack:

        def start(server):
            _running.append(server)
            stack.callback(_running.remove, server)
            stack.callback(server.stop)
            return server.start()

        yield start


@pytest.fixture
def start():
    """Give a function that starts a server; all of them are stopped in the end, the last one first."""
    with _starter() as start:
        yield start


@pytest.fixture(scope="module")
def start_for_module():
    """Give the same, for servers that all tests of a module look at."""
    with _starter() as start:
        yield start


@pytest.fixture
def new_exporter(tmp_path):
    """Give a function that makes exporters, not yet started."""
    return lambda config=None, **options: Exporter(tmp_path / "mttx", config, **options)


@pytest.fixture
def exporter(start, new_exporter):
    """Give a running exporter with an empty database."""
    return start(new_exporter())


@pytest.fixture(scope="session")
def alertmanager_needed(require):
    require("prometheus-alertmanager")


@pytest.fixture(scope="session")
def prometheus_needed(require):
    require("prometheus")
