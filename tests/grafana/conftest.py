"""A Grafana and connections to it."""

import pytest

from service.clients.grafana import Connection
from tests.grafana.loopback import KINDS, TOKEN, Grafana


@pytest.fixture(params=KINDS)
def grafana(request):
    with Grafana(**KINDS[request.param]) as running:
        yield running


@pytest.fixture
def connect():
    """Give a function that returns a connection to an address."""
    made = []

    def connect(url, token=TOKEN, **keys):
        made.append(Connection(url, lambda: token, **{"timeout": 1.0, **keys}))
        return made[-1]

    yield connect
    for connection in made:
        connection.close()
