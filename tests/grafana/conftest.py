"""A Grafana and connections to it."""

import pytest

from service.clients.grafana import Access, Connection
from tests.grafana.loopback import TOKEN, Grafana


@pytest.fixture
def grafana():
    with Grafana() as running:
        yield running


@pytest.fixture
def connect():
    """Give a function that returns a connection to an address."""
    made = []

    def connect(url, token=TOKEN, **keys):
        made.append(Connection(Access(url, lambda: token, **{"timeout": 1.0, **keys})))
        return made[-1]

    yield connect
    for connection in made:
        connection.close()
