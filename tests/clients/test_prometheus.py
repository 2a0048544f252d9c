"""Prometheus' API as it answers, and as it should not."""

from datetime import timedelta
from urllib.parse import parse_qs

import pytest
import requests
import requests_mock

from service.clients.bearer import Secret
from service.clients.errors import RequestFailed
from service.clients.http import JsonApi
from service.clients.prometheus import PrometheusAlert, PrometheusApi, Series, quoted, selector
from tests.builders import at

URL = "http://prometheus.example/prefix"
METRIC = {"__name__": "ALERTS", "alertname": "X"}


@pytest.fixture
def http():
    with requests_mock.Mocker() as mocked:
        yield mocked


@pytest.fixture
def prometheus():
    api = JsonApi(URL, token=Secret("the token", lambda: "0123456789abcdef"), timeout=timedelta(seconds=3))
    yield PrometheusApi(api)
    api.close()


def answer(http, result, path="query"):
    http.register_uri(requests_mock.ANY, f"{URL}/api/v1/{path}", json={"status": "success", "data": result})


def test_it_reads_an_instant_vector(http, prometheus):
    stamp = at(0).timestamp()
    answer(http, {"resultType": "vector", "result": [{"metric": METRIC, "value": [stamp + 0.568, "1795478522"]}]})
    at_568 = at(0) + timedelta(milliseconds=568)
    assert prometheus.query("x", at(0)) == [Series({"alertname": "X"}, ((at_568, 1795478522.0),))]
    sent = http.last_request
    assert parse_qs(sent.text) == {"query": ["x"], "time": [f"{stamp:.3f}"]}
    assert sent.headers["Authorization"] == "Bearer 0123456789abcdef"
    assert sent.timeout == 3


def test_it_reads_samples_as_they_were_written(http, prometheus):
    stamp = at(0).timestamp()
    answer(http, {"result": [{"metric": METRIC, "values": [[stamp, "1"], [stamp + 15, "1"]]}]})
    (series,) = prometheus.samples("ALERTS", at(-10), at(5))
    assert [when for when, _ in series.samples] == [at(0), at(0.25)]
    assert parse_qs(http.last_request.text)["query"] == ["ALERTS[900000ms]"]


def test_it_reads_the_active_alerts(http, prometheus):
    alert = {"labels": {"alertname": "X"}, "state": "firing", "activeAt": "2026-03-02T09:00:00.56819871Z", "value": "1"}
    answer(http, {"alerts": [alert]}, "alerts")
    assert prometheus.active_alerts() == [PrometheusAlert({"alertname": "X"}, at(0).replace(microsecond=568198))]


@pytest.mark.parametrize(
    ("text", "labels"),
    [("global:\n  external_labels:\n    cluster: eu\n", {"cluster": "eu"}), ("global: {}\n", {}), ("", {})],
)
def test_it_reads_the_external_labels(http, prometheus, text, labels):
    answer(http, {"yaml": text}, "status/config")
    assert prometheus.external_labels() == labels


@pytest.mark.parametrize("text", ["a: [", "global: {external_labels: {a: [1]}}"])
def test_it_refuses_a_configuration_that_it_cannot_read(http, prometheus, text):
    answer(http, {"yaml": text}, "status/config")
    with pytest.raises(RequestFailed):
        prometheus.external_labels()


@pytest.mark.parametrize(
    "body",
    [
        {"exc": requests.ConnectionError},
        {"exc": requests.Timeout},
        {"status_code": 503},
        {"status_code": 302, "headers": {"Location": "http://elsewhere"}},
        {"text": "<html>"},
        {"json": []},
        {"json": {"data": {"result": [{"metric": {}, "value": ["soon", "?"]}]}}},
    ],
)
def test_it_says_that_asking_failed_and_names_no_token(http, prometheus, body):
    http.register_uri(requests_mock.ANY, f"{URL}/api/v1/query", **body)
    with pytest.raises(RequestFailed) as caught:
        prometheus.query("x", at(0))
    assert URL in str(caught.value)
    assert "0123456789abcdef" not in str(caught.value)


def test_it_writes_selectors():
    assert selector("ALERTS", {"b": 'say "hi"\n', "a": "\\"}) == 'ALERTS{a="\\\\",b="say \\"hi\\"\\n"}'
    assert quoted("é") == '"é"'


def test_it_keeps_to_its_token_whatever_netrc_says(http, prometheus, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine prometheus.example login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    answer(http, {"resultType": "vector", "result": []})
    prometheus.query("x", at(0))
    assert http.last_request.headers["Authorization"] == "Bearer 0123456789abcdef"
