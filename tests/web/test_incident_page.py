"""The page of one incident."""

from datetime import timedelta

import pytest

from service.domain.events import EventKind
from service.web.incident_page import span
from tests.builders import episode, event
from tests.web.fakes import World, assert_problem, record


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.9, "59 s"), (312, "5 min 12 s"), (7500, "2 h 5 min"), (7200, "2 h"), (200000, "2 d 7 h")],
)
def test_it_says_a_duration_in_two_units(seconds, said):
    assert span(timedelta(seconds=seconds)) == said


def shown(*events, episodes=(), merged_into=None, number=1):
    world = World()
    world.store.records = {number: record(*events, episodes=episodes, merged_into=merged_into, incident_id=number)}
    response = world.get(f"/incidents/INC-{number}")
    assert response.status_code == 200
    return response


def test_it_shows_milestones_in_utc_and_in_the_display_zone():
    page = shown(event(EventKind.DETECTED), event(EventKind.RESOLVED, 90)).get_data(as_text=True)
    assert "2026-03-02 09:00:00Z" in page
    assert "2026-03-02 18:00:00 JST" in page
    assert "1 h 30 min" in page
    assert "not known" in page


def test_it_shows_what_is_overdue_and_what_was_reached():
    page = shown(event(EventKind.DETECTED), event(EventKind.POSTMORTEM_DRAFTED, 5)).get_data(as_text=True)
    assert "overdue by" in page
    assert "reached 2026-03-02 09:05:00Z" in page


def test_it_shows_alerts_and_notes_in_order():
    note = event(EventKind.NOTE, 3, data={"text": "global_trading_pause=true"})
    page = shown(note, episodes=(episode(0, 9),)).get_data(as_text=True)
    assert page.index("alert firing: CheckoutErrors") < page.index("note (api): global_trading_pause=true")
    assert page.index("note (api)") < page.index("alert resolved: CheckoutErrors")


def test_it_escapes_whatever_people_wrote():
    page = shown(event(EventKind.DETECTED, title='<script>alert("x")</script>')).get_data(as_text=True)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_it_points_from_a_merged_incident_to_the_other():
    assert 'href="/incidents/INC-1"' in shown(merged_into=1, number=2).get_data(as_text=True)


def test_it_allows_no_script_and_nothing_from_elsewhere():
    response = shown()
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'nonce-")
    nonce = policy.split("nonce-")[1].split("'")[0]
    assert f'<style nonce="{nonce}">' in response.get_data(as_text=True)


def test_it_shows_a_dismissed_incident_that_owes_nothing():
    page = shown(event(EventKind.DETECTED), event(EventKind.DISMISSED, 1)).get_data(as_text=True)
    assert "Nothing is owed." in page
    assert "Nothing is measured yet." in page


@pytest.mark.parametrize("name", ["INC-9", "INC-x", "7"])
def test_it_answers_404_for_an_unknown_incident(name):
    assert_problem(World().get(f"/incidents/{name}"), 404, "unknown_incident")
