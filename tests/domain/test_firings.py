"""What many firings add up to gives the same incident as the firings themselves."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.events import EventKind as K
from service.domain.firings import add_up, suffices
from service.domain.history import effective
from service.domain.incident import fold
from service.domain.policy import Severity
from tests.builders import at, episode, event, policy

LABELS = [
    {},
    {"incident_type": "data", "team": "y"},
    {"incident_type": "model, data", "team": "x", "service": "a"},
    {"incident_domain": "Plan", "service": " two\nlines"},
]


@st.composite
def firings(draw):
    number, starts, length = draw(st.integers(1, 9)), draw(st.integers(0, 9)), draw(st.none() | st.integers(0, 9))
    ended = length is not None
    return episode(
        starts,
        starts + length if ended else None,
        id=number,
        fingerprint=str(number),
        severity=draw(st.sampled_from(list(Severity))),
        stale=ended and draw(st.booleans()),
        end_unknown=ended and not draw(st.integers(0, 5)),
        onset_at=draw(st.none() | st.integers(0, 9).map(at)),
        labels={"alertname": "A", **LABELS[number % len(LABELS)]},
        annotations={"summary": f"alert {number}"},
    )


@st.composite
def happenings(draw):
    kind = draw(
        st.sampled_from([K.ACKNOWLEDGED, K.MITIGATED, K.RESOLVED, K.DISMISSED, K.REOPENED, K.CORRECTED, K.NOTE])
    )
    minute = draw(st.integers(0, 9))
    milestone = draw(st.sampled_from(["started", "detected", "resolved"]))
    about = {"milestone": milestone, "occurred_at": at(minute).isoformat()} if kind is K.CORRECTED else {}
    return event(kind, minute, data=about, recorded_at=at(draw(st.integers(0, 9))))


@given(st.lists(firings(), min_size=1, unique_by=lambda e: e.id), st.lists(happenings(), max_size=3))
def test_the_fold_is_the_same(episodes, events):
    if suffices(effective(events)):
        stand_ins = add_up(episodes).stand_ins()
        assert fold(1, events, stand_ins, policy(), at(0)) == fold(1, events, episodes, policy(), at(0))


@given(st.lists(firings(), min_size=1, max_size=9))
def test_they_add_up_one_by_one(changes):
    """An episode with the id of an earlier one takes its place; what it says of itself besides its times stays."""
    now = {changes[0].id: changes[0]}
    total = add_up(list(now.values()))
    for new in changes[1:]:
        old = now.get(new.id)
        now[new.id] = new if old is None else replace(new, severity=old.severity)
        total = total.replaced(old, now[new.id]) or add_up(list(now.values()))
        assert total == add_up(list(now.values()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (episode(0), episode(1)),
        (episode(0, 9), episode(0, 8)),
        (episode(0, 9), episode(0)),
        (episode(0, onset_at=at(0)), episode(0, onset_at=at(1))),
        (episode(6, severity=Severity.SEV_1, labels={"team": "x"}), episode(7, labels={"team": "x"})),
    ],
)
def test_an_extreme_that_is_taken_back_takes_a_look_at_all(old, new):
    others = [episode(5, 7, id=2, fingerprint="f2", onset_at=at(5))]
    assert add_up([old, *others]).replaced(old, new) is None


def test_two_that_began_at_once_take_a_look_at_both():
    first, other = (episode(0, id=n, source=f"s{n}", annotations={"summary": f"{n}"}) for n in (1, 2))
    assert add_up([first]).replaced(None, other) is None
