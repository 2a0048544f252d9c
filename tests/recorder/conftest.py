import pytest

from tests.house import House


@pytest.fixture
def house(tmp_path):
    """A store and its recorder."""
    built = House(tmp_path / "mttx.db")
    yield built
    built.close()
