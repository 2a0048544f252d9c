"""Imports in the database: the totals, what a second import changes, and what is taken back."""

import json
from dataclasses import replace

import pytest

from service.domain.events import EventKind as K
from service.domain.events import KeyedEvent, ReceivedWebhook
from service.domain.incident import Phase
from service.domain.policy import Milestone, Severity
from service.domain.recovery import ResolutionSource
from service.history.importing.parsing import Format
from service.history.recording import record_incidents
from service.recorder.commands import RecordEvents
from service.store.bodies import last_received
from tests.builders import alert, event
from tests.history.importing import NOW, PAYLOADS, read
from tests.house import House, listed

HEADER = "key,severity,started_at,detected_at,acknowledged_at,resolved_at\n"
LINE = "1,SEV-1,2026-10-01T08:55:00Z,2026-10-01T09:00:00Z,2026-10-01T09:10:00Z,2026-10-01T10:00:00Z\n"


@pytest.fixture
def house(tmp_path):
    built = House(tmp_path / "mttx.db")
    yield built
    built.close()


def take(house, *texts, keep=True, **how):
    parsed = read(*texts, **how)
    assert not parsed.errors
    return record_incidents(house.store, house.policy, parsed.incidents, NOW, keep=lambda _: keep)


def test_it_records_incidents_in_order_of_time(house):
    done = take(house, HEADER + "b,SEV-2,,2026-10-02T09:00:00Z,,\na,SEV-1,,2026-10-01T09:00:00Z,,\n")
    assert (done.opened, done.changed, done.unchanged) == (2, 0, 0)
    assert [house.get(number).incident.severity for number in (1, 2)] == [Severity.SEV_1, Severity.SEV_2]


def test_the_same_file_again_changes_nothing(house):
    take(house, HEADER + LINE + "2,SEV-2,,2026-10-02T09:00:00Z,,\n")
    before = [house.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("incidents", "events", "totals")]
    done = take(house, HEADER + LINE + "2,SEV-2,,2026-10-02T09:00:00Z,,\n")
    assert (done.opened, done.changed, done.unchanged, done.events) == (0, 0, 2, 0)
    assert [house.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("incidents", "events", "totals")] == before


def test_a_time_that_the_file_corrects_is_corrected(house):
    take(house, HEADER + LINE)
    corrected = HEADER + LINE.replace("10:00:00Z\n", "11:00:00Z\n")
    assert take(house, corrected).changed == 1
    assert house.get(1).incident.milestones[Milestone.RESOLVED].hour == 11
    assert take(house, corrected).unchanged == 1
    assert take(house, HEADER + LINE).changed == 1
    assert house.get(1).incident.milestones[Milestone.RESOLVED].hour == 10


def test_no_source_was_heard_of_because_of_an_import(house):
    """`mttx_last_webhook_timestamp_seconds` tells whether webhooks come; an import of PagerDuty's export is none."""
    take(house, (PAYLOADS / "pagerduty_incidents.json").read_bytes(), form=Format.PAGERDUTY)
    assert house.store.read(last_received) == {}


def test_what_people_corrected_since_stays(house):
    take(house, HEADER + LINE)
    correction = {"milestone": "resolved", "occurred_at": "2026-10-01T09:30:00+00:00"}
    house.tell(1, K.CORRECTED, 400_000, data=correction)
    assert take(house, HEADER + LINE).unchanged == 1
    assert house.get(1).incident.milestones[Milestone.RESOLVED].minute == 30


def test_a_cell_that_is_filled_in_later_is_added(house):
    take(house, HEADER + "1,SEV-1,,2026-10-01T09:00:00Z,,\n")
    assert house.get(1).incident.resolution_source is ResolutionSource.STALE
    assert take(house, HEADER + LINE).changed == 1
    resolved = house.get(1).incident
    assert resolved.resolution_source is ResolutionSource.HUMAN
    assert resolved.milestones[Milestone.RESOLVED].hour == 10


def test_what_is_said_otherwise_later_is_told_and_left_alone(house):
    take(house, HEADER + LINE)
    done = take(house, HEADER + LINE.replace("SEV-1", "SEV-2"))
    assert done.unchanged == 1
    assert "detected differs from what is recorded" in done.differences[0].detail
    assert house.get(1).incident.severity is Severity.SEV_1


LABELS = "key,detected_at,resolved_at,labels,label.team\n1,2026-10-01T09:00:00Z,2026-10-01T10:00:00Z,"


def test_a_label_that_the_file_corrects_is_corrected_from_the_beginning(house):
    take(house, LABELS + "service=checkout,paymets\n")
    corrected = LABELS + "service=checkout,payments\n"
    done = take(house, corrected)
    assert (done.changed, done.events, done.differences) == (1, 1, [])
    assert dict(house.get(1).incident.dimensions) == {"service": "checkout", "team": "payments"}
    added = house.get(1).events[-1]
    assert (added.kind, added.occurred_at) == (K.DESCRIBED, house.get(1).incident.milestones[Milestone.DETECTED])
    assert take(house, corrected).unchanged == 1
    assert take(house, LABELS + "service=checkout,search\n").changed == 1
    assert take(house, corrected).changed == 1
    assert house.get(1).incident.dimensions["team"] == "payments"
    assert take(house, LABELS + ",\n").unchanged == 1


def test_a_label_that_is_mapped_later_is_added_and_one_that_people_set_stays(house):
    header, first, second = HEADER.strip(), LINE.strip(), LINE.replace("1,", "2,", 1).strip()
    lines = f"{header},Owner\n{first},payments\n{second},x\n"
    take(house, lines)
    house.tell(1, K.DESCRIBED, 400_000, labels={"team": "search"})
    assert take(house, lines, columns={"Owner": "label.team"}).changed == 2
    assert [house.get(number).incident.dimensions["team"] for number in (1, 2)] == ["search", "x"]
    assert take(house, lines, columns={"Owner": "label.team"}).unchanged == 2


def test_nothing_stays_of_what_is_not_kept(house):
    assert take(house, HEADER + LINE, keep=False).opened == 1
    assert house.rows("SELECT * FROM incidents") == []
    assert house.counters() == {}


def test_counts_are_those_of_events_told_in_order_of_time(house):
    """An incident counts as opened with the severity it had then, and gives the samples that it gave when it ended."""
    text = LINE.replace("\n", ",2026-10-01T12:00:00Z,2026-10-01T13:00:00Z\n")
    take(house, HEADER.replace("\n", ",drafted_at,finalized_at\n") + text)
    counters = house.counters()
    assert counters["opened", "SEV-1", "", 0] == 1
    assert counters["resolved", "SEV-1", "human", 0] == 1
    assert counters["acknowledge", "SEV-1", "", 600] == 1
    assert counters["draft", "SEV-1", "", 14_400] == 1


def test_a_dismissed_incident_counts_as_dismissed_and_gives_no_sample(house):
    take(house, "key,detected_at,dismissed_at\n1,2026-10-01T09:00:00Z,2026-10-01T09:30:00Z\n")
    assert {name for name, *_ in house.counters()} == {"opened", "dismissed"}


def test_a_refused_line_leaves_the_others_alone(house):
    take(house, HEADER + "1,SEV-1,,2026-10-01T09:00:00Z,,\n")
    house.tell(1, K.NOTE, 400_000, event_id="history-1-acknowledged", data={"text": "an id of ours"})
    done = take(house, HEADER + LINE + "2,SEV-2,,2026-10-02T09:00:00Z,,\n")
    assert [(bad.where, bad.detail[:50]) for bad in done.refused] == [
        ("a:2", "event_id 'history-1-acknowledged' already belongs ")
    ]
    assert done.opened == 1
    assert house.get(1).incident.resolution_source is ResolutionSource.STALE
    assert house.rows("SELECT severity FROM incidents ORDER BY id") == [("SEV-1",), ("SEV-2",)]


def test_it_goes_on_with_what_the_webhook_of_pagerduty_told_of(house):
    detected = event(K.DETECTED, event_id="pagerduty-PT4KHLK", source="pagerduty")
    house.submit(RecordEvents((KeyedEvent("PT4KHLK", detected),), ReceivedWebhook("pagerduty", b"{}", NOW)))
    names = ("pagerduty_incidents.json", "pagerduty_log_entries.json")
    done = take(house, *((PAYLOADS / name).read_bytes() for name in names), form=Format.PAGERDUTY)
    assert (done.opened, done.changed) == (3, 1)
    assert house.get(1).incident.phase is Phase.RESOLVED


def exported(*names):
    return [(PAYLOADS / name).read_bytes() for name in names]


def phases(house):
    return {line.title: line.phase for line in listed(house.store)}


def test_an_incident_that_was_merged_in_pagerduty_is_merged_here(house):
    take(house, *exported("pagerduty_incidents.json", "pagerduty_log_entries.json"), form=Format.PAGERDUTY)
    assert set(phases(house)) == {"Checkout answers 500", "Nobody acknowledged it", "Still open"}
    kept = next(line.id for line in listed(house.store) if line.title == "Checkout answers 500")
    incident = house.get(kept).incident
    assert (incident.severity, incident.phase) == (Severity.SEV_1, Phase.RESOLVED)
    assert incident.milestones[Milestone.DETECTED].minute == 30
    again = take(house, *exported("pagerduty_incidents.json", "pagerduty_log_entries.json"), form=Format.PAGERDUTY)
    assert (again.unchanged, again.events, again.differences) == (4, 0, [])


def test_a_merge_waits_for_its_target(house):
    whole = json.loads(exported("pagerduty_incidents.json")[0])["incidents"]
    (double,) = [past for past in whole if past["id"] == "PDOUBLE"]
    others = [past for past in whole if past["id"] != "PDOUBLE"]
    take(house, json.dumps([double]), form=Format.PAGERDUTY)
    assert phases(house) == {"The same again": Phase.DISMISSED}
    take(house, json.dumps(others), form=Format.PAGERDUTY)
    assert phases(house)["Checkout answers 500"] is Phase.RESOLVED
    assert "The same again" not in phases(house)


def test_a_merge_that_an_earlier_release_imported_as_a_dismissal_does_not_dismiss_the_target(house):
    double = '{"key": "PDOUBLE", "detected_at": "2026-10-06T21:31:00Z", "dismissed_at": "2026-10-06T21:40:00Z"}'
    take(house, double, source="pagerduty")
    assert take(house, *exported("pagerduty_incidents.json"), form=Format.PAGERDUTY).changed == 1
    assert phases(house)["Checkout answers 500"] is Phase.RESOLVED


def test_an_import_after_the_webhook_merged_changes_nothing_about_it(house):
    def page(key, kind, event_id, **data):
        fields = {"event_id": f"pagerduty-{event_id}", "source": "pagerduty", "data": {"incident_key": key, **data}}
        return KeyedEvent(key, event(kind, title="Checkout answers 500", **fields))

    opened = [page(key, K.DETECTED, key) for key in ("PT4KHLK", "PDOUBLE")]
    merged = page("PDOUBLE", K.MERGED, "E9", into_key="PT4KHLK")
    house.submit(RecordEvents((*opened, merged), ReceivedWebhook("pagerduty", b"{}", NOW)))
    take(house, *exported("pagerduty_incidents.json"), form=Format.PAGERDUTY)
    assert phases(house)["Checkout answers 500"] is Phase.RESOLVED
    assert [event.kind for event in house.get(1).events].count(K.MERGED) == 1


def test_a_persons_acknowledgement_in_a_later_file_counts_beside_a_machines(house):
    line = {"id": "P1", "service": {}, "created_at": "2026-11-25T20:00:00Z", "status": "acknowledged"}
    machine = {"at": "2026-11-25T20:01:00Z", "acknowledger": {"type": "service_reference"}}
    person = {"at": "2026-11-25T20:20:00Z", "acknowledger": {"type": "user_reference"}}
    take(house, json.dumps({**line, "acknowledgements": [machine]}), form=Format.PAGERDUTY)
    assert Milestone.ACKNOWLEDGED not in house.get(1).incident.milestones
    take(house, json.dumps({**line, "acknowledgements": [machine, person]}), form=Format.PAGERDUTY)
    assert house.get(1).incident.milestones[Milestone.ACKNOWLEDGED].minute == 20


def test_it_joins_what_alertmanager_told_of_under_the_same_name(house):
    firing = replace(alert(), aliases=("group-1",))
    house.send(firing)
    line = {"id": "P1", "service": {}, "created_at": "2026-03-02T09:01:00Z", "incident_key": "group-1"}
    done = take(house, json.dumps({**line, "status": "triggered"}), form=Format.PAGERDUTY)
    assert (done.opened, done.changed) == (0, 1)
    assert len(listed(house.store)) == 1
