"""`mttx grafana resync`: every annotation made anew from what is recorded, without a second one of any."""

import json
import tracemalloc
from collections import deque
from datetime import timedelta

import pytest
from click.testing import CliRunner

from service.cli import main
from service.domain.events import EventKind
from tests.builders import T0, alert, at, event
from tests.delivery.site import Site
from tests.grafana.loopback import TOKEN


@pytest.fixture
def site(tmp_path, grafana):
    opened = Site(tmp_path / "mttx.db", grafana)
    yield opened
    opened.close()


def resync(site, *arguments, **environ):
    """Run the command beside the open store: (exit code, what it told scripts)."""
    settings = {"MTTX_DATABASE_URL": site.url, "MTTX_GRAFANA_URL": site.grafana.url, "MTTX_GRAFANA_TOKEN": TOKEN}
    environ = {"MTTX_GRAFANA_TIMEOUT": "5s", "MTTX_PUBLIC_URL": "https://mttx.example.com"} | settings | environ
    result = CliRunner().invoke(main, ["grafana", "resync", "--output", "json", *arguments], env=environ)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, json.loads(result.stdout)


def ten(site):
    for n in range(10):
        site.send(alert(60 * n, 60 * n + 5, fingerprint=f"f{n}", group=f"g{n}"))
        site.tell(n + 1, EventKind.ACKNOWLEDGED, 60 * n + 1)


def shown(site):
    return [(row["tags"], row["time"], row["timeEnd"], row["text"]) for row in site.grafana.regions()]


def test_it_makes_again_what_was_cleaned_up(site):
    ten(site)
    site.deliver()
    before = shown(site)
    site.grafana.annotations.delete(0)
    code, output = resync(site)
    assert (code, output["incidents"], output["delivered"], output["pending"]) == (0, 10, 20, 0)
    assert sorted(shown(site)) == sorted(before)


def test_it_keeps_what_is_there_and_writes_nothing(site):
    ten(site)
    site.deliver()
    before = shown(site)
    site.grafana.asked.clear()
    assert resync(site)[0] == 0
    assert [request.method for request in site.grafana.asked] == ["GET"]
    assert shown(site) == before


@pytest.mark.parametrize("page", [1000, 7])
def test_it_asks_for_the_missing_ones_alone_after_half_was_lost(site, monkeypatch, page):
    monkeypatch.setattr("service.clients.grafana.annotations.PAGE", page)
    ten(site)
    site.send(alert(0, 590, fingerprint="long", group="long"))
    site.deliver()
    before = shown(site)
    for row in site.grafana.regions()[::2]:
        site.grafana.annotations.delete(row["id"])
    site.grafana.asked.clear()
    assert resync(site)[0] == 0
    assert sorted(shown(site)) == sorted(before)
    assert len(site.grafana.requests("POST")) == 11
    assert len(site.grafana.requests("GET")) <= 1 + 2 * 10 / page + 1
    assert site.grafana.requests("PATCH") == []


def test_it_looks_for_each_where_the_list_is_in_another_order(site, monkeypatch):
    """Then it may lack some, and what is not in it may be there."""
    ten(site)
    site.deliver()
    find, before = site.grafana.annotations.find, shown(site)
    monkeypatch.setattr(site.grafana.annotations, "find", lambda *asked: find(*asked)[::-1][:7])
    assert resync(site)[0] == 0
    monkeypatch.undo()
    assert shown(site) == before


def test_it_looks_for_what_was_under_way_when_it_began(site):
    """Its POST may arrive later than the list was read."""
    ten(site)
    site.grafana.fail_once("drop")
    dispatcher = site.dispatcher()
    dispatcher.step()
    site.grafana.asked.clear()
    site.now += timedelta(hours=1)
    assert resync(site)[0] == 0
    looked_for = [request for request in site.grafana.requests("GET") if "mttx-item%3A" in request.path]
    assert len(looked_for) == 1
    assert len(site.grafana.regions()) == 20


def test_it_adopts_what_is_there_after_the_outbox_was_lost(site):
    """As after a database restored from before Grafana was configured."""
    ten(site)
    site.deliver()
    before = shown(site)
    with site.store._write() as connection:
        connection.exec_driver_sql("DELETE FROM outbox")
    assert resync(site)[0] == 0
    assert shown(site) == before


def test_it_shows_what_happened_before_grafana_was_configured(tmp_path, grafana):
    before = Site(tmp_path / "mttx.db")
    ten(before)
    before.grafana = grafana
    assert resync(before)[0] == 0
    assert len(grafana.regions()) == 20
    before.close()


def test_it_shows_only_what_began_since_then_or_is_open(site):
    ten(site)
    site.send(alert(0, fingerprint="open", group="open"))
    site.grafana.annotations.delete(0)
    _, output = resync(site, "--since", at(60 * 8).isoformat())
    assert output["incidents"] == 3
    with site.store._write() as connection:
        connection.exec_driver_sql("DELETE FROM outbox")
    assert resync(site, "--since", "1h")[1]["incidents"] == 1


def test_it_offers_again_what_was_refused(site):
    site.grafana.fail_once(400)
    ten(site)
    site.deliver()
    assert site.waiting().stopped == 1
    assert resync(site)[0] == 0
    assert (site.waiting().stopped, len(site.grafana.regions())) == (0, 20)


def test_it_says_what_is_left_where_grafana_does_not_let_it_in(site):
    ten(site)
    code, output = resync(site, MTTX_GRAFANA_TOKEN="wrong")
    assert code == 1
    assert (output["complete"], output["pending"]) == (False, 10)
    assert "authentication failed" in output["trouble"]
    assert len(site.grafana.requests("POST")) == 0
    site.now = at(10**7)
    site.deliver()
    assert len(site.grafana.regions()) == 20


def test_it_gives_up_where_grafana_is_down(site, monkeypatch):
    monkeypatch.setattr("service.delivery.backoff.FIRST", timedelta(milliseconds=1))
    ten(site)
    site.grafana.fail_while("drop")
    code, output = resync(site)
    assert (code, output["pending"]) == (1, 10)
    assert "cannot reach" in output["trouble"]


def test_it_gives_up_where_nothing_gets_through(site, monkeypatch):
    monkeypatch.setattr("service.cli.grafana_resync.STALLED_SECONDS", 0.5)
    ten(site)
    site.grafana.fail_while(500)
    code, output = resync(site)
    assert (code, output["trouble"]) == (1, "every delivery to Grafana failed")


def test_it_says_what_came_of_it(site):
    ten(site)
    environ = {"MTTX_DATABASE_URL": site.url, "MTTX_GRAFANA_URL": site.grafana.url, "MTTX_GRAFANA_TOKEN": TOKEN}
    result = CliRunner().invoke(main, ["grafana", "resync"], env=environ)
    assert result.exit_code == 0
    assert "10 incidents, 20 annotations written or verified" in result.stdout
    assert "Annotations" in result.stderr
    site.grafana.fail_while(401)
    result = CliRunner().invoke(main, ["grafana", "resync"], env=environ)
    assert "10 are still in the outbox: " in result.stdout
    site.grafana.fail_while(400)
    result = CliRunner().invoke(main, ["grafana", "resync"], env=environ)
    assert result.exit_code == 1


def test_it_wants_a_database_of_this_version(tmp_path, grafana):
    environ = {"MTTX_GRAFANA_URL": grafana.url, "MTTX_GRAFANA_TOKEN": TOKEN}
    missing = {"MTTX_DATABASE_URL": f"sqlite:///{tmp_path}/none.db"}
    result = CliRunner().invoke(main, ["grafana", "resync"], env=environ | missing)
    assert (result.exit_code, "there is no database at" in result.output) == (1, True)
    (tmp_path / "empty.db").touch()
    empty = {"MTTX_DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"}
    result = CliRunner().invoke(main, ["grafana", "resync"], env=environ | empty)
    assert (result.exit_code, "another version" in result.output) == (1, True)


@pytest.mark.no_cover
@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.torture)])
def test_it_resyncs_very_many_incidents_in_little_memory_and_doubles_none(site, count):
    for number in range(count):
        site.open(*_history(number))
    with site.store._write() as connection:
        connection.exec_driver_sql("DELETE FROM outbox")
    assert resync(site)[0] == 0
    assert len(site.grafana.regions()) == count
    site.grafana.asked = deque(maxlen=100)
    tracemalloc.start()
    code, output = resync(site)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (code, output["incidents"], output["delivered"], output["pending"]) == (0, count, count, 0)
    assert len(site.grafana.annotations.rows) == count
    assert peak < 20_000_000


def _history(number):
    began = T0 + timedelta(minutes=number)
    return (
        event(EventKind.DETECTED, event_id="d", occurred_at=began, recorded_at=began, title=f"Incident {number}"),
        event(EventKind.RESOLVED, event_id="r", occurred_at=began + timedelta(minutes=5), recorded_at=began),
    )
