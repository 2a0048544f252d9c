"""Grafana's body into alerts. What it shares with Alertmanager's is tested there."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.domain.policy import Severity
from service.domain.severity_rules import SeverityRules
from service.intake.alerts import AlertParseOptions
from service.intake.grafana import parse
from service.intake.reasons import Failure, Ignored
from service.intake.wire import PayloadError

CORPUS = Path(__file__).parents[1] / "payloads" / "grafana"
NOW = datetime(2021, 10, 12, 9, 0, tzinfo=UTC)


def good(name):
    return (CORPUS / "good" / f"{name}.json").read_bytes()


def refusal(raw):
    with pytest.raises(PayloadError) as caught:
        parse(raw, AlertParseOptions(), NOW)
    return caught.value


def test_it_reads_an_alert_as_alertmanagers_but_of_another_source():
    (alert,) = parse(good("firing"), AlertParseOptions(), NOW).alerts
    assert alert.observation.source == "grafana"
    assert alert.observation.starts_at == datetime(2021, 10, 12, 7, 51, 3, 157076, tzinfo=UTC)
    assert alert.severity is Severity.SEV_2
    assert alert.annotations["summary"].startswith("This alert")


def test_it_takes_a_start_that_equals_the_end_for_an_end_alone():
    (ended,) = parse(good("resolved_start_is_end"), AlertParseOptions(), NOW).alerts
    assert ended.observation.is_end_only
    (ended,) = parse(good("resolved"), AlertParseOptions(), NOW).alerts
    assert not ended.observation.is_end_only


@pytest.mark.parametrize(("name", "reason"), [("no_data", Ignored.NO_DATA), ("error", Ignored.ERROR)])
def test_it_ignores_pseudo_alerts_unless_they_are_incidents(name, reason):
    assert parse(good(name), AlertParseOptions(), NOW).ignored == {reason: 1}
    assert len(parse(good(name), AlertParseOptions(**{reason.value: True}), NOW).alerts) == 1


def test_it_takes_the_alert_of_the_test_button_for_a_test():
    notification = parse(good("test_button"), AlertParseOptions(), NOW)
    assert (notification.ignored, notification.alerts) == ({Ignored.TEST: 1}, ())
    body = json.loads(good("test_button"))
    body["alerts"][0]["labels"]["grafana_folder"] = "Checkout"
    assert len(parse(json.dumps(body).encode(), AlertParseOptions(), NOW).alerts) == 1


def test_an_alert_without_a_severity_opens_an_incident():
    """As all bodies are that people who did not read this far send."""
    notification = parse(good("without_severity"), AlertParseOptions(), NOW)
    assert [alert.severity for alert in notification.alerts] == [Severity.SEV_4]
    assert [alert.severity for alert in notification.unmapped] == [""]
    rules = SeverityRules(by_name={"": Severity.SEV_3}, unmapped=None)
    mapped = parse(good("without_severity"), AlertParseOptions(severities=rules), NOW)
    assert ([alert.severity for alert in mapped.alerts], mapped.unmapped) == ([Severity.SEV_3], ())


@pytest.mark.parametrize("severity", [None, "urgent", "ok"])
def test_an_end_alone_is_recorded_whatever_its_severity(severity):
    """It opens nothing, and whether its alert is an incident was decided when that fired."""
    body = json.loads(good("resolved_start_is_end"))
    del body["alerts"][0]["labels"]["severity"]
    if severity:
        body["alerts"][0]["labels"]["severity"] = severity
    rules = SeverityRules(unmapped=None)
    notification = parse(json.dumps(body).encode(), AlertParseOptions(severities=rules), NOW)
    assert [alert.observation.is_end_only for alert in notification.alerts] == [True]
    assert (notification.ignored, notification.unmapped) == ({}, ())


def test_it_ignores_what_it_ignores_of_every_sender():
    body = json.loads(good("no_data"))
    body["alerts"][0]["labels"]["mttx_ignore"] = "true"
    assert parse(json.dumps(body).encode(), AlertParseOptions(), NOW).ignored == {Ignored.IGNORE_LABEL: 1}


def test_it_says_where_a_wrong_body_goes():
    alertmanagers = (CORPUS / "bad" / "wrong_version--alertmanager.json").read_bytes()
    assert "/webhooks/alertmanager" in refusal(alertmanagers).detail
    assert "contact point" in refusal(b"[]").detail
    assert refusal(b"{").reason is Failure.INVALID_JSON
