"""The engines the store runs on: every test of its contract runs on each of them."""

import pytest

from service.domain.events import EventKind
from service.recorder.commands import AppendEvent, OpenIncident
from service.store import Store
from tests.builders import event, policy
from tests.house import House

ENGINES = ("sqlite", "postgresql")


@pytest.fixture
def new_database(request, tmp_path_factory):
    """Give a function that makes an empty database of an engine and answers its URL."""
    made = []

    def new_database(engine):
        if engine == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('database') / 'mttx.db'}"
        made.append(request.getfixturevalue("postgresql").new_database())
        return made[-1]

    yield new_database
    for url in made:
        request.getfixturevalue("postgresql").drop(url)


@pytest.fixture(params=ENGINES)
def database_url(request, new_database):
    """The URL of a new, empty database."""
    return new_database(request.param)


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


@pytest.fixture
def opened(house):
    """Give a function that opens an incident, appends events, and returns its id."""

    def opened(title="Latency", minutes=0, *after, **fields):
        detected = event(EventKind.DETECTED, minutes, title=title, **fields)
        number = house.recorder.submit(OpenIncident((detected,)))[0].incident_id
        for row in after:
            house.recorder.submit(AppendEvent(number, row))
        return number

    return opened
