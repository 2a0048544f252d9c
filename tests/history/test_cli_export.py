"""`mttx history export-openmetrics` and `mttx demo`, as their users run them."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from click.testing import CliRunner

from service.cli import main
from service.metrics.catalogue import METRICS
from tests.history.text import parsed

EXPORTED = {metric.name.removesuffix("_total") for metric in METRICS if metric.shared}


def mttx(*arguments, code=0):
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The demo's database."""
    folder = tmp_path_factory.mktemp("demo")
    result = mttx("demo", "--keep", folder / "kept", "--no-serve")
    assert re.search(r"12\d incidents of 91 days in", result.stderr)
    return folder / "kept"


@pytest.fixture
def database(kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MTTX_DATABASE_URL", f"sqlite:///{kept / 'demo.db'}")


def export(*arguments, code=0):
    return mttx("history", "export-openmetrics", *arguments, code=code)


def test_it_writes_every_metric_of_the_store_to_stdout(database):
    result = export("--from", "5h", "--step", "30m")
    text = parsed(result.stdout)
    families = set(text.types)
    assert families <= EXPORTED
    assert {"mttx_incidents_opened", "mttx_indicator_seconds", "mttx_postmortems_overdue", "mttx_incident_info"} <= set(
        families
    )
    assert result.stdout.endswith("# EOF\n")
    labels = {(labels["job"], labels["instance"]) for _, labels, _, _ in text.samples}
    assert labels == {("mttx", "127.0.0.1:9877")}
    stamps = {at for _, _, at, _ in text.samples}
    assert all(stamp % 1800 == 0 for stamp in stamps)
    assert len(stamps) == 4


def test_a_folder_gets_a_file_a_day(database, tmp_path):
    result = export("--from", "51h", "--step", "30m", "--by-day", tmp_path / "om", "--label", "job=x")
    files = sorted(path.name for path in (tmp_path / "om").iterdir())
    since = datetime.now(UTC) - timedelta(hours=51)
    assert files[0] == f"{since:%Y-%m-%d}.om"
    assert len(files) in (3, 4)
    assert f"in {len(files)} files" in result.stderr
    assert "labels job=x" in result.stderr
    days = [{at for *_, at, _ in parsed((tmp_path / "om" / name).read_text()).samples} for name in files]
    for name, day in zip(files, days, strict=True):
        assert {f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}.om" for at in day} == {name}
    stamps = sorted(at for day in days for at in day)
    assert {later - earlier for earlier, later in pairwise(stamps)} == {1800}


def test_a_file_gets_all_of_it(database, tmp_path):
    result = export("--from", "4h", "--output", tmp_path / "history.om")
    assert (tmp_path / "history.om").read_text().endswith("# EOF\n")
    assert re.search(r"1[23] instants from \S+:\d\d:00\+09:00 to \S+\+09:00 in 1 file,", result.stderr)


def test_it_says_what_would_not_work_well(database, tmp_path):
    result = export("--from", "80h", "--step", "6h")
    assert "--by-day writes one per day" in result.stderr
    assert "graphs have gaps" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--from", "5h", "--to", "1h"), "+09:00 at the latest: Prometheus keeps the last three hours in memory"),
        (("--from", "5h", "--output", "x", "--by-day", "y"), "either --output or --by-day"),
        (("--from", "5h", "--to", "6h"), "no multiple of --step"),
        (("--from", "5h", "--step", "soon"), "Invalid value"),
        (("--from", "5h", "--step", "0s"), "at least one"),
        ((), "Missing option '--from'"),
    ],
)
def test_it_says_what_is_wrong(database, arguments, why):
    assert why in export(*arguments, code=2).stderr


def test_it_says_what_it_cannot_do(database, tmp_path, monkeypatch):
    assert "cannot write" in export("--from", "4h", "--output", tmp_path / "gone" / "x.om", code=1).stderr
    monkeypatch.setenv("MTTX_DATABASE_URL", "sqlite:///gone.db")
    assert "there is no database at gone.db" in export("--from", "4h", code=1).stderr


def test_the_demo_exports_its_own_past(tmp_path, monkeypatch):
    monkeypatch.setattr("service.history.commands.demo.SPAN", timedelta(hours=30))
    result = mttx("demo", "--export", tmp_path / "om")
    assert re.search(r"32\d instants in [23] files", result.stderr)


def test_the_demo_replaces_nothing(kept):
    assert "already exists" in mttx("demo", "--keep", kept, code=2).stderr
    assert "requires --keep" in mttx("demo", "--no-serve", code=2).stderr
