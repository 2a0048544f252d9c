"""The engines the store runs on: every test of its contract runs on each of them.

A further engine is one more entry of `ENGINES`, with a database URL of its own for every test.
"""

import pytest

from service.store import Store
from tests.builders import policy
from tests.house import House


def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path / 'mttx.db'}"


ENGINES = {"sqlite": sqlite_url}


@pytest.fixture(params=ENGINES)
def database_url(request, tmp_path):
    """The URL of a new, empty database."""
    return ENGINES[request.param](tmp_path)


@pytest.fixture
def open_store(database_url):
    """Give a function that opens the store; what is left open is closed behind the test."""
    opened = []

    def open_store(rules=None):
        store = Store.open(database_url, rules or policy())
        opened.append(store)
        return store

    yield open_store
    for store in reversed(opened):
        store.close()


@pytest.fixture
def store(open_store):
    return open_store()


@pytest.fixture
def house(database_url):
    """A store with a recorder before it."""
    built = House(database_url)
    yield built
    built.close()
