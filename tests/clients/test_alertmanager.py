"""Alertmanager's API as it answers, and as it should not."""

from datetime import timedelta

import pytest
import requests_mock

from service.clients.alertmanager import AlertmanagerAlert, AlertmanagerApi
from service.clients.errors import RequestFailed
from service.clients.http import JsonApi
from service.domain.silences import Matcher, Silence
from tests.builders import at

URL = "http://alertmanager.example"
SILENCE = {
    "id": "5f7b",
    "status": {"state": "expired"},
    "updatedAt": "2026-03-02T09:05:00.000Z",
    "comment": "looking",
    "createdBy": "sam",
    "endsAt": "2026-03-02T10:00:00.000Z",
    "startsAt": "2026-03-02T18:03:00.000+09:00",
    "matchers": [
        {"isEqual": True, "isRegex": False, "name": "service", "value": "checkout"},
        {"isRegex": True, "name": "pod", "value": "a.*"},
    ],
}


@pytest.fixture
def http():
    with requests_mock.Mocker() as mocked:
        yield mocked


@pytest.fixture
def alertmanager():
    api = JsonApi(URL, timeout=timedelta(seconds=3))
    yield AlertmanagerApi(api)
    api.close()


def test_it_reads_silences(http, alertmanager):
    http.get(f"{URL}/api/v2/silences", json=[SILENCE])
    matchers = (Matcher("service", "checkout"), Matcher("pod", "a.*", is_regex=True))
    silence_ = Silence(id="5f7b", made_at=at(3), author="sam", sets=(matchers,), starts_at=at(3), ends_at=at(60))
    assert alertmanager.silences() == [silence_]
    assert silence_.covers(at(3), at(60))
    assert not silence_.covers(at(2), at(60))
    assert not silence_.covers(at(3), at(61))


def test_it_reads_alerts_that_are_silenced_too(http, alertmanager):
    alert = {"fingerprint": "f1", "labels": {"alertname": "X"}, "startsAt": "2026-03-02T09:00:00Z", "status": {}}
    http.get(f"{URL}/api/v2/alerts", json=[alert])
    assert alertmanager.alerts() == [AlertmanagerAlert("f1", at(0), {"alertname": "X"})]


@pytest.mark.parametrize("answer", [{}, [{"id": 1}], [{**SILENCE, "startsAt": "2026-03-02T09:00:00"}]])
def test_it_says_that_asking_failed_where_it_is_no_alertmanager(http, alertmanager, answer):
    http.get(f"{URL}/api/v2/silences", json=answer)
    with pytest.raises(RequestFailed, match="unexpected response"):
        alertmanager.silences()
