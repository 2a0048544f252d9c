"""What every test shares: real commands that may be missing on a machine, and which tests run when.

`MTTX_REQUIRE_ALL=1` (CI) turns every skip into a failure, so that nothing is believed tested that was not.
`MTTX_TORTURE=1`, or `-m torture`, adds the long runs.
"""

import os
import shutil

import pytest

from tests.postgresql import PostgreSQL, installed

pytest_plugins = ["tests.faults.report"]


@pytest.fixture(scope="session")
def require():
    """Give a function that returns the path of a command, or skips the test: in CI that fails it."""

    def find(command):
        path = shutil.which(command)
        if path is None:
            pytest.skip(f"{command} is not installed here (make servers)")
        return path

    return find


@pytest.fixture(scope="session")
def postgresql():
    """Give a PostgreSQL server that all tests share; each makes a database of its own."""
    if installed() is None:
        pytest.skip("PostgreSQL is not installed here (make servers)")
    server = PostgreSQL().start()
    yield server
    server.remove()


def pytest_collection_modifyitems(config, items):
    """Leave the torture out unless it is asked for: deselected, not skipped, so that CI's rule stays simple."""
    if os.environ.get("MTTX_TORTURE") == "1" or "torture" in (config.option.markexpr or ""):
        return
    torture = [item for item in items if item.get_closest_marker("torture")]
    if torture:
        config.hook.pytest_deselected(items=torture)
        items[:] = [item for item in items if not item.get_closest_marker("torture")]


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
