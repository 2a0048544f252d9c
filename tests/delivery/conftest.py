"""A Grafana and a site that delivers to it."""

import pytest

from tests.delivery.site import Site
from tests.grafana.loopback import KINDS, Grafana


@pytest.fixture(params=KINDS)
def grafana(request):
    with Grafana(**KINDS[request.param]) as running:
        yield running


@pytest.fixture
def open_site(tmp_path, grafana):
    """Give a function that opens a site with these keys of the section `grafana`."""
    opened = []

    def open_site(**keys):
        opened.append(Site(tmp_path / "mttx.db", grafana, **keys))
        return opened[-1]

    yield open_site
    for site in opened:
        site.close()


@pytest.fixture
def site(open_site):
    return open_site()
