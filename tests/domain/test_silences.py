"""Which alerts a silence is about, and whether it was a first response."""

import re
from dataclasses import replace

import pytest

from service.domain.silences import Matcher, People, Silence, acknowledged_by, made_at
from tests.builders import at, episode

ANYBODY = People(authors=re.compile("."))
LABELS = {"alertname": "CheckoutErrors", "service": "checkout"}


def silence(minutes=3, *matchers, author="sam", number="s1"):
    return Silence(id=number, made_at=at(minutes), author=author, sets=(matchers or (Matcher("service", "checkout"),),))


def firing(starts=0, ends=None):
    return episode(starts, ends, labels=LABELS)


@pytest.mark.parametrize(
    ("matcher", "fulfilled"),
    [
        (Matcher("service", "checkout"), True),
        (Matcher("service", "check"), False),
        (Matcher("service", "checkout", is_equal=False), False),
        (Matcher("service", "cart", is_equal=False), True),
        (Matcher("service", "check.*", is_regex=True), True),
        (Matcher("service", "check", is_regex=True), False),
        (Matcher("service", "cart|checkout", is_regex=True), True),
        (Matcher("service", "cart.*", is_regex=True, is_equal=False), True),
        (Matcher("service", "check.*", is_regex=True, is_equal=False), False),
        (Matcher("pod", ""), True),
        (Matcher("pod", "a"), False),
        (Matcher("pod", "a", is_equal=False), True),
        (Matcher("pod", ".+", is_regex=True), False),
        (Matcher("service", "(", is_regex=True), False),
        (Matcher("service", "(", is_regex=True, is_equal=False), False),
    ],
)
def test_it_matches_as_alertmanager_does(matcher, fulfilled):
    assert matcher.matches(LABELS) is fulfilled


def test_it_is_about_what_fulfils_all_matchers_of_one_set():
    both = silence(3, Matcher("service", "checkout"), Matcher("alertname", "Other"))
    assert not both.matches(LABELS)
    either = Silence(id="s", made_at=at(0), author="", sets=(both.sets[0], (Matcher("service", "checkout"),)))
    assert either.matches(LABELS)
    assert not Silence(id="s", made_at=at(0), author="", sets=((),)).matches(LABELS)


@pytest.mark.parametrize(("made", "acknowledges"), [(-1, False), (0, True), (3, True), (10, True), (11, False)])
def test_it_acknowledges_only_what_fired_when_it_was_made(made, acknowledges):
    assert (acknowledged_by([silence(made)], [firing(0, 10)], ANYBODY) is not None) is acknowledges


def test_the_first_one_counts():
    silences = [silence(5, number="late"), silence(3, number="first"), silence(4, number="between")]
    assert acknowledged_by(silences, [firing()], ANYBODY).id == "first"


def test_it_is_about_the_alert_that_fires():
    assert acknowledged_by([silence(3, Matcher("service", "cart"))], [firing()], ANYBODY) is None


@pytest.mark.parametrize(
    ("people", "taken"),
    [
        (ANYBODY, True),
        (People(authors=re.compile("@example.com$")), False),
        (People(authors=re.compile("^sam$")), True),
        (People(authors=re.compile("."), machines=re.compile("^s")), False),
        (People(authors=re.compile("."), machines=re.compile("bot")), True),
    ],
)
def test_only_people_acknowledge(people, taken):
    assert (acknowledged_by([silence()], [firing()], people) is not None) is taken


def test_nobody_is_no_person():
    assert acknowledged_by([silence(author="")], [firing()], ANYBODY) is None


def test_it_was_made_when_it_starts_or_was_written_whichever_is_earlier():
    assert made_at(at(0), at(5)) == at(0)
    assert made_at(at(60), at(5)) == at(5)


def test_it_covers_nothing_where_an_end_of_its_interval_is_missing():
    assert not replace(silence(), starts_at=at(0)).covers(at(3), at(4))
    assert not replace(silence(), ends_at=at(9)).covers(at(3), at(4))
    assert replace(silence(), starts_at=at(3), ends_at=at(4)).covers(at(3), at(4))
