"""The past as it would have been scraped, held against a service to which only the past was told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.domain.events import EventKind
from service.domain.policy import Severity
from service.history.backfill.replay import Replay, instants
from service.history.demo.playing import play
from service.history.demo.quarter import SPAN, DemoStep, quarter
from service.metrics.collectors import IncidentCollector
from service.metrics.measurements import Measuring
from service.recorder.commands import CloseStale, Settle
from service.recorder.writer import Recorder
from service.settings.model import Settings
from service.store import Store
from service.store.pruning import prune_some
from tests.builders import alert, at, event
from tests.house import House

K = EventKind

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
POLICY = Settings().policy()
WINDOWS = Settings().window_lengths
CAP = 10
INC_1 = frozenset({("incident", "INC-1"), ("incident_severity", "SEV-2")})


def opened(path):
    return Store.open(f"sqlite:///{path}", POLICY)


def scraped(store, now, policy=POLICY):
    """What the service would export at `now`, had it heard of nothing since."""
    measuring = Measuring(store, policy, WINDOWS, CAP, lambda: 0)
    return numbers(IncidentCollector(measuring, policy, lambda: now).collect())


def numbers(families):
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def close(values):
    return {key: pytest.approx(value, abs=1e-5) for key, value in values.items()}


@pytest.fixture(scope="module")
def steps():
    """All but the incident that is merged into another: that one's test is further down."""
    every = quarter(NOW)
    merged = {step.number for step in every if step.event is not None and step.event.kind is EventKind.MERGED}
    assert merged
    return sorted([*(s for s in every if s.number not in merged), *relabelled(every, merged)], key=lambda s: s.at)


def relabelled(steps, merged):
    """Every fourth incident gets another team from people, is given one, or loses it."""
    first = {step.number: step.at for step in reversed(steps) if step.number not in merged}
    teams = ("payments", "", "field", "discovery")
    for number, began_at in first.items():
        at = began_at + timedelta(minutes=5, hours=number % 3)
        if number % 4 == 0 and at <= NOW:
            described = event(K.DESCRIBED, labels={"team": teams[number // 4 % 4]}, occurred_at=at, recorded_at=at)
            yield DemoStep(at, number, event=replace(described, event_id=f"described-{number}"))


@pytest.fixture(scope="module")
def store(tmp_path_factory, steps):
    built = opened(tmp_path_factory.mktemp("past") / "mttx.db")
    play(built, POLICY, steps)
    yield built
    built.close()


def replay(store, since=NOW - SPAN, policy=POLICY):
    return Replay(store, policy, windows=WINDOWS, cap=CAP, since=since, now=NOW)


def as_of(store, *instants, policy=POLICY):
    """Replay the past and give what it shows at each instant."""
    past, shown_values = replay(store, instants[0], policy), {}
    for now in instants:
        for family in past.families(now):
            for key in [key for key in shown_values if key[0] == family.name]:
                del shown_values[key]
            shown_values[family.name, "family"] = numbers([family])
        yield {key: value for of in shown_values.values() for key, value in of.items()}


def settle(store, now):
    """Take the samples that are due, as the service does every few seconds."""
    recorder = Recorder(store, POLICY)
    recorder.submit(Settle(now))
    recorder.close()


@pytest.mark.parametrize("days", [0.2, 17.3, 60.05, 90.6])
def test_it_shows_what_a_service_would_have_shown_that_had_heard_no_more(store, steps, tmp_path, days):
    now = NOW - SPAN + timedelta(days=days)
    earlier = opened(tmp_path / "earlier.db")
    try:
        play(earlier, POLICY, [step for step in steps if step.at <= now])
        settle(earlier, now)
        expected = scraped(earlier, now)
        (shown,) = as_of(store, now)
        assert shown == close(expected)
    finally:
        earlier.close()


def broken_down(values, *labels):
    """Of all values those by the values of a dimension, and how many of those are not named."""
    shown = {key: value for key, value in values.items() if "breakdown" in key[0] or "by_value" in key[0]}
    assert {dict(key[1])["dimension"] for key in shown} == set(labels)
    return shown


@pytest.mark.no_cover
@pytest.mark.parametrize("days", [30.4, 75.7, 91])
@pytest.mark.parametrize(
    "breakdown",
    [
        [{"label": "team", "values": 2}, {"label": "service", "values": 3}],
        [{"label": "alertname", "values": 4}, {"label": "team"}],
    ],
    ids=["fewer values", "another label"],
)
def test_it_breaks_the_past_down_as_it_is_configured_now(store, steps, tmp_path, days, breakdown):
    """Neither the store nor the one that it is compared with was written with this configuration."""
    policy, labels = Settings(breakdown=breakdown).policy(), [dimension["label"] for dimension in breakdown]
    instants_ = [NOW - SPAN + timedelta(days=days) - timedelta(hours=hours) for hours in (29, 7, 0)]
    for now, shown in zip(instants_, as_of(store, *instants_, policy=policy), strict=True):
        earlier = opened(tmp_path / f"{now:%d-%H}.db")
        try:
            play(earlier, POLICY, [step for step in steps if step.at <= now])
            settle(earlier, now)
            expected = broken_down(scraped(earlier, now, policy), *labels)
        finally:
            earlier.close()
        assert broken_down(shown, *labels) == close(expected)
        values = {dict(key[1]).get("value") for key in expected}
        assert {"other", ""} <= values


@pytest.mark.no_cover
def test_it_shows_the_same_whether_it_comes_step_by_step_or_at_once(store):
    last = NOW - timedelta(hours=3)
    hourly = [last - timedelta(hours=hours) for hours in range(24 * 4, -1, -1)]
    *_, step_by_step = as_of(store, *hourly)
    (at_once,) = as_of(store, last)
    assert step_by_step == close(at_once)


def test_it_ends_with_what_the_service_shows_now(store):
    *_, shown = as_of(store, NOW - timedelta(days=1), NOW)
    assert shown == close(scraped(store, NOW))


@pytest.mark.no_cover
def test_counters_never_fall(store):
    before = {}
    for shown in as_of(store, *(NOW - SPAN + timedelta(days=day) for day in range(0, 91, 2))):
        counted = {
            key: value for key, value in shown.items() if key[0].endswith(("_total", "_bucket", "_sum", "_count"))
        }
        assert all(value >= before.get(key, 0) for key, value in counted.items())
        before = counted
    assert sum(value for key, value in before.items() if key[0] == "mttx_incidents_opened_total") > 100


class ImportedIncident(House):
    """A house whose past is looked at; minutes as the builders count them."""

    def at(self, *minutes):
        past = Replay(self.store, self.policy, windows=WINDOWS, cap=CAP, since=at(minutes[0]), now=at(10**6))
        for each in minutes:
            yield numbers(past.families(at(each)))


def opened_total(shown, severity="SEV-3"):
    return shown.get(("mttx_incidents_opened_total", frozenset({("incident_severity", severity)})))


@pytest.fixture
def house(tmp_path):
    built = ImportedIncident(tmp_path / "mttx.db")
    yield built
    built.close()


def test_what_is_no_longer_known_was_there_from_the_start(house):
    """Totals outlive the incidents that are pruned: the past has to end where the service's own totals stand."""
    house.open(event(K.DETECTED, 0), event(K.DISMISSED, 1))
    house.open(event(K.DETECTED, 500))
    house.store.write(prune_some, at(300), 0)
    assert [opened_total(shown) for shown in house.at(-10, 500)] == [1, 2]


def test_what_was_merged_into_another_was_there_from_the_start(house):
    house.open(event(K.DETECTED, 0))
    house.open(event(K.DETECTED, 5))
    house.tell(2, K.MERGED, 10, data={"into": "INC-1"})
    assert [opened_total(shown) for shown in house.at(-10, 0)] == [1, 2]


def test_what_was_counted_otherwise_never_goes_below_nothing(house):
    """Told late that it is worse, it counted as milder: told in order it would have counted as it is."""
    house.open(event(K.DETECTED, 60))
    house.tell(1, K.DETECTED, 30, event_id="earlier", severity=Severity.SEV_1)
    first, then = house.at(0, 60)
    assert (opened_total(first), opened_total(first, "SEV-1")) == (1, 0)
    assert opened_total(then, "SEV-1") == 0


def test_an_incident_begins_with_its_detection(house):
    house.open(event(K.DETECTED, 60), event(K.STARTED, 0), event(K.ACKNOWLEDGED, 30))
    before, after = house.at(45, 60)
    open_ = ("mttx_incidents_open", frozenset({("incident_severity", "SEV-3"), ("phase", "acknowledged")}))
    assert (before[open_], after[open_]) == (0, 1)


def test_one_that_nobody_detected_begins_with_what_is_known(house):
    house.open(event(K.ACKNOWLEDGED, 30))
    assert [opened_total(shown) for shown in house.at(0, 30)] == [0, 1]


def test_what_was_corrected_counts_as_right(house):
    house.open(event(K.DETECTED, 0), event(K.RESOLVED, 100, event_id="r"), event(K.NOTE, 50, data={"text": "x"}))
    house.tell(1, K.CORRECTED, 500, data={"event_id": "r", "occurred_at": at(40).isoformat()})
    resolved = (
        "mttx_incidents_resolved_total",
        frozenset({("incident_severity", "SEV-3"), ("resolution_source", "human")}),
    )
    before, after = house.at(39, 40)
    assert (before[resolved], after[resolved]) == (0, 1)


def test_what_was_retracted_never_was(house):
    house.open(event(K.DETECTED, 0, event_id="d"))
    house.tell(1, K.RETRACTED, 500, data={"event_id": "d"})
    open_ = ("mttx_incidents_open", frozenset({("incident_severity", "SEV-3"), ("phase", "detected")}))
    assert [shown.get(open_) for shown in house.at(0)] == [0]


def test_a_milestone_that_people_fixed_is_where_they_put_it(house):
    house.send(alert(10, 60), received=61)
    house.tell(1, K.CORRECTED, 500, data={"milestone": "detected", "occurred_at": at(5).isoformat()})
    (shown,) = house.at(30)
    assert shown["mttx_incident_detected_timestamp_seconds", INC_1] == at(5).timestamp()


def test_an_alert_that_fires_is_heard_of_and_one_that_was_assumed_to_have_ended_was_not(house):
    """Stale after a day: the alert that was resolved after three days never was, the one that fell silent was."""
    day = 1440
    house.send(alert(0, 3 * day, fingerprint="a", group="a"), received=3 * day)
    house.send(alert(0, fingerprint="b", group="b"), received=0)
    house.submit(CloseStale(at(10 * day)))
    shown = list(house.at(day, day + 30, 2 * day))
    stale = ("mttx_incidents_stale", frozenset())
    assert {values.get(stale, 0) for values in shown} == {0}
    house.open(event(K.DETECTED, 0))
    assert [values.get(stale) for values in house.at(day, day + 1)] == [0, 1]


def test_what_was_over_long_before_is_let_go(house):
    house.open(event(K.DETECTED, 0), event(K.DISMISSED, 1))
    past = Replay(house.store, house.policy, windows=WINDOWS, cap=CAP, since=at(200 * 1440), now=at(10**6))
    assert opened_total(numbers(past.families(at(200 * 1440)))) == 1
    assert not past._replayed
    past = Replay(house.store, house.policy, windows=WINDOWS, cap=CAP, since=at(0), now=at(10**6))
    numbers(past.families(at(10)))
    assert past._replayed
    numbers(past.families(at(91 * 1440)))
    assert past._replayed  # in the window before the longest
    numbers(past.families(at(181 * 1440)))
    assert not past._replayed


def test_instants_are_multiples_of_the_step(house):
    assert list(instants(at(0.5), at(3), timedelta(minutes=1))) == [int(at(m).timestamp()) for m in (1, 2, 3)]
    assert not instants(at(0.5), at(0.7), timedelta(minutes=1))
