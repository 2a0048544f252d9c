"""What comes from outside moves no cursor, turns no line around and hides nothing, wherever it is printed or logged."""

import json
import logging
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from service.cli import main
from service.evidence.timeline_table import TimelineTableRow, timeline_table
from service.logs import JsonFormatter, WorthReading
from service.postmortems.finding_texts import as_text
from service.postmortems.findings import Finding, FindingLevel
from service.printable import printable, printable_json
from service.render.lines import one_line
from tests.builders import at
from tests.web.fakes import TOKYO

HOSTILE = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\r hidden",
    "\x9b31m",
    "\x7f",
    "\x85next",
    "\u2028next",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "\x00",
]
OBEYED = {char for text in HOSTILE for char in text if not char.isprintable()}


def obeyed(text):
    return OBEYED & set(text)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_it_writes_out_what_a_terminal_would_obey_and_nothing_else(hostile):
    assert obeyed(printable(f"a{hostile}b")) == set()
    assert printable("復旧 🚀 é | tab") == "復旧 🚀 é | tab"
    assert printable("a\n\tb", lines=True) == "a\n\tb"
    assert printable("a\nb") == "a\\x0ab"


@given(
    st.recursive(
        st.text() | st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_is_the_same_when_it_is_read_again(value):
    for indent in (None, 2):
        text = printable_json(value, indent=indent)
        assert json.loads(text) == value
        assert not obeyed(text.replace("\n", "") if indent else text)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_log_line_is_one_line_of_visible_characters(hostile):
    record = logging.LogRecord("service.web", logging.INFO, __file__, 1, "alert %s", (hostile,), None)
    line = JsonFormatter().format(record)
    assert not obeyed(line)
    assert "\n" not in line
    assert json.loads(line)["message"] == f"alert {hostile}"


def test_no_text_hides_a_log_line_or_fills_the_log():
    dropped = "512 Python threads, which seems quite high"
    ours = logging.LogRecord("service.web", logging.WARNING, __file__, 1, "refused: %s", (dropped,), None)
    theirs = logging.LogRecord("_granian", logging.WARNING, __file__, 1, dropped, (), None)
    assert WorthReading().filter(ours)
    assert not WorthReading().filter(theirs)
    long = logging.LogRecord("service.web", logging.WARNING, __file__, 1, "x" * 100_000, (), None)
    assert len(JsonFormatter().format(long)) < 3_000


@pytest.mark.parametrize("hostile", HOSTILE)
def test_documents_and_findings_carry_none(hostile):
    table = timeline_table(
        f"t{hostile}", [TimelineTableRow(at(0), "note", f"s{hostile}", f"text{hostile}")], TOKYO, at(0)
    )
    finding = Finding(1, 1, 2, "PM101", FindingLevel.ERROR, f"message{hostile}")
    for text in (table, as_text(f"p{hostile}", finding, f"line{hostile}"), one_line(hostile)):
        assert not obeyed(text.replace("\n", ""))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_names_of_ignored_columns_carry_none(hostile, tmp_path):
    file = tmp_path / "incidents.csv"
    file.write_bytes(
        f'id,title,severity,detected_at,"x{hostile.strip()}y"\n1,T,SEV-1,2026-03-02T09:00:00Z,1\n'.encode()
    )
    result = CliRunner().invoke(
        main, ["history", "import", str(file), "--dry-run"], env={"MTTX_DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    )
    assert not obeyed(result.output.replace("\n", ""))


def test_an_output_that_lacks_a_character_gets_an_escape_and_no_traceback(tmp_path):
    (tmp_path / "復旧.md").write_text("# 復旧\n")
    command = [sys.executable, "-m", "service", "postmortem", "lint", str(tmp_path / "復旧.md")]
    environment = {**os.environ, "PYTHONIOENCODING": "iso-8859-1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    assert "\\u5fa9\\u65e7.md" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["postmortem", "lint", "/dev/zero"],
        ["evidence", "verify", "/dev/zero"],
        ["history", "import", "/dev/zero", "--format", "csv", "--dry-run"],
        ["db", "restore", "/dev/zero"],
        ["config", "check", "--config", "/dev/zero"],
    ],
)
def test_an_endless_file_ends_in_one_line_and_no_traceback(command, tmp_path):
    result = CliRunner().invoke(main, command, env={"MTTX_DATABASE_URL": f"sqlite:///{tmp_path}/x.db"})
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (1, 2)
    assert len(result.output) < 2_000
