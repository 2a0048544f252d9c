"""From samples to firings."""

from datetime import timedelta

from service.clients.prometheus import Series
from service.polling.firing_intervals import FiringInterval, firing_intervals
from tests.builders import at

LABELS = {"alertname": "X"}


def series(*minutes, **labels):
    return Series({**LABELS, "alertstate": "firing", **labels}, tuple((at(m), 1.0) for m in minutes))


def test_a_firing_ends_with_the_first_evaluation_that_does_not_have_it():
    assert firing_intervals([series(0, 1, 2)], at(60)) == [FiringInterval(LABELS, at(0), at(3))]


def test_it_goes_on_where_the_next_sample_may_still_come():
    assert firing_intervals([series(0, 1, 2)], at(5)) == [FiringInterval(LABELS, at(0), None)]
    assert firing_intervals([series(0, 1, 2)], at(5.1)) == [FiringInterval(LABELS, at(0), at(3))]


def test_samples_far_apart_are_two_firings():
    intervals = firing_intervals([series(0, 1, 20, 21)], at(60))
    assert [(f.starts_at, f.ends_at) for f in intervals] == [(at(0), at(2)), (at(20), at(22))]


def test_a_single_sample_lasts_as_long_as_others_are_apart():
    intervals = firing_intervals([series(9), series(0, 0.25, 0.5, pod="a")], at(60))
    assert [f.ends_at for f in intervals] == [at(0.75), at(9.25)]
    assert firing_intervals([series(9)], at(60))[0].ends_at == at(9) + timedelta(minutes=1)
