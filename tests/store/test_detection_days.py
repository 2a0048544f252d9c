"""What was computed from the incidents of a period is current exactly until one of them changes, whatever changes it.

The oracle are tables of trends computed anew; those that are kept belong to another replica where there can be one.
"""

from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.domain.events import EventKind
from service.domain.periods import Period
from service.domain.policy import Severity
from service.metrics.measurements import Measuring
from service.recorder.commands import Refused
from service.store import Store
from service.store.detection_days import changes_of
from service.store.pruning import prune_some
from service.web.pages import period_tables
from service.web.pages.period_tables import PeriodTables
from tests.builders import alert, at, policy
from tests.house import House
from tests.store.conftest import ENGINES

K = EventKind
DAY = 24 * 60
EXAMPLES = {"sqlite": 40, "postgresql": 10}
WEEKS = [Period(f"week {n}", at(7 * DAY * n), at(7 * DAY * (n + 1))) for n in range(-1, 3)]
NOW = at(30 * DAY)
TEAMS = ("payments", "search")


def changed(house, act):
    """Return the weeks that an act is counted for."""
    before = house.store.read(changes_of, WEEKS)
    act()
    after = house.store.read(changes_of, WEEKS)
    return [n - 1 for n, (b, a) in enumerate(zip(before, after, strict=True)) if a > b]


def test_a_change_counts_where_the_incident_was_detected_and_where_it_is_now(house):
    assert changed(house, lambda: house.send(alert(DAY))) == [0]
    assert changed(house, lambda: house.tell(1, K.ACKNOWLEDGED, 2 * DAY, recorded_at=at(20 * DAY))) == [0]
    moved = {"milestone": "detected", "occurred_at": at(10 * DAY).isoformat()}
    assert changed(house, lambda: house.tell(1, K.CORRECTED, 11 * DAY, data=moved)) == [0, 1]
    assert changed(house, lambda: house.tell(1, K.NOTE, 12 * DAY)) == [1]


def test_deleting_an_incident_is_a_change(house):
    for day in (1, 8):
        house.send(alert(day * DAY, day * DAY + 60, fingerprint=str(day), group=str(day)), received=day * DAY + 61)
        house.tell(day // 7 + 1, K.REVIEWED, day * DAY + 70, recorded_at=at(day * DAY + 70), severity=None)
        house.tell(day // 7 + 1, K.POSTMORTEM_FINALIZED, day * DAY + 80, recorded_at=at(day * DAY + 80))
    assert changed(house, lambda: house.store.write(prune_some, at(300 * DAY), 0)) == [0]


KINDS = (K.STARTED, K.DETECTED, K.ACKNOWLEDGED, K.MITIGATED, K.RESOLVED, K.REOPENED, K.DISMISSED, K.SEVERITY_CHANGED)
KINDS += (K.POSTMORTEM_DRAFTED, K.POSTMORTEM_FINALIZED)
MINUTES = st.integers(0, 20).map(lambda n: n * DAY - 2 * DAY)
MOMENTS = st.integers(0, 300)
BEGIN = [("alert", 8 * DAY, 300, True, "payments"), ("alert", 15 * DAY, 100, True, "search")]
STEPS = st.one_of(
    st.tuples(st.just("alert"), MINUTES, MOMENTS, st.booleans(), st.sampled_from(TEAMS)),
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(1, 4),
        MINUTES,
        MOMENTS,
        st.sampled_from([None, *Severity]),
    ),
    st.tuples(st.just("correct"), st.integers(1, 3), st.sampled_from(["detected", "detected", "started"]), MINUTES),
    st.tuples(st.just("merge"), st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.just("prune"), st.integers(0, 20)),
)


def act(house, number, step):
    match step:
        case ("alert", minute, after, over, team):
            name = f"{team}-{minute}"
            ends = minute + after if over else None
            fields = {"fingerprint": name, "group": name, "labels": {"team": team}}
            house.send(alert(minute, ends, **fields), received=30 * DAY + number)
        case ("correct", incident, milestone, minute):
            data = {"milestone": milestone, "occurred_at": at(minute).isoformat()}
            house.tell(incident, K.CORRECTED, 30 * DAY + number, data=data, event_id=f"c{number}")
        case ("merge", incident, into):
            house.tell(incident, K.MERGED, 30 * DAY + number, data={"into": f"INC-{into}"}, event_id=f"m{number}")
        case ("prune", day):
            house.store.write(prune_some, at(day * DAY), 0)
        case (kind, incident, minute, after, severity):
            house.tell(incident, kind, minute + after, severity=severity, event_id=f"e{number}")


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", ENGINES)
def test_tables_that_are_kept_equal_tables_computed_anew_after_any_changes(new_database, engine, monkeypatch):
    monkeypatch.setattr(period_tables, "CHEAP_SECONDS", 1e9)  # what is expensive is kept through changes for a while
    url, rules = new_database(engine), policy()
    house = House(url, rules)
    replica = Store.open(url, rules) if engine == "postgresql" else house.store

    def tables():
        select = Measuring(replica, rules, {"30d": timedelta(days=30)}, 100, lambda: 0).select
        return PeriodTables(SimpleNamespace(store=replica, select=select))

    @settings(max_examples=EXAMPLES[engine], deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(STEPS, min_size=2, max_size=10))
    def check(steps):
        house.empty()
        kept = tables()
        for number, step in enumerate([*BEGIN, *steps]):
            with suppress(Refused):
                act(house, number, step)
            dimensions = {"team": "payments"} if number % 3 == 2 else {}
            assert kept.of(WEEKS, dimensions, NOW) == tables().of(WEEKS, dimensions, NOW)

    try:
        check()
    finally:
        if replica is not house.store:
            replica.close()
        house.close()
