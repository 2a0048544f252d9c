"""Imported incidents on the pages and in the API: as any other."""

import pytest

from service.history.recording import record_incidents
from tests.history.importing import NOW, read
from tests.history.test_rows import WHOLE
from tests.house import House
from tests.web.fakes import World

PATHS = ("/", "/incidents", "/postmortems", "/incidents/INC-1", "/incidents/INC-2", "/api/v1/incidents/INC-1/timeline")


@pytest.fixture
def client(tmp_path):
    house = House(tmp_path / "mttx.db")
    parsed = read("\n".join((*WHOLE, "old,Search is slow,SEV-2,,,,,2026-10-02T09:00:00Z,,,,,")))
    record_incidents(house.store, house.policy, parsed.incidents, NOW, keep=lambda _: True)
    yield World(recorder=house.recorder, store=house.store, clock=lambda: NOW).client
    house.close()


@pytest.mark.parametrize("path", PATHS)
def test_they_are_shown(client, path):
    assert client.get(path).status_code == 200


def test_what_owes_no_postmortem_says_so(client):
    body = client.get("/api/v1/incidents/INC-2").get_json()
    assert (body["title"], body["resolution_source"], body["deadlines"]) == ("Search is slow", "stale", [])
    assert body["milestones"]["resolved"] == "2026-10-03T09:00:00Z"
    assert client.get("/api/v1/postmortems").get_json()["postmortems"] == []
