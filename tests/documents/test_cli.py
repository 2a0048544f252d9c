"""docs/cli.md, the man page and the shell completions are what the commands say of themselves."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents.reading import ROOT


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("generate_cli", ROOT / "docs/generate_cli.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def files(generator):
    return dict(generator.files())


def test_everything_is_up_to_date(files):
    there = {path for path in (ROOT / "deploy/share").rglob("*") if path.is_file()} | {ROOT / "docs/cli.md"}
    assert there == files.keys()
    for path, text in files.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run: python docs/generate_cli.py"


@pytest.mark.parametrize(
    "words",
    [
        "## mttx serve\n",
        "### mttx incident ack\n",
        "`mttx postmortem lint [OPTIONS] FILES...`",
        "| `--listen HOST:PORT` |",
    ],
)
def test_it_has_commands_of_every_depth_with_their_options(files, words):
    assert words in files[ROOT / "docs/cli.md"]


@pytest.mark.parametrize(
    "words",
    [
        ".SS mttx serve [OPTIONS]\n",
        ".SS mttx incident ack [OPTIONS] ",
        ".TP\n.B \\-\\-listen HOST:PORT\n",
        ".SH FILES\n",
    ],
)
def test_the_man_page_has_them_too(files, words):
    assert words in files[ROOT / "deploy/share/man/man1/mttx.1"]


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (["inc"], ["incident"]),
        (["incident", "res"], ["resolve"]),
        (["incident", "list", "--ph"], ["--phase"]),
        (["incident", "list", "--output", ""], ["text", "json", "csv"]),
    ],
    ids=["command", "subcommand", "option", "value"],
)
def test_bash_completes_commands_that_are_imported_when_they_are_needed(require, generator, typed, completed):
    words = " ".join(f"'{word}'" for word in ["mttx", *typed])
    script = (
        f"COMP_WORDS=({words}) COMP_CWORD={len(typed)}; _mttx_completion mttx; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    command = [require("bash"), "--norc", "-c", f". {generator.COMPLETIONS['bash']}; {script}"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(command, env={"PATH": path}, check=True, capture_output=True, text=True)
    assert done.stdout.split() == completed
