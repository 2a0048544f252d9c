"""The picture of an incident's life."""

from datetime import time, timedelta
from itertools import permutations
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis.strategies import integers, lists

from service.domain.policy import Indicator, Milestone
from service.render.lifeline import LEFT, RIGHT, lifeline
from tests.builders import at

M = Milestone
KOLKATA = ZoneInfo("Asia/Kolkata")
MINUTE = timedelta(minutes=1)


def drawn(milestones, targets=None, firings=(), now=None):
    return lifeline(milestones, targets or {}, firings, M.DETECTED, now)


def test_it_spreads_from_the_first_milestone_to_the_last():
    picture = drawn({M.STARTED: at(0), M.DETECTED: at(50), M.RESOLVED: at(100)})
    assert [point.x for point in picture.points] == [LEFT, (LEFT + RIGHT) // 2, RIGHT]


def test_the_postmortem_days_later_does_not_press_the_rest_together():
    picture = drawn({M.DETECTED: at(0), M.RESOLVED: at(10), M.FINALIZED: at(5000)})
    assert [point.milestone for point in picture.points] == [M.DETECTED, M.RESOLVED]


def test_neighbours_are_written_in_rows_of_their_own():
    picture = drawn({M.STARTED: at(0), M.DETECTED: at(1), M.ACKNOWLEDGED: at(2), M.RESOLVED: at(600)})
    assert [point.row for point in picture.points] == [2, 1, 0, 0]
    assert picture.rows == 3


@given(minutes=lists(integers(0, 600), min_size=1, max_size=5))
def test_no_line_runs_through_a_label_and_no_label_through_another(minutes):
    picture = drawn(dict(zip(M, map(at, minutes), strict=False)))
    for one, other in permutations(picture.points, 2):
        assert one.row != other.row or abs(one.x - other.x) >= 195
        assert other.row < one.row or not one.x < other.x < one.x + 195


def test_values_stand_after_their_bar_and_its_target():
    picture = drawn({M.DETECTED: at(0), M.MITIGATED: at(50), M.RESOLVED: at(100)}, {Indicator.MITIGATE: 75 * MINUTE})
    mitigate, resolve = picture.bars
    assert mitigate.end_x == mitigate.limit_x > mitigate.x + mitigate.width
    assert resolve.end_x == RIGHT


def test_ticks_are_round_in_the_zone():
    picture = lifeline({M.DETECTED: at(0), M.RESOLVED: at(9000)}, {}, (), M.DETECTED, None, zone=KOLKATA)
    assert {instant.astimezone(KOLKATA).time() for instant, _ in picture.ticks} == {time(0)}


def test_an_interval_goes_on_until_now_while_the_incident_is_open():
    picture = drawn({M.DETECTED: at(0)}, {Indicator.RESOLVE: 5 * MINUTE}, now=at(10))
    bars = {bar.indicator: bar for bar in picture.bars}
    assert bars[Indicator.RESOLVE].running
    assert bars[Indicator.RESOLVE].duration == 10 * MINUTE
    assert bars[Indicator.RESOLVE].late
    assert bars[Indicator.RESOLVE].limit_x == (LEFT + RIGHT) // 2


def test_a_target_beyond_the_picture_is_not_drawn():
    picture = drawn({M.DETECTED: at(0), M.RESOLVED: at(10)}, {Indicator.RESOLVE: 60 * MINUTE})
    assert [(bar.limit_x, bar.late) for bar in picture.bars] == [(None, False)]


def test_an_interval_that_runs_backwards_is_not_drawn():
    picture = drawn({M.DETECTED: at(5), M.MITIGATED: at(0), M.RESOLVED: at(9)})
    assert [bar.indicator for bar in picture.bars] == [Indicator.RESOLVE]


def test_a_single_instant_is_a_picture_too():
    picture = drawn({M.DETECTED: at(0)})
    assert picture.points[0].x == LEFT
    assert all(LEFT <= x <= RIGHT for _, x in picture.ticks)


def test_nothing_known_is_no_picture():
    assert drawn({M.FINALIZED: at(0)}) is None


def test_alerts_are_cut_to_the_picture():
    firings = [("A", at(-20), None), ("B", at(30), at(40)), ("long ago", at(-60), at(-50)), ("C", at(4), at(5))]
    picture = drawn({M.DETECTED: at(0), M.RESOLVED: at(10)}, firings=firings)
    assert [(firing.name, firing.running) for firing in picture.firings] == [("A", True), ("C", False)]
    assert picture.firings[0].x == LEFT


def test_ticks_are_few_and_round_over_any_length():
    for minutes in (1, 7, 59, 240, 3000, 100_000, 2_000_000):
        ticks = drawn({M.DETECTED: at(0), M.RESOLVED: at(minutes)}).ticks
        assert len(ticks) <= 15
        assert all(instant.second == 0 for instant, _ in ticks)
