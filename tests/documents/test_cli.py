"""docs/cli.md is what the commands say of themselves."""

import importlib.util

import pytest

from tests.documents.reading import ROOT


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("generate_cli", ROOT / "docs/generate_cli.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_up_to_date(generator):
    text = generator.TARGET.read_text(encoding="utf-8")
    assert text == generator.page(), "run: python docs/generate_cli.py"


@pytest.mark.parametrize(
    "words",
    [
        "## mttx serve\n",
        "### mttx incident ack\n",
        "`mttx postmortem lint [OPTIONS] FILES...`",
        "| `--listen HOST:PORT` |",
    ],
)
def test_it_has_commands_of_every_depth_with_their_options(generator, words):
    assert words in generator.page()
