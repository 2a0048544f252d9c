"""The golden sequences (tests/payloads/golden) through the real service: in every order, and with repeats."""

from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from service.intake.alerts import AlertParseOptions
from service.intake.lifecycle import EventParseOptions
from tests.house import House
from tests.web.fakes import World

CORPUS = Path(__file__).parent / "payloads" / "golden"
REPEATS = {
    "doubled": lambda requests: [request for request in requests for _ in range(2)],
    "twice over": lambda requests: requests * 2,
    "reversed, then in order": lambda requests: requests[::-1] + requests,
}


@pytest.fixture
def service(tmp_path):
    """Give a function that starts the service for a story; it answers its client."""
    houses = []

    def start(story):
        house = House(tmp_path / "mttx.db")
        houses.append(house)
        reading = AlertParseOptions(by_group_key=True, **story.get("settings", {}))
        now = datetime.fromisoformat(story["now"])
        events = EventParseOptions(zone=UTC, new_id=lambda: uuid4().hex, correlation_label=reading.correlation_label)
        world = World(
            recorder=house.recorder,
            store=house.store,
            alerts=reading,
            events=events,
            clock=lambda: now,
        )
        return world.client, house

    yield start
    for house in houses:
        house.close()


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.yaml")), ids=lambda path: path.stem)
def test_it_makes_the_expected_incidents_of_every_story(service, path):
    """In all orders, and with requests that come again."""
    story = yaml.safe_load(path.read_text())
    client, house = service(story)
    orders = [*permutations(story["requests"]), *(repeat(story["requests"]) for repeat in REPEATS.values())]
    for order in orders:
        house.empty()
        for request in order:
            answer = client.post(request["path"], json=request["body"])
            assert answer.status_code in (200, 202), answer.get_data(as_text=True)
        assert described(client) == expected(story), [story["requests"].index(request) for request in order]


def described(client):
    """The live incidents by the time of detection, without what is not set."""
    numbers = [incident["id"] for incident in client.get("/api/v1/incidents").get_json()["incidents"]]
    incidents = [client.get(f"/api/v1/incidents/{number}").get_json() for number in numbers]
    incidents.sort(key=lambda incident: incident["milestones"]["detected"])
    return [
        {
            **{key: incident[key] for key in ("severity", "phase", "resolution_source")},
            "milestones": {name: instant(at) for name, at in incident["milestones"].items() if at},
            "indicators": {name: seconds for name, seconds in incident["indicators"].items() if seconds is not None},
        }
        for incident in incidents
    ]


def expected(story):
    return [
        {**expected, "milestones": {name: instant(at) for name, at in expected["milestones"].items()}}
        for expected in story["incidents"]
    ]


def instant(text):
    return datetime.fromisoformat(text)
