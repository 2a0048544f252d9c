"""A Grafana where nothing is yet: a token, the dashboards, the service, five incidents, a new release, a cleanup."""

import json

import pytest
from click.testing import CliRunner

from service.cli import main
from service.provisioning.bundled import bundled
from service.provisioning.dashboards import models
from tests.delivery.serving import eventually, metrics, serving
from tests.grafana.accounts import PASSWORD, GrafanaWithAccounts
from tests.grafana.loopback import KINDS

STORIES = {
    "acknowledged": [(9, "detected"), (10, "acknowledged"), (40, "resolved")],
    "reopened": [(9, "detected"), (20, "resolved"), (25, "reopened"), (50, "resolved")],
    "severe": [(9, "detected"), (12, "severity_changed"), (30, "mitigated"), (45, "resolved")],
    "dismissed": [(9, "detected"), (35, "dismissed")],
}


@pytest.fixture(params=KINDS)
def grafana(request):
    with GrafanaWithAccounts(**KINDS[request.param]) as running:
        yield running


@pytest.fixture
def mttx(grafana, tmp_path, monkeypatch):
    """Give a function that runs `mttx grafana` beside the service: what it told scripts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").write_text(PASSWORD)
    environ = {
        "MTTX_GRAFANA_URL": grafana.url,
        "MTTX_GRAFANA_TOKEN_FILE": str(tmp_path / "token"),
        "MTTX_DATABASE_URL": f"sqlite:///{tmp_path / 'mttx.db'}",
    }

    def mttx(*arguments):
        result = CliRunner().invoke(main, ["grafana", *arguments, "--output", "json"], env=environ)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return mttx


@pytest.fixture
def client(grafana, mttx, tmp_path, monkeypatch):
    """Give a client of the service, which reads the token that `bootstrap` wrote."""
    mttx("bootstrap", "--admin-password-file", "password")
    with serving(tmp_path, monkeypatch) as serve:
        yield serve(grafana={"url": grafana.url, "token_file": str(tmp_path / "token")})[0]


def alert(ends=None):
    """Alertmanager's notification of an incident that nobody touches."""
    status = "resolved" if ends else "firing"
    alert = {
        "status": status,
        "labels": {"alertname": "Checkout", "severity": "critical"},
        "annotations": {},
        "startsAt": "2026-03-02T09:00:00Z",
        "endsAt": ends or "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.com",
        "fingerprint": "0123456789abcdef",
    }
    group = {"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": status, "receiver": "mttx"}
    labels = {"groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}}
    return group | labels | {"externalURL": "http://alertmanager.example.com", "alerts": [alert]}


def event(key, minute, kind):
    body = {
        "incident_key": key,
        "kind": kind,
        "occurred_at": f"2026-03-02T09:{minute:02}:00Z",
        "event_id": f"{key}{minute}",
    }
    return body | ({"severity": "SEV-1"} if kind in ("detected", "severity_changed") else {})


def tell(client, path, body):
    """Send something, and wait until Grafana has what comes of it."""
    answer = client.post(f"/webhooks/{path}", json=body)
    assert answer.status_code == 200, answer.text
    eventually(lambda: metrics(client)['mttx_outbox_pending{target="grafana"}'] == 0)


def play(client):
    """Let five incidents happen, step by step."""
    tell(client, "alertmanager", alert())
    tell(client, "alertmanager", alert("2026-03-02T09:30:00Z"))
    for key, story in STORIES.items():
        for minute, kind in story:
            tell(client, "lifecycle", event(key, minute, kind))


def shown(grafana):
    return sorted((row["tags"], row["time"], row["timeEnd"], row["text"]) for row in grafana.regions())


def spans(grafana):
    """Return the regions: how many minutes each took, and its state; an open one is a point."""
    rows = [(row, dict(tag.split(":") for tag in row["tags"] if ":" in tag)) for row in grafana.regions()]
    regions = [((r["timeEnd"] - r["time"]) / 60_000, tags["state"]) for r, tags in rows if tags["what"] == "incident"]
    return sorted(regions)


def test_it_provisions_an_empty_grafana_with_its_own_token_at_the_first_try(grafana, mttx):
    mttx("bootstrap", "--admin-password-file", "password")
    assert all(check["ok"] for check in mttx("check")["checks"])
    assert {dashboard["action"] for dashboard in mttx("provision")["dashboards"]} == {"create"}
    assert {dashboard["action"] for dashboard in mttx("provision")["dashboards"]} == {"nothing"}


def test_it_updates_the_dashboards_of_an_earlier_release(grafana, mttx, monkeypatch):
    mttx("bootstrap", "--admin-password-file", "password")
    mttx("provision")
    later = [{**model, "description": "of a later release"} for model in models(bundled("dashboards"))]
    monkeypatch.setattr("service.provisioning.provisioner.models", lambda folder: later)
    assert {dashboard["action"] for dashboard in mttx("provision")["dashboards"]} == {"update"}
    saved = [dashboard["versions"][-1]["data"]["description"] for dashboard in grafana.dashboards.values()]
    assert saved == ["of a later release"] * len(later)


def test_each_incident_ends_as_one_closed_region(grafana, client):
    play(client)
    assert spans(grafana) == [
        (26.0, "dismissed"),
        (30.0, "resolved"),
        (31.0, "resolved"),
        (36.0, "resolved"),
        (41.0, "resolved"),
    ]
    assert metrics(client)['mttx_outbox_stopped{target="grafana"}'] == 0
    assert not any(request.status and request.status >= 500 for request in grafana.asked)


def test_what_a_cleanup_took_comes_back_once(grafana, client, mttx):
    play(client)
    before = shown(grafana)
    for row in grafana.regions()[::2]:
        grafana.annotations.delete(row["id"])
    outcome = mttx("resync")
    assert (outcome["incidents"], outcome["complete"]) == (5, True)
    assert shown(grafana) == before
