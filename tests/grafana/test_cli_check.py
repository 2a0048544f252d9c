"""`mttx grafana check` and `provision`: what they say, what they do, and their exit codes."""

import json

import pytest
from click.testing import CliRunner

from service.cli import main
from service.provisioning.bundled import bundled
from service.provisioning.dashboards import models
from tests.grafana.loopback import TOKEN, Grafana

UIDS = ["mttx-exporter", "mttx-overview", "mttx-postmortems", "mttx-timeline"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Give a function that runs `mttx grafana` against an address: (exit code, output)."""
    monkeypatch.chdir(tmp_path)

    def run(url, *arguments, token=TOKEN):
        environ = {"MTTX_GRAFANA_URL": url, "MTTX_GRAFANA_TOKEN": token, "MTTX_GRAFANA_TIMEOUT": "10s"}
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
        assert {request.method for request in grafana.asked} == {"GET"}


def test_it_says_which_permission_is_missing_and_what_would_give_it(run, grafana):
    grafana.tokens = {TOKEN: "Viewer"}
    code, output = run(grafana.url, "check")
    assert code == 1
    assert "missing: annotations:create on annotations:type:organization, annotations:write on" in output
    assert "missing: folders:create; give the service account the role Editor" in output
    grafana.folders["mttx"] = "Incident response"
    assert "dashboards:create, dashboards:write" in run(grafana.url, "check")[1]


def test_it_says_what_is_true_on_an_empty_server_and_afterwards(run, grafana):
    """An Editor holds no right to save a dashboard until it makes the folder."""
    code, output = run(grafana.url, "check")
    assert code == 0
    assert "does not exist yet; `mttx grafana provision` may create it" in output
    assert grafana.folders == {}
    run(grafana.url, "provision")
    code, output = run(grafana.url, "check")
    assert code == 0
    assert "may be saved in the folder 'mttx'" in output


@pytest.mark.parametrize(("role", "word"), [("Editor", "ok  annotations"), ("Viewer", "no  annotations")])
def test_it_finds_out_on_a_grafana_that_lists_no_permissions(run, grafana, role, word):
    grafana.tokens, grafana.lists_permissions = {TOKEN: role}, False
    _, output = run(grafana.url, "check")
    assert word in output
    assert "--  folders" in output
    assert grafana.annotations.rows == {}


def test_it_says_that_the_token_is_wrong(run, grafana):
    code, output = run(grafana.url, "check", token="glsa_expired")
    assert code == 1
    assert "no  unauthorized" in output
    assert "authentication failed (" in output
    assert "glsa_expired" not in output


def test_it_says_that_the_token_was_deleted(run, grafana):
    """Grafana 9 calls that a failure of its own (500)."""
    grafana.delete_token(TOKEN)
    code, output = run(grafana.url, "check")
    assert code == 1
    assert "no  unauthorized" in output
    assert "`mttx grafana bootstrap` creates a new token" in output


@pytest.mark.parametrize("answer", [(404, {}, "<html>"), (404, {}, '{"message": "no"}'), (200, {}, "<html>hello")])
def test_it_says_that_it_is_no_grafana(run, grafana, answer):
    grafana.fail_while(answer)
    code, output = run(grafana.url, "check")
    assert code == 1
    assert "not Grafana's API" in output
    assert "check grafana.url" in output


def test_it_says_that_nobody_answers(run):
    code, output = run("http://127.0.0.1:1", "check")
    assert code == 1
    assert "no  unreachable" in output


def test_it_does_not_mind_what_it_does_not_need(run, grafana):
    grafana.datasources = []
    grafana.tokens = {TOKEN: "Admin"}
    assert "no Prometheus data source yet" in run(grafana.url, "check")[1]
    grafana.faults = lambda asked, when: 403 if asked.path == "/api/datasources" else None
    code, output = run(grafana.url, "check")
    assert code == 0
    assert "--  data source   not permitted to list data sources" in output


def test_it_tells_scripts_too(run, grafana):
    code, output = run(grafana.url, "check", "--output", "json")
    report = json.loads(output)
    assert (code, report["url"]) == (0, grafana.url)
    assert report["checks"][0] == {"check": "reachable", "ok": True, "detail": f"Grafana {grafana.version}"}


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
    report = json.loads(output)
    assert code == 0
    assert report["dry_run"] is True
    assert report["folder"] == {"title": "Incident response", "uid": "mttx", "action": "create"}
    assert [dashboard["action"] for dashboard in report["dashboards"]] == ["create"] * 4
    assert grafana.requests("POST") == []


def test_it_never_overwrites_what_somebody_edited_unless_it_is_forced(run, grafana):
    run(grafana.url, "provision")
    edited = {**grafana.dashboards["mttx-overview"]["versions"][-1]["data"], "title": "Ours"}
    grafana.save_dashboard(edited, "mttx", "bigger font", by="operator")
    code, output = run(grafana.url, "provision")
    assert code == 1
    assert "mttx-overview      left as it is" in output
    assert "edited in Grafana by operator at 2026-03-02 18:00 Asia/Tokyo; --force overwrites it" in output
    report = json.loads(run(grafana.url, "provision", "--output", "json")[1])
    edited = {dashboard["uid"]: dashboard["edited"] for dashboard in report["dashboards"] if "edited" in dashboard}
    assert edited == {"mttx-overview": {"by": "operator", "at": "2026-03-02T09:00:00+00:00"}}
    assert grafana.dashboards["mttx-overview"]["versions"][-1]["data"]["title"] == "Ours"
    code, output = run(grafana.url, "provision", "--force")
    assert code == 0
    assert "mttx-overview      overwritten" in output
    assert run(grafana.url, "provision")[0] == 0


def test_it_brings_its_own_older_dashboards_up_to_date_where_they_are(run, grafana):
    """Saved by an earlier version of the program, and moved by somebody to a folder of theirs."""
    grafana.folders["theirs"] = "Theirs"
    old = {**models(bundled("dashboards"))[0], "title": "old"}
    grafana.save_dashboard(old, "theirs", "mttx-exporter provision 0123456789abcdef")
    code, output = run(grafana.url, "provision")
    assert code == 0
    assert "mttx-exporter      updated" in output
    saved = next(b for b in grafana.bodies("POST") if b.get("dashboard", {}).get("uid") == "mttx-exporter")
    assert (saved["folderUid"], saved["overwrite"], saved["dashboard"]["version"]) == ("theirs", False, 1)


def test_it_updates_what_nobody_edited_when_what_is_shipped_changes(run, grafana, monkeypatch):
    """Its first version counts too: Grafana's list of versions hides what that one was saved with."""
    run(grafana.url, "provision")
    changed = [{**model, "title": f"{model['title']} 2"} for model in models(bundled("dashboards"))]
    monkeypatch.setattr("service.provisioning.provisioner.models", lambda folder: changed)
    for code, word in [run(grafana.url, "provision"), run(grafana.url, "provision")]:
        assert code == 0, word
    assert [len(grafana.dashboards[uid]["versions"]) for uid in UIDS] == [2] * 4
    assert word.count("up to date") == 4


def test_it_filters_by_the_dimensions_that_are_configured_and_updates_them(run, grafana, monkeypatch):
    run(grafana.url, "provision")
    monkeypatch.setenv("MTTX_BREAKDOWN", "[{label: squad}]")
    code, output = run(grafana.url, "provision")
    assert (code, output.count("updated"), output.count("up to date")) == (0, 2, 2)
    variables = grafana.dashboards["mttx-postmortems"]["versions"][-1]["data"]["templating"]["list"]
    assert [v["name"] for v in variables if v["name"].startswith("incident_")] == ["incident_squad"]
    assert run(grafana.url, "provision")[1].count("up to date") == 4


def test_it_waits_for_rights_that_grafana_has_cached(run, grafana, monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    grafana.rights_cached = 5
    code, output = run(grafana.url, "provision")
    assert code == 0
    assert len(waits) > 1
    assert output.count("Grafana caches permissions for up to a minute") == 1
    assert sorted(grafana.dashboards) == UIDS


def test_it_does_not_wait_for_rights_that_nobody_gave_it(run, grafana, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it waits"))
    grafana.folders["mttx"] = "Incident response"
    grafana.tokens = {TOKEN: "Viewer"}
    assert run(grafana.url, "provision")[0] == 1


def test_it_says_that_a_folder_or_dashboard_is_there_that_it_may_not_see(run, grafana):
    grafana.folders["mttx"] = "Incident response"
    grafana.library.private = {"mttx"}
    code, output = run(grafana.url, "provision")
    assert code == 1
    assert "the token may not see it" in output
    assert "set grafana.folder_uid" in output
    grafana.folders["secret"] = grafana.folders.pop("mttx") + " of others"
    grafana.library.private = {"secret"}
    grafana.save_dashboard({"uid": "mttx-overview", "title": "x"}, "secret", "")
    code, output = run(grafana.url, "provision")
    assert code == 1
    assert "mttx-overview      not saved" in output
    assert output.count(" created ") == 4  # the folder and the other three


def test_it_takes_an_import_by_hand_for_up_to_date(run, grafana):
    for model in models(bundled("dashboards")):
        grafana.save_dashboard(model, "", "")
    code, output = run(grafana.url, "provision")
    assert (code, output.count("up to date")) == (0, 4)
    assert grafana.folders == {}


def test_it_leaves_file_provisioning_alone(run, grafana):
    grafana.folders["mttx"] = "Incident response"
    old = {**models(bundled("dashboards"))[0], "title": "old"}
    grafana.save_dashboard(old, "mttx", "", provisioned=True)
    code, output = run(grafana.url, "provision", "--force")
    assert code == 1
    assert "comes from Grafana's file provisioning" in output


def test_it_says_what_is_missing_where_it_may_not(run, grafana):
    grafana.tokens = {TOKEN: "Viewer"}
    code, output = run(grafana.url, "provision")
    assert code == 1
    assert "Permissions needed: folders:create" in output
    assert "`mttx grafana check` shows details" in output


def test_it_does_not_overwrite_where_nobody_tells_it_the_versions(run, grafana):
    """A token that may see dashboards, but not their versions, cannot know who saved them."""
    run(grafana.url, "provision")
    grafana.tokens = {TOKEN: "Viewer"}
    edited = {**grafana.dashboards["mttx-overview"]["versions"][-1]["data"], "title": "Ours"}
    grafana.save_dashboard(edited, "mttx", "mttx-exporter provision 0123456789abcdef")
    code, output = run(grafana.url, "provision", "--dry-run")
    assert code == 1
    assert "mttx-overview      would be left as it is" in output
