"""SIGTERM in the middle of a storm: what was taken in is answered and kept, the process ends, nothing stays behind."""

import time

import pytest

from tests.real.processes import until
from tests.real.storms import assert_kept, notification, storm

pytestmark = pytest.mark.real


def terminated_in_a_storm(exporter):
    with storm(exporter, clients=16) as blown:
        until(lambda: len(blown.answered) > 50, "some answers")
        began = time.monotonic()
        code = exporter.terminate(within=60)
        return blown, code, time.monotonic() - began


def test_it_keeps_what_it_answered_while_it_was_shutting_down(exporter):
    blown, _, _ = terminated_in_a_storm(exporter)
    exporter.start()
    assert_kept(exporter, [blown])


def test_it_ends_well_and_soon_under_load(exporter):
    _, code, seconds = terminated_in_a_storm(exporter)
    assert code == 0, exporter.tail()
    assert seconds < 20  # docker and systemd wait ten, or ninety, and then kill; this machine may be slow


def test_it_leaves_no_process_behind(exporter):
    terminated_in_a_storm(exporter)
    until(lambda: not exporter.pids(), "its last process to end", within=15)


def test_it_answers_nothing_but_success_and_try_again_while_it_shuts_down(exporter):
    blown, _, _ = terminated_in_a_storm(exporter)
    assert {status for status, _ in blown.other} <= {503}, blown.other[:3]


def test_it_starts_again_at_once_on_the_same_database(exporter):
    before = exporter.post("/webhooks/alertmanager", notification("storm-0-0")).expect(200).json()["incidents"][0]["id"]
    exporter.restart()
    assert [incident["id"] for incident in exporter.incidents()] == [before]
