"""Exports of other tools, each imported with the options that docs/history.md gives for it.

What has to come of them was worked out by hand (exports.yaml).
"""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from service.history.commands.history import import_
from service.history.commands.options import import_options
from service.history.importing.parsing import Format, parse
from service.history.recording import record_incidents
from service.settings.sources import load
from tests.history.importing import NOW, PAYLOADS
from tests.house import House

DOCUMENT = Path(__file__).parents[2] / "docs" / "history.md"
ROWS = re.findall(r"^\| [^|]+ \| `([a-z-]+\.\w+)` \| `([^`]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
EXPECTED = yaml.safe_load((PAYLOADS / "exports.yaml").read_text())


def test_the_page_has_a_line_for_every_sample():
    assert sorted(name for name, _ in ROWS) == sorted(path.name for path in (PAYLOADS / "exports").iterdir())
    assert {name for name, _ in ROWS} == set(EXPECTED)


@pytest.mark.parametrize(("name", "options"), ROWS, ids=[name for name, _ in ROWS])
def test_it_imports_an_export_as_the_page_says(name, options, tmp_path):
    parsed = read_as_typed(PAYLOADS / "exports" / name, options)
    if "refused" in EXPECTED[name]:
        assert not parsed.incidents
        assert EXPECTED[name]["refused"] in parsed.errors[0].detail
        return
    assert (parsed.errors, parsed.unmatched, [past.warnings for past in parsed.incidents if past.warnings]) == (
        (),
        (),
        [],
    )
    house = House(tmp_path / "mttx.db")
    try:
        done = record_incidents(house.store, house.policy, parsed.incidents, NOW, keep=lambda _: True)
        assert not done.refused
        keys = house.rows("SELECT incident_key, incident_id FROM incident_keys WHERE source <> 'alias'")
        assert {key: described(house.get(number), EXPECTED[name][key]) for key, number in keys} == EXPECTED[name]
    finally:
        house.close()


def read_as_typed(file, options):
    """Parse a file with the options as the command line takes them, at the time of the other tests."""
    typed = import_.make_context("import", [str(file), *shlex.split(options)]).params
    reading = import_options(load(None, {}), typed)
    return parse([(file.name, file.read_bytes())], Format(typed["form"]), reading, NOW)


def described(record, expected):
    """An incident in the words of the expectation."""
    incident = record.incident
    if "merged_into" in expected:
        into = next(event.data["into_key"] for event in record.events if event.kind == "merged")
        return {"merged_into": into} if len(record.opened_at) > 1 else {}
    about = {
        "severity": incident.severity.value,
        "by": incident.resolution_source,
        "phase": incident.phase.value,
        "labels": dict(incident.labels),
    }
    times = {m.value: at.isoformat()[:19] for m, at in incident.milestones.items()}
    named = {name: value for name, value in about.items() if name in expected}
    return named | {name: at for name, at in times.items() if name != "drafted"}
