"""SIGTERM in the middle of a storm: what was taken in is answered and kept, the process ends, nothing stays behind."""

import time

import pytest

from tests.real.processes import until
from tests.real.storms import assert_kept, notification, storm

pytestmark = pytest.mark.real


def test_it_keeps_what_it_answered_and_ends_well_soon_and_whole(exporter):
    with storm(exporter, clients=16) as blown:
        until(lambda: len(blown.answered) > 50, "some answers")
        began = time.monotonic()
        code = exporter.terminate(within=60)
        seconds = time.monotonic() - began
    assert code == 0, exporter.tail()
    assert seconds < 20  # docker and systemd wait ten, or ninety, and then kill; this machine may be slow
    assert {status for status, _ in blown.other} <= {503}, blown.other[:3]
    until(lambda: not exporter.pids(), "its last process to end", within=15)
    exporter.start()
    assert_kept(exporter, [blown])


def test_it_starts_again_at_once_on_the_same_database(exporter):
    before = exporter.post("/webhooks/alertmanager", notification("storm-0-0")).expect(200).json()["incidents"][0]["id"]
    exporter.restart()
    assert [incident["id"] for incident in exporter.incidents()] == [before]
