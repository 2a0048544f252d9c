"""The lifecycle API, on a real store with its recorder; refusals that it cannot play are played by fakes."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from service.domain.breakdown import NamedValues
from service.domain.indicators import IndicatorSamples, Row, row_of, summarize
from service.domain.policy import Indicator, Severity, Statistic, Target
from service.metrics.gathering import Breakdown, GroupStatistics
from service.recorder.commands import Busy, RecordAlerts
from service.recorder.writer import Recorder
from service.store import Store
from service.store.incidents import IncidentFilter
from tests.builders import alert, at, delivery, episode, event, policy
from tests.web.fakes import World, assert_problem, record

INCIDENTS = "/api/v1/incidents"
MILESTONES = ["started", "detected", "acknowledged", "mitigated", "resolved", "drafted", "finalized"]


@pytest.fixture
def real(tmp_path):
    """A world whose store and recorder are real; `seen` records alerts."""
    store = Store.open(f"sqlite:///{tmp_path / 'mttx.db'}", policy())
    recorder = Recorder(store, policy())
    world = World(recorder=recorder, store=store)
    world.seen = lambda *alerts: recorder.submit(RecordAlerts(alerts, delivery(600)))
    yield world
    recorder.close()
    store.close()


def send_event(world, kind, /, incident="INC-1", **fields):
    return world.post(f"{INCIDENTS}/{incident}/events", json={"kind": kind, **fields})


# --- one incident ---------------------------------------------------------------------------------------------------


def test_it_shows_an_incident_of_alerts(real):
    real.seen(alert(0, 30, onset=-5, labels={"service": "checkout"}, annotations={"summary": "Checkout is broken"}))
    shown = real.get(f"{INCIDENTS}/INC-1").get_json()
    assert shown["id"] == "INC-1"
    assert shown["merged_into"] is None
    assert (shown["title"], shown["severity"], shown["phase"]) == ("Checkout is broken", "SEV-2", "resolved")
    assert shown["labels"] == {"alertname": "CheckoutErrors", "service": "checkout"}
    assert shown["resolution_source"] == "alerts"
    assert shown["milestones"] == {
        **dict.fromkeys(MILESTONES),
        "started": "2026-03-02T08:55:00Z",
        "detected": "2026-03-02T09:00:00Z",
        "resolved": "2026-03-02T09:30:00Z",
    }
    assert shown["indicators"] == {"detect": 300.0, "resolve": 1800.0}
    assert shown["deadlines"] == [
        {"stage": "draft", "due_at": "2026-03-03T08:55:00Z", "done_at": None, "overdue": True},
        {"stage": "final", "due_at": "2026-03-05T08:55:00Z", "done_at": None, "overdue": True},
    ]
    (shown_alert,) = shown["alerts"]
    assert shown_alert == {
        "name": "CheckoutErrors",
        "source": "alertmanager",
        "fingerprint": "f1",
        "severity": "SEV-2",
        "starts_at": "2026-03-02T09:00:00Z",
        "ends_at": "2026-03-02T09:30:00Z",
        "stale": False,
        "end_unknown": False,
        "started_at": "2026-03-02T08:55:00Z",
        "labels": {"alertname": "CheckoutErrors", "service": "checkout"},
        "annotations": {"summary": "Checkout is broken"},
        "generator_url": "",
    }
    assert shown["events"] == shown["actions"] == []


def test_it_shows_the_events_of_people(real):
    real.seen(alert(0))
    send_event(real, "role_assigned", occurred_at="2026-03-02T09:01:00Z", data={"role": "commander", "name": "Mori"})
    send_event(real, "note", event_id="n1", occurred_at="2026-03-02T09:02:00Z", data={"text": "rolled back"})
    opened = {"action_id": "A-1", "title": "Alert on it", "owner": "Mori", "due_at": "2026-03-09"}
    send_event(real, "action_opened", occurred_at="2026-03-02T10:00:00Z", data=opened)
    shown = real.get(f"{INCIDENTS}/INC-1").get_json()
    assert shown["roles"] == {"commander": "Mori"}
    assert [event["kind"] for event in shown["events"]] == ["role_assigned", "note", "action_opened"]
    assert shown["events"][1] == {
        "event_id": "n1",
        "kind": "note",
        "occurred_at": "2026-03-02T09:02:00Z",
        "recorded_at": "2026-11-23T19:00:00Z",
        "source": "api",
        "title": None,
        "severity": None,
        "types": [],
        "domains": [],
        "labels": {},
        "data": {"text": "rolled back"},
        "recorded_by": None,
        "change": None,
    }
    (action,) = shown["actions"]
    assert (action["title"], action["state"], action["overdue"]) == ("Alert on it", "open", True)
    assert action["due_at"] == "2026-03-09T23:59:59+09:00"


def test_it_says_when_an_incident_is_stale(real):
    real.seen(alert(0))
    assert real.get(f"{INCIDENTS}/INC-1").get_json()["stale"] is True


@pytest.mark.parametrize(
    "name", ["INC-2", "INC-0", "INC-01", "inc-1", "1", "INC-", "INC-x", "INC-1%00", "INC-" + "9" * 30]
)
def test_it_knows_no_incident_of_another_name(real, name):
    real.seen(alert(0))
    for path in (f"{INCIDENTS}/{name}", f"{INCIDENTS}/{name}/timeline"):
        assert_problem(real.get(path), 404, "unknown_incident")
    assert_problem(send_event(real, "acknowledged", name), 404, "unknown_incident")
    assert real.failures() == {("api", "unknown_incident"): 3}


def test_an_absorbed_incident_answers_with_what_absorbed_it(real):
    real.seen(alert(0, fingerprint="a", group="a"))
    real.seen(alert(5, fingerprint="b", group="b"))
    send_event(real, "merged", "INC-2", data={"into": "INC-1"})
    absorbed = real.get(f"{INCIDENTS}/INC-2").get_json()
    whole = real.get(f"{INCIDENTS}/INC-1").get_json()
    assert (absorbed["id"], absorbed["merged_into"]) == ("INC-2", "INC-1")
    assert (whole["id"], whole["merged_into"]) == ("INC-1", None)
    assert absorbed["milestones"] == whole["milestones"]
    assert len(absorbed["alerts"]) == 2
    assert send_event(real, "acknowledged", "INC-2").get_json()["id"] == "INC-2"
    assert real.get(f"{INCIDENTS}/INC-1").get_json()["phase"] == "acknowledged"


def test_it_answers_503_when_the_store_does_not_answer(world):
    world.store.down = True
    for path in (INCIDENTS, f"{INCIDENTS}/INC-1", f"{INCIDENTS}/INC-1/timeline"):
        assert_problem(world.get(path), 503, "store")


# --- opening --------------------------------------------------------------------------------------------------------


def test_it_opens_an_incident(real):
    body = {"title": "Orders stuck", "severity": "SEV-1", "started_at": "2026-11-23T18:00:00Z", "types": ["execution"]}
    response = real.post(INCIDENTS, json=body)
    assert response.status_code == 201
    assert response.headers["Location"] == f"{INCIDENTS}/INC-1"
    opened = response.get_json()
    assert (opened["id"], opened["title"], opened["severity"]) == ("INC-1", "Orders stuck", "SEV-1")
    assert opened["types"] == ["execution"]
    assert opened["milestones"]["started"] == "2026-11-23T18:00:00Z"
    assert opened["milestones"]["detected"] == "2026-11-23T19:00:00Z"
    assert real.get(response.headers["Location"]).get_json() == opened


def test_it_opens_once_however_often_it_is_asked(real):
    body = {"title": "Orders stuck", "started_at": "2026-11-23T18:00:00Z", "event_id": "e1"}
    first, again = real.post(INCIDENTS, json=body), real.post(INCIDENTS, json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json() == again.get_json()
    assert len(real.get(INCIDENTS).get_json()["incidents"]) == 1


def test_it_opens_another_without_an_event_id(real):
    ids = [real.post(INCIDENTS, json={"title": "Orders stuck"}).get_json()["id"] for _ in range(2)]
    assert ids == ["INC-1", "INC-2"]


@pytest.mark.parametrize(
    "body", [{}, {"title": ""}, {"title": "x", "severity": "SEV-9"}, {"title": "x", "detected_at": "18:00"}, []]
)
def test_it_opens_nothing_for_a_wrong_body(real, body):
    assert_problem(real.post(INCIDENTS, json=body), 400, "invalid_payload")
    assert real.get(INCIDENTS).get_json()["incidents"] == []


# --- events ---------------------------------------------------------------------------------------------------------


def test_it_appends_an_event_and_answers_with_the_incident(real):
    real.seen(alert(0))
    response = send_event(real, "acknowledged", occurred_at="2026-03-02T09:04:00Z")
    assert response.status_code == 201
    assert response.get_json()["phase"] == "acknowledged"
    assert response.get_json()["indicators"] == {"acknowledge": 240.0}
    assert real.counters["received", "api"]


def test_it_answers_a_repeat_with_200_and_the_first_result(real):
    real.seen(alert(0))
    first = send_event(real, "acknowledged", event_id="e1", occurred_at="2026-03-02T09:04:00Z")
    again = send_event(real, "acknowledged", event_id="e1", occurred_at="2026-03-02T09:59:00Z")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.get_json() == first.get_json()


def test_it_takes_the_same_event_at_a_stated_time_once_without_an_id_too(real):
    real.seen(alert(0))
    answers = [send_event(real, "acknowledged", occurred_at="2026-03-02T09:04:00Z").status_code for _ in range(2)]
    assert answers == [201, 200]


def test_it_warns_of_times_that_are_impossible_or_unlikely(real):
    real.seen(alert(0, 30))
    answer = send_event(real, "mitigated", occurred_at="2026-03-02T08:50:00Z").get_json()
    assert [warning.split(":")[0] for warning in answer["warnings"]] == [
        "acknowledged lies before detected",
        "mitigated lies before detected",
    ]


def test_it_refuses_to_merge_into_what_is_not_there(real):
    real.seen(alert(0))
    assert_problem(send_event(real, "merged", data={"into": "INC-9"}), 404, "unknown_incident")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"kind": "exploded"}, "invalid_payload"),
        ({"kind": "note"}, "invalid_payload"),
        ({"kind": "acknowledged", "occurred_at": "2026-11-23T18:00:00"}, "invalid_payload"),
        ({"kind": "acknowledged", "occurred_at": "2026-11-23T19:06:00Z"}, "future"),
        ({"kind": "acknowledged", "event_id": "a\0b"}, "invalid_payload"),
    ],
)
def test_it_appends_nothing_for_a_wrong_body(real, body, reason):
    real.seen(alert(0))
    assert_problem(real.post(f"{INCIDENTS}/INC-1/events", json=body), 400, reason)
    assert real.failures() == {("api", reason): 1}
    assert real.get(f"{INCIDENTS}/INC-1").get_json()["events"] == []


def test_it_refuses_bodies_that_are_too_large():
    world = World(max_bytes=100)
    response = world.post(INCIDENTS, json={"title": "x" * 100})
    assert "100 bytes" in assert_problem(response, 413, "too_large")


def test_it_puts_writers_off_while_it_is_busy(world):
    world.recorder.error = Busy("full")
    assert_problem(world.post(INCIDENTS, json={"title": "x"}), 503, "busy")
    assert world.failures() == {("api", "busy"): 1}


# --- the list -------------------------------------------------------------------------------------------------------


def test_it_lists_the_newest_first_page_by_page(real):
    for number in range(5):
        real.post(INCIDENTS, json={"title": f"number {number}"})
    pages, path = [], f"{INCIDENTS}?limit=2&severity=SEV-3,SEV-4&phase=detected&phase=resolved&open=true"
    while path:
        page = real.get(path).get_json()
        pages.append([incident["id"] for incident in page["incidents"]])
        path = page["next"]
    assert pages == [["INC-5", "INC-4"], ["INC-3", "INC-2"], ["INC-1"]]


def test_it_lists_incidents_in_full_if_asked_to(real):
    real.seen(alert(0))
    (short,) = real.get("/api/v1/incidents?limit=1").get_json()["incidents"]
    assert (short["labels"], short["indicators"]) == (None, None)
    (full,) = real.get("/api/v1/incidents?limit=1&full=true").get_json()["incidents"]
    whole = real.get(f"/api/v1/incidents/{full['id']}").get_json()
    assert (full["labels"], full["indicators"]) == (whole["labels"], whole["indicators"])


def test_it_shows_of_each_what_a_list_needs(real):
    real.seen(alert(0))
    (line,) = real.get(INCIDENTS).get_json()["incidents"]
    assert line == {
        "id": "INC-1",
        "title": "CheckoutErrors",
        "severity": "SEV-2",
        "phase": "detected",
        "stale": True,
        "milestones": {**dict.fromkeys(MILESTONES), "detected": "2026-03-02T09:00:00Z"},
        "dimensions": {"team": "", "service": ""},
        "labels": None,
        "indicators": None,
    }


def test_it_hands_the_filters_to_the_store(world):
    world.get(f"{INCIDENTS}?phase=detected,mitigated&severity=SEV-1&open=true&limit=7&cursor=42")
    asked = world.store.asked
    filter_ = IncidentFilter(phases=["detected", "mitigated"], severities=["SEV-1"], open_only=True)
    assert asked == {"filter": filter_, "limit": 7, "before": 42}


@pytest.mark.parametrize(
    "query",
    [
        "phase=gone",
        "severity=critical",
        "open=perhaps",
        "limit=0",
        "limit=1001",
        "limit=x",
        "cursor=0",
        "cursor=x",
        "sort=id",
    ],
)
def test_it_refuses_queries_it_cannot_read(world, query):
    assert query.partition("=")[0] in assert_problem(world.get(f"{INCIDENTS}?{query}"), 400, "invalid_payload")


# --- the timeline ---------------------------------------------------------------------------------------------------


def test_it_tells_what_happened_in_order(real):
    real.seen(alert(0, 30))
    send_event(real, "note", occurred_at="2026-03-02T09:10:00Z", data={"text": "rolled back"})
    send_event(real, "started", occurred_at="2026-03-02T08:58:00Z")
    shown = real.get(f"{INCIDENTS}/INC-1/timeline").get_json()
    assert (shown["id"], shown["timezone"]) == ("INC-1", "Asia/Tokyo")
    assert [(entry["what"], entry["offset"]) for entry in shown["entries"]] == [
        ("event", -120.0),
        ("alert_firing", 0.0),
        ("event", 600.0),
        ("alert_resolved", 1800.0),
    ]
    _, firing, note, _ = shown["entries"]
    assert (firing["at"], firing["local"]) == ("2026-03-02T09:00:00Z", "2026-03-02T18:00:00+09:00")
    assert firing["alert"] == {
        "name": "CheckoutErrors",
        "source": "alertmanager",
        "fingerprint": "f1",
        "severity": "SEV-2",
    }
    assert (note["event"]["data"], note["alert"]) == ({"text": "rolled back"}, None)


def test_it_tells_of_corrected_events_at_their_right_time_and_not_of_retracted_ones(real):
    real.seen(alert(0))
    send_event(real, "acknowledged", event_id="e1", occurred_at="2026-03-02T09:10:00Z")
    send_event(real, "corrected", data={"event_id": "e1", "occurred_at": "2026-03-02T09:03:00Z"})
    send_event(real, "mitigated", event_id="e2", occurred_at="2026-03-02T09:20:00Z")
    send_event(real, "retracted", data={"event_id": "e2"})
    entries = real.get(f"{INCIDENTS}/INC-1/timeline").get_json()["entries"]
    assert [entry["offset"] for entry in entries] == [0.0, 180.0]


def test_it_tells_an_assumed_end_from_a_reported_one(world):
    world.store.records[1] = record(episodes=(episode(0, 30, stale=True),))
    entries = world.get(f"{INCIDENTS}/INC-1/timeline").get_json()["entries"]
    assert [entry["what"] for entry in entries] == ["alert_firing", "alert_stale"]


def test_it_has_no_offsets_without_a_detection(world):
    world.store.records[1] = record(event("note", data={"text": "x"}))
    (entry,) = world.get(f"{INCIDENTS}/INC-1/timeline").get_json()["entries"]
    assert entry["offset"] is None


def test_it_follows_the_clocks_of_the_zone(world):
    world.store.records[2] = record(episodes=(episode(0, 30),), incident_id=2, merged_into=1)
    shown = world.get(f"{INCIDENTS}/INC-2/timeline").get_json()
    assert shown["merged_into"] == "INC-1"
    assert datetime.fromisoformat(shown["entries"][0]["local"]) == at(0)


# --- indicators -----------------------------------------------------------------------------------------------------


def test_it_shows_the_indicators_of_a_window():
    target = Target(Indicator.RESOLVE, Statistic.MEAN, timedelta(hours=2), Severity.SEV_1)
    rows = [
        row_of(
            Indicator.RESOLVE, None, IndicatorSamples([60.0, 120.0], before=[80.0], unfinished=3), policy(targets=())
        ),
        Row(Indicator.RESOLVE, Severity.SEV_1, summarize([60.0]), target, 1.0),
    ]
    asked = []
    windows = {"7d": timedelta(days=7)}
    world = World(indicators=lambda window, now: asked.append((window, now)) or rows, windows=windows)
    shown = world.get("/api/v1/indicators?window=7d").get_json()
    assert asked == [("7d", datetime(2026, 11, 23, 19, 0, tzinfo=UTC))]
    assert shown["window"] == "7d"
    everything, sev_1 = shown["indicators"]
    assert everything == {
        "indicator": "resolve",
        "incident_severity": None,
        "dimension": None,
        "value": None,
        "incidents": 2,
        "mean": 90.0,
        "geometric_mean": pytest.approx(7200**0.5),
        "p50": 90.0,
        "p95": pytest.approx(117.0),
        "max": 120.0,
        "bounds": {"p50": {"lower": None, "upper": None}, "p95": {"lower": 60.0, "upper": None}},
        "target": None,
        "statistic": None,
        "within_target_ratio": None,
        "verdict": None,
        "change": {
            "change": "undecided",
            "shift": 10.0,
            "incidents": 2,
            "incidents_before": 1,
            "unfinished": 3,
        },
    }
    assert (sev_1["incident_severity"], sev_1["target"], sev_1["statistic"]) == ("SEV-1", 7200.0, "mean")


def test_it_shows_what_the_incidents_show_about_a_target_the_open_ones_included():
    target = Target(Indicator.ACKNOWLEDGE, Statistic.P95, timedelta(minutes=10))
    rows = [
        row_of(Indicator.ACKNOWLEDGE, None, IndicatorSamples([60.0] * 12, outside=2), policy(targets=(target,))),
        row_of(Indicator.ACKNOWLEDGE, None, IndicatorSamples(outside=3), policy(targets=(target,))),
    ]
    world = World(indicators=lambda window, now: rows, windows={"7d": timedelta(days=7)})
    some, none = world.get("/api/v1/indicators?window=7d").get_json()["indicators"]
    assert some["verdict"] == {
        "verdict": "undecided",
        "within": 12,
        "incidents": 14,
        "bounds": {"lower": pytest.approx(0.5719, abs=1e-4), "upper": pytest.approx(0.9822, abs=1e-4)},
    }
    assert some["within_target_ratio"] == 1.0
    assert some["change"] is None
    assert (none["incidents"], none["p95"], none["within_target_ratio"]) == (0, None, None)
    assert (none["verdict"]["verdict"], none["verdict"]["incidents"]) == ("missed", 3)


def test_it_shows_the_indicators_by_a_dimension_as_the_metrics_have_them():
    row = Row(Indicator.RESOLVE, None, summarize([60.0]), None, None)
    named = Breakdown(NamedValues(("payments",), 0), dict.fromkeys(("payments", ""), GroupStatistics({"30d": [row]})))
    world = World(breakdowns=lambda now: {"team": named})
    shown = world.get("/api/v1/indicators?by=team").get_json()
    assert shown["dimension"] == "team"
    assert [(r["dimension"], r["value"]) for r in shown["indicators"]] == [("team", "payments"), ("team", "")]


@pytest.mark.parametrize("query", ["window=30d&by=service", "window=30d&team=payments&by=service"])
def test_what_the_metrics_do_not_have_is_selected(query):
    asked = []
    world = World(breakdowns=lambda now: {}, select=lambda selection, now: asked.append(selection) or {"": []})
    assert world.get(f"/api/v1/indicators?{query}").get_json()["indicators"] == []
    (selection,) = asked
    assert selection.labels == ["service"]
    assert selection.dimensions == ({"team": "payments"} if "team" in query else {})


def test_a_period_is_of_days_in_the_zone_of_the_service():
    asked = []
    world = World(select=lambda selection, now: asked.append(selection) or {"": []})
    shown = world.get("/api/v1/indicators?from=2026-10-01&to=2026-11-01T00:00:00Z&team=").get_json()
    assert (shown["window"], shown["from"], shown["to"]) == (None, "2026-09-30T15:00:00Z", "2026-11-01T00:00:00Z")
    (selection,) = asked
    assert selection.since == datetime(2026, 9, 30, 14, 59, 59, 999_999, tzinfo=UTC)
    assert selection.dimensions == {"team": ""}


def test_it_shows_the_policy(world):
    shown = world.get("/api/v1/policy").get_json()
    assert (shown["timezone"], shown["resolve_from"]) == ("Asia/Tokyo", "detected")
    assert {"indicator": "resolve", "incident_severity": "SEV-1", "statistic": "mean", "limit": 7200.0} in shown[
        "targets"
    ]
    assert shown["deadlines"]["SEV-2"] == {"draft": 86_400.0, "final": 259_200.0}
    assert shown["deadlines"]["SEV-4"] == {"final": "weekly_review"}
    assert shown["weekly_review"] == {"weekday": "monday", "time": "10:00", "timezone": "Asia/Tokyo"}


def test_it_takes_thirty_days_where_no_window_is_named(world):
    assert world.get("/api/v1/indicators").get_json()["window"] == "30d"


@pytest.mark.parametrize(
    "query",
    [
        "window=31d",
        "window=",
        "windows=30d",
        "window=30d&from=2026-11-01",
        "to=2026-11-01",
        "from=2026-11-01&to=2026-11-01",
        "from=2026-11-31",
        "from=2026-11-01T00:00:00",
        "from=yesterday",
        "by=incident_severity",
        "squad=x",
    ],
)
def test_it_refuses_a_window_that_is_not_configured(world, query):
    assert_problem(world.get(f"/api/v1/indicators?{query}"), 400, "invalid_payload")


def test_its_json_is_utf_8_and_typed(real):
    raw = json.dumps({"title": "障害 <script>"}, ensure_ascii=False).encode()
    response = real.post(INCIDENTS, data=raw)
    assert response.content_type == "application/json"
    assert "障害 <script>" in response.data.decode()
