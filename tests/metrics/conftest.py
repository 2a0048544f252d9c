"""Everything that a scrape shows, on a store of its own and a clock that the test sets."""

import pytest

from tests.metrics.world import World


@pytest.fixture
def world(tmp_path):
    built = World(tmp_path / "mttx.db")
    yield built
    built.close()


@pytest.fixture
def busy(world):
    """A store in which every metric has something to say."""
    world.live_a_day()
    return world
