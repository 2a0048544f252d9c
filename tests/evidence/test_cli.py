"""`mttx evidence` from end to end: against the service, for people, for scripts, and with whatever can be wrong."""

import json
import re
import threading
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests
from click.testing import CliRunner
from werkzeug.serving import make_server

from service.app import create_app
from service.cli import main
from service.evidence.commands import tables
from service.evidence.manifest import SourceEntry
from service.settings.sources import load
from tests.evidence.test_archive import entries_of, resealed, with_manifest
from tests.grafana.loopback import KINDS, TOKEN, Grafana

STARTED = (datetime.now(UTC) - timedelta(hours=3)).replace(microsecond=0)
SECRET = "AKIA" + "Q3EGRIJKWXYZ2345"


def after(minutes):
    return (STARTED + timedelta(minutes=minutes)).isoformat()


@pytest.fixture
def grafana(request):
    with Grafana(**KINDS[getattr(request, "param", "10.1")]) as server:
        yield server


@pytest.fixture
def service(tmp_path, monkeypatch, grafana):
    monkeypatch.setattr("service.logs.configure", lambda level: None)
    settings = load(None, {"MTTX_DATABASE_URL": f"sqlite:///{tmp_path}/mttx.db"})
    app = create_app(settings)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    app.extensions["mttx.shut_down"]()


@pytest.fixture
def mttx(service, tmp_path, monkeypatch, grafana):
    here = tmp_path / "here"
    here.mkdir()
    (here / "mttx.yml").write_text(f"grafana: {{url: '{grafana.url}', token: {TOKEN}}}\n")
    monkeypatch.chdir(here)
    monkeypatch.setenv("MTTX_URL", service)

    def run(*arguments, code=0):
        result = CliRunner().invoke(main, ["evidence", *map(str, arguments)])
        assert result.exit_code == code, result.output
        return result.output if code else result.stdout

    return run


@pytest.fixture
def incident(service):
    opening = {"title": f"Checkout errors {SECRET}", "started_at": after(0), "detected_at": after(4)}
    requests.post(f"{service}/api/v1/incidents", json=opening, timeout=10).raise_for_status()
    event = {"kind": "resolved", "occurred_at": after(64)}
    requests.post(f"{service}/api/v1/incidents/INC-1/events", json=event, timeout=10).raise_for_status()
    return "INC-1"


@pytest.fixture
def alerted(service):
    """An incident that a webhook told of."""
    alert = {"status": "firing", "labels": {"alertname": "X", "severity": "critical"}, "fingerprint": "f"}
    alert |= {"annotations": {"summary": f"key {SECRET}"}, "startsAt": after(0), "endsAt": "0001-01-01T00:00:00Z"}
    body = {"version": "4", "groupKey": "g", "truncatedAlerts": 0, "status": "firing", "receiver": "mttx"}
    body |= {"groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "", "alerts": [alert]}
    requests.post(f"{service}/webhooks/alertmanager", json=body, timeout=10).raise_for_status()
    return "INC-1"


def manifest(name="evidence-INC-1.zip"):
    with zipfile.ZipFile(name) as archive:
        return json.loads(archive.read("manifest.json"))


def recorded(service):
    return requests.get(f"{service}/api/v1/incidents/INC-1", timeout=10).json()


@pytest.mark.parametrize("grafana", KINDS, indirect=True)
def test_a_whole_round(mttx, incident, service, grafana):
    grafana.annotations.add(
        {"time": int(STARTED.timestamp() * 1000), "text": "deploy 1.2", "tags": ["deploy"]}, 0, None
    )
    printed = mttx("collect", incident)
    assert re.search(r"^timeline +5 files +\d", printed, re.MULTILINE)
    assert re.search(r"redacted \d+ × AWS access key", printed)
    digest = re.search("SHA-256  ([0-9a-f]{64})", printed)[1]
    collected = manifest()
    assert collected["complete"] is True
    assert collected["window"] == {
        "start": after(-15).replace("+00:00", "Z"),
        "end": after(79).replace("+00:00", "Z"),
        "display_timezone": "Asia/Tokyo",
    }
    assert SECRET.encode() not in Path("evidence-INC-1.zip").read_bytes()
    with zipfile.ZipFile("evidence-INC-1.zip") as archive:
        assert all(SECRET.encode() not in archive.read(name) for name in archive.namelist())

    record = recorded(service)
    assert record["checks"]["evidence"] == "passed"
    assert record["events"][-1]["data"]["evidence_collected"]["sha256"] == digest
    assert mttx("verify", "evidence-INC-1.zip", "--recorded", "--sha256", digest).endswith(f"SHA-256 {digest}\n")
    assert "does not match the expected digest" in mttx("verify", "evidence-INC-1.zip", "--sha256", "0" * 64, code=1)


def test_a_timeline_alone_is_no_evidence_and_what_is_missing_is_listed(mttx, incident, service):
    Path("mttx.yml").unlink()
    printed = mttx("collect", incident)
    assert "missing  logs: not configured (evidence.logs.files, evidence.logs.loki)" in printed
    assert manifest()["not_configured"] == ["logs", "metrics", "traces", "audit", "configuration", "changes"]
    assert recorded(service)["checks"]["evidence"] == "pending"


def test_it_says_what_a_bundle_would_contain_and_keeps_nothing(mttx, incident, service, tmp_path):
    Path("mttx.yml").unlink()
    events = recorded(service)["events"]
    assert "would not pass" in mttx("check", incident, code=1)
    log = tmp_path / "logs" / "app.log"
    log.parent.mkdir()
    log.write_text(f"{after(5)[:19].replace('T', ' ')},001 ERROR [main] pay - failed\n")
    Path("mttx.yml").write_text(f"evidence: {{logs: {{files: [{log.parent}/*.log]}}}}\n")
    printed = mttx("check", incident)
    assert re.search(r"^logs +1 file ", printed, re.MULTILINE)
    assert "missing  traces: not configured" in printed
    assert "would pass" in printed
    log.unlink()
    assert "matches no file" in mttx("check", incident, code=1)
    assert not list(Path().glob("*.zip"))
    assert recorded(service)["events"] == events


def test_the_document_names_the_archive(mttx, incident):
    mttx("collect", incident)
    made = CliRunner().invoke(main, ["postmortem", "new", incident, "--dir", ".", "--lang", "en"])
    text = Path(made.stdout.strip()).read_text()
    digest = Path("evidence-INC-1.zip.sha256").read_text().split()[0]
    line = re.search("^- Evidence archive: `evidence-INC-1.zip`, collected .*$", text, re.MULTILINE)[0]
    assert f"SHA-256 `{digest}`" in line
    assert "Evidence collected:" not in text  # nothing of the incident's own timeline


def test_the_bodies_of_webhooks_are_there_and_an_open_incident_ends_now(mttx, alerted, service):
    mttx("collect", alerted)
    with zipfile.ZipFile("evidence-INC-1.zip") as archive:
        (name,) = [path for path in archive.namelist() if "bodies" in path]
        body = json.loads(archive.read(name))
    assert body["alerts"][0]["annotations"] == {"summary": "key [AWS access key removed]"}
    end = datetime.fromisoformat(manifest()["window"]["end"])
    assert datetime.now(UTC) - timedelta(minutes=1) < end <= datetime.now(UTC)
    page = requests.get(f"{service}/api/v1/incidents/INC-1/bodies", timeout=10).json()
    assert SECRET in page["bodies"][0]["body"]


def test_the_service_collects_it_too(service, incident, tmp_path, mttx):
    answer = requests.post(f"{service}/api/v1/incidents/INC-1/evidence", timeout=30)
    assert answer.status_code == 200
    Path("served.zip").write_bytes(answer.content)
    mttx("verify", "served.zip", "--recorded")
    assert recorded(service)["checks"]["evidence"] == "pending"  # a timeline alone is no evidence


def test_scripts_get_json(mttx, incident):
    made = json.loads(mttx("collect", incident, "--output", "json", "--margin", "1m", "--out", "it.zip"))
    assert (made["archive"], made["incident_id"], made["complete"]) == ("it.zip", "INC-1", True)
    assert made["files"][0]["path"] == "timeline/incident.json"
    assert made["sources"] == [{"name": name, "error": None, "failures": []} for name in ("timeline", "changes")]
    assert manifest("it.zip")["window"]["start"] == after(-1).replace("+00:00", "Z")
    checked = json.loads(mttx("verify", "it.zip", "--output", "json"))
    assert checked["good"] is True
    assert checked["sha256"] == made["sha256"]


def test_a_window_needs_no_incident_and_no_service(mttx, monkeypatch):
    monkeypatch.setenv("MTTX_URL", "http://127.0.0.1:9")
    mttx("collect", "--from", after(0), "--to", after(10))
    (path,) = Path().glob("evidence-*.zip")
    assert path.name == f"evidence-{STARTED:%Y%m%dT%H%M%SZ}.zip"
    assert manifest(path)["incident_id"] is None
    assert "no incident" in mttx("verify", path)
    assert "no evidence is recorded" in mttx("verify", path, "--recorded", code=1)


def test_people_read_times_in_the_zone_of_the_service(mttx):
    Path("mttx.yml").write_text("display_timezone: America/New_York\n")
    printed = mttx("collect", "--from", "2026-01-05T23:30:00Z", "--to", "2026-01-06T04:59:59Z", "--out", "a.zip")
    assert "window   2026-01-05 18:30:00 to 2026-01-05 23:59:59 (America/New_York)" in printed
    collected_at = datetime.fromisoformat(manifest("a.zip")["collected_at"]).astimezone(ZoneInfo("America/New_York"))
    Path("mttx.yml").unlink()  # whoever verifies an archive need not have the service's configuration
    assert f"collected {collected_at:%Y-%m-%d %H:%M:%S} (America/New_York)" in mttx("verify", "a.zip")


def test_verify_shows_an_invalid_time_of_a_forged_manifest_as_it_is(mttx, tmp_path):
    mttx("collect", "--from", after(0), "--to", after(1), "--out", "a.zip")
    changes = {"collected_at": "soon", "window": {"display_timezone": "../Mars"}}
    forged = resealed(tmp_path / "forged", with_manifest(entries_of("a.zip"), **changes))
    assert "collected soon (UTC)" in mttx("verify", forged)


def test_a_window_overrides_that_of_the_incident(mttx, incident):
    mttx("collect", incident, "--from", after(-60), "--to", after(5))
    assert manifest()["window"]["start"] == after(-60).replace("+00:00", "Z")


def test_what_is_missing_is_said_and_fails(mttx, incident, grafana, service):
    grafana.fail_while(500)
    printed = mttx("collect", incident, code=1)
    assert "failed: Grafana's annotations" in printed
    assert manifest()["complete"] is False
    assert recorded(service)["events"][-1]["data"]["evidence_collected"]["missing"] == ["timeline", "changes"]


def test_what_is_cut_off_is_listed(mttx, incident, monkeypatch):
    monkeypatch.setenv("MTTX_EVIDENCE_BOUNDS", "{timeline: 1024}")
    assert "truncated: timeline/" in mttx("collect", incident)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "give an incident"),
        (["--to", after(1)], "give an incident"),
        (["--from", after(0), "--margin", "5m"], "give an incident"),
        (["INC-x"], "should be an incident such as INC-7"),
        (["INC-1", "--margin", "15"], "with its unit"),
        (["INC-1", "--from", "2026-11-23T09:00:00"], "with a zone"),
        (["INC-1", "--from", "2026-11-23T09:00:00 Asia/Tokio"], "with a zone"),
        (["INC-1", "--from", "2026-11-23T09:00:00+99:00"], "with a zone"),
        (["INC-1", "--from", after(9), "--to", after(1)], "not before its end"),
        (["INC-1", "--to", "2150-01-01T00:00:00Z"], "in the future"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(mttx, incident, arguments, problem):
    printed = mttx("collect", *arguments, code=2)
    assert problem in printed
    assert list(Path().glob("evidence*")) == []


def test_an_unknown_incident_is_an_error(mttx):
    assert "There is no incident INC-77" in mttx("collect", "INC-77", code=1)


def test_an_archive_that_is_there_is_kept(mttx, incident):
    Path("evidence-INC-1.zip").write_text("mine")
    assert "already exists" in mttx("collect", incident, code=1)
    assert Path("evidence-INC-1.zip").read_text() == "mine"


def test_an_archive_that_could_not_be_recorded_is_kept_with_an_error(mttx, incident, monkeypatch):
    def refuse(self, path, body):
        import click

        raise click.ClickException("read only")

    monkeypatch.setattr("service.cli.client.Client.post", refuse)
    assert "was written, but could not be recorded on the incident: read only" in mttx("collect", incident, code=1)
    assert Path("evidence-INC-1.zip").exists()


def test_a_service_that_goes_away_between_is_said_in_the_manifest(mttx, incident, monkeypatch):
    from service.cli.client import Client

    get = Client.get

    def fail(self, path, query=None):
        import click

        if "bodies" in path:
            raise click.ClickException("gone")
        return get(self, path, query)

    monkeypatch.setattr(Client, "get", fail)
    assert "failed: webhook bodies: gone" in mttx("collect", incident, code=1)


def test_a_file_that_was_changed_fails(mttx, incident):
    mttx("collect", incident)
    path = Path("evidence-INC-1.zip")
    path.write_bytes(path.read_bytes().replace(b"manifest", b"manifesT"))
    printed = mttx("verify", path, code=1)
    assert "the seal is broken" in printed
    assert "problems found" in printed
    assert json.loads(mttx("verify", path, "--output", "json", code=1))["good"] is False


def test_an_archive_that_was_never_recorded_is_found(mttx, incident, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("service.evidence.commands.request.EvidenceRequest.record", lambda self, made: None)
        mttx("collect", incident, "--out", "aside.zip")
    assert "no evidence is recorded" in mttx("verify", "aside.zip", "--recorded", code=1)
    for name in ("first.zip", "second.zip"):
        mttx("collect", incident, "--out", name)
        mttx("verify", name, "--recorded")
    assert "is not recorded on the incident" in mttx("verify", "aside.zip", "--recorded", code=1)


@pytest.mark.parametrize("piped", [True, False])
def test_a_terminal_shows_a_bar_and_loses_no_line(capsys, monkeypatch, piped):
    monkeypatch.setattr("sys.stdout.isatty", lambda: not piped)
    with tables.show_progress([None], True, on_terminal=True) as progress:
        progress.source_started("logs")
        progress.source_finished(SourceEntry("logs", failures=[("[app]", "gone")], error="nobody answers"), 2, 1)
    lines = capsys.readouterr()[0 if piped else 1]
    assert re.search(r"^logs +2 files", lines, re.MULTILINE)
    assert "failed: [app]: gone" in lines
    assert "failed: nobody answers" in lines


def test_an_unreadable_file_is_an_error(mttx, monkeypatch, tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("service.evidence.verify.verify", refuse)
    assert "cannot read" in mttx("verify", path, code=1)
