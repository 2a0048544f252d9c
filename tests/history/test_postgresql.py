"""PostgreSQL: history is imported and exported beside a running service."""

import pytest

from service.domain.events import EventKind as K
from service.history.recording import record_incidents
from service.store import Store
from service.store.histories import histories_of
from tests.builders import event, policy
from tests.history.importing import NOW, read
from tests.house import House

TEXT = "key,detected_at,resolved_at\n" + "".join(
    f"{n},2026-10-{n:02}T09:00:00Z,2026-10-{n:02}T10:00:00Z\n" for n in range(1, 21)
)


@pytest.fixture
def service(postgresql):
    """A running service's store and recorder."""
    url = postgresql.new_database()
    built = House(url)
    yield built
    built.close()
    postgresql.drop(url)


def test_it_imports_and_exports_beside_a_running_service(service):
    service.open(event(K.DETECTED, 0))
    beside = Store.open(service.url, policy())
    try:
        done = record_incidents(beside, policy(), read(TEXT).incidents, NOW, keep=lambda _: True)
        assert (done.opened, done.unchanged) == (20, 0)
        assert record_incidents(beside, policy(), read(TEXT).incidents, NOW, keep=lambda _: True).unchanged == 20
    finally:
        beside.close()
    assert service.open(event(K.DETECTED, 1)) == 22
    histories = service.store.read(histories_of, range(1, 23), policy())
    assert sorted(histories) == list(range(1, 23))
    assert {e.kind for e in histories[2].events} == {K.DETECTED, K.POSTMORTEM_CHECKED, K.RESOLVED}
