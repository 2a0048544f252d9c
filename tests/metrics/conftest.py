"""Everything that a scrape shows, on a store of its own and a clock that the test sets."""

from datetime import timedelta

import pytest

from service.domain.policy import Indicator, Severity, Statistic, Target
from service.metrics import measurements
from tests.builders import policy
from tests.metrics.world import World

OF_A_SEVERITY = Target(Indicator.ACKNOWLEDGE, Statistic.P50, timedelta(minutes=10), Severity.SEV_1)
"""A target for a quantile of one severity; the standard has none."""


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Statistics are computed for every scrape, however slow the machine is."""
    monkeypatch.setattr(measurements, "CHEAP_SECONDS", 60)


@pytest.fixture
def world(tmp_path):
    built = World(tmp_path / "mttx.db", policy(targets=(*policy().targets, OF_A_SEVERITY)))
    yield built
    built.close()


@pytest.fixture
def busy(world):
    """A store in which every metric has something to say."""
    world.live_a_day()
    return world
