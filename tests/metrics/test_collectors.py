"""What the metrics say of the store: from the first scrape on, across everything that happens, and after a restart."""

from itertools import product

import pytest

from service.delivery.counters import DeliveryCounters
from service.domain.comparison import WindowChange
from service.domain.events import EventKind
from service.domain.incident import OPEN_PHASES
from service.domain.indicators import NEEDED
from service.domain.policy import Indicator, Severity, Stage, Statistic, Target
from service.domain.recovery import ResolutionSource
from service.domain.totals import bucket_bounds_of
from service.domain.verdicts import Verdict
from service.intake.declaration import DeclaredField
from service.intake.reasons import Failure, Ignored, Rejected
from service.intake.sources import Source
from service.metrics.catalogue import METRICS, Kind
from service.metrics.collectors import DeliveryCollector, OutboxCollector
from service.metrics.parts import HISTOGRAMS
from service.recorder.commands import CloseStale, Settle
from service.store import StoreUnavailable
from service.store.recent import Selection, visit_recent
from service.store.snapshot import snapshot_of
from tests.builders import alert, at, event, policy
from tests.metrics.world import PER_PROCESS, TARGETS, World

K = EventKind
DAY = 24 * 60
SEVERITIES = [s.value for s in Severity]


def values(enum):
    return [member.value for member in enum]


# -- from the first scrape on ------------------------------------------------------------------------------------------

ALERTING = ["alertmanager", "grafana"]
KNOWN_VALUES = {
    "mttx_incidents_opened_total": [("incident_severity", SEVERITIES)],
    "mttx_incidents_dismissed_total": [("incident_severity", SEVERITIES)],
    "mttx_incidents_resolved_total": [
        ("incident_severity", SEVERITIES),
        ("resolution_source", values(ResolutionSource)),
    ],
    "mttx_time_to_detect_seconds_count": [("incident_severity", SEVERITIES)],
    "mttx_time_to_acknowledge_seconds_sum": [("incident_severity", SEVERITIES)],
    "mttx_time_to_mitigate_seconds_count": [("incident_severity", SEVERITIES)],
    "mttx_time_to_resolve_seconds_count": [("incident_severity", SEVERITIES)],
    "mttx_postmortem_lead_time_seconds_count": [("incident_severity", SEVERITIES), ("stage", values(Stage))],
    "mttx_incidents_open": [("incident_severity", SEVERITIES), ("phase", values(OPEN_PHASES))],
    "mttx_incidents_missing_milestone": [("milestone", values(NEEDED))],
    "mttx_incidents_invalid_interval": [("indicator", values(Indicator))],
    "mttx_incidents_stale": [],
    "mttx_error_budget_spent_ratio_total": [("slo", ["api"]), ("incident_severity", SEVERITIES)],
    "mttx_webhook_requests_total": [("source", values(Source))],
    "mttx_webhook_failures_total": [("source", values(Source)), ("reason", values(Failure))],
    "mttx_webhook_unreadable_total": [("source", ["uptimekuma"]), ("field", values(DeclaredField))],
    "mttx_alerts_ignored_total": [("source", values(Source)), ("reason", values(Ignored))],
    "mttx_alerts_rejected_total": [("source", ALERTING), ("reason", values(Rejected))],
    "mttx_alerts_unmapped_total": [("source", ALERTING)],
    "mttx_alerts_started_at_unreadable_total": [("source", ALERTING)],
    "mttx_alerts_truncated_total": [("source", values(Source))],
    "mttx_recorder_commits_total": [],
    "mttx_store_errors_total": [],
    "mttx_scrape_errors_total": [],
}


@pytest.mark.parametrize("name", KNOWN_VALUES)
def test_it_exports_every_known_series_at_0_from_the_start(world, name):
    """A counter that is born at 1 is invisible to `increase()`."""
    labels, sets = zip(*KNOWN_VALUES[name], strict=True) if KNOWN_VALUES[name] else ((), ())
    expected = {frozenset(zip(labels, values, strict=True)): 0 for values in product(*sets)}
    assert {labels_: value for (metric, labels_), value in world.samples().items() if metric == name} == expected


def test_it_knows_from_the_start_whatever_counts():
    counters = {m.name for m in METRICS if m.kind in (Kind.COUNTER, Kind.HISTOGRAM) and "outbox" not in m.name}
    tested = {name.removesuffix("_count").removesuffix("_sum") for name in KNOWN_VALUES}
    assert counters <= tested


@pytest.mark.parametrize("name", ["mttx_postmortems_due", "mttx_postmortems_overdue"])
def test_it_exports_what_may_be_owed_at_0_from_the_start(world, name):
    owed = {(s, stage) for s, stages in policy().deadlines.items() for stage in stages}
    assert {(labels["incident_severity"], labels["stage"]) for labels in world.series(name)} == owed
    assert world.value(name, incident_severity="SEV-4", stage="draft") is None


def test_it_plots_no_data_as_nothing_and_never_as_0(world):
    """An empty window has no p95, and no share within target."""
    for name in ("seconds", "incidents", "within_target_ratio"):
        assert world.series(f"mttx_indicator_{name}") == world.series(f"mttx_severity_indicator_{name}") == []


def test_it_never_heard_of_a_source_that_never_spoke(world):
    assert world.series("mttx_last_webhook_timestamp_seconds") == []


def test_it_exports_every_target(world):
    for target in policy().targets:
        name = "mttx_indicator_target_seconds" if target.severity is None else "mttx_severity_indicator_target_seconds"
        labels = {"indicator": target.indicator.value, "statistic": target.statistic.value}
        if target.severity:
            labels["incident_severity"] = target.severity.value
        assert world.value(name, **labels) == target.limit.total_seconds()


# -- histograms --------------------------------------------------------------------------------------------------------


def les(world, name, **labels):
    """The cumulative buckets of one histogram."""
    world.submit(Settle(at(100 * DAY)))
    return {
        float(dict(labels_)["le"]): value
        for (metric, labels_), value in world.samples().items()
        if metric == f"{name}_bucket" and labels.items() <= dict(labels_).items()
    }


def test_it_has_every_target_and_deadline_as_a_bucket_of_its_own(tmp_path):
    odd = Target(Indicator.RESOLVE, Statistic.MEAN, at(7.5) - at(0), Severity.SEV_4)
    rules = policy(targets=(*policy().targets, odd))
    world = World(tmp_path / "odd.db", rules)
    for name, stage in HISTOGRAMS.values():
        labels = {"incident_severity": "SEV-1"} | ({"stage": stage} if stage else {})
        buckets = les(world, name, **labels)
        assert 450.0 in buckets
        assert {float(bound) for bound in bucket_bounds_of(rules)} | {float("inf")} == set(buckets)
    world.close()


def test_it_cumulates_buckets_up_to_the_count(busy):
    for name, stage in HISTOGRAMS.values():
        for severity in SEVERITIES:
            labels = {"incident_severity": severity} | ({"stage": stage} if stage else {})
            counts = [count for _, count in sorted(les(busy, name, **labels).items())]
            assert counts == sorted(counts)
            assert counts[-1] == busy.value(f"{name}_count", **labels)
    acknowledged = les(busy, "mttx_time_to_acknowledge_seconds", incident_severity="SEV-1")
    assert (acknowledged[120.0], acknowledged[300.0]) == (0, 1)
    assert busy.value("mttx_time_to_acknowledge_seconds_sum", incident_severity="SEV-1") == 240


def test_it_counts_a_sample_in_every_bucket_above_it(world):
    for minutes in (4, 4, 9, 50):
        world.open(event(K.DETECTED), event(K.RESOLVED, minutes))
    buckets = les(world, "mttx_time_to_resolve_seconds", incident_severity="SEV-3")
    assert [buckets[le] for le in (120.0, 300.0, 600.0, 2700.0, 3600.0, float("inf"))] == [0, 2, 3, 3, 4, 4]
    assert world.value("mttx_time_to_resolve_seconds_sum", incident_severity="SEV-3") == 67 * 60


def test_it_counts_a_sample_beyond_all_bounds_in_infinity_only(world):
    world.open(event(K.DETECTED), event(K.RESOLVED, 60 * DAY))
    buckets = les(world, "mttx_time_to_resolve_seconds", incident_severity="SEV-3")
    assert (buckets[28 * 86400.0], buckets[float("inf")]) == (0, 1)


def test_it_keeps_what_was_counted_under_a_bound_that_is_no_longer_in_use(tmp_path):
    """A target of seven minutes and a half is dropped; its samples count for the next bound."""
    odd = Target(Indicator.RESOLVE, Statistic.MEAN, at(7.5) - at(0), Severity.SEV_4)
    world = World(tmp_path / "mttx.db", policy(targets=(odd,)))
    world.open(event(K.DETECTED), event(K.RESOLVED, 7))
    assert les(world, "mttx_time_to_resolve_seconds", incident_severity="SEV-3")[450.0] == 1
    world.close()
    world = World(tmp_path / "mttx.db", policy(targets=()))
    buckets = les(world, "mttx_time_to_resolve_seconds", incident_severity="SEV-3")
    assert (450.0 in buckets, buckets[300.0], buckets[600.0], buckets[float("inf")]) == (False, 0, 1, 1)
    world.close()


def counted(world):
    """Everything that only grows."""
    kinds = {m.name: m.kind for m in METRICS}
    grows = {name for name, kind in kinds.items() if kind in (Kind.COUNTER, Kind.SUMMARY)}
    suffixes = ("_bucket", "_count", "_sum")
    grows |= {name + suffix for name, kind in kinds.items() if kind is not Kind.COUNTER for suffix in suffixes}
    return {key: value for key, value in world.samples().items() if key[0] in grows}


def test_it_never_decrements_whatever_happens(world):
    """A fall is a reset to Prometheus, and `increase()` counts the whole once more."""
    steps = [
        lambda: world.send(alert(0), received=1),
        lambda: world.send(alert(0, 5), received=6),
        lambda: world.send(alert(10), received=11),
        lambda: world.send(alert(10, 12), received=13),
        lambda: world.tell(1, K.SEVERITY_CHANGED, 14, severity=Severity.SEV_1),
        lambda: world.tell(1, K.CORRECTED, 15, data={"milestone": "resolved", "occurred_at": at(3).isoformat()}),
        lambda: world.open(
            event(K.DETECTED), event(K.STARTED, -9), event(K.RESOLVED, 30), event(K.POSTMORTEM_DRAFTED, 90)
        ),
        lambda: world.tell(2, K.RETRACTED, 31, data={"event_id": "resolved-30"}),
        lambda: world.tell(2, K.RETRACTED, 91, data={"event_id": "postmortem_drafted-90"}),
        lambda: world.tell(2, K.DISMISSED, 95),
        lambda: world.tell(2, K.REOPENED, 96),
        lambda: world.tell(2, K.MERGED, 97, data={"into": "INC-1"}),
        lambda: world.submit(CloseStale(at(9 * DAY))),
        lambda: setattr(world, "minutes", 200 * DAY),
    ]
    before = counted(world)
    for step in steps:
        step()
        after = counted(world)
        assert {key: (value, after.get(key)) for key, value in before.items() if after.get(key, -1) < value} == {}
        before = after


def test_it_keeps_histograms_when_incidents_leave_the_windows(busy):
    """A histogram over a sliding window falls, and `rate()` makes nonsense of it."""
    before = counted(busy)
    busy.minutes = 400 * DAY
    assert counted(busy).items() >= {k: v for k, v in before.items() if "scrape" not in k[0]}.items()
    assert busy.series("mttx_indicator_seconds") == []


# -- what time does ----------------------------------------------------------------------------------------------------


def test_it_lets_no_number_age(busy):
    """What grows at every scrape is no measurement; an age is `time() - x` in a query. Deadlines do pass."""
    before = busy.shared()
    busy.minutes += 60
    moved = {name for (name, labels), value in busy.shared().items() if before.get((name, labels)) != value}
    assert moved == set()


def test_it_turns_due_into_overdue_by_the_clock_alone(world):
    world.open(event(K.DETECTED, severity=Severity.SEV_1))
    labels = {"incident_severity": "SEV-1", "stage": "draft"}
    for world.minutes, due, overdue in ((12 * 60, 1, 0), (12 * 60 + 1, 0, 1)):
        assert world.value("mttx_postmortems_due", **labels) == due
        assert world.value("mttx_postmortems_overdue", **labels) == overdue


def test_it_puts_an_incident_into_a_window_by_its_detection(world):
    for minutes in (0, DAY * 25, DAY * 31):
        world.open(event(K.DETECTED, minutes), event(K.RESOLVED, minutes + 60))
    world.minutes = DAY * 31 + 90
    incidents = {
        w: world.value("mttx_indicator_incidents", indicator="resolve", window=w) for w in ("7d", "30d", "90d")
    }
    assert incidents == {"7d": 2, "30d": 2, "90d": 3}


def test_it_chases_a_postmortem_after_the_incident_is_resolved(world):
    world.open(event(K.DETECTED), event(K.RESOLVED, 5))
    assert world.series("mttx_incident_detected_timestamp_seconds") == []
    assert {labels["stage"] for labels in world.series("mttx_postmortem_due_timestamp_seconds")} == {"draft", "final"}
    assert [labels["phase"] for labels in world.series("mttx_incident_info")] == ["resolved"]
    world.tell(1, K.POSTMORTEM_FINALIZED, 600)
    assert world.series("mttx_postmortem_due_timestamp_seconds") == world.series("mttx_incident_info") == []


def test_it_gives_no_time_to_acknowledge_to_what_nobody_acknowledged(world):
    """Elsewhere a missing acknowledgement becomes "now", and MTTA grows at every scrape."""
    world.open(event(K.DETECTED), event(K.RESOLVED, 5, data={"automated": True}))
    assert [labels["indicator"] for labels in world.series("mttx_indicator_incidents") if labels["window"] == "7d"] == [
        "resolve"
    ]
    assert world.value("mttx_incidents_missing_milestone", milestone="acknowledged") == 1


def test_it_counts_a_negative_interval_and_measures_it_nowhere(world):
    world.open(event(K.DETECTED), event(K.ACKNOWLEDGED, -3), event(K.RESOLVED, 5))
    assert world.value("mttx_incidents_invalid_interval", indicator="acknowledge") == 1
    assert world.value("mttx_indicator_incidents", indicator="acknowledge", window="7d") is None
    assert world.value("mttx_time_to_acknowledge_seconds_count", incident_severity="SEV-3") == 0


def test_it_leaves_a_dismissed_incident_out_of_everything_but_its_count(world):
    world.open(
        event(K.STARTED, -9), event(K.DETECTED), event(K.MITIGATED, -4), event(K.RESOLVED, 5), event(K.DISMISSED, 6)
    )
    assert world.value("mttx_incidents_dismissed_total", incident_severity="SEV-3") == 1
    shown = {
        n
        for (n, labels), v in world.shared().items()
        if v and "target" not in n and n != "mttx_incidents_dismissed_total"
    }
    assert shown == {"mttx_incidents_opened_total"}


# -- what it says of incidents -----------------------------------------------------------------------------------------


def test_it_says_of_open_incidents_when_what_happened(world):
    world.send(alert(0, severity=Severity.SEV_1, onset=-3))
    world.tell(1, K.ACKNOWLEDGED, 4)
    labels = {"incident": "INC-1", "incident_severity": "SEV-1"}
    for milestone, minutes in (("started", -3), ("detected", 0), ("acknowledged", 4)):
        assert world.value(f"mttx_incident_{milestone}_timestamp_seconds", **labels) == at(minutes).timestamp()


def test_it_says_what_is_due_when_and_of_how_much_time(world):
    world.open(event(K.DETECTED, severity=Severity.SEV_1), event(K.STARTED, -30))
    labels = {"incident": "INC-1", "incident_severity": "SEV-1", "stage": "draft"}
    assert world.value("mttx_postmortem_due_timestamp_seconds", **labels) == at(12 * 60 - 30).timestamp()
    assert world.value("mttx_postmortem_deadline_seconds", **labels) == 12 * 3600


def test_it_names_all_types_of_an_incident(world):
    world.send(alert(0, labels={"incident_type": "model,api"}))
    assert [labels["incident_type"] for labels in world.series("mttx_incident_info")] == ["model,api"]


def test_it_counts_actions_by_type_and_lateness(busy):
    busy.minutes = 1000
    assert busy.value("mttx_actions_open", action_type="prevent") == 1
    assert busy.value("mttx_actions_overdue", action_type="prevent") == 1
    due = busy.value("mttx_action_due_timestamp_seconds", incident="INC-1", action="A1", action_type="prevent")
    assert due == at(900).timestamp()


def test_it_computes_statistics_exactly(world):
    for n, minutes in enumerate((10, 20, 30, 40)):
        world.open(event(K.DETECTED, n), event(K.RESOLVED, n + minutes))
    labels = {"indicator": "resolve", "window": "7d"}
    shown = {s.value: world.value("mttx_indicator_seconds", statistic=s.value, **labels) for s in Statistic}
    assert shown == {
        "mean": 1500,
        "geometric_mean": pytest.approx(1328.018, abs=0.001),
        "p50": 1500,
        "p95": pytest.approx(2310),
        "max": 2400,
    }
    assert world.value("mttx_severity_indicator_incidents", incident_severity="SEV-3", **labels) == 4


def test_it_says_which_share_is_within_the_target(world):
    for minutes in (60, 120, 121, 500):
        world.open(event(K.DETECTED, severity=Severity.SEV_1), event(K.RESOLVED, minutes))
    ratio = world.value(
        "mttx_severity_indicator_within_target_ratio", indicator="resolve", window="7d", incident_severity="SEV-1"
    )
    assert ratio == 0.5
    assert world.value("mttx_indicator_within_target_ratio", indicator="resolve", window="7d") is None


# -- limits ------------------------------------------------------------------------------------------------------------


def test_it_says_what_the_incidents_show_about_a_target(world):
    labels = {"indicator": "acknowledge", "window": "7d"}

    def shown():
        return {v.value: world.value("mttx_indicator_verdict", verdict=v.value, **labels) for v in Verdict}

    for n in range(2):
        world.open(event(K.DETECTED, n), event(K.ACKNOWLEDGED, n + 1))
    assert shown() == {"met": 0, "missed": 0, "undecided": 1}
    for n in range(2, 4):
        world.open(event(K.DETECTED, n), event(K.ACKNOWLEDGED, n + 60))
    assert shown() == {"met": 0, "missed": 1, "undecided": 0}


def test_it_judges_what_nobody_has_acknowledged_once_that_is_late(world):
    labels = {"indicator": "acknowledge", "window": "7d", "verdict": "missed"}
    for n in range(2):
        world.open(event(K.DETECTED, n))
    world.minutes = 10
    assert world.value("mttx_indicator_verdict", **labels) is None
    world.minutes = 12
    assert world.value("mttx_indicator_verdict", **labels) == 1
    assert world.value("mttx_indicator_incidents", indicator="acknowledge", window="7d") == 0
    assert world.series("mttx_indicator_seconds") == []


def test_it_bounds_the_quantiles_of_enough_incidents(world):
    for n in range(6):
        world.open(event(K.DETECTED, n), event(K.ACKNOWLEDGED, 2 * n + 1))
    shown = {
        (labels["statistic"], labels["bound"]): world.value("mttx_indicator_bound_seconds", **labels)
        for labels in world.series("mttx_indicator_bound_seconds")
        if labels["indicator"] == "acknowledge" and labels["window"] == "7d"
    }
    assert shown == {("p50", "lower"): 60, ("p50", "upper"): 360, ("p95", "lower"): 240}


def test_it_says_how_incidents_changed_since_the_window_before(world):
    for n in range(8):
        world.open(event(K.DETECTED, n), event(K.RESOLVED, n + 60 + n))
        world.open(event(K.DETECTED, 8 * 1440 + n), event(K.RESOLVED, 8 * 1440 + 3 * n + 5))
    world.minutes = 9 * DAY
    labels = {"indicator": "resolve", "window": "7d"}
    shown = {c.value: world.value("mttx_indicator_change", change=c.value, **labels) for c in WindowChange}
    assert shown == {"shorter": 1, "longer": 0, "undecided": 0}
    assert world.value("mttx_indicator_change", change="undecided", indicator="resolve", window="30d") == 1


@pytest.mark.parametrize(("compared", "before"), [(True, (1, 600 - 3600)), (False, None)])
def test_a_period_of_the_past_is_compared_with_the_one_before_it(world, compared, before):
    for day, minutes in ((5, 30), (12, 60), (15, 10), (25, 90)):
        world.open(event(K.DETECTED, day * DAY), event(K.RESOLVED, day * DAY + minutes))
    selection = Selection(since=at(14 * DAY), until=at(20 * DAY), compared=compared)
    (row, *_) = [r for r in world.measuring.select(selection, at(90 * DAY))[""] if r.indicator is Indicator.RESOLVE]
    assert row.summary.incidents == 1
    assert ((row.comparison.incidents_before, row.comparison.shift) if row.comparison else None) == before


def test_a_period_is_broken_down_by_a_dimension_with_its_most_frequent_values_named(world):
    for day, team in enumerate(["payments", "payments", "search", "search", "web", ""]):
        world.open(event(K.DETECTED, day * DAY, labels={"team": team}), event(K.RESOLVED, day * DAY + 10 + day))
    tables = world.measuring.select(Selection(since=at(-1), labels=["team"]), at(9 * DAY))
    resolved = {value: [row for row in rows if row.indicator is Indicator.RESOLVE] for value, rows in tables.items()}
    assert {value: row.summary.incidents for value, [row] in resolved.items()} == {
        "payments": 2,
        "search": 2,
        "other": 1,
        "": 1,
    }


def test_it_gives_no_more_incidents_series_than_the_cap_and_says_so(tmp_path):
    world = World(tmp_path / "mttx.db", cap=3)
    for n in range(8):
        action = event(K.ACTION_OPENED, data={"action_id": "a", "due_at": at(n).isoformat()})
        world.open(event(K.DETECTED, n), action)
    assert {labels["incident"] for labels in world.series("mttx_incident_detected_timestamp_seconds")} == {
        "INC-6",
        "INC-7",
        "INC-8",
    }
    assert {labels["incident"] for labels in world.series("mttx_postmortem_due_timestamp_seconds")} == {
        "INC-1",
        "INC-2",
        "INC-3",
    }
    assert len(world.series("mttx_action_due_timestamp_seconds")) == 3
    info = {labels["incident"] for labels in world.series("mttx_incident_info")}
    assert info == {"INC-8", "INC-1", "INC-7", "INC-2", "INC-3"}, "the last two for their actions"
    capped = {
        labels["metric"]: world.value("mttx_series_capped", **labels) for labels in world.series("mttx_series_capped")
    }
    assert capped["mttx_incident_detected_timestamp_seconds"] == 5
    assert capped["mttx_postmortem_due_timestamp_seconds"] == 5
    assert capped["mttx_incident_info"] == 3
    assert capped["mttx_action_due_timestamp_seconds"] == 5
    assert world.value("mttx_incidents_open", incident_severity="SEV-3", phase="detected") == 8
    assert world.value("mttx_postmortems_due", incident_severity="SEV-3", stage="draft") == 8
    world.close()


def test_it_hides_nothing_below_the_cap(busy):
    assert {busy.value("mttx_series_capped", **labels) for labels in busy.series("mttx_series_capped")} == {0}


# -- restarts and failures ---------------------------------------------------------------------------------------------


def test_it_exports_the_same_after_a_restart(busy, tmp_path):
    before = busy.shared()
    busy.close()
    again = World(tmp_path / "mttx.db", busy.policy)
    assert again.shared() == before
    assert again.value("mttx_last_webhook_timestamp_seconds", source="alertmanager") == at(51).timestamp()
    again.close()


def test_it_counts_what_this_process_does(busy):
    assert busy.value("mttx_webhook_requests_total", source="alertmanager") == 1
    assert busy.value("mttx_recorder_commits_total") == busy.recorder.stats.commits > 0
    assert busy.value("mttx_recorder_commit_seconds_count") == busy.recorder.stats.commits
    assert busy.value("mttx_recorder_commit_seconds_sum") > 0
    assert busy.value("mttx_scrape_duration_seconds") > 0
    assert busy.value("mttx_build_info", version="1.2.3") == 1


@pytest.mark.parametrize("part", [snapshot_of, visit_recent])
def test_it_still_answers_while_the_store_is_away(busy, monkeypatch, part):
    def away(query, *arguments, read=busy.store.read):
        if query is part:
            raise StoreUnavailable
        return read(query, *arguments)

    monkeypatch.setattr(busy.store, "read", away)
    families = busy.families()
    assert {f.name if f.type != "counter" else f"{f.name}_total" for f in families.values()} >= PER_PROCESS
    assert "mttx_incidents_opened" not in families
    assert busy.value("mttx_scrape_errors_total") == 2
    assert "process_resident_memory_bytes" in busy.text()
    monkeypatch.undo()
    assert busy.value("mttx_incidents_opened_total", incident_severity="SEV-1") == 1
    assert busy.value("mttx_scrape_errors_total") == 3


def test_it_still_counts_deliveries_while_the_store_is_away():
    def away(*_):
        raise StoreUnavailable

    assert list(OutboxCollector(TARGETS, away).collect()) == []
    deliveries = DeliveryCollector(DeliveryCounters(TARGETS, []))
    assert {family.name for family in deliveries.collect()} == {"mttx_outbox_deliveries", "mttx_outbox_failures"}
