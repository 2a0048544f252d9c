"""Declared sources: what a declaration makes of a body, and what of one that is not as it says."""

import json
from datetime import UTC, datetime

import pytest

from service.domain.events import EventKind
from service.domain.policy import Severity
from service.intake.alerts import AlertParseOptions
from service.intake.declaration import DeclaredField, UnreadableField
from service.intake.declared import parse
from service.intake.reasons import Failure
from service.intake.wire import PayloadError
from tests.declared import declared

NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
AT = datetime(2026, 11, 23, 18, 4, 5, tzinfo=UTC)
BODY = {"what": "opened", "id": "I-1", "at": "2026-11-23T18:04:05Z", "name": " Shop ", "level": "P1", "team": "a"}
KEYED = {
    "event": "what",
    "key": "id",
    "title": "name",
    "severity": "level",
    "severities": {"Sev0": "SEV-1"},
    "labels": {"team": "team"},
    "events": [
        {"kind": "detected", "at": "opened_at"},
        {"kind": "detected", "is": "Opened", "at": "at"},
        {"kind": "acknowledged", "is": ["ack", 7], "at": "at", "automated": "by == 'bot'"},
        {"kind": "resolved", "is": "closed", "at": "at", "automated": "by == 'bot'"},
        {"kind": "severity_changed", "is": "raised", "at": "at"},
        {"kind": "note", "is": "said", "at": "at", "text": "words"},
        {"kind": "dismissed", "is": "declined", "when": "real == `false`", "at": "at", "text": "words"},
    ],
}
ALERTS = {
    "event": "what",
    "when": "team != 'test'",
    "key": "id",
    "title": "name",
    "severity": "level",
    "events": [
        {"kind": "firing", "is": "opened", "at": "at"},
        {"kind": "resolved", "is": "closed", "at": "at", "since": "since"},
    ],
}


OPTIONS = AlertParseOptions()


def read(declaration, options=OPTIONS, **changes):
    body = {key: value for key, value in {**BODY, **changes}.items() if value is not ...}
    return parse(json.dumps(body).encode(), declared(**declaration), options, NOW)


def events(**changes):
    return [keyed.event for keyed in read(KEYED, **changes).content.events]


def test_an_event_has_what_its_rule_and_the_declaration_select():
    (keyed,) = read(KEYED).content.events
    event = keyed.event
    assert (keyed.incident_key, event.kind, event.occurred_at) == ("I-1", EventKind.DETECTED, AT)
    assert (event.title, event.severity, event.labels) == ("Shop", Severity.SEV_1, {"team": "a"})
    assert (event.event_id, event.source) == (f"own-I-1-detected-{int(AT.timestamp() * 1000)}", "own")


def test_the_word_is_compared_in_any_case_and_may_be_a_number():
    assert events(what="OPENED")
    assert [event.kind for event in events(what=7)] == [EventKind.ACKNOWLEDGED]


def test_the_ids_of_two_senders_are_not_the_same():
    body = json.dumps(BODY).encode()
    plain, eu = (parse(body, declared(**KEYED), OPTIONS, NOW, sender).content.events[0] for sender in ("", "eu"))
    assert (plain.incident_key, eu.incident_key) == ("I-1", "@eu:I-1")
    assert eu.event.data == {"incident_key": "@eu:I-1"}
    assert plain.event.event_id != eu.event.event_id
    alerts = (parse(body, declared(**ALERTS), OPTIONS, NOW, sender).content.alerts[0] for sender in ("", "eu"))
    assert [alert.observation.source for alert in alerts] == ["own", "own@eu"]


def test_a_key_that_changes_its_case_is_the_same_in_lower_case():
    own = {**KEYED, "key": "lower(id)"}
    assert {read(own, id=key).content.events[0].incident_key for key in ("I-1", "i-1")} == {"i-1"}


def test_a_word_that_no_rule_has_is_of_no_interest():
    assert read(KEYED, what="commented").content.events == ()
    assert read(ALERTS, what="commented").content.alerts == ()


def test_a_rule_without_word_and_condition_applies_where_its_time_is():
    kinds = [(event.kind, event.occurred_at) for event in events(what="ack", opened_at=1795456800)]
    assert kinds == [(EventKind.DETECTED, AT.replace(minute=0, second=0)), (EventKind.ACKNOWLEDGED, AT)]


def test_the_same_event_by_two_rules_is_one():
    assert len(events(opened_at="2026-11-23T18:04:05Z")) == 1


@pytest.mark.parametrize(
    ("what", "by", "data"),
    [
        ("ack", "ada", {}),
        ("ack", "bot", {"automated": True}),
        ("closed", "ada", {}),
        ("closed", "bot", {"resolution_source": "alerts"}),
    ],
)
def test_a_machine_is_no_person(what, by, data):
    (event,) = events(what=what, by=by)
    assert event.data == {"incident_key": "I-1", **data}


def test_an_event_that_can_come_again_has_its_time_in_its_id():
    (first,), (second,) = events(what="closed"), events(what="closed", at="2026-11-23T18:30:00Z")
    assert first.event_id == f"own-I-1-resolved-{int(AT.timestamp() * 1000)}" != second.event_id


def test_a_change_of_the_severity_needs_one():
    assert [event.severity for event in events(what="raised", level="SEV0")] == [Severity.SEV_1]
    assert events(what="raised", level=None) == []


def test_a_note_needs_a_text_and_others_may_have_one():
    assert [event.data["text"] for event in events(what="said", words="It is the cache")] == ["It is the cache"]
    assert events(what="said") == []
    assert [event.data.get("text") for event in events(what="declined", real=False, words="A test")] == ["A test"]
    assert ["text" in event.data for event in events(what="declined", real=False)] == [False]
    assert events(what="declined", real=True) == []


def test_a_note_without_a_text_of_its_rule_says_title_and_severity_from_then_on():
    (keyed,) = read({**KEYED, "events": [{"kind": "note", "is": "opened", "at": "at"}]}).content.events
    assert (keyed.event.title, keyed.event.severity, keyed.event.data) == ("Shop", "SEV-1", {"incident_key": "I-1"})


def test_a_body_that_has_to_report_something_and_has_no_time_at_all_is_unreadable():
    own = {**KEYED, "when": "team == 'a'", "events": [{"kind": "detected", "at": "opened_at"}]}
    assert read(own, opened_at=1795456800).content.events
    assert read(own, team="b").content.events == ()
    with pytest.raises(UnreadableField, match=r"`at` .opened_at. is missing, and so are"):
        read(own)


def test_a_shared_label_names_the_incident_for_every_source():
    (keyed,) = read(KEYED, AlertParseOptions(correlation_label="team")).content.events
    assert keyed.aliases == ("team=a",)


@pytest.mark.parametrize(("value", "aliases"), [("abc", ("abc",)), (None, ()), ("", ()), (["a"], ())])
def test_an_alias_is_a_name_that_other_sources_use(value, aliases):
    (keyed,) = read({**KEYED, "alias": "other"}, other=value).content.events
    assert keyed.aliases == aliases


def test_an_alert_has_what_its_rule_and_the_declaration_select():
    (alert,) = read(ALERTS).content.alerts
    assert (alert.name, alert.severity, alert.annotations) == ("Shop", Severity.SEV_1, {"summary": "Shop"})
    assert (alert.observation.source, alert.observation.fingerprint, alert.observation.starts_at) == ("own", "I-1", AT)
    assert alert.observation.ends_at is None


def test_an_end_has_the_start_that_it_says_or_none():
    (alone,) = read(ALERTS, what="closed").content.alerts
    (whole,) = read(ALERTS, what="closed", since="2026-11-23T18:00:00Z").content.alerts
    assert alone.observation.is_end_only
    assert (whole.observation.starts_at, whole.observation.ends_at) == (AT.replace(minute=0, second=0), AT)


def test_an_alert_that_has_no_severity_has_the_default_and_a_word_of_no_map_is_reported():
    assert read(ALERTS, level=None).content.alerts[0].severity is Severity.SEV_3
    assert [alert.severity for alert in read(ALERTS, level="strange").content.unmapped] == ["strange"]
    (own,) = read({**ALERTS, "severities": {"strange": "SEV-2"}}, level="Strange").content.alerts
    assert own.severity is Severity.SEV_2


def test_its_groups_are_no_names_that_other_sources_use():
    (alert,) = read(ALERTS, AlertParseOptions(by_group_key=True)).content.alerts
    assert alert.aliases == ()


def test_an_alert_is_ignored_by_its_title_as_any_other():
    assert read(ALERTS, name="Watchdog").content.ignored


def test_what_is_reported_may_be_a_part_of_the_body():
    own = {**KEYED, "event": "what", "when": "!test", "subject": "incident"}
    inner = {key: value for key, value in BODY.items() if key != "what"}
    body = json.dumps({"what": "opened", "incident": inner}).encode()
    (keyed,) = parse(body, declared(**own), OPTIONS, NOW).content.events
    assert (keyed.incident_key, keyed.event.occurred_at) == ("I-1", AT)
    with pytest.raises(UnreadableField, match="`at` "):
        parse(b'{"what": "opened", "incident_": {}}', declared(**own), OPTIONS, NOW)


def test_a_body_for_which_the_condition_does_not_hold_is_of_no_interest():
    assert read(ALERTS, team="test").content.alerts == ()


def test_labels_are_of_any_plain_value():
    labels = {name: name for name in ("text", "number", "truth", "lies", "several", "thing", "nothing")}
    values = {
        "text": " a ",
        "number": 1.5,
        "truth": True,
        "lies": False,
        "several": ["a", 2, ["b"], {}],
        "thing": {"a": 1},
    }
    (keyed,) = read({**KEYED, "labels": labels}, **values).content.events
    assert keyed.event.labels == {"text": "a", "number": "1.5", "truth": "true", "lies": "false", "several": "a, 2"}


@pytest.mark.parametrize("declaration", [KEYED, ALERTS], ids=["keyed events", "alerts"])
@pytest.mark.parametrize(
    ("changes", "field", "detail"),
    [
        ({"what": ...}, DeclaredField.EVENT, "`event` (what) is missing"),
        ({"what": ["opened"]}, DeclaredField.EVENT, "is missing"),
        ({"id": ...}, DeclaredField.KEY, "`key` (id) is missing"),
        ({"id": True}, DeclaredField.KEY, "is missing"),
        ({"id": "x" * 129}, DeclaredField.KEY, "longer than 128"),
        ({"at": ...}, DeclaredField.AT, "`at` (at) is missing"),
        ({"at": "23.11.2026"}, DeclaredField.AT, "is not a time that is understood"),
    ],
)
def test_what_cannot_be_read_is_reported_by_the_field_of_the_declaration(declaration, changes, field, detail):
    with pytest.raises(UnreadableField) as caught:
        read(declaration, **changes)
    assert (caught.value.field, caught.value.reason) == (field, Failure.INVALID_PAYLOAD)
    assert detail in caught.value.detail


def test_a_time_in_the_future_is_told_apart():
    with pytest.raises(UnreadableField) as caught:
        read(KEYED, at="2026-11-23T20:00:00Z")
    assert caught.value.reason is Failure.FUTURE


def test_an_event_is_recorded_without_a_title_or_severity_that_cannot_be_read():
    parsed = read(KEYED, name=None, level="strange")
    (keyed,) = parsed.content.events
    assert (keyed.event.title, keyed.event.severity) == (None, None)
    assert parsed.unreadable == (DeclaredField.TITLE, DeclaredField.SEVERITY)


def test_a_declaration_may_do_without_title_severity_and_labels():
    bare = {key: KEYED[key] for key in ("event", "key", "events")}
    (keyed,) = read(bare).content.events
    assert (keyed.event.title, keyed.event.severity, keyed.event.labels) == (None, None, {})
    (alert,) = read({key: ALERTS[key] for key in ("event", "key", "events")}).content.alerts
    assert alert.name == "own"


def test_a_severity_of_the_map_of_every_source_is_read_and_one_that_is_ignored_is_none():
    assert events(level="critical")[0].severity is Severity.SEV_2
    assert read(KEYED, level="info").unreadable == ()


def test_a_body_that_takes_too_many_steps_is_refused():
    own = {**KEYED, "event": "rows[?x].y | [0] || 'opened'"}
    with pytest.raises(UnreadableField, match="too many steps"):
        read(own, rows=[{"x": 1}] * 100_000)


@pytest.mark.parametrize("body", [b"[]", b"1", b"", b"{", b'{"a": 1, "a": 2}', b'{"a": NaN}'])
def test_a_body_is_one_object(body):
    with pytest.raises(PayloadError):
        parse(body, declared(**KEYED), OPTIONS, NOW)
