"""A 2xx is a promise that outlives `kill -9`: killed in the middle of a storm, again and again, nothing is lost."""

import random
import time

import pytest

from tests.real.processes import until
from tests.real.storms import assert_kept, storm

pytestmark = pytest.mark.real


def killed_in_a_storm(exporter):
    """Kill every process of the exporter at a random moment of a storm and start it again."""
    with storm(exporter) as blown:
        until(lambda: blown.answered, "the first answer of the storm", every=0.005)
        time.sleep(random.uniform(0.02, 0.35))
        exporter.kill()
    exporter.start()
    return blown


def sent_again(exporter, blown):
    """Send what was cut off once more, and some of what was answered, as Alertmanager does after an error."""
    answered = list(blown.answered)
    for token in blown.in_flight + random.sample(answered, min(3, len(answered))):
        answer = exporter.post("/webhooks/alertmanager", blown.bodies[token]).expect(200).json()
        (incident,) = answer["incidents"]
        assert blown.answered.setdefault(token, incident["id"]) in (None, incident["id"])


def assert_it_survives(exporter, kills):
    blown = []
    for _ in range(kills):
        blown.append(killed_in_a_storm(exporter))
        assert_kept(exporter, blown)
        sent_again(exporter, blown[-1])
    assert_kept(exporter, blown)
    assert sum(len(each.in_flight) for each in blown) >= kills / 2, "the kills hit no request: this proved nothing"


def test_it_keeps_every_answered_webhook_over_eight_kills(exporter):
    assert_it_survives(exporter, kills=8)


@pytest.mark.torture
@pytest.mark.parametrize("part", range(20))
def test_it_keeps_every_answered_webhook_over_five_hundred_kills(exporter, part):
    assert_it_survives(exporter, kills=25)


def test_it_starts_again_after_only_its_main_process_was_killed(exporter):
    with storm(exporter) as blown:
        until(lambda: len(blown.answered) > 10, "some answers")
        left = exporter.pids()
        exporter.kill_parent()
        until(lambda: not exporter.pids(), f"the end of all of {left}, whose main process was killed", within=30)
    exporter.launch()  # same port, same database, same lock
    exporter.wait_until_ready(within=30)
    assert_kept(exporter, [blown])
