"""`mttx config` and what every command of `mttx` has in common: its help, its errors, its exit codes."""

import json
import os
import subprocess
import sys

import pytest
import yaml
from click.testing import CliRunner

from service import __version__
from service.cli import main
from service.settings.model import Settings
from service.settings.sources import load
from service.settings.table import rows
from service.settings.whole import WholeSettings

SECRET = "0123456789abcdef-very-secret"


@pytest.fixture
def mttx(tmp_path, monkeypatch):
    """Give a function that runs the command in an empty folder, with no variables but these."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MTTX_")]:
        monkeypatch.delenv(name)

    def run(*arguments, **environ):
        return CliRunner().invoke(main, arguments, env=environ, prog_name="mttx")

    return run


# --- check ----------------------------------------------------------------------------------------------------------


def test_it_finds_the_defaults_good(mttx):
    result = mttx("config", "check")
    assert (result.exit_code, result.output) == (0, "Configuration OK\n")


def test_it_prints_every_finding(mttx, tmp_path):
    (tmp_path / "mttx.yml").write_text("threads: many\n")
    result = mttx("config", "check", MTTX_LOG_LEVEL="loud")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "threads is 'many': should be a whole number",
        "log.level (MTTX_LOG_LEVEL) is 'loud': should be debug, info, warning or error",
        "2 problems found",
    ]


def test_it_finds_a_template_of_messages_that_is_none(mttx, tmp_path):
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "over.txt.j2").write_text("one\n{% if %}")
    result = mttx("config", "check", MTTX_MESSAGES_TEMPLATES="words")
    assert result.exit_code == 1
    assert result.output.startswith("messages.templates is words: over.txt.j2, line 2:")


def test_it_prints_findings_for_scripts(mttx, tmp_path):
    (tmp_path / "some.yml").write_text("threads: many\n")
    result = mttx("config", "check", "--config", "some.yml", "--output", "json")
    assert result.exit_code == 1
    assert json.loads(result.output) == {
        "findings": [{"key": "threads", "value": "'many'", "advice": "should be a whole number"}],
        "warnings": [],
    }


def test_it_checks_the_tokens_too(mttx, tmp_path):
    (tmp_path / "tokens.yml").write_text(f"- {{name: a, token: {SECRET}, scopes: [admin]}}\n")
    result = mttx("config", "check", MTTX_TOKENS_FILE="tokens.yml")
    assert result.exit_code == 1
    assert "entry 1: scopes should be" in result.output
    assert SECRET not in result.output


def test_it_finds_good_tokens_good(mttx, tmp_path):
    (tmp_path / "tokens.yml").write_text(f"- {{name: a, token: {SECRET}, scopes: [read]}}\n")
    assert mttx("config", "check", MTTX_TOKENS_FILE="tokens.yml", MTTX_LISTEN=":80").exit_code == 0


def test_it_checks_that_the_database_has_a_place(mttx):
    result = mttx("config", "check", MTTX_DATABASE_URL="sqlite:////nowhere/mttx.db")
    assert result.exit_code == 1
    assert "the folder /nowhere should exist and be writable" in result.output


def test_the_faults_of_one_key_hide_none_of_the_others(mttx, tmp_path):
    """The file with the tokens, the place of the database and the templates are looked at beside them."""
    (tmp_path / "mttx.yml").write_text(
        "threads: many\nlisten: 0.0.0.0:1\nlog: {level: loud}\nno_such_key: 1\n"
        "tokens_file: nowhere.yml\ndatabase_url: sqlite:////nowhere/mttx.db\nseverity_map: null\n"
    )
    result = mttx("config", "check", MTTX_MESSAGES_TEMPLATES="words")
    for key in ("threads", "log.level", "no_such_key", "nowhere.yml", "database_url", "messages.templates"):
        assert any(line.startswith(key) for line in result.output.splitlines()), key
    assert (result.exit_code, result.output.splitlines()[-1]) == (1, "6 problems found")
    assert "warning: severity_map" in result.output


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("severity_map:", "severity_map"),
        ("pagerduty: {priority_map: null}", "pagerduty.priority_map"),
        ("deadlines: null", "deadlines"),
        ("targets: null", "targets"),
        ("silences: {acknowledge: true}", "silences.acknowledge"),
    ],
)
def test_what_may_be_meant_otherwise_is_not_called_good(mttx, tmp_path, text, key):
    (tmp_path / "mttx.yml").write_text(text)
    result = mttx("config", "check")
    warning, verdict = result.output.splitlines()
    assert result.exit_code == 0
    assert warning.startswith(f"warning: {key} is ")
    assert "good" not in verdict
    (caution,) = json.loads(mttx("config", "check", "--output", "json").output)["warnings"]
    assert caution["key"] == key


def test_a_configuration_with_which_no_severity_opens_an_incident_is_not_called_good(mttx, tmp_path):
    nothing = dict.fromkeys(Settings().severity_map, "ignore")
    (tmp_path / "mttx.yml").write_text(yaml.safe_dump({"severity_map": nothing, "unmapped_severity": "ignore"}))
    assert "warning: severity_map" in mttx("config", "check").output


def test_silences_that_are_read_and_null_for_an_entry_are_good(mttx, tmp_path):
    (tmp_path / "mttx.yml").write_text(
        "silences: {acknowledge: true}\nalertmanager: {urls: ['http://alertmanager.example:9093']}\n"
        "severity_map: {warning: null}\ndeadlines: {SEV-4: null}\nlog:\n"
    )
    assert mttx("config", "check").output == "Configuration OK\n"


# --- show -----------------------------------------------------------------------------------------------------------


def test_it_shows_every_key_with_its_meaning_and_where_it_came_from(mttx, tmp_path):
    (tmp_path / "mttx.yml").write_text("threads: 3\nseverity_map: {page: SEV-1}\n")
    output = mttx("config", "show", MTTX_LOG_LEVEL="error", MTTX_SEVERITY_MAP="{sms: SEV-4}").output
    assert "\nthreads: 3  # mttx.yml\n" in output
    assert "\n  level: error  # MTTX_LOG_LEVEL\n" in output
    assert "\nreopen_window: 15m  # default\n" in output
    assert "page: SEV-1, " in output
    assert "sms: SEV-4}  # mttx.yml, MTTX_SEVERITY_MAP\n" in output
    assert [row.key for row in rows(WholeSettings) if f"# {row.description}\n" not in output] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "deadlines: {SEV-2: {draft: null}, SEV-4: null}\ntargets: {detect: {mean: 2m}, resolve: {SEV-1: null}}\n",
        'severity_map: {high: null, page: SEV-1, "": SEV-3}\nunmapped_severity: ignore\n'
        "windows: [1d]\nweekly_review: {time: 9:05, timezone: UTC}\n",
        "ignore: {alertnames: []}\npublic_url: https://a.example\nlog: {level: debug}\n",
    ],
)
def test_it_shows_what_gives_the_same_configuration_again(mttx, tmp_path, text):
    (tmp_path / "mttx.yml").write_text(text)
    shown = tmp_path / "shown.yml"
    shown.write_text(mttx("config", "show").output)
    assert load(shown, {}) == load(tmp_path / "mttx.yml", {})


def test_it_shows_a_deadline_that_was_taken_away(mttx, tmp_path):
    (tmp_path / "mttx.yml").write_text("deadlines: {SEV-1: {draft: null}}")
    shown = yaml.safe_load(mttx("config", "show").output)
    assert shown["deadlines"]["SEV-1"] == {"draft": None, "final": "48h"}


def test_it_shows_no_configuration_that_cannot_be_used(mttx):
    result = mttx("config", "show", "--config", "nowhere.yml")
    assert result.exit_code == 1
    assert result.output == (
        "Error: the configuration cannot be used\n  nowhere.yml: cannot be read: No such file or directory\n"
    )


# --- the command ----------------------------------------------------------------------------------------------------


def test_it_says_its_version(mttx):
    assert mttx("--version").output == f"mttx {__version__}\n"


def test_it_lists_its_commands_in_its_help(mttx):
    output = mttx("--help").output
    assert [name for name in ("config", "incident", "serve") if f"\n  {name} " not in output] == []


def test_it_says_that_there_is_no_such_command(mttx):
    result = mttx("srve")
    assert result.exit_code == 2
    assert "No such command 'srve'" in result.output


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "service", "--version"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == f"mttx {__version__}\n"


def test_it_imports_no_server_to_show_its_help():
    script = "import sys; from service.cli import main; main(['config', 'show', '--help'], standalone_mode=False);"
    script += "sys.exit(any(m in sys.modules for m in ('flask', 'granian', 'sqlalchemy', 'prometheus_client')))"
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0


def test_a_command_that_asks_the_api_loads_neither_settings_nor_what_draws_tables_to_start():
    script = "import sys; from service.cli import main; main(['incident', 'list', '--help'], standalone_mode=False);"
    script += "sys.exit(any(m in sys.modules for m in ('pydantic', 'yaml', 'rich', 'alembic', 'sqlalchemy')))"
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0
