"""The webhooks: what is recorded, what is answered, and that 2xx means committed."""

import io
import json
from pathlib import Path

import pytest
from werkzeug.test import create_environ

from service.domain.incident import Phase
from service.recorder.commands import Busy, Conflict, Outcome, RecordAlerts, RecordEvents
from service.store import StoreUnavailable
from tests.web.fakes import NOW, World, assert_problem

CORPUS = Path(__file__).parents[1] / "payloads" / "alertmanager"
FIRING = (CORPUS / "good" / "firing.json").read_bytes()
IGNORED = (CORPUS / "good" / "ignored.json").read_bytes()
EVENT = {"incident_key": "jira-42", "kind": "acknowledged"}
ALERTMANAGER, LIFECYCLE = "/webhooks/alertmanager", "/webhooks/lifecycle"


def receipt(**changes):
    incidents = [{"id": "INC-1", "phase": "detected"}]
    return {"incidents": incidents, "alerts": 0, "ignored": 0, "rejected": [], "warnings": [], **changes}


def firing(*alerts):
    """The notification with these alerts, each changed by its dict."""
    body = json.loads(FIRING)
    plain = body["alerts"][0]
    return {**body, "alerts": [{**plain, "fingerprint": f"f{n}", **changes} for n, changes in enumerate(alerts)]}


def bad(pattern):
    return sorted((CORPUS / "bad").glob(pattern))


# --- Alertmanager ---------------------------------------------------------------------------------------------------


def test_it_records_alerts_with_the_body_as_it_came(world):
    response = world.post(ALERTMANAGER, data=FIRING)
    assert response.status_code == 200
    assert response.get_json() == receipt(alerts=1)
    (command,) = world.recorder.commands
    assert isinstance(command, RecordAlerts)
    assert command.webhook.body == FIRING
    assert (command.webhook.source, command.webhook.received_at) == ("alertmanager", NOW)


def test_it_names_every_incident_that_was_touched(world):
    world.recorder.outcomes = (Outcome(3, Phase.RESOLVED), Outcome(7, Phase.DETECTED))
    incidents = world.post(ALERTMANAGER, data=FIRING).get_json()["incidents"]
    assert incidents == [{"id": "INC-3", "phase": "resolved"}, {"id": "INC-7", "phase": "detected"}]


def test_it_records_nothing_when_all_alerts_are_ignored(world):
    response = world.post(ALERTMANAGER, data=IGNORED)
    assert response.get_json() == receipt(incidents=[], alerts=5, ignored=5)
    assert world.recorder.commands == []
    assert world.counters["ignored", "alertmanager", "alertname"] == 3
    assert world.counters["received", "alertmanager"] == NOW


def test_it_counts_what_it_hears(world):
    world.post(ALERTMANAGER, data=(CORPUS / "good" / "truncated.json").read_bytes())
    assert world.counters == {
        ("request", "alertmanager"): 1,
        ("truncated", "alertmanager"): 37,
        ("received", "alertmanager"): NOW,
    }


def test_it_records_the_neighbours_of_an_alert_that_cannot_be_read(world):
    too_many = {"alertname": "Wide", "severity": "critical", **{f"l{n}": "" for n in range(70)}}
    response = world.post(ALERTMANAGER, json=firing({}, {"labels": too_many}, {}))
    (fault,) = response.get_json()["rejected"]
    assert (response.status_code, fault["reason"], fault["alertname"]) == (200, "too_many_labels", "Wide")
    assert (fault["index"], fault["fingerprint"]) == (1, "f1")
    (command,) = world.recorder.commands
    assert [alert.observation.fingerprint for alert in command.alerts] == ["f0", "f2"]
    assert world.counters["rejected", "alertmanager", "too_many_labels"] == 1
    assert world.failures() == {}
    assert world.counters["received", "alertmanager"] == NOW


def test_it_asks_for_another_try_where_only_some_alerts_lie_ahead_and_keeps_the_others(world):
    """Our own clock may be behind: it will be set right, or the time will come."""
    response = world.post(ALERTMANAGER, json=firing({}, {"startsAt": "2026-11-23T19:06:00Z"}))
    assert "/alerts/1/startsAt" in assert_problem(response, 503, "future")
    assert response.headers["Retry-After"] == "60"
    assert response.get_json()["errors"]
    assert len(world.recorder.commands[0].alerts) == 1
    assert world.counters["rejected", "alertmanager", "future"] == 1


def test_it_names_a_start_that_cannot_be_read(world, caplog):
    response = world.post(ALERTMANAGER, json=firing({"annotations": {"started_at": "yesterday"}}))
    (fault,) = response.get_json()["warnings"]
    assert (response.status_code, fault["index"], fault["reason"]) == (200, 0, "started_at")
    assert world.counters["started_at_unreadable", "alertmanager"] == 1
    assert "CheckoutErrors" in caplog.text


def test_it_counts_severities_that_are_not_mapped_and_logs_each_once(world, caplog):
    urgent, none = {"labels": {"alertname": "A", "severity": "urgent"}}, {"labels": {"alertname": "B"}}
    for _ in range(2):
        assert world.post(ALERTMANAGER, json=firing(urgent, none, {})).status_code == 200
    assert world.counters["unmapped", "alertmanager"] == 4
    assert sum("'urgent'" in record.getMessage() for record in caplog.records) == 1
    assert sum("no severity" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize("error", [Busy("full"), StoreUnavailable("disk")], ids=["busy", "store"])
def test_it_answers_503_until_the_commit_succeeds_a1(world, error):
    world.recorder.error = error
    response = world.post(ALERTMANAGER, data=FIRING)
    reason = "busy" if isinstance(error, Busy) else "store"
    assert_problem(response, 503, reason)
    assert int(response.headers["Retry-After"]) > 0
    assert world.failures() == {("alertmanager", reason): 1}
    assert ("received", "alertmanager") not in world.counters
    world.recorder.error = None
    assert world.post(ALERTMANAGER, data=FIRING).status_code == 200


def test_it_counts_ignored_alerts_once_however_often_the_sender_tries_a1(world):
    mixed = json.loads(IGNORED)
    mixed["alerts"].append({**json.loads(FIRING)["alerts"][0], "fingerprint": "f9"})
    world.recorder.error = Busy("full")
    world.post(ALERTMANAGER, json=mixed)
    world.recorder.error = None
    world.post(ALERTMANAGER, json=mixed)
    assert world.counters["ignored", "alertmanager", "severity"] == 1


@pytest.mark.parametrize("path", ["/webhooks/alertmanager", "/webhooks/alertmanager/"])
def test_it_never_redirects_a1(world, path):
    assert world.post(path, data=FIRING).status_code == 200
    doubled = create_environ(ALERTMANAGER, method="POST", data=FIRING) | {"PATH_INFO": "//webhooks//alertmanager"}
    assert_problem(world.call(doubled), 404)


def test_it_answers_500_for_a_fault_of_ours_so_that_the_sender_tries_again_a1(world, caplog):
    world.recorder.error = ValueError("a secret")
    response = world.post(ALERTMANAGER, data=FIRING)
    assert "secret" not in assert_problem(response, 500, "internal")
    assert world.failures() == {("alertmanager", "internal"): 1}
    (line,) = caplog.records
    assert line.exc_info
    assert line.request_id == response.headers["X-Request-ID"]


@pytest.mark.parametrize("path", bad("*.json"), ids=lambda path: path.stem)
def test_it_answers_a_precise_problem_and_stores_nothing(world, path):
    reason = path.name.partition("--")[0]
    response = world.post(ALERTMANAGER, data=path.read_bytes())
    assert len(assert_problem(response, 503 if reason == "future" else 400, reason)) > 15
    assert world.failures() == {("alertmanager", reason): 1}
    assert world.recorder.commands == []


def test_it_points_at_what_is_wrong(world):
    raw = (CORPUS / "bad" / "invalid_payload--label_is_number.json").read_bytes()
    (error,) = world.post(ALERTMANAGER, data=raw).get_json()["errors"]
    assert error["pointer"] == "#/alerts/0/labels/severity"


def test_it_takes_any_content_type(world):
    for content_type in ("application/json", "application/x-www-form-urlencoded", "text/plain", None):
        assert world.post(ALERTMANAGER, data=FIRING, content_type=content_type).status_code == 200


# --- sizes ----------------------------------------------------------------------------------------------------------


def streamed(raw):
    """A request whose body comes in chunks, without a length, as Granian hands it on."""
    made = create_environ(ALERTMANAGER, method="POST", input_stream=io.BytesIO(raw))
    made.pop("CONTENT_LENGTH", None)
    return made | {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


def test_it_refuses_ten_megabytes_without_reading_them(world):
    request = create_environ(ALERTMANAGER, method="POST", input_stream=io.BytesIO(b"x" * 10_000_000))
    assert request["CONTENT_LENGTH"] == "10000000"
    assert_problem(world.call(request), 413, "too_large")
    assert request["wsgi.input"].tell() == 0
    assert world.failures() == {("alertmanager", "too_large"): 1}


def test_it_stops_reading_a_body_without_a_length_at_the_limit():
    request = streamed(b"x" * 1_000_000)
    assert_problem(World(max_bytes=1000).call(request), 413, "too_large")
    assert request["wsgi.input"].tell() < 100_000


@pytest.mark.parametrize("send", [streamed, lambda raw: create_environ(ALERTMANAGER, method="POST", data=raw)])
def test_it_takes_a_body_of_just_the_limit(send):
    assert World(max_bytes=len(FIRING)).call(send(FIRING)).status_code == 200
    assert_problem(World(max_bytes=len(FIRING) - 1).call(send(FIRING)), 413, "too_large")


def test_it_refuses_a_hundred_thousand_alerts():
    world = World(max_bytes=100_000_000)
    body = json.loads(FIRING)
    alert = json.dumps({**body["alerts"][0], "labels": {}, "annotations": {}})
    raw = json.dumps({**body, "alerts": []}).replace('"alerts": []', f'"alerts": [{",".join([alert] * 100_000)}]')
    assert "max_alerts" in assert_problem(world.post(ALERTMANAGER, data=raw), 413, "too_large")


def test_it_takes_no_compressed_bodies(world):
    response = world.post(ALERTMANAGER, data=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert "uncompressed" in assert_problem(response, 415, "unsupported_encoding")
    assert world.failures() == {("alertmanager", "unsupported_encoding"): 1}


# --- lifecycle ------------------------------------------------------------------------------------------------------


def test_it_records_one_event_of_a_key(world):
    response = world.post(LIFECYCLE, json=EVENT)
    assert response.status_code == 200
    assert response.get_json() == {"incidents": [{"id": "INC-1", "phase": "detected"}], "events": 1, "repeated": 0}
    (command,) = world.recorder.commands
    assert isinstance(command, RecordEvents)
    (keyed,) = command.events
    assert (keyed.incident_key, keyed.event.source, keyed.event.event_id) == ("jira-42", "lifecycle", "new-1")
    assert command.webhook.source == "lifecycle"
    assert world.counters["received", "lifecycle"] == NOW


def test_it_records_an_array_at_once(world):
    response = world.post(LIFECYCLE, json=[EVENT, {**EVENT, "kind": "resolved"}])
    assert response.get_json()["events"] == 2
    assert [e.event.kind for e in world.recorder.commands[0].events] == ["acknowledged", "resolved"]


def test_it_names_an_incident_once_as_it_stands_after_the_last_event(world):
    world.recorder.outcomes = (Outcome(1, Phase.DETECTED), Outcome(1, Phase.RESOLVED))
    response = world.post(LIFECYCLE, json=[EVENT, EVENT])
    assert response.get_json()["incidents"] == [{"id": "INC-1", "phase": "resolved"}]


def test_it_says_how_many_events_were_here_before(world):
    world.recorder.created = False
    response = world.post(LIFECYCLE, json=EVENT)
    assert (response.status_code, response.get_json()["repeated"]) == (200, 1)


def test_it_stores_none_of_an_array_with_one_wrong_event(world):
    response = world.post(LIFECYCLE, json=[EVENT, {**EVENT, "kind": "exploded"}])
    assert_problem(response, 400, "invalid_payload")
    assert world.recorder.commands == []
    assert world.failures() == {("lifecycle", "invalid_payload"): 1}


def test_it_answers_409_for_what_the_incident_does_not_allow(world):
    world.recorder.error = Conflict("INC-1 is dismissed; send reopened first")
    assert "reopened" in assert_problem(world.post(LIFECYCLE, json=EVENT), 409, "conflict")
    assert world.failures() == {("lifecycle", "conflict"): 1}


def test_it_answers_a_future_event_with_400(world):
    response = world.post(LIFECYCLE, json={**EVENT, "occurred_at": "2026-11-23T19:06:00Z"})
    assert_problem(response, 400, "future")
    assert world.failures() == {("lifecycle", "future"): 1}
