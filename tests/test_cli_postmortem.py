"""A whole round: an incident, its document, the check, the commit, the sync, and what the metrics say of it then."""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests
from click.testing import CliRunner
from werkzeug.serving import make_server

from service.app import create_app
from service.cli import main
from service.settings.sources import load
from tests.postmortems.documents import FINAL, filled_in

STARTED = (datetime.now(UTC) - timedelta(hours=3)).replace(second=0, microsecond=0)


def after(minutes):
    return (STARTED + timedelta(minutes=minutes)).isoformat()


def git(*arguments, at):
    identity = ("-c", "user.name=docs", "-c", "user.email=docs@example.org", "-c", "init.defaultBranch=main")
    stamp = {"GIT_AUTHOR_DATE": after(at), "GIT_COMMITTER_DATE": after(at)}
    command = ["env", *(f"{name}={value}" for name, value in stamp.items()), "git", *identity, *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def address(tmp_path, monkeypatch, request):
    """The address of a service; the zone that it shows times in is the parameter."""
    monkeypatch.setattr("service.logs.configure", lambda level: None)
    zone = getattr(request, "param", "Asia/Tokyo")
    environ = {"MTTX_DATABASE_URL": f"sqlite:///{tmp_path}/mttx.db", "MTTX_DISPLAY_TIMEZONE": zone}
    app = create_app(load(None, environ))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    app.extensions["mttx.shut_down"]()


@pytest.fixture
def mttx(address, tmp_path, monkeypatch):
    documents = tmp_path / "documents"
    documents.mkdir()
    monkeypatch.chdir(documents)
    monkeypatch.setenv("MTTX_URL", address)

    def run(*arguments, code=0):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == code, result.output
        return result.stdout

    return run


@pytest.fixture
def incident(address):
    opening = {
        "title": "Checkout errors",
        "severity": "SEV-2",
        "started_at": after(0),
        "detected_at": after(4),
        "types": ["execution"],
        "domains": ["Do"],
    }
    requests.post(f"{address}/api/v1/incidents", json=opening, timeout=10).raise_for_status()
    for kind, minutes in (("acknowledged", 9), ("mitigated", 20), ("resolved", 64)):
        event = {"kind": kind, "occurred_at": after(minutes), "event_id": kind}
        requests.post(f"{address}/api/v1/incidents/INC-1/events", json=event, timeout=10).raise_for_status()
    return "INC-1"


def metric(address, name, **labels):
    text = requests.get(f"{address}/metrics", timeout=10).text
    for line in text.splitlines():
        if line.startswith(f"{name}{{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    return None


def soon(address, name, value, **labels):
    """Ask until the metric has the value: statistics that were dear to compute are kept for a moment."""
    patience = time.monotonic() + 120
    while (sample := metric(address, name, **labels)) != value and time.monotonic() < patience:
        time.sleep(0.1)
    return sample


def recorded(address):
    return requests.get(f"{address}/api/v1/incidents/INC-1", timeout=10).json()


def filled(text):
    """Fill the placeholders in, as the people who wrote the document would."""
    text = re.sub(r"\{YYYY-MM-DD\}", (STARTED + timedelta(days=9)).strftime("%Y-%m-%d"), text)
    text = text.replace("| open |", "| completed " + STARTED.strftime("%Y-%m-%d") + " |")
    text = text.replace("**Status:** Draft", "**Status:** Final")
    return re.sub(r"\{[^{}\n]*\}", "12 of 340 orders", text)


def commit(path, at):
    git("add", path.name, at=at)
    git("commit", "-m", "postmortem", at=at)


def test_a_whole_round(address, mttx, incident):
    assert metric(address, "mttx_postmortems_due", incident_severity="SEV-2", stage="draft") == 1

    path = Path(mttx("postmortem", "new", incident, "--dir", ".", "--lang", "en").strip())
    assert path.name == f"PM-{STARTED:%Y%m%d}-checkout-errors.md"
    text = path.read_text()
    assert "**Incident:** INC-1" in text
    assert "T+60m" in text

    assert "PM405" in mttx("postmortem", "lint", path, code=1)
    git("init", at=70)
    commit(path, at=71)
    assert "does not count as Draft yet" in mttx("postmortem", "sync", path)
    assert recorded(address)["milestones"]["drafted"] is None
    assert not any(event["kind"].startswith(("postmortem", "action")) for event in recorded(address)["events"])

    path.write_text(filled_in(text, r"^[123]\."))
    mttx("postmortem", "lint", path)
    commit(path, at=75)
    drafted_at = (STARTED + timedelta(minutes=75)).astimezone(ZoneInfo("Asia/Tokyo"))
    printed = mttx("postmortem", "sync", path, "--dry-run")
    assert f"postmortem_drafted   {drafted_at:%Y-%m-%d %H:%M:%S} (Asia/Tokyo)" in printed
    assert recorded(address)["milestones"]["drafted"] is None
    mttx("postmortem", "sync", path)
    assert datetime.fromisoformat(recorded(address)["milestones"]["drafted"]) == STARTED + timedelta(minutes=75)
    of_draft = {"incident_severity": "SEV-2", "stage": "draft"}
    assert metric(address, "mttx_postmortem_lead_time_seconds_count", **of_draft) == 1
    assert metric(address, "mttx_postmortem_lead_time_seconds_sum", **of_draft) == 75 * 60
    assert metric(address, "mttx_postmortems_due", **of_draft) == 0
    assert metric(address, "mttx_postmortem_due_timestamp_seconds", **of_draft) is None

    path.write_text(filled(text))
    commit(path, at=150)
    mttx("postmortem", "sync", path)
    assert datetime.fromisoformat(recorded(address)["milestones"]["finalized"]) == STARTED + timedelta(minutes=150)
    (action,) = recorded(address)["actions"]
    assert (action["action_id"], action["state"]) == ("A-01", "completed")
    assert metric(address, "mttx_actions_unverified") == 1

    before = recorded(address)
    assert "sent 0 events" in mttx("postmortem", "sync", path)
    assert recorded(address) == before

    path.write_text(path.read_text().replace("| completed", "| verified"))
    commit(path, at=160)
    mttx("postmortem", "sync", path)
    assert recorded(address)["actions"][0]["state"] == "verified"
    assert soon(address, "mttx_actions_verified", 1) == 1

    (shown,) = json.loads(mttx("postmortem", "status", "--all", "--output", "json"))["postmortems"]
    assert shown["id"] == "INC-1"
    assert shown["checks"]["deadline"] == "passed"
    assert "INC-1" in mttx("postmortem", "status", "--all")


ZONES = ("Asia/Tokyo", "Europe/Berlin", "America/New_York")


@pytest.mark.parametrize("configured", [True, False], ids=["mttx.yml", "no mttx.yml"])
@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("template", ["standard", "noctria"])
@pytest.mark.parametrize("address", ZONES, indirect=True)
def test_the_life_of_a_document(mttx, incident, address, *, template, language, configured, request):
    """New, refused as a draft, filled in, the draft, the final version, its action verified; on any machine."""
    zone = request.node.callspec.params["address"]
    if configured:
        options = f"template: {template}, language: {language}, directory: ."
        Path("mttx.yml").write_text(f"display_timezone: {zone}\npostmortems: {{{options}}}\n")
        path = Path(mttx("postmortem", "new", incident).strip())
    else:
        named = ("--template", template, "--lang", language)
        path = Path(mttx("postmortem", "new", incident, "--dir", ".", *named).strip())
    skeleton = path.read_text()
    assert ("win_rate" in skeleton) is (template == "noctria")
    assert f"**Time zone:** {zone}" in skeleton
    git("init", at=70)

    assert "PM405" in mttx("postmortem", "lint", path, code=1)
    commit(path, at=71)
    assert "does not count as Draft yet" in mttx("postmortem", "sync", path)
    assert recorded(address)["milestones"]["drafted"] is None

    path.write_text(filled_in(skeleton, r"^[123]\."))
    mttx("postmortem", "lint", path, "--strict")
    commit(path, at=75)
    mttx("postmortem", "sync", path)
    assert recorded(address)["milestones"]["drafted"] is not None
    assert recorded(address)["milestones"]["finalized"] is None

    final = filled_in(path.read_text()).replace("**Status:** Draft", "**Status:** Final")
    path.write_text(final.replace("| A-01 |", "| [A-01](https://git.example.com/issues/1) |"))
    mttx("postmortem", "lint", path)
    commit(path, at=150)
    mttx("postmortem", "sync", path)
    assert recorded(address)["milestones"]["finalized"] is not None
    assert [action["state"] for action in recorded(address)["actions"]] == ["open"]

    path.write_text(re.sub(r"\| (open|未着手) \|", f"| verified {STARTED:%Y-%m-%d} |", path.read_text()))
    mttx("postmortem", "lint", path)
    commit(path, at=160)
    mttx("postmortem", "sync", path)
    assert [action["state"] for action in recorded(address)["actions"]] == ["verified"]


@pytest.mark.parametrize("address", ["Europe/Berlin"], indirect=True)
def test_the_document_has_the_policy_of_the_service_and_says_what_differs(mttx, incident):
    Path("mttx.yml").write_text("display_timezone: Asia/Tokyo\ntargets: {resolve: {SEV-2: {mean: 1m}}}\n")
    result = CliRunner().invoke(main, ["postmortem", "new", incident, "--dir", ".", "--lang", "en"])
    text = Path(result.stdout.strip()).read_text()
    assert "**Time zone:** Europe/Berlin" in text
    assert "| Time to resolve (MTTR) | 60m | ≤ 6h | yes |" in text
    assert "display_timezone is Asia/Tokyo in mttx.yml, Europe/Berlin in the service" in result.stderr
    assert "targets.resolve.SEV-2.mean is 1m in mttx.yml, 6h in the service" in result.stderr


def test_a_folder_without_documents_is_a_mistake_unless_it_is_meant(mttx, tmp_path):
    assert mttx("postmortem", "lint", tmp_path, code=2) == mttx("postmortem", "sync", tmp_path, code=2) == ""
    assert mttx("postmortem", "lint", tmp_path, "--allow-empty").startswith("0 documents")
    mttx("postmortem", "sync", tmp_path, "--allow-empty")


def test_the_check_says_which_configuration_it_read(mttx, monkeypatch):
    Path("PM-20260302-x.md").write_text("# Postmortem\n")
    Path("team.yml").write_text("postmortems: {disabled_rules: [PM104]}\n")
    result = CliRunner().invoke(main, ["postmortem", "lint", "."])
    assert "no mttx.yml in this folder" in result.stderr
    assert "PM104" in result.stdout
    monkeypatch.setenv("MTTX_CONFIG", "team.yml")
    result = CliRunner().invoke(main, ["postmortem", "lint", "."])
    assert "team.yml" in result.stderr
    assert "PM104" not in result.stdout


RECIPES = (Path(__file__).parents[1] / "docs/postmortems.md").read_text(encoding="utf-8")


def test_the_recipes_work_as_they_are_printed(mttx):
    """The configuration and every command of the pipelines; what installs the program is not run."""
    blocks = re.findall(r"```yaml\n(.*?)```", RECIPES, re.DOTALL)
    Path("mttx.yml").write_text(next(block for block in blocks if block.startswith("# mttx.yml")))
    Path("docs/incidents").mkdir(parents=True)
    git("init", at=70)
    git("commit", "--allow-empty", "-m", "start", at=70)
    Path("docs/incidents/PM-20250812-do-latency.md").write_text(FINAL.replace("Final", "Draft", 1))
    git("add", ".", at=75)
    git("commit", "-m", "draft", at=75)
    commands = re.findall(r"(?:- run: |- )(mttx postmortem [^\n]*)", RECIPES)
    assert len(commands) == 2
    for command in commands:
        range_here = command.replace("origin/${{ github.base_ref }}...HEAD", "HEAD~1...HEAD")
        # Strict fails on what is late, and the document of this test is of last year.
        mttx(*[word for word in range_here.split()[1:] if word != "--strict"])


def test_status_says_that_nothing_is_left(mttx):
    assert mttx("postmortem", "status").startswith("No postmortems have work left.")


def test_it_writes_japanese_as_the_standard_does(mttx, incident):
    text = Path(mttx("postmortem", "new", incident, "--dir", ".").strip()).read_text()
    assert "## 1. 概要（Summary）" in text
    assert "JST" in text


def test_it_never_overwrites_a_document(mttx, incident):
    path = Path(mttx("postmortem", "new", incident, "--dir", ".").strip())
    path.write_text("mine")
    mttx("postmortem", "new", incident, "--dir", ".", code=1)
    assert path.read_text() == "mine"


def test_it_uses_a_custom_template_and_reports_its_errors(mttx, incident):
    Path("own.j2").write_text("# {{ facts.title }}\n")
    assert Path(mttx("postmortem", "new", incident, "--dir", "own", "--template", "own.j2").strip()).read_text() == (
        "# Checkout errors\n"
    )
    Path("bad.j2").write_text("{{ facts.nothing }}")
    mttx("postmortem", "new", incident, "--dir", "bad", "--template", "bad.j2", code=1)


def test_it_lints_in_every_format_and_fails_where_something_is_wrong(mttx):
    Path("PM-20260302-x.md").write_text("# Postmortem\n")
    assert "PM" in mttx("postmortem", "lint", "PM-20260302-x.md", code=1)
    assert json.loads(mttx("postmortem", "lint", ".", "--output", "json", code=1))
    assert json.loads(mttx("postmortem", "lint", ".", "--output", "sarif", code=1))["version"] == "2.1.0"
    assert mttx("postmortem", "lint", ".", "--output", "github", code=1).startswith("::error ")


def test_it_says_what_it_cannot_read(mttx):
    Path("PM-1.md").write_bytes(b"\xff\xfe\x00")
    Path("PM-2.md").write_bytes(b"#" * (8 * 1024 * 1024 + 1))
    output = mttx("postmortem", "lint", ".", code=1)
    assert "not UTF-8" in output
    assert "larger than 8 MB" in output
    assert "cannot be read" in mttx("postmortem", "sync", "PM-1.md", code=1)


def test_it_refuses_an_unknown_rule(mttx):
    Path("PM-1.md").write_text("# x\n")
    mttx("postmortem", "lint", "PM-1.md", "--disable", "PM000", code=2)


def test_it_dates_now_what_git_does_not_know(mttx, incident, address):
    path = Path(mttx("postmortem", "new", incident, "--dir", ".", "--lang", "en").strip())
    path.write_text(filled_in(path.read_text()))
    assert "is not in git" in mttx("postmortem", "sync", path)
    assert recorded(address)["milestones"]["drafted"] is not None


def test_it_says_that_a_document_names_no_incident(mttx):
    Path("PM-1.md").write_text("# Postmortem\n\n**Status:** Draft\n")
    assert "names no incident" in mttx("postmortem", "sync", "PM-1.md", code=1)


def test_it_looks_at_what_was_changed_with_the_document(mttx, incident):
    path = Path(mttx("postmortem", "new", incident, "--dir", ".", "--lang", "en").strip())
    git("init", at=70)
    git("commit", "--allow-empty", "-m", "start", at=70)
    Path("Release-Notes.md").write_text("x\n")
    git("add", "Release-Notes.md", at=75)
    commit(path, at=75)
    assert json.loads(
        mttx("postmortem", "sync", path, "--changed-with", "HEAD~1...HEAD", "--dry-run", "--output", "json")
    )["documents"]
    mttx("postmortem", "lint", path, "--changed-with", "nonsense...HEAD", code=2)


def test_many_documents_have_a_progress_bar(tmp_path):
    for number in range(25):
        (tmp_path / f"PM-20250812-{number}.md").write_text(FINAL, encoding="utf-8")
    terminal, end = os.openpty()
    command = [sys.executable, "-m", "service", "postmortem", "lint", tmp_path]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=end, env=os.environ | {"TERM": "xterm"}, check=False)
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # a terminal that nobody holds any more says EIO where a pipe would end
        while part := os.read(terminal, 65_536):
            shown += part
    os.close(terminal)
    assert done.returncode == 0, done.stdout
    assert b"Checking" in shown
    assert b"100%" in shown
