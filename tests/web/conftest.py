import pytest

from tests.web.fakes import World


@pytest.fixture
def world():
    return World()
