"""`mttx grafana check` and `provision`: what they say, what they do, and their exit codes."""

import json

import pytest
from click.testing import CliRunner

from service.cli import main
from service.provisioning.dashboards import models
from service.provisioning.shipped import shipped
from tests.grafana.loopback import TOKEN, Grafana

UIDS = ["mttx-exporter", "mttx-overview", "mttx-postmortems", "mttx-timeline"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Give a function that runs `mttx grafana` against an address: (exit code, output)."""
    monkeypatch.chdir(tmp_path)

    def run(url, *arguments, token=TOKEN):
        environ = {"MTTX_GRAFANA_URL": url, "MTTX_GRAFANA_TOKEN": token, "MTTX_GRAFANA_TIMEOUT": "2s"}
        result = CliRunner().invoke(main, ["grafana", *arguments], env=environ)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return run


# --- check ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["9.4.7", "11.2.0", "13.1.0"])
def test_it_says_that_all_is_well(run, version):
    with Grafana(version=version) as grafana:
        grafana.tokens = {TOKEN: "Admin"}
        code, output = run(grafana.url, "check")
        assert code == 0
        assert [line.split()[:2] for line in output.splitlines()[1:]] == [
            ["ok", "reachable"],
            ["ok", "token"],
            ["ok", "annotations"],
            ["ok", "folders"],
            ["ok", "dashboards"],
            ["ok", "data"],
        ]
        assert f"Grafana {version}" in output
        assert "organisation 'Main Org.' (1)" in output
        assert {one.method for one in grafana.asked} == {"GET"}


def test_it_says_which_permission_is_missing_and_what_would_give_it(run, grafana):
    grafana.tokens = {TOKEN: "Viewer"}
    code, output = run(grafana.url, "check")
    assert code == 1
    assert "missing: annotations:create on annotations:type:organization, annotations:write on" in output
    assert "missing: folders:create; give the service account the role Editor" in output
    assert "dashboards:create, dashboards:write" in output


@pytest.mark.parametrize(("role", "said"), [("Editor", "ok  annotations"), ("Viewer", "no  annotations")])
def test_it_finds_out_on_a_grafana_that_lists_no_permissions(run, grafana, role, said):
    grafana.tokens, grafana.lists_permissions = {TOKEN: role}, False
    _, output = run(grafana.url, "check")
    assert said in output
    assert "--  folders" in output
    assert grafana.annotations.rows == {}


def test_it_says_that_the_token_is_wrong(run, grafana):
    code, output = run(grafana.url, "check", token="glsa_expired")
    assert code == 1
    assert "no  unauthorized" in output
    assert "does not accept the token (Invalid API key)" in output
    assert "glsa_expired" not in output


def test_it_says_that_nobody_answers(run):
    code, output = run("http://127.0.0.1:1", "check")
    assert code == 1
    assert "no  unreachable" in output


def test_it_does_not_mind_what_it_does_not_need(run, grafana):
    grafana.datasources = []
    grafana.tokens = {TOKEN: "Admin"}
    assert "no Prometheus data source yet" in run(grafana.url, "check")[1]
    grafana.tokens = {TOKEN: "Editor"}
    code, output = run(grafana.url, "check")
    assert code == 0
    assert "--  data source   not allowed to look" in output


def test_it_tells_scripts_too(run, grafana):
    code, output = run(grafana.url, "check", "--output", "json")
    told = json.loads(output)
    assert (code, told["url"]) == (0, grafana.url)
    assert told["checks"][0] == {"check": "reachable", "ok": True, "detail": "Grafana 11.2.0"}


def test_it_wants_a_grafana_to_be_configured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["grafana", "check"], env={})
    assert result.exit_code == 1
    assert "no Grafana is configured: set grafana.url" in result.output


# --- provision ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["9.4.7", "11.2.0"])
def test_it_brings_the_dashboards_and_changes_nothing_the_second_time(run, version):
    with Grafana(version=version) as grafana:
        code, output = run(grafana.url, "provision")
        assert code == 0
        assert [line.split()[1:3] for line in output.splitlines()] == [["mttx", "created"]] + [
            [uid, "created"] for uid in UIDS
        ]
        assert grafana.folders == {"mttx": "Incident response"}
        assert sorted(grafana.dashboards) == UIDS
        grafana.asked.clear()
        code, output = run(grafana.url, "provision")
        assert code == 0
        assert output.count("up to date") == 4
        assert grafana.requests("POST") == []


def test_it_only_says_what_it_would_do(run, grafana):
    code, output = run(grafana.url, "provision", "--dry-run", "--output", "json")
    told = json.loads(output)
    assert code == 0
    assert told["dry_run"] is True
    assert told["folder"] == {"title": "Incident response", "uid": "mttx", "action": "create"}
    assert [one["action"] for one in told["dashboards"]] == ["create"] * 4
    assert grafana.requests("POST") == []


def test_it_never_overwrites_what_somebody_edited_unless_it_is_forced(run, grafana):
    run(grafana.url, "provision")
    edited = {**grafana.dashboards["mttx-overview"]["versions"][-1]["data"], "title": "Ours"}
    grafana.save_dashboard(edited, "mttx", "bigger font")
    code, output = run(grafana.url, "provision")
    assert code == 1
    assert "mttx-overview      left as it is" in output
    assert "edited in Grafana; --force overwrites it" in output
    assert grafana.dashboards["mttx-overview"]["versions"][-1]["data"]["title"] == "Ours"
    code, output = run(grafana.url, "provision", "--force")
    assert code == 0
    assert "mttx-overview      overwritten" in output
    assert run(grafana.url, "provision")[0] == 0


def test_it_brings_its_own_older_dashboards_up_to_date_where_they_are(run, grafana):
    """Saved by an earlier version of the program, and moved by somebody to a folder of theirs."""
    old = {**models(shipped("dashboards"))[0], "title": "old"}
    grafana.save_dashboard(old, "theirs", "mttx-exporter provision 0123456789abcdef")
    code, output = run(grafana.url, "provision")
    assert code == 0
    assert "mttx-exporter      updated" in output
    saved = next(b for b in grafana.bodies("POST") if b.get("dashboard", {}).get("uid") == "mttx-exporter")
    assert (saved["folderUid"], saved["overwrite"], saved["dashboard"]["version"]) == ("theirs", False, 1)


def test_it_takes_an_import_by_hand_for_up_to_date(run, grafana):
    for model in models(shipped("dashboards")):
        grafana.save_dashboard(model, "", "")
    code, output = run(grafana.url, "provision")
    assert (code, output.count("up to date")) == (0, 4)
    assert grafana.folders == {}


def test_it_leaves_file_provisioning_alone(run, grafana):
    old = {**models(shipped("dashboards"))[0], "title": "old"}
    grafana.save_dashboard(old, "mttx", "", provisioned=True)
    code, output = run(grafana.url, "provision", "--force")
    assert code == 1
    assert "comes from Grafana's file provisioning" in output


def test_it_says_what_is_missing_where_it_may_not(run, grafana):
    grafana.tokens = {TOKEN: "Viewer"}
    code, output = run(grafana.url, "provision")
    assert code == 1
    assert "Permissions needed: folders:create" in output
    assert "mttx grafana check says more" in output


def test_it_does_not_overwrite_where_nobody_tells_it_the_versions(run, grafana):
    """A token that may see dashboards, but not their versions, cannot know who saved them."""
    run(grafana.url, "provision")
    grafana.tokens = {TOKEN: "Viewer"}
    edited = {**grafana.dashboards["mttx-overview"]["versions"][-1]["data"], "title": "Ours"}
    grafana.save_dashboard(edited, "mttx", "mttx-exporter provision 0123456789abcdef")
    code, output = run(grafana.url, "provision", "--dry-run")
    assert code == 1
    assert "mttx-overview      would be left as it is" in output
