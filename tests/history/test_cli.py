"""`mttx history import` as its users run it."""

import json
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from service.cli import main
from service.store import Store
from tests.builders import policy
from tests.house import listed

GOOD = "key,title,severity,detected_at,resolved_at\n1,Orders fail,SEV-1,2025-10-01T09:00:00Z,2025-10-01T10:00:00Z\n"
BAD = GOOD + "2,Queue grows,SEV-9,2025-10-02T09:00:00Z,\n3,Disk,SEV-3,2025-10-03 09:00,\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text(GOOD)
    (tmp_path / "bad.csv").write_text(BAD)
    return tmp_path


def mttx(*arguments, code=0, **more):
    result = CliRunner().invoke(main, ["history", "import", *map(str, arguments)], **more)
    assert result.exit_code == code, result.output
    return result


def incidents():
    store = Store.open("sqlite:///mttx.db", policy())
    try:
        return [line.title for line in listed(store)]
    finally:
        store.close()


def rows(query):
    with closing(sqlite3.connect("mttx.db")) as connection:
        return connection.execute(query).fetchall()


def test_it_imports_and_says_what_it_did():
    assert "imported: 1 new, 0 changed, 0 unchanged; 3 events" in mttx("good.csv").stdout
    assert "imported: 0 new, 0 changed, 1 unchanged; 0 events" in mttx("good.csv").stdout
    assert incidents() == ["Orders fail"]


def test_nothing_is_imported_unless_every_line_is_good():
    result = mttx("bad.csv", code=1)
    assert "bad.csv:3: severity is not one of SEV-1 to SEV-4; map it with --severity-map" in result.stderr
    assert "bad.csv:4: detected_at has no time zone; append Z" in result.stderr
    assert "2 faulty lines; nothing was imported (--skip-bad imports the others)" in result.stderr
    assert incidents() == []


def test_the_good_lines_may_be_imported_alone():
    result = mttx("bad.csv", "--skip-bad", code=1)
    assert "2 faulty lines; the others were imported" in result.stderr
    assert incidents() == ["Orders fail"]


def test_options_make_bad_lines_good():
    result = mttx("bad.csv", "--severity-map", "sev-9=SEV-4", "--timezone", "Asia/Tokyo")
    assert "3 new" in result.stdout
    assert rows("SELECT severity FROM incidents ORDER BY id") == [("SEV-1",), ("SEV-4",), ("SEV-3",)]


def test_a_dry_run_does_everything_and_takes_it_back():
    assert "would import: 1 new" in mttx("good.csv", "--dry-run").stdout
    assert incidents() == []
    assert "2 faulty lines" in mttx("bad.csv", "--dry-run", code=1).stderr


def test_scripts_get_json():
    report = json.loads(mttx("bad.csv", "--output", "json", "--skip-bad", code=1).stdout)
    assert (report["written"], report["opened"], len(report["bad"])) == (True, 1, 2)
    assert report["bad"][0]["where"] == "bad.csv:3"


def test_columns_and_severities_may_be_mapped_in_a_file(folder):
    (folder / "theirs.csv").write_text("Number;Opened;Prio\n7;2025-10-01T09:00:00Z;High\n")
    (folder / "map.yml").write_text(
        "columns: {Number: key, Opened: detected_at, Prio: severity}\nseverities: {High: SEV-2}\n"
    )
    mttx("theirs.csv", "--mapping", "map.yml")
    assert rows("SELECT severity FROM incidents") == [("SEV-2",)]
    result = mttx("theirs.csv", "--mapping", "map.yml", "--map", "Opened=detected_at", "--severity-map", "high=SEV-1")
    assert "detected differs from what is recorded" in result.stderr


def test_ignored_columns_are_named(folder):
    (folder / "more.csv").write_text("key,detected_at,serverity\n1,2025-10-01T09:00:00Z,SEV-1\n")
    assert "ignored columns: serverity" in mttx("more.csv").stderr


def test_the_past_may_be_cut_where_the_webhooks_begin():
    result = mttx("good.csv", "--before", "2025-10-01T09:00:00Z")
    assert "imported: 0 new, 0 changed, 0 unchanged, 1 excluded by --since or --before" in result.stdout
    assert "1 new" in mttx("good.csv", "--since", "2025-10-01T09:00:00Z").stdout


def test_nothing_is_annotated_unless_asked(monkeypatch):
    monkeypatch.setenv("MTTX_GRAFANA_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MTTX_GRAFANA_TOKEN", "token")
    mttx("good.csv")
    assert rows("SELECT count(*) FROM outbox") == [(0,)]
    mttx("good.csv", "--annotate")
    assert rows("SELECT count(*) FROM outbox") == [(0,)]  # nothing of it is new
    mttx("bad.csv", "--annotate", "--skip-bad", "--source", "other", code=1)
    assert rows("SELECT target FROM outbox") == [("grafana",)]


def test_it_says_that_the_service_has_to_be_stopped():
    store = Store.open("sqlite:///mttx.db", policy())
    try:
        assert "stop the service during the import" in mttx("good.csv", code=1).stderr
    finally:
        store.close()


def test_it_reads_what_is_piped_in():
    assert "1 new" in mttx("-", input=GOOD).stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--map", "a=b"), "'b' is not one of our columns"),
        (("--map", "a=label.my-team"), "'label.my-team' is not one of our columns"),
        (("--map", "a"), "should be THEIRS=OURS"),
        (("--severity-map", "a=b"), "should be one of SEV-1"),
        (("--timezone", "Mars"), "is not a time zone"),
        (("--source", "My Tool"), "lower-case letters"),
        (("--mapping", "gone.yml"), "cannot read --mapping gone.yml"),
        (("--mapping", "good.csv"), "should have columns: and severities:"),
        (("--since", "then"), "should be a time with a zone"),
        (("--unresolved", "x"), "is not one of"),
    ],
)
def test_it_says_what_is_wrong_with_options(arguments, why):
    assert why in mttx("good.csv", *arguments, code=2).stderr


def test_it_says_what_cannot_be_read():
    assert "cannot read gone.csv: No such file" in mttx("gone.csv", code=1).stderr


def test_many_bad_lines_are_told_in_short(folder):
    (folder / "many.csv").write_text("key,detected_at\n" + "1,x\n" * 60)
    assert "… and 10 more; --output json shows all" in mttx("many.csv", code=1).stderr
