"""Our own JSON into events: the lifecycle webhook, and the bodies of the API."""

import itertools
import json
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.episodes import Episode
from service.domain.events import Event, EventKind
from service.domain.incident import fold
from service.domain.policy import Domain, IncidentType, Severity
from service.intake.event_data import MAX_DATA_BYTES, MAX_LINE, MAX_TEXT
from service.intake.lifecycle import EventParseOptions, parse, parse_event, parse_opening
from service.intake.reasons import Failure
from service.intake.wire import PayloadError
from tests.builders import policy

NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")


def reading(**changes):
    numbers = itertools.count(1)
    return EventParseOptions(**{"zone": TOKYO, "new_id": lambda: f"new-{next(numbers)}", **changes})


def event(kind="acknowledged", /, **fields):
    return parse_event(json.dumps({"kind": kind, **fields}).encode(), reading(), NOW)


def data(kind, /, **fields):
    return event(kind, data=fields).data


def keyed(*changes_of_each, **changes):
    bodies = [{"incident_key": "jira-42", "kind": "detected", **changed} for changed in changes_of_each]
    parsed = parse(json.dumps(bodies).encode(), reading(**changes), NOW)
    return [(keyed_event.incident_key, keyed_event.event) for keyed_event in parsed.events]


def opening(**fields):
    return parse_opening(json.dumps({"title": "Orders stuck", **fields}).encode(), reading(), NOW)


def refusal(parser, *args, **kwargs):
    with pytest.raises(PayloadError) as caught:
        parser(*args, **kwargs)
    return caught.value


# --- one event ------------------------------------------------------------------------------------------------------


def test_it_takes_now_and_a_new_id_by_default():
    assert event("acknowledged") == Event(
        event_id="new-1", kind=EventKind.ACKNOWLEDGED, occurred_at=NOW, recorded_at=NOW, source="api"
    )


def test_it_reads_everything_an_event_may_say():
    detected = event(
        "detected",
        occurred_at="2026-11-24T03:00:00.5+09:00",
        event_id="e1",
        title="  Orders stuck ",
        severity="SEV-1",
        types=["execution", "data"],
        domains=["Do"],
        labels={"team": "orders"},
        data={"from": "a call"},
    )
    assert detected.occurred_at == datetime(2026, 11, 23, 18, 0, 0, 500000, tzinfo=UTC)
    assert detected.event_id == "e1"
    assert (detected.title, detected.severity) == ("Orders stuck", Severity.SEV_1)
    assert detected.types == (IncidentType.EXECUTION, IncidentType.DATA)
    assert detected.domains == (Domain.DO,)
    assert detected.labels == {"team": "orders"}
    assert detected.data == {"from": "a call"}


@pytest.mark.parametrize("name", ["prometheus", "mttx", "alertmanager"])
def test_its_source_cannot_be_claimed(name):
    assert event(source=name).source == "api"
    ((_, recorded),) = keyed({"source": name})
    assert recorded.source == "lifecycle"


def test_it_ignores_fields_it_does_not_know():
    assert event(colour="red") == event()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "exploded"}, "#/kind"),
        ({"kind": None}, "#/kind"),
        ({"occurred_at": "2026-11-23T18:00:00"}, "#/occurred_at"),
        ({"occurred_at": "18:00"}, "#/occurred_at"),
        ({"occurred_at": 1763921045}, "#/occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00Z"}, "#/occurred_at"),
        ({"event_id": ""}, "#/event_id"),
        ({"event_id": "x" * 201}, "#/event_id"),
        ({"title": " "}, "#/title"),
        ({"title": "x" * 501}, "#/title"),
        ({"severity": "SEV-5"}, "#/severity"),
        ({"severity": "critical"}, "#/severity"),
        ({"types": ["weather"]}, "#/types/0"),
        ({"types": "data"}, "#/types"),
        ({"domains": ["Elsewhere"]}, "#/domains/0"),
        ({"labels": {"n": 1}}, "#/labels/n"),
        ({"labels": {"n": "x" * 4097}}, "#/labels/n"),
        ({"labels": {f"l{n}": "" for n in range(65)}}, "#/labels"),
        ({"data": []}, "#/data"),
        ({"kind": "severity_changed"}, "#/severity"),
    ],
)
def test_it_says_where_a_body_is_wrong(fields, pointer):
    error = refusal(event, fields.pop("kind", "note"), **{"data": {"text": "x"}, **fields})
    assert error.reason is Failure.INVALID_PAYLOAD
    assert [fault.pointer for fault in error.faults] == [pointer]


@pytest.mark.parametrize("occurred_at", ["2026-11-23T19:05:01Z", "9999-12-31T23:59:59Z"])
def test_it_refuses_the_future_beyond_the_clock_skew(occurred_at):
    assert refusal(event, occurred_at=occurred_at).reason is Failure.FUTURE
    assert event(occurred_at="2026-11-23T19:05:00Z").occurred_at > NOW


@pytest.mark.parametrize("raw", [b"", b"[]", b"[{}]", b"{", b'"x"', b'{"kind": "note", "kind": "note"}'])
def test_it_refuses_what_is_no_event(raw):
    assert refusal(parse_event, raw, reading(), NOW).reason in (Failure.INVALID_JSON, Failure.INVALID_PAYLOAD)


# --- ids ------------------------------------------------------------------------------------------------------------


def test_it_gives_the_same_event_at_a_stated_time_the_same_id():
    first, again = event(occurred_at="2026-11-23T18:00:00Z"), event(occurred_at="2026-11-23T18:00:00Z")
    assert first.event_id == again.event_id
    assert event(occurred_at="2026-11-23T18:00:01Z").event_id != first.event_id


def test_it_gives_events_of_different_incidents_different_ids():
    first, other = keyed(*({"incident_key": key, "occurred_at": "2026-11-23T18:00:00Z"} for key in "ab"))
    assert first[1].event_id != other[1].event_id


def test_it_gives_events_without_a_time_new_ids():
    first, other = keyed({}, {})
    assert first[1].event_id != other[1].event_id


# --- data by kind ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given_data"),
    [
        ("role_assigned", {"role": "lead-do", "name": "Mori"}),
        ("note", {"text": "rolled back"}),
        ("note", {"text": "rolled back", "important": True}),
        ("note", {"text": "x", "evidence_collected": {"archive": "a.zip", "sha256": "0a" * 32, "files": 3}}),
        ("merged", {"into": "INC-3"}),
        ("resolved", {}),
        ("resolved", {"automated": True, "by": "argo"}),
        ("postmortem_drafted", {}),
        ("postmortem_finalized", {"document": "2026-11-23-orders.md"}),
        ("action_opened", {"action_id": "A-1"}),
        ("action_completed", {"action_id": "A-1"}),
        ("action_verified", {"action_id": "A-1", "evidence": ["a", 1]}),
        ("retracted", {"event_id": "e1"}),
        ("corrected", {"event_id": "e1", "occurred_at": "2026-11-23T18:00:00+00:00"}),
        ("corrected", {"milestone": "started", "occurred_at": "2026-11-23T18:00:00+00:00"}),
        ("corrected", {"event_id": "e1", "data": {"role": "comms", "colour": "red"}}),
        ("acknowledged", {"anything": {"goes": [1, None]}}),
    ],
)
def test_it_keeps_data_that_is_right(kind, given_data):
    assert data(kind, **given_data) == given_data


@pytest.mark.parametrize(
    ("kind", "given_data", "pointer"),
    [
        ("role_assigned", {"name": "Mori"}, "#/data/role"),
        ("role_assigned", {"role": "king", "name": "Mori"}, "#/data/role"),
        ("role_assigned", {"role": "comms", "name": ""}, "#/data/name"),
        ("note", {}, "#/data/text"),
        ("note", {"text": "x", "important": "yes"}, "#/data/important"),
        ("note", {"text": "x", "evidence_collected": "a.zip"}, "#/data/evidence_collected"),
        ("note", {"text": "x", "evidence_collected": {"archive": "a"}}, "#/data/evidence_collected/sha256"),
        ("merged", {"into": "3"}, "#/data/into"),
        ("merged", {"into": "INC-03"}, "#/data/into"),
        ("resolved", {"automated": 1}, "#/data/automated"),
        ("resolved", {"resolution_source": "stale"}, "#/data/resolution_source"),
        ("postmortem_drafted", {"document": ""}, "#/data/document"),
        ("action_opened", {"title": "x"}, "#/data/action_id"),
        ("action_completed", {"action_id": 1}, "#/data/action_id"),
        ("action_opened", {"action_id": "A", "due_at": "soon"}, "#/data/due_at"),
        ("action_opened", {"action_id": "A", "due_at": "2026-12-01T10:00:00"}, "#/data/due_at"),
        ("action_opened", {"action_id": "A", "due_at": "2026-02-30"}, "#/data/due_at"),
        ("action_opened", {"action_id": "A", "due_at": "9999-12-31"}, "#/data/due_at"),
        ("action_opened", {"action_id": "A", "due_at": "0001-01-01T00:00:00Z"}, "#/data/due_at"),
        ("retracted", {}, "#/data/event_id"),
        ("corrected", {"occurred_at": "2026-11-23T18:00:00Z"}, "#/data"),
        ("corrected", {"event_id": "e", "milestone": "started", "occurred_at": "2026-11-23T18:00:00Z"}, "#/data"),
        ("corrected", {"milestone": "lunch", "occurred_at": "2026-11-23T18:00:00Z"}, "#/data/milestone"),
        ("corrected", {"milestone": "started"}, "#/data/occurred_at"),
        ("corrected", {"event_id": "e"}, "#/data/occurred_at"),
        ("corrected", {"event_id": "e", "occurred_at": "2026-11-23T18:00:00"}, "#/data/occurred_at"),
        ("corrected", {"event_id": "e", "occurred_at": "2027-11-23T18:00:00Z"}, "#/data/occurred_at"),
        ("corrected", {"event_id": "e", "data": {"role": "king"}}, "#/data/data/role"),
        ("corrected", {"event_id": "e", "data": {"due_at": "soon"}}, "#/data/data/due_at"),
        ("corrected", {"event_id": "e", "data": {"resolution_source": "stale"}}, "#/data/data/resolution_source"),
    ],
)
def test_it_says_where_data_is_wrong(kind, given_data, pointer):
    assert [fault.pointer for fault in refusal(data, kind, **given_data).faults] == [pointer]


def test_it_takes_null_as_not_given():
    correction = data("corrected", event_id="e", milestone=None, occurred_at="2026-11-23T18:00:00Z")
    assert correction == {"event_id": "e", "occurred_at": "2026-11-23T18:00:00+00:00"}


def test_a_date_means_the_end_of_that_day_where_people_are():
    assert data("action_opened", action_id="A", due_at="2026-12-01")["due_at"] == "2026-12-01T23:59:59+09:00"
    assert data("action_opened", action_id="A", due_at="2026-12-01T10:00:00Z")["due_at"] == "2026-12-01T10:00:00+00:00"
    corrected = data("corrected", event_id="e", data={"due_at": "2026-12-01"})
    assert corrected["data"] == {"due_at": "2026-12-01T23:59:59+09:00"}


# --- the webhook ----------------------------------------------------------------------------------------------------


def test_it_reads_one_event_or_an_array_of_them():
    first = b' {"incident_key": "jira-42", "kind": "detected"}'
    assert [keyed.incident_key for keyed in parse(first, reading(), NOW).events] == ["jira-42"]
    assert [key for key, _ in keyed({}, {"incident_key": "jira-43"})] == ["jira-42", "jira-43"]


def test_it_refuses_all_events_for_one_that_is_wrong():
    assert refusal(keyed, {}, {"kind": "exploded"}).faults[0].pointer == "#/1/kind"
    assert refusal(keyed, {}, {"occurred_at": "18:00"}).faults[0].pointer == "#/1/occurred_at"
    assert refusal(keyed, {}, {"kind": "note"}).faults[0].pointer == "#/1/data/text"


def test_it_needs_an_incident_key():
    assert refusal(parse, b'{"kind": "detected"}', reading(), NOW).faults[0].pointer == "#/incident_key"
    assert refusal(keyed, {"incident_key": " "}).faults[0].pointer == "#/0/incident_key"


def test_it_refuses_an_empty_array_and_one_that_is_too_long():
    assert refusal(parse, b"[]", reading(), NOW).reason is Failure.INVALID_PAYLOAD
    assert refusal(keyed, {}, {}, {}, max_events=2).reason is Failure.TOO_LARGE


# --- opening --------------------------------------------------------------------------------------------------------


def test_it_opens_with_a_detection_now():
    (detected,) = opening(severity="SEV-2", types=["data"], domains=["Plan"], labels={"team": "orders"})
    assert (detected.kind, detected.occurred_at, detected.title) == (EventKind.DETECTED, NOW, "Orders stuck")
    assert (detected.severity, detected.types, detected.domains) == (
        Severity.SEV_2,
        (IncidentType.DATA,),
        (Domain.PLAN,),
    )
    assert detected.labels == {"team": "orders"}


def test_it_opens_with_a_start_where_one_is_known():
    detected, started = opening(started_at="2026-11-23T18:00:00Z", detected_at="2026-11-23T18:10:00Z", event_id="e1")
    assert detected.occurred_at == datetime(2026, 11, 23, 18, 10, tzinfo=UTC)
    assert (started.kind, started.occurred_at) == (EventKind.STARTED, datetime(2026, 11, 23, 18, 0, tzinfo=UTC))
    assert (detected.event_id, started.event_id) == ("e1", "e1:started")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"title": None}, "#/title"),
        ({"title": ""}, "#/title"),
        ({"started_at": "18:00"}, "#/started_at"),
        ({"detected_at": "2030-01-01T00:00:00Z"}, "#/detected_at"),
    ],
)
def test_it_says_where_an_opening_is_wrong(fields, pointer):
    assert refusal(opening, **fields).faults[0].pointer == pointer


# --- properties -----------------------------------------------------------------------------------------------------

KEYS = st.sampled_from(
    ["role", "name", "text", "important", "automated", "action_id", "due_at", "event_id", "milestone", "occurred_at"]
)
TEXTS = st.sampled_from(
    ["comms", "INC-1", "started", "2026-12-01", "2026-11-23T18:00:00Z", "0001-01-01T00:00:00+14:00"]
) | st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)
EVENTS = st.fixed_dictionaries(
    {"kind": st.sampled_from(list(EventKind)), "data": st.dictionaries(KEYS, VALUES, max_size=4)},
    optional={"occurred_at": TEXTS, "severity": st.sampled_from(list(Severity)), "incident_key": TEXTS, "title": TEXTS},
)


@settings(deadline=None)  # the machine may be busy
@given(st.binary() | (EVENTS | VALUES | st.lists(EVENTS, max_size=3)).map(lambda value: json.dumps(value).encode()))
def test_it_raises_nothing_but_its_own_error(raw):
    for parser in (parse, parse_event, parse_opening):
        with suppress(PayloadError):
            parser(raw, reading(), NOW)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(EVENTS, min_size=1, max_size=4))
def test_whatever_it_accepts_can_be_folded(events):
    accepted = []
    for number, item in enumerate(events):
        with suppress(PayloadError):
            raw = json.dumps({**item, "event_id": f"e{number}"}).encode()
            accepted.append(parse_event(raw, reading(), NOW))
    accepted += [correction_of(e, n) for n, e in enumerate(accepted) if e.kind is EventKind.CORRECTED]
    if accepted:
        fold(1, accepted, list[Episode](), policy(), NOW)


def correction_of(event, number):
    """The same correction, of another event that was accepted."""
    changed = {**event.data, "event_id": f"e{number % 3}"}
    changed.pop("milestone", None)
    return Event(
        event_id=f"again-{event.event_id}",
        kind=event.kind,
        occurred_at=event.occurred_at,
        recorded_at=NOW,
        source="api",
        data=changed,
    )


# --- caps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "data_", "cap"),
    [
        ("note", {"text": "x" * (MAX_TEXT + 1)}, MAX_TEXT),
        ("postmortem_drafted", {"document": "x" * (MAX_LINE + 1)}, MAX_LINE),
        ("postmortem_checked", {"document": "x" * (MAX_LINE + 1), "checks": {"adr": "passed"}}, MAX_LINE),
        *[
            ("action_opened", {"action_id": "A1", name: "x" * (MAX_LINE + 1)}, MAX_LINE)
            for name in ("title", "action_type", "owner", "verification", "due_at")
        ],
        ("corrected", {"event_id": "e1", "data": {"text": "x" * (MAX_TEXT + 1)}}, MAX_TEXT),
        ("note", {"text": "x", "more": ["x" * 100] * 400}, MAX_DATA_BYTES),
        ("detected", {"more": {f"key-{n}": n for n in range(5000)}}, MAX_DATA_BYTES),
    ],
)
def test_it_names_the_cap_that_an_event_exceeds(kind, data_, cap):
    error = refusal(data, kind, **data_)
    assert error.reason is Failure.INVALID_PAYLOAD
    assert str(cap) in error.detail
    assert "#/data" in error.detail


def test_it_takes_what_is_as_long_as_it_may_be():
    assert data("note", text="長" * MAX_TEXT)["text"] == "長" * MAX_TEXT
    assert data("action_opened", action_id="A1", title="x" * MAX_LINE)["title"] == "x" * MAX_LINE
