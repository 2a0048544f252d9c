"""docs/configuration.md has every key of the settings, with its variable, its default and its description."""

import importlib.util

import pytest

from service.settings.sources import load
from service.settings.table import rows
from service.settings.whole import WholeSettings
from tests.documents.reading import ROOT


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("generate_configuration", ROOT / "docs/generate_configuration.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_up_to_date(generator):
    text = generator.TARGET.read_text(encoding="utf-8")
    assert text == generator.page(text), "run: python docs/generate_configuration.py"


def test_it_has_every_key_once(generator):
    assert sorted(generator.keys(generator.TARGET.read_text(encoding="utf-8"))) == sorted(
        row.key for row in rows(WholeSettings)
    )


def test_its_complete_example_is_a_valid_configuration(generator, tmp_path):
    text = generator.TARGET.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    (tmp_path / "mttx.yml").write_text(text, encoding="utf-8")
    assert load(tmp_path / "mttx.yml", {}).slack.channel == "C0123456789"
