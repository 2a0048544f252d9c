"""What corrections and retractions leave standing."""

from hypothesis import given
from hypothesis import strategies as st

from service.domain.events import EventKind
from service.domain.history import effective
from service.domain.policy import Milestone
from tests.builders import at, event


def note(event_id="n", minutes=0.0, **fields):
    return event(EventKind.NOTE, minutes, event_id=event_id, data={"text": "as told"}, **fields)


def retract(target, event_id="r", minutes=10.0):
    return event(EventKind.RETRACTED, minutes, event_id=event_id, data={"event_id": target})


def correct(target, event_id="c", minutes=10.0, **data):
    return event(EventKind.CORRECTED, minutes, event_id=event_id, data={"event_id": target, **data})


def pin(milestone, to, event_id="p", minutes=10.0):
    data = {"milestone": milestone.value, "occurred_at": at(to).isoformat()}
    return event(EventKind.CORRECTED, minutes, event_id=event_id, data=data)


def standing(*events):
    return [e.event_id for e in effective(events).events]


def test_it_orders_events_by_when_they_happened_then_by_when_they_were_recorded():
    late = note("late", 1, recorded_at=at(50))
    soon = note("soon", 1, recorded_at=at(1))
    assert standing(late, note("last", 2), soon) == ["soon", "late", "last"]


def test_it_leaves_everything_where_nothing_is_corrected():
    assert effective([note()]).events == (note(),)
    assert effective([]).events == ()


def test_it_withdraws_what_is_retracted():
    assert standing(note("a"), note("b"), retract("a")) == ["b"]


def test_it_takes_back_a_retraction_that_is_itself_retracted():
    assert standing(note("a"), retract("a", "r1"), retract("r1", "r2", 11)) == ["a"]


def test_it_follows_a_chain_of_retractions_to_its_end():
    chain = [note("a"), retract("a", "r1"), retract("r1", "r2", 11), retract("r2", "r3", 12)]
    assert standing(*chain) == []


def test_it_takes_a_retraction_back_whatever_time_it_bears():
    """Told in one request both bear the same instant, and a time may be backdated."""
    assert standing(note("a"), retract("a", "z"), retract("z", "b")) == ["a"]
    assert standing(note("a"), retract("a", "r1", 10), retract("r1", "r2", 5)) == ["a"]


def test_it_withdraws_nothing_else_with_retractions_that_withdraw_each_other():
    events = [note("a"), retract("r2", "r1"), retract("r1", "r2", 11), retract("a", "r3", 12), retract("r3", "r4", 13)]
    assert standing(*events) == ["a"]


def test_it_survives_a_retraction_of_itself_and_of_what_nobody_knows():
    assert standing(note("a"), retract("r", "r"), retract("nobody", "s")) == ["a"]


def test_it_corrects_the_time_of_an_event():
    history = effective([note("a", 0), note("b", 5), correct("a", occurred_at=at(7).isoformat())])
    assert [(e.event_id, e.occurred_at) for e in history.events] == [("b", at(5)), ("a", at(7))]


def test_it_updates_the_data_of_an_event_and_leaves_its_time():
    (event,) = effective([note("a", 3), correct("a", data={"important": True})]).events
    assert event.occurred_at == at(3)
    assert event.data == {"text": "as told", "important": True}


def test_it_counts_the_latest_of_several_corrections():
    corrections = [correct("a", "c1", 10, data={"text": "once"}), correct("a", "c2", 11, data={"text": "twice"})]
    (event,) = effective([note("a"), *reversed(corrections)]).events
    assert event.data["text"] == "twice"


def test_it_falls_back_to_the_earlier_correction_when_the_later_is_retracted():
    corrections = [correct("a", "c1", 10, data={"text": "once"}), correct("a", "c2", 11, data={"text": "twice"})]
    (event,) = effective([note("a"), *corrections, retract("c2", minutes=12)]).events
    assert event.data["text"] == "once"


def test_it_keeps_an_event_away_that_is_both_corrected_and_retracted():
    assert standing(note("a"), correct("a", data={"text": "x"}), retract("a", minutes=9)) == []


def test_it_has_no_use_for_a_correction_of_a_correction():
    """Whoever erred corrects the event again: of several corrections the latest counts."""
    (event,) = effective(
        [note("a"), correct("a", "c1", data={"text": "x"}), correct("c1", "c2", data={"text": "y"})]
    ).events
    assert event.data["text"] == "x"


def test_it_overrides_a_milestone_and_keeps_when_that_was_recorded():
    overrides = effective([note(), pin(Milestone.DETECTED, -3)]).overrides
    assert overrides[Milestone.DETECTED].at == at(-3)
    assert overrides[Milestone.DETECTED].recorded_at == at(10)


def test_it_overrides_by_the_latest_correction():
    corrections = [pin(Milestone.DETECTED, -3, "p1", 10), pin(Milestone.DETECTED, -5, "p2", 11)]
    assert effective(reversed(corrections)).overrides[Milestone.DETECTED].at == at(-5)


def test_it_drops_an_override_that_is_retracted():
    assert effective([note(), pin(Milestone.DETECTED, -3), retract("p", minutes=11)]).overrides == {}


def test_it_remembers_the_time_that_a_corrected_event_was_sent_with():
    history = effective([note("a", 3), correct("a", occurred_at=at(9).isoformat())])
    (corrected,) = history.events
    assert (corrected.occurred_at, history.sent_at(corrected)) == (at(9), at(3))


def test_it_resolves_a_chain_of_thousands_of_retractions():
    chain = [note("0"), *(retract(str(i), str(i + 1), i + 1) for i in range(8000))]
    assert standing(*chain) == ["0"]


told_about = st.lists(
    st.tuples(st.sampled_from("rc"), st.integers(0, 7), st.integers(0, 3)), min_size=1, max_size=7
).map(
    lambda shapes: [
        note("0", 1),
        *(
            retract(str(target), str(i), minutes)
            if kind == "r"
            else correct(str(target), str(i), minutes, data={"n": i})
            for i, (kind, target, minutes) in enumerate(shapes, start=1)
        ),
    ]
)


@given(told_about.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))))
def test_it_leaves_the_same_standing_whatever_the_order(days):
    events, shuffled = days
    assert effective(events) == effective(shuffled)


@given(told_about)
def test_it_withdraws_exactly_what_a_standing_retraction_names(events):
    """Where nothing goes in a circle (here: a retraction names only earlier ids), said without any order of time."""
    upward = [e for e in events if e.kind is EventKind.NOTE or int(e.data["event_id"]) < int(e.event_id)]

    def stands(event_id):
        return not any(
            e.kind is EventKind.RETRACTED and e.data["event_id"] == event_id and stands(e.event_id) for e in upward
        )

    assert standing(*upward) == (["0"] if stands("0") else [])


def test_it_withdraws_an_event_that_is_retracted_twice():
    assert standing(note("a"), retract("a", "r1"), retract("a", "r2", 11), retract("r1", "r3", 12)) == []
