"""The golden sequences (tests/payloads/golden) through the real service: in every order, and with repeats."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from pprint import pformat
from uuid import uuid4

import pytest
import yaml

from service.intake.alerts import AlertParseOptions
from service.intake.lifecycle import EventParseOptions
from tests.declared import SOURCES
from tests.house import House
from tests.web.fakes import World

CORPUS = Path(__file__).parent / "payloads" / "golden"
MOST_REQUESTS = 6
"""Their orders are 720; of one more they are 5,040."""
FIELDS = ["severity", "phase", "resolution_source"]
REPEATS = {
    "doubled": lambda requests: [request for request in requests for _ in range(2)],
    "twice over": lambda requests: requests * 2,
    "reversed, then in order": lambda requests: requests[::-1] + requests,
}


class Clock:
    """A clock that is a second later each time it is read: no two requests are received at the same time."""

    def __init__(self, now):
        self._first = self._now = now

    def restart(self):
        self._now = self._first

    def next(self):
        self._now += timedelta(seconds=1)
        return self._now


@pytest.fixture
def service(tmp_path):
    """Give a function that starts the service for a story; it answers its client."""
    houses = []

    def start(story):
        house = House(tmp_path / "mttx.db")
        houses.append(house)
        reading = AlertParseOptions(by_group_key=True, **story.get("settings", {}))
        clock = Clock(datetime.fromisoformat(story["now"]))
        events = EventParseOptions(zone=UTC, new_id=lambda: uuid4().hex, correlation_label=reading.correlation_label)
        world = World(
            recorder=house.recorder,
            store=house.store,
            alerts=reading,
            events=events,
            clock=clock.next,
            sources=SOURCES,
        )
        return world.client, house, clock.restart

    yield start
    for house in houses:
        house.close()


@pytest.mark.no_cover  # all orders run what tests of the sources and of the recorder cover
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.yaml")), ids=lambda path: path.stem)
def test_it_makes_the_expected_incidents_of_every_story(service, path):
    """In all orders, and with requests that come again."""
    story = yaml.safe_load(path.read_text())
    numbers = range(len(story["requests"]))
    if len(numbers) > MOST_REQUESTS:
        pytest.fail(f"golden/{path.name} has {len(numbers)} requests, more than {MOST_REQUESTS}: make it two stories")
    client, house, restart_clock = service(story)
    fields = [*FIELDS, "title"] if any("title" in incident for incident in story["incidents"]) else FIELDS
    for order in [*permutations(numbers), *(repeat([*numbers]) for repeat in REPEATS.values())]:
        house.empty()
        restart_clock()
        place = f"Requests in the order {[*order]} of golden/{path.name}"
        for number in order:
            request = story["requests"][number]
            answer = client.post(request["path"], json=request["body"])
            text = answer.get_data(as_text=True)
            assert answer.status_code in (200, 202), f"{place}: {number} was answered {answer.status_code}, {text}"
        actual = described(client, fields)
        if actual != expected(story):
            pytest.fail(f"{place} gave\n{pformat(actual)},\nexpected\n{pformat(expected(story))}", pytrace=False)


def described(client, fields):
    """The live incidents by the time of detection, without what is not set."""
    numbers = [incident["id"] for incident in client.get("/api/v1/incidents").get_json()["incidents"]]
    incidents = [client.get(f"/api/v1/incidents/{number}").get_json() for number in numbers]
    incidents.sort(key=lambda incident: incident["milestones"]["detected"])
    return [
        {
            **{key: incident[key] for key in fields},
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
