"""docs/history.md says what the commands do: columns, options, examples."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from service.history.commands.demo import demo
from service.history.commands.history import export_openmetrics, import_
from service.history.importing.columns import COLUMNS
from service.history.importing.parsing import Format

DOCUMENT = (Path(__file__).parents[2] / "docs" / "history.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)


def test_it_has_every_column_with_its_meaning():
    rows = re.findall(r"^\| `(\w+|label\.NAME)` \| (.+) \|$", DOCUMENT, re.MULTILINE)
    assert rows == [(column.name, column.help) for column in COLUMNS]


@pytest.mark.parametrize("command", [import_, export_openmetrics, demo], ids=lambda command: command.name)
def test_it_names_every_option(command):
    options = {name for option in command.params for name in option.opts if name.startswith("--")}
    shown = set(re.findall(r"--[a-z-]+", DOCUMENT))
    assert options - {"--port"} <= shown


def test_it_names_every_format():
    assert all(f"`{form.value}`" in DOCUMENT for form in Format)


def test_its_example_is_imported_as_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = blocks("csv")
    Path("incidents.csv").write_text(example)
    result = CliRunner().invoke(main, ["history", "import", "incidents.csv"])
    assert result.stdout.strip() in blocks("console")[0]


def test_the_faults_it_shows_are_those_that_are_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    header, first, second = blocks("csv")[0].strip().splitlines()
    lines = [
        header,
        first,
        second.replace("SEV-3", "critical"),
        second.replace("12:00:00Z", "12:00").replace("jira-43", "3"),
    ]
    Path("incidents.csv").write_text("\n".join(lines))
    finished = CliRunner().invoke(
        main, ["history", "import", "incidents.csv"], env={"MTTX_SEVERITY_MAP": "{critical: null}"}
    )
    assert all(line in finished.stderr for line in blocks("text")[0].strip().splitlines())


def test_its_commands_for_prometheus_are_those_that_are_tested():
    """tests/real/test_backfill.py runs the first; here their options have to be there."""
    (export, _), (again,) = (block.strip().splitlines() for block in blocks("sh")[-2:])
    for line, command in ((export, export_openmetrics), (again, demo)):
        options = {name for option in command.params for name in option.opts}
        assert set(re.findall(r"--[a-z-]+", line)) <= options
