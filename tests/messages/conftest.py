"""A Slack and sites that say things there."""

import pytest

from tests.messages.loopback import Slack
from tests.messages.people import press_site, replicas, serve  # noqa: F401 - fixtures
from tests.messages.site import BOT, GENERIC, INCOMING, Site


@pytest.fixture
def slack():
    with Slack() as running:
        yield running


@pytest.fixture
def open_site(tmp_path, slack):
    """Give a function that opens a site; another one on the same database once the first is closed."""
    opened = []

    def open_site(way=BOT, **keys):
        opened.append(Site(f"sqlite:///{tmp_path / 'mttx.db'}", slack, way, **keys))
        return opened[-1]

    yield open_site
    for site in opened:
        site.close()


@pytest.fixture
def site(open_site):
    return open_site()


@pytest.fixture(params=[BOT, INCOMING, GENERIC])
def any_site(request, open_site):
    return open_site(request.param)
