"""What is kept from one scrape to the next: it saves work, and is never seen."""

import random
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.domain.events import EventKind as K
from service.domain.policy import Severity
from service.metrics import exposition
from service.metrics.collectors import IncidentCollector
from service.metrics.exposition import Exposition
from service.metrics.kept import Kept
from service.metrics.measurements import Measuring
from service.recorder.commands import Refused, Settle
from tests.builders import alert, at, event
from tests.metrics.world import OBJECTIVES, OPENMETRICS, WINDOWS, World

DAY = 24 * 60
MILESTONES = (K.ACKNOWLEDGED, K.MITIGATED, K.RESOLVED, K.POSTMORTEM_DRAFTED, K.POSTMORTEM_FINALIZED)


def test_the_same_object_is_returned_while_its_source_is_equal():
    kept, made = Kept(), []

    def make(key, source):
        made.append(key)
        return object()

    first = kept.all_of([("a", [1]), ("b", [2])], make)
    second = kept.all_of([("b", [2]), ("a", [3])], make)
    assert second["b"] is first["b"]
    assert second["a"] is not first["a"]
    assert made == ["a", "b", "a"]


def test_what_was_not_asked_for_is_forgotten():
    kept, made = Kept(), []
    for sources in ([("a", 1)], [], [("a", 1)]):
        kept.all_of(sources, lambda key, source: made.append(key))
    assert made == ["a", "a"]


def step(world, dice):
    """Something that happens to a random incident, or a new one."""
    now = world.minutes
    labels = {"team": dice.choice(["payments", "search", "web"]), "service": f"s{dice.randrange(4)}"}
    fired = {"fingerprint": f"f{dice.randrange(6)}", "group": f"g{dice.randrange(6)}", "labels": labels}
    incidents = [row[0] for row in world.rows("SELECT id FROM incidents WHERE merged_into IS NULL")]
    kind = dice.choice(["fires", "ends", "opens", "told", "told"])
    if kind in ("fires", "ends") or not incidents:
        ended = now if kind == "ends" else None
        severity = dice.choice(list(Severity))
        world.send(alert(now - dice.uniform(1, 90), ended, severity=severity, onset=now - 95, **fired), received=now)
    elif kind == "opens":
        world.open(event(K.DETECTED, now - dice.uniform(0, 60), labels=labels), event(K.STARTED, now - 70))
    else:
        told = dice.choice([*MILESTONES, K.ACTION_OPENED, K.ACTION_COMPLETED, K.REOPENED, K.DISMISSED])
        data = {"action_id": "a", "due_at": at(now + 3 * DAY).isoformat()} if "action" in told else {}
        with suppress(Refused):  # such as an action that is completed and was never opened
            world.tell(dice.choice(incidents), told, now, data=data)


@pytest.mark.no_cover
@pytest.mark.parametrize(("seed", "accept"), [(1, "text/plain"), (2, OPENMETRICS)])
def test_a_scrape_shows_what_one_that_remembers_nothing_would(tmp_path, seed, accept):
    dice = random.Random(seed)
    world = World(tmp_path / "mttx.db", cap=dice.choice([4, 100]))

    def scrape(incidents):
        return Exposition([incidents], CollectorRegistry(), world.store.version, lambda: at(world.minutes))

    remembering = scrape(world.incidents)
    for _ in range(30):
        step(world, dice)
        world.minutes += dice.choice([0, 1, 60, DAY, 10 * DAY])
        measuring = Measuring(world.store, world.policy, WINDOWS, world.cap, lambda: 0)
        fresh = scrape(IncidentCollector(measuring, world.policy, lambda: at(world.minutes), OBJECTIVES))
        assert remembering(accept, None)[0] == fresh(accept, None)[0]
    world.close()


def test_only_what_changed_is_encoded_again(busy, monkeypatch):
    encoded = []

    def encode(collected):
        encoded.extend(sample for family in collected.collect() for sample in family.samples)
        return generate_latest(collected)

    monkeypatch.setattr(exposition, "choose_encoder", lambda accept: (encode, "text/plain"))
    busy.submit(Settle(at(599)))
    busy.text()
    encoded.clear()
    number = busy.open(event(K.DETECTED, 599))
    busy.text()
    assert {sample.labels["incident"] for sample in encoded if "incident" in sample.labels} == {f"INC-{number}"}
    assert {sample.name for sample in encoded} >= {
        "mttx_incident_info",
        "mttx_incidents_open",
        "mttx_breakdown_incidents",
    }
    assert not [sample for sample in encoded if "time_to" in sample.name or "mttx_indicator" in sample.name]
