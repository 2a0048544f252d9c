"""The service put together: what goes in by HTTP comes out by HTTP, and a restart changes nothing."""

import json
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from service import app as composition
from service.app import create_app, now
from service.domain.policy import Indicator, Milestone, Severity, Stage, Statistic, Target
from service.metrics.catalogue import BY_NAME, METRICS
from service.recorder.commands import CloseStale, PruneBodies, Settle
from service.settings.errors import SettingsError
from service.settings.model import Settings
from service.store import StoreRefused
from service.wiring.exporter import due_commands
from service.wiring.intake import alert_options
from tests.builders import policy

BODY = json.loads((Path(__file__).parent / "payloads/alertmanager/good/firing.json").read_text(encoding="utf-8"))
PER_PROCESS = {metric.name for metric in METRICS if not metric.shared}


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Give a function that starts the service on the test's own database; answers a client."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(composition.logs, "configure", lambda level: None)
    monkeypatch.setattr(composition.atexit, "register", lambda function: None)
    running = []

    def start(**settings):
        app = create_app(Settings(database_url=f"sqlite:///{tmp_path / 'mttx.db'}", **settings))
        running.append(app.extensions["mttx.shut_down"])
        return app.test_client()

    yield start
    for shut_down in running:
        shut_down()


def shut_down(client):
    client.application.extensions["mttx.shut_down"]()


def firing(minutes_ago=30, **changes):
    """A notification of an alert that has fired for some time, by the clock on the wall."""
    body = json.loads(json.dumps(BODY))
    body["alerts"][0] |= {"startsAt": stamp(minutes_ago), **changes}
    return body


def stamp(minutes_ago):
    return (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat()


def shared(client):
    """Every sample that comes from the store."""
    families = [f for f in parse_text(client.get("/metrics").text) if f.name.startswith("mttx_")]
    return {
        (s.name, frozenset(s.labels.items())): s.value
        for f in families
        if not {f.name, f"{f.name}_total"} & PER_PROCESS
        for s in f.samples
    }


def test_it_takes_an_alert_through_its_life(start):
    client = start()
    answer = client.post("/webhooks/alertmanager", json=firing())
    assert (answer.status_code, answer.json["incidents"]) == (200, [{"id": "INC-1", "phase": "detected"}])
    acknowledged = {"kind": "acknowledged", "occurred_at": stamp(25)}
    assert client.post("/api/v1/incidents/INC-1/events", json=acknowledged).status_code == 201
    resolved = firing(status="resolved", endsAt=stamp(16))
    resolved["alerts"][0]["startsAt"] = client.get("/api/v1/incidents/INC-1").json["alerts"][0]["starts_at"]
    assert client.post("/webhooks/alertmanager", json=resolved).json["incidents"] == [
        {"id": "INC-1", "phase": "resolved"}
    ]
    numbers = shared(client)
    severity = ("incident_severity", "SEV-2")
    assert numbers["mttx_time_to_resolve_seconds_count", frozenset([severity])] == 1
    mean = [("indicator", "resolve"), ("window", "7d"), ("statistic", "mean"), severity]
    assert numbers["mttx_severity_indicator_seconds", frozenset(mean)] == pytest.approx(14 * 60, abs=2)
    assert client.get("/api/v1/indicators?window=7d").json["indicators"] != []


def test_it_says_the_same_after_a_restart(start):
    client = start()
    client.post("/webhooks/alertmanager", json=firing())
    opened = {
        "title": 'A "title"\nof two lines',
        "severity": "SEV-1",
        "started_at": stamp(90),
        "detected_at": stamp(80),
    }
    client.post("/api/v1/incidents", json=opened)
    before, incident = shared(client), client.get("/api/v1/incidents/INC-2").json
    shut_down(client)
    again = start()
    assert shared(again) == before
    assert again.get("/api/v1/incidents/INC-2").json == incident
    assert again.post("/webhooks/alertmanager", json=firing()).json["incidents"] == [
        {"id": "INC-1", "phase": "detected"}
    ]


def test_it_exports_the_whole_catalogue_but_what_is_not_configured(start):
    text = start().get("/metrics").text
    named = set(re.findall(r"^# TYPE (mttx_\w+)", text, re.MULTILINE))
    assert named == {name for name in BY_NAME if "outbox" not in name}


def test_it_is_ready_when_it_has_started(start):
    client = start()
    assert (client.get("/-/ready").status_code, client.get("/-/healthy").status_code) == (200, 200)


def test_it_answers_try_again_once_it_shuts_down(start):
    client = start()
    client.application.extensions["mttx.shut_down"]()
    assert client.post("/webhooks/alertmanager", json=firing()).status_code == 503
    assert client.get("/-/healthy").status_code == 503


def test_it_reads_its_configuration_where_none_is_given(start, tmp_path, monkeypatch):
    monkeypatch.setenv("MTTX_DATABASE_URL", f"sqlite:///{tmp_path / 'by-environment.db'}")
    app = create_app()
    assert (tmp_path / "by-environment.db").exists()
    app.extensions["mttx.shut_down"]()


def test_it_refuses_to_share_its_database(start):
    client = start()
    with pytest.raises(StoreRefused, match="another mttx-exporter uses this database"):
        start()
    shut_down(client)
    assert start().get("/-/ready").status_code == 200


def test_it_keeps_no_database_open_that_it_cannot_serve(start, tmp_path):
    with pytest.raises(SettingsError):
        start(tokens_file=tmp_path / "nowhere.yml")
    assert start().get("/-/ready").status_code == 200


def test_it_leaves_no_thread_behind(start):
    before = set(threading.enumerate())
    client = start()
    assert len(set(threading.enumerate()) - before) == 2  # the recorder and the upkeep
    shut_down(client)
    assert set(threading.enumerate()) == before


def test_it_shuts_down_once_more_without_harm(start):
    client = start()
    shut_down(client)
    shut_down(client)


def test_it_reads_the_clock_in_utc():
    assert now().tzinfo is UTC
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_it_forgets_bodies_in_time_and_closes_stale_incidents_only_where_asked():
    moment = now()
    pruning = PruneBodies(moment - timedelta(days=90))
    assert list(due_commands(Settings(), moment)) == [Settle(moment), pruning]
    assert CloseStale(moment) in due_commands(Settings(close_stale=True), moment)


# -- from the configuration to the policy ------------------------------------------------------------------------------


def test_it_holds_the_standard_by_default():
    made = Settings().policy()
    standard = policy()
    for name in ("deadlines", "resolve_from", "default_severity", "reopen_window", "stale_after"):
        assert getattr(made, name) == getattr(standard, name), name
    assert set(standard.targets) <= set(made.targets)


def test_it_holds_lead_times_to_their_deadlines():
    lead = {t for t in Settings().policy().targets if t.indicator in (Indicator.DRAFT, Indicator.FINALIZE)}
    hours = {(Severity.SEV_1, Indicator.DRAFT): 12, (Severity.SEV_1, Indicator.FINALIZE): 48}
    hours |= {(Severity.SEV_2, Indicator.DRAFT): 24, (Severity.SEV_2, Indicator.FINALIZE): 72}
    hours |= {(Severity.SEV_3, Indicator.DRAFT): 48, (Severity.SEV_3, Indicator.FINALIZE): 120}
    assert lead == {Target(i, Statistic.MAX, timedelta(hours=h), s) for (s, i), h in hours.items()}


def test_it_takes_over_what_a_team_changes():
    settings = Settings.model_validate(
        {
            "indicators": {"resolve": {"from": "started"}},
            "deadlines": {"SEV-4": {"draft": "3d"}},
            "weekly_review": {"weekday": "friday", "time": "16:30", "timezone": "Europe/Berlin"},
            "default_severity": "SEV-4",
            "reopen_window": "5m",
        }
    )
    made = settings.policy()
    review = made.deadlines[Severity.SEV_4][Stage.FINAL]
    assert (review.weekday, review.at.hour, review.zone.key) == ("friday", 16, "Europe/Berlin")
    assert made.deadlines[Severity.SEV_4][Stage.DRAFT] == timedelta(days=3)
    assert (made.resolve_from, made.default_severity) == (Milestone.STARTED, Severity.SEV_4)
    assert made.reopen_window == timedelta(minutes=5)


def test_it_reads_alerts_as_configured():
    settings = Settings.model_validate(
        {
            "severity_map": {"page": "SEV-1", "warning": None},
            "severity_label": "prio",
            "limits": {"alerts": 7, "labels": 3},
        }
    )
    made = alert_options(settings)
    assert made.severities.by_name["page"] is Severity.SEV_1
    assert made.severities.by_name["warning"] is None
    assert (made.severities.label, made.max_alerts, made.max_labels) == ("prio", 7, 3)


def test_without_other_systems_it_starts_without_the_clients_libraries(tmp_path):
    program = (
        "import sys; from service.app import create_app; create_app().extensions['mttx.shut_down']()\n"
        "heavy = {'requests', 'urllib3', 'grafana_client', 'niquests', 'rich', 'matplotlib', 'slack_sdk'}\n"
        "print(sorted(heavy & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
