"""The value that an incident has of a label, and which values metrics name."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.breakdown import LONGEST_VALUE, Dimension, dimension_value, named_values
from service.domain.description import dimensions_of
from service.domain.events import EventKind as K
from service.domain.policy import Severity
from tests.builders import episode, event

TEAM = Dimension("team", 2)


def alert(team, minutes=0, severity=Severity.SEV_2, fingerprint="f"):
    return episode(minutes, fingerprint=fingerprint, severity=severity, labels={"team": team} if team else {})


def team(*episodes, events=()):
    return dimensions_of(events, episodes).get("team", "")


def described(minutes, **labels):
    return event(K.DESCRIBED, minutes, event_id=f"d{minutes}", labels=labels)


# -- whose value an incident has --------------------------------------------------------------------------------------


def test_it_has_that_of_the_earliest_of_the_worst_alerts_that_carry_the_label():
    early, late = alert("early", 1), alert("late", 2)
    assert team(late, early) == "early"
    assert team(early, late, alert("mild", 0, Severity.SEV_3)) == "early"
    assert team(early, alert("", 0, Severity.SEV_1)) == "early", "one that does not carry it has no say"


def test_a_tie_goes_by_fingerprint():
    one, other = alert("one", fingerprint="a"), alert("other", fingerprint="b")
    assert team(one, other) == team(other, one) == "one"


def test_people_decide_and_the_last_word_counts():
    fired = alert("alerts")
    assert team(fired, events=[described(1, team="people")]) == "people"
    assert team(fired, events=[described(1, team="people"), described(2, team="others")]) == "others"
    assert team(fired, events=[described(1, service="api")]) == "alerts"


def test_people_can_say_that_it_has_none():
    assert team(alert("alerts"), events=[described(1, team="")]) == ""


def test_a_sender_that_repeats_itself_does_not_undo_what_people_said():
    def page(minutes):
        return event(K.NOTE, minutes, source="pagerduty", labels={"team": "pager"}, data={"incident_key": "P1"})

    assert team(events=[page(0), described(1, team="people"), page(2)]) == "people"


def test_types_and_domains_are_no_dimensions():
    fired = replace(alert("x"), labels={"incident_type": "data", "incident_domain": "Plan", "team": "x"})
    assert dimensions_of((), [fired]) == {"team": "x"}


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("payments", "payments"),
        ("Payments", "Payments"),
        ("決済 チーム", "決済 チーム"),
        (" two\nlines\t", "two lines"),
        ("a\u3000b\u200b", "a b"),
        ("\n", ""),
    ],
)
def test_a_value_is_one_line(text, value):
    assert dimension_value(text) == value


def test_long_values_are_cut_and_stay_apart():
    one, other = dimension_value("x" * 4096 + "1"), dimension_value("x" * 4096 + "2")
    assert one != other
    assert len(one) == len(other) == LONGEST_VALUE
    assert dimension_value("y" * LONGEST_VALUE) == "y" * LONGEST_VALUE


@given(st.text())
def test_a_value_stays_what_it_is(text):
    value = dimension_value(text)
    assert dimension_value(value) == value
    assert value.isprintable()
    assert len(value) <= LONGEST_VALUE


# -- names -------------------------------------------------------------------------------------------------------------


def test_the_most_frequent_are_named_ties_by_value():
    named = named_values({"b": 1, "a": 1, "c": 5, "": 9}, TEAM)
    assert named.names == ("c", "a")
    assert named.folded == 1
    assert [named.name_of(value) for value in ("c", "b", "", "unheard")] == ["c", "other", "", "other"]


def test_a_value_called_other_is_folded_into_it():
    named = named_values({"other": 9, "a": 1}, TEAM)
    assert (named.names, named.folded) == (("a",), 1)


def test_values_that_differ_in_case_are_different():
    assert set(named_values({"Team": 1, "team": 1}, TEAM).names) == {"Team", "team"}
