"""Alertmanager's body into alerts. `a7` and the like are the facts listed in docs/sources/alertmanager.md."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from service.domain.events import Alert, Observation
from service.domain.policy import Severity
from service.domain.severity_rules import NO_SEVERITY, MappedSeverity, SeverityRules
from service.intake.alertmanager import parse
from service.intake.alerts import UNNAMED, AlertParseOptions
from service.intake.fingerprints import fingerprint
from service.intake.notifications import UnmappedAlert
from service.intake.reasons import Failure, Ignored, Rejected
from service.intake.wire import PayloadError
from service.settings.model import Settings

CORPUS = Path(__file__).parents[1] / "payloads" / "alertmanager"
NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
STARTS_AT = datetime(2026, 11, 23, 18, 4, 5, tzinfo=UTC)
GROUP_KEY = '{}:{alertname="CheckoutErrors"}'


def good(name):
    return (CORPUS / "good" / f"{name}.json").read_bytes()


def body(alerts=({},), **top):
    """A notification of firing alerts, each changed by its dict; `labels` and `annotations` replace."""
    plain = json.loads(good("firing"))
    changed = [{**plain["alerts"][0], "fingerprint": f"f{n}", **changes} for n, changes in enumerate(alerts)]
    return json.dumps({**plain, "alerts": changed, **top}).encode()


def read(raw, **reading):
    return parse(raw, AlertParseOptions(**reading), NOW)


def the_alert(raw, **reading):
    (alert,) = read(raw, **reading).alerts
    return alert


def refusal(raw, **reading):
    with pytest.raises(PayloadError) as caught:
        read(raw, **reading)
    return caught.value


def test_it_reads_a_firing_alert():
    assert read(good("firing")).alerts == (
        Alert(
            observation=Observation(
                source="alertmanager",
                fingerprint="4889ff3223809fa0",
                group_key=GROUP_KEY,
                starts_at=STARTS_AT,
                peer="http://vm:19093",
            ),
            name="CheckoutErrors",
            severity=Severity.SEV_2,
            labels={"alertname": "CheckoutErrors", "service": "checkout", "severity": "critical"},
            annotations={
                "runbook_url": "https://runbooks.example/checkout",
                "summary": "Checkout error rate high.",
            },
            generator_url="http://prom.example:9090/graph?g0.expr=x",
        ),
    )


def test_a_long_group_key_is_kept_by_its_digest():
    """Some indexes hold short keys only; what is cut must still tell groups apart."""
    ends = ("one", "other")
    keys = [the_alert(body(groupKey="g" * 5000 + end)).observation.group_key for end in ends]
    assert [len(key) for key in keys] == [400, 400]
    assert keys[0] != keys[1]
    assert the_alert(body(groupKey="g" * 400)).observation.group_key == "g" * 400


def test_a_long_group_key_is_known_to_pagerduty_by_the_digest_of_all_of_it():
    """As Alertmanager's PagerDuty integration makes it."""
    key = "g" * 5000
    assert the_alert(body(groupKey=key), by_group_key=True).aliases == (sha256(key.encode()).hexdigest(),)


def test_it_reads_the_end_of_a_resolved_alert():
    observation = the_alert(good("resolved")).observation
    assert observation.starts_at == STARTS_AT
    assert observation.ends_at == datetime(2026, 11, 23, 18, 9, 9, tzinfo=UTC)
    assert not observation.stale


# --- the facts ------------------------------------------------------------------------------------------------------


def test_it_goes_by_the_status_of_each_alert_and_not_the_groups_a7():
    firing, resolved = read(good("mixed")).alerts
    assert json.loads(good("mixed"))["status"] == "firing"
    assert firing.observation.ends_at is None
    assert resolved.observation.ends_at is not None


def test_it_takes_year_1_as_no_end_a8():
    assert the_alert(body([{"endsAt": "0001-01-01T00:00:00Z"}])).observation.ends_at is None
    assert the_alert(body([{"endsAt": "0001-01-01T00:00:00+14:00"}])).observation.ends_at is None


def test_it_reads_nine_digits_of_a_second_a8():
    observation = the_alert(good("nanoseconds")).observation
    assert observation.starts_at == STARTS_AT.replace(microsecond=123456)
    assert observation.ends_at == datetime(2026, 11, 23, 18, 9, 9, 999999, tzinfo=UTC)


@pytest.mark.parametrize("ends_at", ["2026-11-23T18:30:00Z", "9999-12-31T23:59:59Z", None])
def test_it_ignores_the_end_of_a_firing_alert(ends_at):
    assert the_alert(body([{"endsAt": ends_at}])).observation.ends_at is None


def test_it_takes_the_end_from_the_alert_and_not_from_the_clock_a9():
    assert the_alert(good("resolved")).observation.ends_at < NOW - timedelta(minutes=50)


def test_it_counts_what_was_cut_off_and_infers_nothing_a10():
    notification = read(good("truncated"))
    assert notification.truncated == 37
    assert notification.total == len(notification.alerts) == 1


def test_it_reads_the_same_from_both_peers_of_a_pair_a12():
    (alert,), (same,) = (read(good(name)).alerts for name in ("firing", "other_ha_peer"))
    assert alert.observation.peer != same.observation.peer
    assert replace(same, observation=replace(same.observation, peer=alert.observation.peer)) == alert


def test_it_ignores_fields_it_does_not_know_a13():
    assert read(good("newer_fields")) == read(good("firing"))


@pytest.mark.parametrize("name", ["custom_payload", "none", "version_5", "array", "null"])
def test_it_says_what_to_change_when_a_body_is_not_version_4_a13(name):
    error = refusal((CORPUS / "bad" / f"wrong_version--{name}.json").read_bytes())
    assert "webhook_configs" in error.detail
    assert "payload" in error.detail


def test_it_names_grafanas_body():
    assert "Grafana" in refusal((CORPUS / "bad" / "wrong_version--grafana.json").read_bytes()).detail


# --- what becomes an incident ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "names"),
    [
        (Severity.SEV_1, "sev-1 sev1 P1 emergency Disaster fatal"),
        (Severity.SEV_2, "CRITICAL page sev-2 sev2 p2"),
        (Severity.SEV_3, "high error major sev-3 sev3 p3"),
        (Severity.SEV_4, "warning WARN medium minor low sev-4 sev4 p4 p5"),
    ],
)
def test_it_knows_the_severities_of_the_field(severity, names):
    for name in names.split():
        notification = read(body([{"labels": {"severity": name}}]))
        assert ([alert.severity for alert in notification.alerts], notification.unmapped) == ([severity], ())


@pytest.mark.parametrize(
    ("labels", "severity"),
    [
        ({"severity": "warning", "incident_severity": "SEV-1"}, Severity.SEV_1),
        ({"incident_severity": "sev-3"}, Severity.SEV_3),
        ({"incident_severity": "page", "severity": "warning"}, Severity.SEV_2),
        ({"severity": "critical", "incident_severity": "terrible"}, Severity.SEV_2),
        ({"severity": "critical", "incident_severity": " "}, Severity.SEV_2),
        ({"severity": " critical "}, Severity.SEV_2),
    ],
)
def test_it_goes_by_the_incident_severity_before_the_severity(labels, severity):
    assert the_alert(body([{"labels": labels}])).severity is severity


def test_it_maps_severities_as_configured():
    rules = SeverityRules(label="priority", by_name={"urgent": Severity.SEV_1, "": Severity.SEV_3, "page": None})
    labels = [{"priority": "Urgent"}, {"severity": "critical"}, {"priority": "page"}, {"priority": ""}]
    notification = read(body([{"labels": label_set} for label_set in labels]), severities=rules)
    assert [alert.severity for alert in notification.alerts] == [Severity.SEV_1, Severity.SEV_3, Severity.SEV_3]
    assert (notification.ignored, notification.unmapped) == ({Ignored.SEVERITY: 1}, ())


@pytest.mark.parametrize(
    ("labels", "severity"),
    [({"severity": "urgent"}, "urgent"), ({"incident_severity": "SEV-9"}, "SEV-9"), ({}, ""), ({"severity": ""}, "")],
)
def test_a_severity_that_is_not_mapped_opens_an_incident_all_the_same(labels, severity):
    raw = body([{"labels": {"alertname": "A", **labels}}])
    notification = read(raw)
    assert [alert.severity for alert in notification.alerts] == [Severity.SEV_4]
    assert notification.unmapped == (
        UnmappedAlert(source="alertmanager", severity=severity, fingerprint="f0", alertname="A"),
    )
    ignoring = read(raw, severities=SeverityRules(unmapped=None))
    assert (ignoring.alerts, ignoring.ignored) == ((), {Ignored.SEVERITY: 1})
    assert ignoring.unmapped == notification.unmapped


def test_where_unmapped_severities_are_ignored_an_end_is_recorded_alone():
    """The alert may have fired with a severity that was mapped then, or that its sender does not repeat."""
    alerts = [{"status": "resolved", "labels": {"alertname": "A"}, "endsAt": "2026-11-23T18:09:09Z"}]
    notification = read(body(alerts), severities=SeverityRules(unmapped=None))
    assert [alert.observation.is_end_only for alert in notification.alerts] == [True]
    assert (notification.ignored, notification.unmapped) == ({}, ())
    alerts[0]["labels"]["severity"] = "info"
    assert read(body(alerts)).ignored == {Ignored.SEVERITY: 1}


def test_the_defaults_are_those_of_the_configuration():
    assert Settings().severity_rules() == SeverityRules()


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"severity": "critical", "mttx_ignore": "true"}, Ignored.IGNORE_LABEL),
        ({"severity": "critical", "mttx_ignore": "TRUE"}, Ignored.IGNORE_LABEL),
        ({"severity": "critical", "alertname": "MttxPostmortemOverdue"}, Ignored.ALERTNAME),
        ({"alertname": "Watchdog"}, Ignored.ALERTNAME),
        ({"severity": "none", "alertname": "InfoInhibitor"}, Ignored.ALERTNAME),
        ({"severity": "info"}, Ignored.SEVERITY),
        ({"severity": "None"}, Ignored.SEVERITY),
        ({"severity": "debug"}, Ignored.SEVERITY),
        ({"severity": "OK"}, Ignored.SEVERITY),
    ],
)
def test_it_ignores_and_counts(labels, reason):
    notification = read(body([{"labels": labels}]))
    assert (notification.alerts, notification.unmapped) == ((), ())
    assert notification.ignored == {reason: 1}


def test_it_does_not_ignore_what_only_looks_like_it():
    for labels in ({"mttx_ignore": "false"}, {"alertname": "MyWatchdogDown"}, {"alertname": "NotMttx"}):
        assert len(read(body([{"labels": {"severity": "critical", **labels}}])).alerts) == 1


def test_it_ignores_the_names_that_are_configured():
    raw = body([{"labels": {"alertname": "DeadMansSwitch", "severity": "critical"}}])
    assert read(raw, ignored_alertnames=(re.compile("^Dead"),)).ignored == {Ignored.ALERTNAME: 1}


def test_it_does_not_let_an_ignored_alert_refuse_the_others():
    watchdog = {"labels": {"alertname": "Watchdog"}, "startsAt": "0001-01-01T00:00:00Z"}
    assert len(read(body([watchdog, {}])).alerts) == 1


TOO_MANY = {"severity": "critical", **{f"l{n}": "x" for n in range(64)}}
RESOLVED = {"status": "resolved", "endsAt": "2026-11-23T18:10:00Z"}


@pytest.mark.parametrize(
    ("changes", "reason", "pointer"),
    [
        ({"startsAt": "2026-11-23T18:04:05"}, Rejected.INVALID_START, "#/alerts/1/startsAt"),
        ({"startsAt": "0001-01-01T00:00:00Z"}, Rejected.INVALID_START, "#/alerts/1/startsAt"),
        ({**RESOLVED, "endsAt": None}, Rejected.INVALID_END, "#/alerts/1/endsAt"),
        ({**RESOLVED, "endsAt": "0001-01-01T00:00:00Z"}, Rejected.INVALID_END, "#/alerts/1/endsAt"),
        ({**RESOLVED, "startsAt": "2026-11-23T18:10:01Z"}, Rejected.END_BEFORE_START, "#/alerts/1/endsAt"),
        ({"startsAt": "2026-11-23T19:06:00Z"}, Rejected.FUTURE, "#/alerts/1/startsAt"),
        ({"labels": TOO_MANY}, Rejected.TOO_MANY_LABELS, "#/alerts/1/labels"),
        ({"annotations": TOO_MANY}, Rejected.TOO_MANY_LABELS, "#/alerts/1/annotations"),
        ({"labels": {"alertname": "Bad", "port": 80}}, Rejected.INVALID_ALERT, "#/alerts/1/labels/port"),
        ({"status": "pending"}, Rejected.INVALID_ALERT, "#/alerts/1/status"),
    ],
)
def test_an_alert_that_cannot_be_read_is_rejected_alone(changes, reason, pointer):
    alert = {"labels": {"alertname": "Bad", "severity": "critical"}, **changes}
    notification = read(body([{}, alert, {}]))
    assert [alert_.observation.fingerprint for alert_ in notification.alerts] == ["f0", "f2"]
    (fault,) = notification.rejected
    assert (fault.index, fault.fingerprint, fault.reason) == (1, "f1", reason)
    assert fault.alertname == alert["labels"].get("alertname")
    assert fault.detail.startswith(f"{pointer}: ")
    assert (notification.total, notification.retry is not None) == (3, reason is Rejected.FUTURE)
    assert refusal(body([alert])).reason == ("future" if reason is Rejected.FUTURE else "invalid_payload")


def test_an_object_with_a_repeated_key_is_rejected_alone():
    twice = '"labels": {"severity": "critical", "severity": "info"}'
    raw = body([{}, {"labels": {}}]).decode().replace('"labels": {}', twice)
    notification = read(raw.encode())
    assert (len(notification.alerts), [fault.index for fault in notification.rejected]) == (1, [1])
    assert "severity" in notification.rejected[0].detail


@pytest.mark.parametrize("alert", [None, "text", 7, [], {}])
def test_what_is_no_alert_is_rejected_alone(alert):
    document = json.loads(body([{}]))
    notification = read(json.dumps({**document, "alerts": [*document["alerts"], alert]}).encode())
    assert [(fault.index, fault.reason) for fault in notification.rejected] == [(1, Rejected.INVALID_ALERT)]
    assert notification.rejected[0].fingerprint is None


def test_annotations_and_addresses_may_be_null():
    alert = the_alert(body([{"annotations": None, "generatorURL": None}]))
    assert (alert.annotations, alert.generator_url) == ({}, "")


def test_a_label_that_is_too_long_costs_no_neighbour_and_not_even_its_alert():
    """SQL in labels: both alerts of the group are recorded, the label is cut."""
    down, query = read(good("long_label")).alerts
    assert (down.name, query.name) == ("Down", "SlowQuery")
    assert len(query.labels["query"]) == 4096
    assert query.labels["query"].endswith("x…")


def test_it_computes_a_fingerprint_that_is_missing_as_alertmanager_does():
    """Before 0.19 there was none. The value is that of a real Alertmanager for the same labels."""
    for name in ("without_fingerprint", "blank_fingerprint"):
        assert the_alert(good(name)).observation.fingerprint == "4889ff3223809fa0"
    assert the_alert(good("before_0_19")).observation.fingerprint == fingerprint(
        {"alertname": "Fire", "severity": "critical"}
    )


def test_a_computed_fingerprint_is_the_one_that_alertmanager_sends():
    """Of Alertmanager 0.25 and 0.34, and of Grafana's test button."""
    assert fingerprint({"severity": "critical", "alertname": "CheckoutDown"}) == "04aab5f40291ffe2"
    assert fingerprint({"alertname": "TestAlert", "instance": "Grafana"}) == "57c6d9296de2ad39"
    assert fingerprint({}) == "cbf29ce484222325"


def test_a_nul_character_is_replaced():
    assert the_alert(good("nul")).generator_url == "a\ufffdb"


def test_it_names_an_alert_that_has_no_name():
    assert the_alert(body([{"labels": {"severity": "critical"}}])).name == UNNAMED


# --- the start of the impact ----------------------------------------------------------------------------------------


def test_it_reads_the_onset_from_an_annotation_before_a_label():
    label, annotation = "2026-11-23T17:50:00Z", "2026-11-23T17:55:00+00:00"
    labels = {"severity": "critical", "started_at": label}
    assert the_alert(body([{"labels": labels}])).onset_at == datetime(2026, 11, 23, 17, 50, tzinfo=UTC)
    both = body([{"labels": labels, "annotations": {"started_at": annotation}}])
    assert the_alert(both).onset_at == datetime(2026, 11, 23, 17, 55, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20 09:55:00 +0000 UTC",
        "2026-11-20 09:55:00.000000001 +0000 UTC",
        "2026-11-20 18:55:00 +0900 JST",
        "2026-11-20T09:55:00Z",
        "2026-11-20 09:55:00Z",
        "2026-11-20t18:55:00+09:00",
        "2026-11-20t09:55:00z",
        "1795168500",
        "1795168500.0",
        "1.7951685e+09",
        " 1795168500\n",
    ],
)
def test_it_reads_an_onset_as_prometheus_templates_print_it(text):
    notification = read(body([{"annotations": {"started_at": text}}]))
    assert notification.alerts[0].onset_at == datetime(2026, 11, 20, 9, 55, tzinfo=UTC)
    assert notification.warnings == ()


def test_it_reads_the_onset_of_a_real_template():
    alert = the_alert(good("started_at_of_a_template"))
    assert alert.onset_at == datetime(2026, 11, 20, 9, 55, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", " "])
def test_a_blank_onset_is_none(text):
    assert read(body([{"annotations": {"started_at": text}}])).warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "<no value>",
        "NaN",
        "+Inf",
        "0",
        "300",
        "1e99",
        "1795168500000",
        "2026-11-20 09:55:00",
        "2026-11-31 09:55:00 +0000 UTC",
        "2026-11-23T17:55:00",
        "2027-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_it_never_guesses_an_onset_and_says_so(text):
    notification = read(body([{"annotations": {"started_at": text}, "labels": {"alertname": "A", "severity": "p1"}}]))
    assert [alert.onset_at for alert in notification.alerts] == [None]
    (fault,) = notification.warnings
    assert (fault.index, fault.fingerprint, fault.alertname, fault.reason) == (0, "f0", "A", "started_at")
    assert "started_at" in fault.detail


def test_it_takes_the_label_where_the_annotation_is_no_time():
    labels = {"severity": "p1", "started_at": "2026-11-20T09:55:00Z"}
    notification = read(body([{"annotations": {"started_at": "soon"}, "labels": labels}]))
    assert notification.alerts[0].onset_at is not None
    assert len(notification.warnings) == 1


# --- sizes and times ------------------------------------------------------------------------------------------------


def test_it_refuses_more_alerts_than_the_limit():
    error = refusal(body([{}, {}, {}]), max_alerts=2)
    assert error.reason is Failure.TOO_LARGE
    assert "max_alerts" in error.detail


def test_it_refuses_a_hundred_thousand_empty_alerts_at_the_first():
    raw = b'{"version": "4", "groupKey": "g", "alerts": [' + b",".join([b"{}"] * 100_000) + b"]}"
    assert len(refusal(raw).faults) <= 10


def test_it_cuts_names_of_labels_that_are_too_long():
    (name,) = the_alert(body([{"labels": {"severity": "critical", "x" * 4097: "a"}}])).labels.keys() - {"severity"}
    assert name == "x" * 4095 + "…"


def test_it_keeps_whole_what_is_just_within_the_limits():
    labels = {"severity": "critical", "long": "x" * 4096, **{f"l{n}": "" for n in range(62)}}
    assert the_alert(body([{"labels": labels, "annotations": labels}])).labels == labels


def test_it_cuts_annotations_that_are_too_long():
    text = the_alert(body([{"annotations": {"summary": "x" * 5000}}])).annotations["summary"]
    assert len(text) == 4096
    assert text.endswith("x…")


def test_it_takes_a_start_within_the_clock_skew():
    assert the_alert(body([{"startsAt": "2026-11-23T19:05:00Z"}])).observation.starts_at > NOW


def test_it_keeps_odd_labels_as_they_are():
    labels = the_alert(good("odd_labels")).labels
    assert labels["alertname"] == 'Checkout "Errors"\n🔥'
    assert labels["path"] == "C:\\u0000\\temp"
    assert labels["日本語"] == "障害"


def test_its_errors_name_places_and_never_values():
    error = refusal(body([{"labels": {"password": 12345678}}]))
    assert error.faults[0].pointer == "#/alerts/0/labels/password"
    assert "12345678" not in error.detail


@pytest.mark.parametrize("count", [10**9 + 1, 2**64, 10**400])
def test_it_refuses_a_count_that_no_counter_holds(count):
    notification = json.loads(body([{}])) | {"truncatedAlerts": count}
    assert refusal(json.dumps(notification).encode()).faults[0].pointer == "#/truncatedAlerts"


def test_an_alert_with_a_key_twice_is_rejected_alone():
    raw = good("firing").decode()
    doubled = raw.replace(
        '"status": "firing",\n      "labels"', '"status": "firing", "status": "firing",\n      "labels"'
    )
    assert doubled != raw
    assert "has the key 'status' twice" in refusal(doubled.encode()).detail


def test_an_alert_without_a_severity_has_that_of_its_source():
    rules = SeverityRules(by_name={"critical": Severity.SEV_2})
    assert rules.severity_of({}, Severity.SEV_3) == MappedSeverity(Severity.SEV_3)
    assert rules.severity_of({"severity": "critical"}, Severity.SEV_3) == MappedSeverity(Severity.SEV_2)
    assert rules.severity_of({"severity": "urgent"}, Severity.SEV_3) == MappedSeverity(Severity.SEV_4, "urgent")
    mapped = SeverityRules(by_name={NO_SEVERITY: Severity.SEV_1})
    assert mapped.severity_of({}, Severity.SEV_3) == MappedSeverity(Severity.SEV_1)
