"""The whole service with a Slack in which people press buttons: press, event, message."""

import json
import time
from datetime import datetime
from threading import Thread
from urllib.parse import urlencode

import pytest

from service.recorder.commands import Conflict
from service.store import StoreUnavailable
from tests.delivery.serving import eventually
from tests.messages.people import SIGNED, SOCKET, events, failures, kinds, open_incident
from tests.messages.sockets import APP_TOKEN, SIGNING_SECRET, TEAM, Person, signed

# -- press, event, message -------------------------------------------------------------------------------------------


def test_a_press_is_an_event_at_its_own_time_and_the_message_shows_it(press_site, slack):
    client, person = press_site
    incident, ts = open_incident(client, slack)
    pressed_at = slack.clock() - 30
    aiko = person()
    aiko.press(ts, "acknowledge", at=f"{pressed_at:.6f}")
    eventually(lambda: "Incident acknowledged" in slack.messages[ts]["text"])
    [acknowledged] = [event for event in events(client, incident) if event["kind"] == "acknowledged"]
    assert abs(datetime.fromisoformat(acknowledged["occurred_at"]).timestamp() - pressed_at) < 0.001
    assert client.get(f"/api/v1/incidents/{incident}").get_json()["phase"] == "acknowledged"
    assert aiko.saw == []


def test_every_button_records_what_it_says(press_site, slack):
    client, person = press_site
    incident, ts = open_incident(client, slack)
    for action, option, state in (
        ("severity", "SEV-1", "[SEV-1] Incident detected"),
        ("mitigated", None, "Incident mitigated"),
        ("resolve", None, "[RESOLVED]"),
    ):
        person().press(ts, action, option)
        eventually(lambda state=state: state in slack.messages[ts]["text"])
    assert kinds(client, incident) == ["detected", "severity_changed", "mitigated", "resolved"]
    assert slack.messages[ts]["blocks"] == []


def test_the_message_shows_a_press_within_a_second(serve, slack, monkeypatch):
    monkeypatch.setattr("service.delivery.dispatcher.IDLE_SECONDS", 3600.0)
    client, _ = serve()
    slack_site = client.application.extensions["mttx.shut_down"].__self__
    client.post("/api/v1/incidents", json={"title": "Checkout fails", "severity": "SEV-2"})
    slack_site._wake()
    eventually(lambda: slack.messages)
    [ts] = slack.messages
    time.sleep(0.2)
    began = time.monotonic()
    Person(slack).press(ts, "acknowledge")
    eventually(lambda: "Incident acknowledged" in slack.messages[ts]["text"])
    assert time.monotonic() - began < 5  # an hour, if nothing woke the dispatcher


def test_a_press_that_comes_again_is_one_event(press_site, slack):
    client, person = press_site
    incident, ts = open_incident(client, slack)
    aiko = person()
    payload = aiko.press(ts, "acknowledge")
    eventually(lambda: "Incident acknowledged" in slack.messages[ts]["text"])
    aiko.send("interactive", payload)
    assert kinds(client, incident).count("acknowledged") == 1
    assert aiko.saw == []


def test_two_people_at_once_are_one_event(press_site, slack):
    client, person = press_site
    incident, ts = open_incident(client, slack)
    people = [person(name) for name in ("aiko", "ben", "chie", "dan")]
    payloads = [someone.payload(ts, "acknowledge") for someone in people]
    threads = [
        Thread(target=someone.send, args=["interactive", payload])
        for someone, payload in zip(people, payloads, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinds(client, incident).count("acknowledged") == 1
    assert [someone.saw for someone in people] == [[]] * 4


def test_who_comes_too_late_is_told_so(press_site, slack):
    client, person = press_site
    incident, ts = open_incident(client, slack)
    aiko, ben = person("aiko"), person("ben")
    late = ben.payload(ts, "mitigated")
    aiko.press(ts, "resolve")
    ben.send("interactive", late)
    eventually(lambda: ben.saw)
    assert incident in ben.saw[0]
    assert kinds(client, incident) == ["detected", "resolved"]
    assert failures(client, "conflict") == 1


def test_after_a_change_the_same_button_counts_again(serve, slack):
    client, _ = serve()
    incident, ts = open_incident(client, slack)
    aiko = Person(slack)
    for state, act in (
        ("[RESOLVED]", lambda: aiko.press(ts, "resolve")),
        ("] Incident", lambda: client.post(f"/api/v1/incidents/{incident}/events", json={"kind": "reopened"})),
        ("[RESOLVED]", lambda: aiko.press(ts, "resolve")),
    ):
        act()
        eventually(lambda state=state: state in slack.messages[ts]["text"])
    assert kinds(client, incident) == ["detected", "resolved", "reopened", "resolved"]


# -- who -------------------------------------------------------------------------------------------------------------


def test_who_acknowledges_becomes_commander_only_if_that_is_configured(serve, slack):
    client, _ = serve({**SOCKET, "commander": True})
    incident, ts = open_incident(client, slack)
    Person(slack, "aiko").press(ts, "acknowledge")
    eventually(lambda: "aiko" in slack.messages[ts]["text"])
    assert kinds(client, incident) == ["detected", "acknowledged", "role_assigned"]
    other, ts = open_incident(client, slack, "Another")
    assign = {"kind": "role_assigned", "data": {"role": "commander", "name": "Chie"}}
    client.post(f"/api/v1/incidents/{other}/events", json=assign)
    Person(slack, "ben").press(ts, "mitigated")
    eventually(lambda: "Incident mitigated" in slack.messages[ts]["text"])
    assert "ben" not in json.dumps(client.get(f"/api/v1/incidents/{other}").get_json())


def test_nobody_is_named_in_metrics_logs_or_the_incident(press_site, slack, caplog):
    caplog.set_level("DEBUG")
    client, person = press_site
    incident, ts = open_incident(client, slack)
    aiko = person("aiko.unmistakable")
    late = aiko.payload(ts, "mitigated")
    aiko.press(ts, "acknowledge")
    aiko.press(ts, "resolve")
    aiko.send("interactive", late)
    aiko.send("interactive", {**late, "actions": []})
    eventually(lambda: len(aiko.saw) == 2)
    shown = client.get("/metrics").text + client.get(f"/api/v1/incidents/{incident}").text
    for name in ("unmistakable", "U012AB3CD", APP_TOKEN, SIGNING_SECRET):
        assert name not in shown
        assert name not in caplog.text


# -- what is not accepted --------------------------------------------------------------------------------------------


def test_an_incident_that_is_dismissed_merged_or_gone(press_site, slack):
    client, person = press_site
    incident, ts = open_incident(client, slack)
    other, _ = open_incident(client, slack, "Another")
    aiko = person()
    press, payload = aiko.payload(ts, "acknowledge"), json.dumps(aiko.payload(ts, "acknowledge"))
    client.post(f"/api/v1/incidents/{incident}/events", json={"kind": "dismissed"})
    aiko.send("interactive", press)
    aiko.send("interactive", json.loads(payload.replace(f"{incident} ", "INC-999 ")))
    eventually(lambda: len(aiko.saw) == 2)
    assert incident in "".join(aiko.saw)
    assert "INC-999" in "".join(aiko.saw)
    assert failures(client, "unknown_incident") == failures(client, "conflict") == 1
    client.post(f"/api/v1/incidents/{incident}/events", json={"kind": "reopened"})
    client.post(f"/api/v1/incidents/{incident}/events", json={"kind": "merged", "data": {"into": other}})
    eventually(lambda: "[MERGED]" in slack.messages[ts]["text"])
    assert slack.messages[ts]["blocks"] == []
    aiko.send("interactive", press)
    assert client.get(f"/api/v1/incidents/{other}").get_json()["phase"] == "acknowledged"


@pytest.mark.parametrize(
    "change",
    [
        {"actions": []},
        {"actions": [{"action_id": "mttx-acknowledge", "action_ts": "soon", "value": "INC-1 0"}]},
        {"actions": [{"action_id": "mttx-acknowledge", "action_ts": "99999999999.0", "value": "INC-1 0"}]},
        {"actions": [{"action_id": "mttx-acknowledge", "action_ts": "1772442000.0", "value": "1; drop"}]},
        {"actions": [{"action_id": "mttx-explode", "action_ts": "1772442000.0", "value": "INC-1 0"}]},
        {"actions": [{"action_id": "mttx-severity", "action_ts": "1772442000.0", "value": "INC-1 0 SEV-9"}]},
        {"actions": [{"action_id": "of-another-app", "action_ts": "1772442000.0", "value": "INC-1 0"}]},
        {"type": "view_submission"},
        {"user": None},
    ],
)
def test_a_payload_that_is_malformed(press_site, slack, change):
    client, person = press_site
    incident, ts = open_incident(client, slack)
    aiko, slack.sockets.acknowledged_within = person(), 0.5
    aiko.send("interactive", aiko.payload(ts, "acknowledge") | change)
    assert aiko.saw == ["⚠"]
    assert failures(client, "invalid_payload") + failures(client, "future") == 1
    assert kinds(client, incident) == ["detected"]


def test_another_workspace(serve, slack):
    for keys in (SOCKET, SIGNED):
        client, shut_down = serve({**keys, "team_id": TEAM})
        incident, ts = open_incident(client, slack, f"With {len(slack.messages)} messages")
        stranger = Person(slack, client=client if keys is SIGNED else None, team="T999999999")
        stranger.press(ts, "acknowledge")
        assert stranger.saw == ["⚠"]
        assert failures(client, "forbidden") == 1
        assert kinds(client, incident) == ["detected"]
        shut_down()


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"X-Slack-Signature": "v0=" + "0" * 64}, 0),
        ({"X-Slack-Signature": None}, 0),
        ({"X-Slack-Request-Timestamp": None}, 0),
        ({"X-Slack-Request-Timestamp": "now"}, 0),
        ({}, 301),
        ({}, -301),
    ],
)
def test_a_signature_that_is_forged_missing_or_late(serve, slack, headers, after):
    client, _ = serve(SIGNED)
    incident, ts = open_incident(client, slack)
    body = urlencode({"payload": json.dumps(Person(slack).payload(ts, "acknowledge"))}).encode()
    sent = {name: value for name, value in {**signed(body, slack.clock() - after), **headers}.items() if value}
    assert client.post("/webhooks/slack", data=body, headers=sent).status_code == 401
    assert failures(client, "unauthorized") == 1
    assert kinds(client, incident) == ["detected"]


def test_a_request_that_is_replayed_within_the_window_is_one_event(serve, slack):
    client, _ = serve(SIGNED)
    incident, ts = open_incident(client, slack)
    body = urlencode({"payload": json.dumps(Person(slack).payload(ts, "acknowledge"))}).encode()
    headers = signed(body, slack.clock() - 290)
    assert [client.post("/webhooks/slack", data=body, headers=headers).status_code for _ in range(3)] == [200] * 3
    assert kinds(client, incident) == ["detected", "acknowledged"]


def test_a_signed_body_of_another_request_and_one_that_is_no_form(serve, slack):
    client, _ = serve(SIGNED)
    for body, status in ((b"payload=%7B%7D", 400), (b"no form", 400), (b"\xff", 400), (b"payload=%5B%5D", 400)):
        sent = client.post("/webhooks/slack", data=body, headers=signed(body, slack.clock()) if body != b"\xff" else {})
        assert sent.status_code == (401 if body == b"\xff" else status)
    moved = client.post("/webhooks/slack", data=b"payload=%7B%7D&a=b", headers=signed(b"payload=%7B%7D", slack.clock()))
    assert moved.status_code == 401


def test_there_is_no_address_without_a_secret(serve):
    client, _ = serve()
    assert client.post("/webhooks/slack", data=b"payload=%7B%7D").status_code == 404


# -- what fails ------------------------------------------------------------------------------------------------------


def test_a_store_that_does_not_answer_is_said_and_the_press_counts_when_it_is_repeated(press_site, slack, monkeypatch):
    client, person = press_site
    incident, ts = open_incident(client, slack)
    site = client.application.extensions["mttx.shut_down"].__self__
    aiko, submit = person(), site._recorder.submit

    def fail(command):
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(site._recorder, "submit", fail)
    aiko.press(ts, "acknowledge")
    eventually(lambda: aiko.saw)
    assert failures(client, "store") == 1
    monkeypatch.setattr(site._recorder, "submit", submit)
    aiko.press(ts, "acknowledge")
    assert kinds(client, incident) == ["detected", "acknowledged"]


def test_what_the_recorder_refuses_is_said(press_site, slack, monkeypatch):
    client, person = press_site
    _, ts = open_incident(client, slack)
    site = client.application.extensions["mttx.shut_down"].__self__

    def refuse(command):
        raise Conflict("the end of INC-1 is unknown")

    monkeypatch.setattr(site._recorder, "submit", refuse)
    aiko = person()
    aiko.press(ts, "resolve")
    eventually(lambda: aiko.saw)
    assert "the end of INC-1 is unknown" in aiko.saw[0]
    assert failures(client, "conflict") == 1


def test_a_slow_commit_is_answered_in_time_and_what_comes_of_it_is_said_later(press_site, slack, monkeypatch):
    monkeypatch.setattr("service.chat.responder.ANSWER_SECONDS", 0.1)
    client, person = press_site
    incident, ts = open_incident(client, slack)
    site = client.application.extensions["mttx.shut_down"].__self__
    submit = site._recorder.submit

    def slowly(command):
        time.sleep(0.5)
        return submit(command)

    monkeypatch.setattr(site._recorder, "submit", slowly)
    aiko = person()
    late = aiko.payload(ts, "acknowledge")
    aiko.press(ts, "resolve")
    eventually(lambda: "[RESOLVED]" in slack.messages[ts]["text"])
    aiko.send("interactive", late)
    eventually(lambda: aiko.saw)
    assert "⚠" not in aiko.saw
    assert kinds(client, incident) == ["detected", "resolved"]


def test_a_slack_that_asks_to_wait_gets_the_new_state_afterwards(serve, slack):
    client, _ = serve()
    incident, ts = open_incident(client, slack)
    slack.fail_once((429, {"Retry-After": "1"}, '{"ok": false, "error": "ratelimited"}'), path="chat.update")
    Person(slack).press(ts, "acknowledge")
    assert kinds(client, incident) == ["detected", "acknowledged"]
    eventually(lambda: "Incident acknowledged" in slack.messages[ts]["text"])
    eventually(lambda: len(slack.messages) == 2)


def test_an_answer_that_slack_does_not_take_changes_nothing(press_site, slack, caplog):
    client, person = press_site
    _, ts = open_incident(client, slack)
    aiko = person()
    late = aiko.payload(ts, "mitigated")
    aiko.press(ts, "resolve")
    slack.fail_while(500, path="/actions/")
    aiko.send("interactive", late)
    eventually(lambda: "was not sent" in caplog.text)
    assert aiko.saw == []


# -- replicas, restarts and reconnects -------------------------------------------------------------------------------


def test_two_replicas_record_a_press_once_and_show_it_once(replicas, slack):
    (client, _), (other, _) = replicas
    incident, ts = open_incident(client, slack)
    aiko, links = Person(slack), list(slack.sockets.links)
    assert len(links) == 2
    payload = aiko.payload(ts, "acknowledge")
    threads = [Thread(target=aiko.send, args=["interactive", payload, link]) for link in links]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: "Incident acknowledged" in slack.messages[ts]["text"])
    eventually(lambda: len(slack.messages) == 2)
    aiko.send("interactive", payload, links[1])
    time.sleep(0.3)
    assert kinds(other, incident) == ["detected", "acknowledged"]
    assert len([m for m in slack.messages.values() if "Acknowledged" in m["text"]]) == 1
    assert aiko.saw == []


def test_one_replica_takes_what_came_to_the_other_before_it_stopped(replicas, slack):
    (client, _), (_, stop_other) = replicas
    incident, ts = open_incident(client, slack)
    aiko = Person(slack)
    payload = aiko.press(ts, "acknowledge")
    stop_other()
    eventually(lambda: len(slack.sockets.links) == 1)
    aiko.send("interactive", payload)
    eventually(lambda: "Incident acknowledged" in slack.messages[ts]["text"])
    aiko.press(ts, "mitigated")
    assert kinds(client, incident) == ["detected", "acknowledged", "mitigated"]
    assert aiko.saw == []


def test_a_press_while_nothing_runs_shows_an_error_and_works_after_the_restart(serve, slack):
    client, shut_down = serve()
    incident, ts = open_incident(client, slack)
    shut_down()
    eventually(lambda: not slack.sockets.links)
    aiko = Person(slack)
    aiko.press(ts, "acknowledge")
    assert aiko.saw == ["⚠"]
    client, _ = serve()
    assert kinds(client, incident) == ["detected"]
    aiko.press(ts, "acknowledge")
    eventually(lambda: "Incident acknowledged" in slack.messages[ts]["text"])
    assert kinds(client, incident) == ["detected", "acknowledged"]


@pytest.mark.parametrize("how", ["refreshed", "dropped", "refused", "unreachable"])
def test_it_connects_again(serve, slack, how):
    client, _ = serve()
    incident, ts = open_incident(client, slack)
    [before] = slack.sockets.links
    if how == "refreshed":
        slack.sockets.refresh()
    elif how == "unreachable":
        slack.fail_once("drop", path="apps.connections.open")
    elif how == "refused":
        slack.fail_once((200, {}, '{"ok": false, "error": "internal_error"}'), path="apps.connections.open")
    if how != "refreshed":
        before.drop()
    eventually(lambda: slack.sockets.links and before not in slack.sockets.links)
    aiko = Person(slack)
    aiko.press(ts, "acknowledge")
    assert aiko.saw == []
    assert kinds(client, incident) == ["detected", "acknowledged"]
