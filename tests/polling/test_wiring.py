"""From the configuration to what is asked, and to how the webhooks of others are read."""

from datetime import timedelta

import pytest

from service.domain.policy import Severity
from service.intake.sources import Source
from service.settings.errors import SettingsError
from service.settings.model import Settings
from service.settings.sources import load
from service.wiring.intake import alert_options, webhook_sources
from service.wiring.polling import build_poller
from tests.builders import at
from tests.polling.fakes import FakeRecorder, FakeStore

PROMETHEUS, ALERTMANAGER = "http://prometheus.example:9090", "http://alertmanager.example:9093"


def polls(**keys):
    poller = build_poller(Settings(**keys), FakeStore(), FakeRecorder(), lambda: at(0))
    return [poll.name for poll in poller._polls]


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ({}, []),
        ({"prometheus": {"url": PROMETHEUS}}, ["start times"]),
        ({"prometheus": {"url": PROMETHEUS, "token": "x"}, "reconcile": {"gaps": True}}, ["gaps", "start times"]),
        ({"alertmanager": {"urls": [ALERTMANAGER], "token": "x"}}, ["quiet incidents"]),
        (
            {"alertmanager": {"urls": [ALERTMANAGER]}, "silences": {"acknowledge": True}},
            ["quiet incidents", "silences"],
        ),
        ({"silences": {"acknowledge": True}}, []),
    ],
)
def test_it_asks_what_it_has_addresses_for(keys, names):
    assert polls(**keys) == names


def test_all_that_is_asked_is_about_the_sender_of_alertmanager():
    keys = {"prometheus": {"url": PROMETHEUS}, "reconcile": {"gaps": True}, "silences": {"acknowledge": True}}
    named = Settings(alertmanager={"urls": [ALERTMANAGER], "sender": "eu"}, **keys)
    poller = build_poller(named, FakeStore(), FakeRecorder(), lambda: at(0))
    assert {poll.name: poll.source for poll in poller._polls} == dict.fromkeys(
        ("gaps", "start times", "quiet incidents", "silences"), "alertmanager@eu"
    )


@pytest.mark.parametrize(
    "environ",
    [
        {"MTTX_ONSET_QUERY": "x"},
        {"MTTX_RECONCILE_GAPS": "true"},
        {"MTTX_PROMETHEUS_URL": "prometheus:9090"},
        {"MTTX_PROMETHEUS_URL": "http://user:password@prometheus:9090"},
        {"MTTX_ALERTMANAGER_URLS": "[ftp://x]"},
        {"MTTX_PAGERDUTY_SECRETS": "the-old-signing-secret,,the-new-signing-secret"},
        {"MTTX_PAGERDUTY_SECRETS": "the-old-signing-secret, fifteen-letters"},
        {"MTTX_GRAFANA_ALERTS_SECRETS": "fifteen-letters"},
        {"MTTX_PAGERDUTY_PRIORITY_MAP": "{P1: SEV-9}"},
        {"MTTX_PAGERDUTY_PRIORITY_MAP": "P1"},
        {"MTTX_GRAFANA_ALERTS_TIMESTAMP_HEADER": "a header"},
    ],
)
def test_it_refuses_what_cannot_work(environ):
    with pytest.raises(SettingsError):
        load(None, environ)


def test_it_takes_several_secrets_from_one_variable():
    settings = load(
        None,
        {
            "MTTX_PAGERDUTY_SECRETS": "the old signing secret, the new signing secret",
            "MTTX_GRAFANA_ALERTS_SECRETS": "one signing secret",
        },
    )
    sources = webhook_sources(settings)
    assert sources.signings[Source.PAGERDUTY].secrets == (b"the old signing secret", b"the new signing secret")
    assert sources.signings[Source.GRAFANA].secrets == (b"one signing secret",)
    assert "the old" not in repr(settings)
    assert "the old" not in repr(sources)


def test_it_reads_as_configured():
    environ = {
        "MTTX_PAGERDUTY_PRIORITY_MAP": "{Major: SEV-1, P1: null}",
        "MTTX_GRAFANA_ALERTS_NO_DATA": "incident",
        "MTTX_GRAFANA_ALERTS_REPLAY_WINDOW": "1m",
        "MTTX_GRAFANA_ALERTS_SECRETS": "one signing secret",
        "MTTX_SILENCES_ACKNOWLEDGE": "true",
        "MTTX_SILENCES_MACHINES": "^robot$",
    }
    settings = load(None, environ)
    sources, alerts = webhook_sources(settings), alert_options(settings)
    assert sources.priorities["major"] is Severity.SEV_1
    assert "p1" not in sources.priorities
    assert (alerts.no_data, alerts.error) == (True, False)
    assert sources.signings[Source.GRAFANA].window == timedelta(minutes=1)
    assert sources.people.machines.pattern == "^robot$"


def test_nobody_acknowledges_and_nobody_signs_unless_that_is_configured():
    sources = webhook_sources(Settings())
    assert (sources.people, sources.signings) == (None, {})
    assert (
        load(None, {"MTTX_PAGERDUTY_PRIORITY_MAP": "null"}).pagerduty.priority_map == Settings().pagerduty.priority_map
    )
