"""Queries become tables of exactly what Prometheus said, and pictures; each fails alone."""

import csv
import io
import json
import struct
from datetime import timedelta
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest
import requests_mock

from service.clients.http import JsonApi
from service.clients.prometheus import PrometheusApi
from service.domain.policy import Milestone
from service.evidence.curves import MAX_CURVES, Curves
from service.evidence.plot import Titles, draw
from service.evidence.settings import MetricsQuery
from service.evidence.sources import metrics
from service.evidence.sources.metrics import PAGE, MetricSource, pages, step_for
from tests.evidence.builders import at, collected, evidence_window
from tests.evidence.test_staging import read

URL = "http://prometheus.example"
QUARTER = timedelta(seconds=15)
MARKED = {Milestone.STARTED: at(0), Milestone.DETECTED: at(1), Milestone.RESOLVED: at(64), Milestone.DRAFTED: at(70)}


@pytest.fixture
def http():
    with requests_mock.Mocker() as mocked:
        mocked.get(f"{URL}/api/v1/rules", json={"status": "success", "data": {"groups": [{"name": "g", "rules": []}]}})
        yield mocked


@pytest.fixture
def prometheus():
    api = JsonApi(URL, timeout=timedelta(seconds=3), max_bytes=100_000)
    yield PrometheusApi(api)
    api.close()


def answer(http, *series, **more):
    body = {"status": "success", "data": {"resultType": "matrix", "result": list(series)}}
    http.post(f"{URL}/api/v1/query_range", json=body, **more)


def series(labels, *values, start=0):
    stamps = [at(start).timestamp() + 15 * n for n in range(len(values))]
    return {"metric": labels, "values": [[stamp, value] for stamp, value in zip(stamps, values, strict=True)]}


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def bundle(folder, prometheus, *queries, **more):
    return read(collected(folder, MetricSource(prometheus, queries), about=evidence_window(milestones=MARKED, **more)))


def query(expression="up", name="up", unit="", step=QUARTER):
    return MetricsQuery(name=name, query=expression, unit=unit, step=step)


def test_a_table_has_every_sample_as_prometheus_wrote_it(http, prometheus, tmp_path):
    up = {"__name__": "up", "job": "api", "path": 'a"b,c'}
    answer(http, series(up, "1", "0.1234567890123456789", "NaN"), series({"job": "b"}, "+Inf"), series({}, "3"))
    manifest, files = bundle(tmp_path, prometheus, query(unit="ratio"))
    assert [tuple(row.values()) for row in rows(files["metrics/up.csv"])] == [
        ("2026-11-23T09:00:00.000Z", "1795424400.000", "{}", "3"),
        ("2026-11-23T09:00:00.000Z", "1795424400.000", r'up{job="api",path="a\"b,c"}', "1"),
        ("2026-11-23T09:00:15.000Z", "1795424415.000", r'up{job="api",path="a\"b,c"}', "0.1234567890123456789"),
        ("2026-11-23T09:00:30.000Z", "1795424430.000", r'up{job="api",path="a\"b,c"}', "NaN"),
        ("2026-11-23T09:00:00.000Z", "1795424400.000", '{job="b"}', "+Inf"),
    ]
    assert manifest["files"][0]["query"] == "up"
    assert manifest["files"][0]["notes"] == {"unit": "ratio", "step_seconds": 15.0}
    assert manifest["complete"] is True


def test_it_asks_for_the_window_with_the_labels_of_the_incident_kept_inside_their_quotes(http, prometheus, tmp_path):
    answer(http)
    expression = 'up{job="{{ $labels.job }}", env="{{$labels.env}}"}'
    bundle(tmp_path, prometheus, query(expression), labels={"job": 'a"} or vector(1) or up{x="', "env": "p\\d\n"})
    asked = parse_qs(http.request_history[0].text)
    assert asked["query"] == ['up{job="a\\"} or vector(1) or up{x=\\"", env="p\\\\d\\n"}']
    assert asked["start"] == [f"{at(-15).timestamp():.3f}"]
    assert asked["end"] == [f"{at(79).timestamp():.3f}"]
    assert asked["step"] == ["15.000"]


def test_a_query_that_fails_leaves_the_others_alone(http, prometheus, tmp_path):
    http.post(f"{URL}/api/v1/query_range", status_code=400, json={"status": "error", "error": "parse error: x"})
    queries = query("up{", "bad"), query('up{x="{{ $labels.zone }}"}', "missing")
    manifest, files = bundle(tmp_path, prometheus, *queries)
    failures = {failure["what"]: failure["reason"] for failure in manifest["sources"][0]["failures"]}
    assert "400: parse error: x" in failures["bad"]
    assert failures["missing"] == "the incident has no label zone, which the query uses"
    assert json.loads(files["metrics/alerting-rules.json"]) == {"groups": [{"name": "g", "rules": []}]}
    assert manifest["complete"] is False


def test_rules_that_cannot_be_read_are_a_failure(http, prometheus, tmp_path):
    http.get(f"{URL}/api/v1/rules", status_code=503)
    manifest, files = bundle(tmp_path, prometheus)
    assert files == {}
    assert manifest["sources"][0]["failures"][0]["what"] == "alerting rules"


def test_an_answer_beyond_the_bound_is_not_read(http, prometheus, tmp_path):
    answer(http, series({"x": "y" * 100_000}, "1"))
    manifest, _ = bundle(tmp_path, prometheus, query())
    assert "exceeds 100000 bytes" in manifest["sources"][0]["failures"][0]["reason"]


def test_secrets_in_labels_are_gone_and_numbers_that_look_like_cards_stay(http, prometheus, tmp_path):
    key, card = "AKIA" + "Q3EGRIJKWXYZ2345", "4111111111111111"
    answer(http, series({"__name__": "bytes_total", "owner": key}, card))
    manifest, files = bundle(tmp_path, prometheus, query())
    (row,) = rows(files["metrics/up.csv"])
    assert row["value"] == card
    assert row["series"] == 'bytes_total{owner="[AWS access key removed]"}'
    assert manifest["files"][0]["redactions"] == {"secret": {"AWS access key": 1}}


def test_a_long_window_is_asked_for_in_pages_that_join_without_a_gap():
    window = evidence_window(start=at(0), end=at(60 * 24 * 7))
    asked = list(pages(window, QUARTER))
    points = [begin + n * QUARTER for begin, end in asked for n in range((end - begin) // QUARTER + 1)]
    assert points == [at(0) + n * QUARTER for n in range(60 * 24 * 7 * 4 + 1)]
    assert max((end - begin) // QUARTER + 1 for begin, end in asked) == PAGE


def test_what_is_longer_still_is_asked_for_in_larger_steps(http, prometheus, tmp_path):
    window = evidence_window(start=at(0), end=at(60 * 24 * 60))
    step = step_for(QUARTER, window)
    assert step == timedelta(seconds=52)
    assert len(list(pages(window, step))) <= metrics.MAX_PAGES
    assert step_for(QUARTER, evidence_window(start=at(0), end=at(1))) == QUARTER
    answer(http)
    manifest, _ = bundle(tmp_path, prometheus, query(), start=window.start, end=window.end)
    notes = manifest["files"][0]["notes"]
    assert (notes["step_seconds"], notes["step_wanted_seconds"]) == (52.0, 15.0)
    assert len(http.request_history) == 50 + 1


def png_size(content):
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", content[16:24])


def test_the_picture_is_one_and_the_same_for_the_same_series(http, prometheus, tmp_path):
    labels = [{"__name__": "_up", "job": f"$x$ 注文 {n}"} for n in range(12)]
    answer(http, *(series(label_set, *(str(n) for n in range(100)), start=-10) for label_set in labels))
    queries = query(name="first", unit="$/s"), query(name="second", unit="")
    _, files = bundle(tmp_path / "a", prometheus, *queries)
    _, again = bundle(tmp_path / "b", prometheus, *queries)
    assert png_size(files["metrics/first.png"]) == (1320, 891)
    assert files["metrics/first.png"] == again["metrics/first.png"]
    assert b"Software" not in files["metrics/first.png"]


@pytest.mark.parametrize("minutes", [5, 94, 5000])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Sao_Paulo"])
def test_windows_of_any_length_can_be_drawn(minutes, zone):
    times = {"start": at(0), "end": at(minutes), "incident_start": at(1), "incident_end": at(minutes - 1)}
    about = evidence_window(**times, zone=ZoneInfo(zone), milestones={Milestone.RESOLVED: at(minutes)})
    curves = Curves(about.start, about.end)
    curves.add("up", [(at(1), "1")])
    assert png_size(draw(Titles("up", "up" * 200, ""), curves, about))
    assert png_size(draw(Titles("nothing", "up", ""), Curves(about.start, about.end), about))


def test_a_picture_that_cannot_be_drawn_leaves_the_table(http, prometheus, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no fonts")

    monkeypatch.setattr(metrics, "draw", fail)
    answer(http, series({}, "1"))
    manifest, files = bundle(tmp_path, prometheus, query())
    assert len(rows(files["metrics/up.csv"])) == 1
    assert manifest["sources"][0]["failures"] == [{"what": "up", "reason": "the picture cannot be drawn: RuntimeError"}]


# -- curves ----------------------------------------------------------------------------------------------------------


def test_a_spike_survives_being_thinned_out():
    curves = Curves(at(0), at(7000))
    curves.add("x", [(at(n / 10), "9" if n == 33_333 else "1") for n in range(70_000)])
    (curve,) = curves.highest(10)
    times, values = curve.points()
    assert curve.peak == 9
    assert len(times) <= 1401
    assert (at(3333.3), 9.0) in list(zip(times, values, strict=True))
    assert times == sorted(times)


def test_where_samples_are_missing_the_line_is_broken():
    curves = Curves(at(0), at(700))
    curves.add("x", [(at(n), "1") for n in range(0, 700, 5) if not 100 < n < 300])
    curves.add("x", [(at(699), "NaN")])
    (curve,) = curves.highest(10)
    _, values = curve.points()
    assert sum(value != value for value in values) == 1  # noqa: PLR0124 - NaN


def test_only_so_many_series_are_kept_for_the_picture():
    curves = Curves(at(0), at(10))
    for n in range(MAX_CURVES + 5):
        curves.add(f"s{n:03d}", [(at(1), str(n))])
    assert len(curves) == MAX_CURVES + 5
    assert [curve.name for curve in curves.highest(2)] == ["s098", "s099"]
    assert Curves(at(0), at(0)).highest(3) == []
