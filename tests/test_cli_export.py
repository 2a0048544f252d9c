"""`mttx rules export` and `mttx dashboards export`: the shipped files, and nothing of anybody else's overwritten."""

import json
import subprocess

import pytest
from click.testing import CliRunner

from service.cli import main
from service.provisioning.bundled import bundled

EACH = pytest.mark.parametrize(
    ("command", "kind", "name"),
    [("rules", "alert_rules", "postmortems.yml"), ("dashboards", "dashboards", "mttx-overview.json")],
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments):
    result = CliRunner().invoke(main, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@EACH
def test_it_writes_every_shipped_file_as_it_is(tmp_path, command, kind, name):
    code, _ = run(command, "export", "--dir", "a/b")
    assert code == 0
    suffix = name[name.index(".") :]
    ours = {path.name: path.read_bytes() for path in bundled(kind).iterdir() if path.name.endswith(suffix)}
    assert {path.name: path.read_bytes() for path in (tmp_path / "a/b").iterdir()} == ours
    assert name in ours


@EACH
def test_it_has_a_folder_of_its_own_and_changes_nothing_again(tmp_path, command, kind, name):
    run(command, "export")
    code, output = run(command, "export")
    assert (code, "written" in output, "up to date" in output) == (0, False, True)
    assert (tmp_path / f"mttx-{command}" / name).exists()


@EACH
def test_it_overwrites_what_somebody_changed_only_when_forced(tmp_path, command, kind, name):
    run(command, "export")
    target = tmp_path / f"mttx-{command}" / name
    target.write_text("ours")
    code, output = run(command, "export")
    assert (code, target.read_text()) == (1, "ours")
    assert "--force overwrites them" in output
    code, output = run(command, "export", "--force")
    assert (code, "overwritten" in output, target.read_text() == "ours") == (0, True, False)


def test_it_says_that_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")
    code, output = run("rules", "export", "--dir", "file/below")
    assert code == 1
    assert "cannot export" in output


def test_the_rules_lead_to_the_runbook_at_the_address_that_is_given(tmp_path):
    base = ["--runbook-base", "http://mttx.example:9877/runbook/"]
    assert run("rules", "export", "--dir", str(tmp_path), *base)[0] == 0
    text = (tmp_path / "exporter.yml").read_text()
    assert "runbook_url: http://mttx.example:9877/runbook#mttxexporterdown\n" in text
    assert "github.com" not in text
    assert run("rules", "export", "--dir", str(tmp_path), *base)[1].count("up to date") == 4
    assert run("rules", "export", "--dir", str(tmp_path))[0] == 1


def exported_rules(folder, *arguments):
    code, output = run("rules", "export", "--dir", str(folder), *arguments)
    assert code == 0, output
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_alerts_carry_the_dimensions_of_the_configuration_or_the_given_ones(tmp_path):
    (tmp_path / "mttx.yml").write_text("breakdown: [{label: squad}, {label: team}]\n")
    configured = exported_rules(tmp_path / "configured")
    assert configured == exported_rules(tmp_path / "given", "--label", "squad", "--label", "team", "--label", "squad")
    bundled_ones = exported_rules(tmp_path / "bundled", "--label", "team", "--label", "service")
    assert {name for name, text in configured.items() if text != bundled_ones[name]} == {
        "incidents.yml",
        "postmortems.yml",
    }
    assert "incident_service" not in "".join(configured.values())


@pytest.mark.parametrize(
    "labels", [(), ("squad",), ("job",), ("namespace", "squad", "severity"), ("team", "service", "x")]
)
def test_rules_of_any_dimensions_can_be_loaded(tmp_path, require, labels):
    configuration = tmp_path / "other.yml"
    configuration.write_text(f"breakdown: {json.dumps([{'label': label} for label in labels])}\n")
    given = [part for label in labels for part in ("--label", label)] or ["--config", str(configuration)]
    exported_rules(tmp_path / "rules", *given)
    files = map(str, (tmp_path / "rules").iterdir())
    command = [require("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *files]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_dimension_replaces_no_label_that_alerts_have(tmp_path, require):
    exported_rules(tmp_path / "rules", "--label", "job", "--label", "squad")
    info = 'mttx_incident_info{incident="INC-1", incident_job="nightly", incident_squad="blue", job="mttx"}'
    due = 'mttx_action_due_timestamp_seconds{incident="INC-1", action="A-01", action_type="Code", job="mttx"}'
    labels = (
        'alertname="MttxActionOverdue", alertstate="firing", severity="warning", mttx_ignore="true", job="mttx", '
        'incident="INC-1", action="A-01", action_type="Code", incident_job="nightly", squad="blue"'
    )
    test = {
        "rule_files": [str(tmp_path / "rules" / "postmortems.yml")],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": info, "values": "1x9"}, {"series": due, "values": "60x9"}],
                "promql_expr_test": [
                    {
                        "expr": "ALERTS",
                        "eval_time": "5m",
                        "exp_samples": [{"labels": f"ALERTS{{{labels}}}", "value": 1}],
                    }
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(json.dumps(test))
    command = [require("promtool"), "test", "rules", str(tmp_path / "test.yml")]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_dashboards_are_filtered_by_the_dimensions_of_the_configuration_or_the_given_ones(tmp_path):
    (tmp_path / "mttx.yml").write_text("breakdown: [{label: squad}]\n")
    for folder, labels in (("configured", ()), ("given", ("--label", "squad"))):
        assert run("dashboards", "export", "--dir", folder, *labels)[0] == 0
        model = json.loads((tmp_path / folder / "mttx-postmortems.json").read_text())
        names = [variable["name"] for variable in model["templating"]["list"]]
        assert [name for name in names if name.startswith("incident_")] == ["incident_squad"]


def test_a_label_must_be_one(tmp_path):
    code, output = run("rules", "export", "--dir", str(tmp_path), "--label", 'team", "x')
    assert code == 2
    assert "should be a label name" in output


@pytest.mark.parametrize("base", ["mttx.example/runbook", "http://a b", 'http://a"', "http://a/#b", "http://{{ x }}"])
def test_an_address_that_rules_cannot_hold_is_refused(tmp_path, base):
    code, output = run("rules", "export", "--dir", str(tmp_path), "--runbook-base", base)
    assert code == 2
    assert "should be an address" in output
