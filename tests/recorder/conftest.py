import pytest

from tests.house import House
from tests.store.conftest import database_url, new_database

__all__ = ["database_url", "house", "new_database"]


@pytest.fixture
def house(tmp_path):
    """A store and its recorder."""
    built = House(tmp_path / "mttx.db")
    yield built
    built.close()
