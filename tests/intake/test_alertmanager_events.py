"""The event recorder's bodies, as Alertmanager 0.34 sent them, into ends and silences."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.domain.silences import Matcher
from service.intake.alertmanager_events import parse
from service.intake.reasons import Failure
from service.intake.wire import PayloadError

CORPUS = Path(__file__).parents[1] / "payloads" / "alertmanager_events"
NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def good(name):
    return (CORPUS / "good" / f"{name}.json").read_bytes()


def changed(name, *path, to):
    body = json.loads(good(name))
    inner = body["data"]
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return json.dumps(body).encode()


def test_it_reads_the_end_of_an_alert_by_the_fingerprint_that_the_webhook_has():
    (end,) = parse(good("alert_resolved"), NOW).ends
    assert end.observation.fingerprint == "04aab5f40291ffe2"
    assert end.observation.source == "alertmanager"
    assert end.observation.is_end_only
    assert end.observation.ends_at == datetime(2026, 11, 24, 0, 14, 3, tzinfo=UTC)
    assert end.name == "CheckoutDown"


def test_it_reads_a_silence_with_its_matchers():
    (silence,) = parse(good("silence_created"), NOW).silences
    assert silence.made_at == datetime(2026, 11, 24, 0, 14, 1, 892431, tzinfo=UTC)
    assert silence.author == "sam"
    assert silence.sets == (
        (Matcher("alertname", "Check.+", is_regex=True), Matcher("service", "cart", is_equal=False)),
    )


def test_it_reads_the_matchers_of_an_older_version_without_sets():
    body = json.loads(good("silence_created"))
    del body["data"]["silenceCreated"]["silence"]["matcherSets"]
    (silence,) = parse(json.dumps(body).encode(), NOW).silences
    assert len(silence.sets[0]) == 2


def test_a_silence_for_later_was_made_when_it_was_written():
    body = changed("silence_created", "silenceCreated", "silence", "startsAt", to="2026-12-24T00:00:00Z")
    (silence,) = parse(body, NOW).silences
    assert silence.made_at.day == 24
    assert silence.made_at.month == 11


def test_it_reads_a_batch_and_each_silence_once():
    parsed = parse(good("batch"), NOW)
    assert (parsed.total, len(parsed.ends), len(parsed.silences)) == (7, 1, 1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (changed("alert_resolved", "alertResolved", "alert", "details", "endsAt", to="soon"), "invalid_payload"),
        (changed("alert_resolved", "alertResolved", "alert", "details", "fingerprint", to="f"), "invalid_payload"),
        (changed("alert_resolved", "alertResolved", "alert", "details", "fingerprint", to="9" * 20), "invalid_payload"),
        (changed("alert_resolved", "alertResolved", "alert", "details", "endsAt", to="2027-01-01T00:00:00Z"), "future"),
        (changed("silence_created", "silenceCreated", "silence", "startsAt", to="soon"), "invalid_payload"),
        (changed("silence_created", "silenceCreated", "silence", "id", to=""), "invalid_payload"),
        (changed("silence_created", "silenceCreated", to=[]), "invalid_payload"),
        (b'"text"', "invalid_payload"),
        (b'{"data": {}, "data": {}}', "invalid_payload"),
        (b'{"data": {"silenceCreated": {"silence": 1, "silence": 2}}}', "invalid_payload"),
    ],
)
def test_one_event_that_cannot_be_read_costs_none_of_the_others(body, reason):
    parsed = parse(b"[" + body + b"," + good("alert_resolved") + b"]", NOW)
    assert [error.reason for error in parsed.unreadable] == [reason]
    assert len(parsed.ends) == 1


def test_what_is_not_read_of_an_event_refuses_nothing():
    body = good("alert_resolved").decode().replace('"data"', '"note": "\\u0000", "x": {"a": 1, "a": 2}, "data"', 1)
    parsed = parse(body.encode(), NOW)
    assert (len(parsed.ends), parsed.unreadable) == (1, ())


def test_it_names_an_alert_that_has_no_name():
    (end,) = parse(changed("alert_resolved", "alertResolved", "alert", "details", "labels", to={}), NOW).ends
    assert end.labels == {}


def test_it_bounds_a_batch():
    with pytest.raises(PayloadError) as caught:
        parse(good("batch"), NOW, max_events=6)
    assert caught.value.reason is Failure.TOO_LARGE


def test_it_takes_an_end_within_the_clock_skew():
    at = (NOW + timedelta(minutes=4)).isoformat()
    body = changed("alert_resolved", "alertResolved", "alert", "details", "endsAt", to=at)
    assert len(parse(body, NOW).ends) == 1
