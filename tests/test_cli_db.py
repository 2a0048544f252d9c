"""`mttx db` as its users run it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from service.cli import main
from service.domain.events import EventKind
from service.store import Store
from tests.builders import T0, event, policy
from tests.house import House

K = EventKind


@pytest.fixture
def url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MTTX_DATABASE_URL", "sqlite:///mttx.db")
    return f"sqlite:///{tmp_path}/mttx.db"


@pytest.fixture
def house(url):
    """A running service's database: two incidents that were dismissed 500 days ago, and one of 499 days ago."""
    built = House(url)
    ago = (datetime.now(UTC) - timedelta(days=500) - T0) // timedelta(minutes=1)
    for minutes in (ago, ago, ago + 1440):
        built.open(event(K.DETECTED, minutes), event(K.DISMISSED, minutes + 1))
    yield built
    built.close()


def mttx(*arguments, code=0):
    result = CliRunner().invoke(main, ["db", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def test_it_backs_up_beside_the_service_and_restores_without_it(house, tmp_path):
    assert "checked" in mttx("backup", "backup.db")
    assert "already exists; refusing to overwrite it" in mttx("backup", "backup.db", code=1)
    assert "another mttx-exporter" in mttx("restore", "backup.db", "--replace", code=1)
    house.close()
    assert "--replace" in mttx("restore", "backup.db", code=1)
    result = mttx("restore", "backup.db", "--replace")
    assert "restored sqlite:///mttx.db from backup.db" in result
    assert "kept as mttx.db.replaced-" in result


def test_it_copies(house, tmp_path):
    house.close()
    assert "copied and compared" in mttx("copy", "--from", house.url, "--to", "sqlite:///other.db")
    assert "copy into an empty database" in mttx("copy", "--from", house.url, "--to", "sqlite:///other.db", code=1)
    assert "must name" in mttx("copy", "--from", "mysql://x/y", "--to", "sqlite:///third.db", code=1)


def test_it_prunes_beside_the_service(house):
    assert "would remove 2 incidents" in mttx("prune", "--older-than", "400d", "--dry-run")
    report = json.loads(mttx("prune", "--older-than", "400d", "--output", "json"))
    assert (report["dry_run"], report["incidents"], report["events"]) == (False, 2, 4)
    assert "removed 0 incidents" in mttx("prune", "--older-than", "400d")
    assert house.get(3)


def test_it_prunes_by_the_configured_retention(house, monkeypatch):
    assert "retention.incidents is not set" in mttx("prune", code=2)
    monkeypatch.setenv("MTTX_RETENTION_INCIDENTS", "1000d")
    assert "removed 0 incidents" in mttx("prune")
    monkeypatch.setenv("MTTX_RETENTION_INCIDENTS", "365d")
    assert "removed 2 incidents" in mttx("prune")


def test_it_never_forgets_what_a_window_holds(house):
    assert "pass more than 90d: the longest window needs those incidents" in mttx(
        "prune", "--older-than", "90d", code=2
    )
    assert "Invalid value" in mttx("prune", "--older-than", "soon", code=2)
    assert house.get(1)


def test_it_says_when_there_is_no_database(url):
    assert "there is no database at mttx.db" in mttx("prune", "--older-than", "400d", code=1)
    assert "there is no database at mttx.db" in mttx("backup", "backup.db", code=1)


def test_copy_takes_its_addresses_from_the_environment_or_from_files(tmp_path):
    Store.open(f"sqlite:///{tmp_path}/a.db", policy()).close()
    (tmp_path / "to").write_text(f"sqlite:///{tmp_path}/b.db\n")
    missing = CliRunner().invoke(main, ["db", "copy"])
    assert missing.exit_code == 2
    assert "MTTX_COPY_FROM_FILE" in missing.output
    environment = {"MTTX_COPY_FROM": f"sqlite:///{tmp_path}/a.db", "MTTX_COPY_TO_FILE": str(tmp_path / "to")}
    copied = CliRunner().invoke(main, ["db", "copy"], env=environment)
    assert copied.exit_code == 0, copied.output
    assert (tmp_path / "b.db").exists()
