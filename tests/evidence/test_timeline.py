"""The incident's own story: events, bodies and every annotation of the time, for programs and for people."""

import json
from datetime import timedelta

import pytest

from service.clients.grafana import Annotations
from service.clients.grafana.annotations import MOST
from service.domain.policy import Milestone
from service.evidence.sources.changes import ChangeSource
from service.evidence.sources.timeline import IncidentData, TimelineSource, WebhookBody
from service.evidence.staging import SourceFailed
from service.settings.grafana import GrafanaSettings as Keys
from service.wiring.clients import grafana_connection
from tests.evidence.builders import at, collected, evidence_window
from tests.evidence.test_staging import KEY_ID, read
from tests.grafana.loopback import KINDS, TOKEN, Grafana

MS = 1000
ENTRIES = [
    {"at": "2026-11-23T09:04:00+00:00", "what": "alert_firing", "event": None,
     "alert": {"name": "CheckoutErrors", "fingerprint": "f", "severity": "SEV-2"}},
    {"at": "2026-11-23T09:09:30+00:00", "what": "event", "alert": None,
     "event": {"kind": "note", "source": "api", "severity": None, "title": "T",
               "data": {"text": "a | b\n*c*", "n": 1}}},
]  # fmt: skip


def body(content, number=1):
    return WebhookBody("d1g35t", "alertmanager", at(number), at(number + 5), 3, content)


def story(*bodies):
    return IncidentData({"entries": ENTRIES}, lambda: iter(bodies))


@pytest.fixture(params=KINDS)
def grafana(request):
    with Grafana(**KINDS[request.param]) as server:
        yield server


@pytest.fixture
def annotations(grafana):
    connection = grafana_connection(Keys(url=grafana.url, token=TOKEN))
    yield Annotations(connection).between
    connection.close()


def add(server, begin, end=None, text="deployed", tags=("deploy",)):
    span = {"time": int(at(begin).timestamp() * MS)} | ({"timeEnd": int(at(end).timestamp() * MS)} if end else {})
    server.annotations.add({**span, "text": text, "tags": list(tags)}, 0, None)


def bundle(folder, *sources):
    return read(collected(folder, *sources, about=evidence_window(milestones={Milestone.DETECTED: at(4)})))


def test_the_incident_is_there_as_the_service_tells_of_it(tmp_path):
    manifest, files = bundle(tmp_path, TimelineSource(story(body(b'{"alerts": []}\n')), None))
    assert json.loads(files["timeline/incident.json"])["title"] == "Checkout errors"
    assert json.loads(files["timeline/timeline.json"]) == {"entries": ENTRIES}
    assert files["timeline/bodies/0001-alertmanager-20261123T090100Z.json"] == b'{"alerts": []}\n'
    about = next(file for file in manifest["files"] if "bodies" in file["path"])
    assert about["notes"]["times"] == 3
    assert about["modified_at"] == "2026-11-23T09:01:00Z"
    assert manifest["complete"] is True


def test_people_read_it_in_both_zones(tmp_path):
    _, files = bundle(tmp_path, TimelineSource(story(), None))
    table = files["timeline/timeline.md"].decode()
    assert "# INC-7: Checkout errors" in table
    times = "| 2026-11-23 09:04:00Z | 2026-11-23 18:04:00 JST | T0 |"
    assert f"{times} alert\\_firing | alert | CheckoutErrors (SEV-2) |" in table
    assert "| T+5m | note | api | a \\| b \\*c\\*; T; n: 1 |" in table


def test_every_annotation_of_the_window_is_there_not_only_ours(tmp_path, grafana, annotations):
    add(grafana, 2)
    add(grafana, -60, 5, text="maintenance", tags=())
    add(grafana, -60, text="long ago")
    add(grafana, 900, text="later")
    _, files = bundle(tmp_path, TimelineSource(None, annotations))
    kept = json.loads(files["timeline/annotations.json"])["annotations"]
    assert [annotation["text"] for annotation in kept] == ["maintenance", "deployed"]
    table = files["timeline/timeline.md"].decode()
    assert "| annotation | grafana | deployed \\[deploy\\] |" in table
    assert "maintenance (until 2026-11-23T09:05:00Z)" in table
    assert "timeline/incident.json" not in files


def test_who_wrote_an_annotation_is_in_no_file(tmp_path):
    author = {"login": "mori", "email": "mori@mail.example", "avatarUrl": "/avatar/d41d8cd9", "userId": 3}
    annotation = {"id": 1, "time": int(at(1).timestamp() * MS), "text": "deployed", "tags": ["deploy"], **author}
    ask = lambda begin, end, tags=(): [annotation]  # noqa: E731
    _, files = bundle(tmp_path, TimelineSource(None, ask), ChangeSource((), timedelta(days=1), ("deploy",), ask))
    whole = b"".join(files.values())
    assert b"deployed" in whole
    assert not any(name in whole for name in (b"mori", b"d41d8cd9"))


def test_tags_narrow_the_annotations(grafana, annotations):
    add(grafana, 2)
    add(grafana, 3, tags=("deploy", "env:prod"))
    tagged = annotations(at(0), at(10), ["deploy", "env:prod"])
    assert [annotation["tags"] for annotation in tagged] == [["deploy", "env:prod"]]


def test_a_grafana_that_is_down_is_said_and_the_rest_is_there(tmp_path, grafana, annotations):
    grafana.fail_while(503)
    manifest, files = bundle(tmp_path, TimelineSource(story(), annotations))
    assert manifest["sources"][0]["failures"][0]["what"] == "Grafana's annotations"
    assert "timeline/timeline.md" in files


def test_a_response_that_is_no_list_is_a_failure(tmp_path, grafana, annotations):
    grafana.answer = lambda asked: (200, {"message": "hello"})
    manifest, _ = bundle(tmp_path, TimelineSource(None, annotations))
    assert "not Grafana's API" in manifest["sources"][0]["failures"][0]["reason"]


def test_more_annotations_than_are_asked_for_are_marked(tmp_path):
    annotation = {"id": 1, "time": int(at(1).timestamp() * MS), "text": "x"}
    manifest, _ = bundle(tmp_path, TimelineSource(None, lambda begin, end: [annotation] * MOST))
    (file,) = [file for file in manifest["files"] if file["path"] == "timeline/annotations.json"]
    assert "more than 10000" in file["truncated"][0]


def test_bodies_that_cannot_be_had_are_said_and_no_secret_of_one_stays(tmp_path):
    def bodies():
        yield body(f'{{"annotations": {{"key": "{KEY_ID}"}}}}'.encode())
        raise SourceFailed("the store does not answer")

    manifest, files = bundle(tmp_path, TimelineSource(IncidentData({"entries": []}, bodies), None))
    assert manifest["sources"][0]["failures"] == [{"what": "webhook bodies", "reason": "the store does not answer"}]
    (first,) = [content for name, content in files.items() if "bodies" in name]
    assert first == b'{"annotations": {"key": "[AWS access key removed]"}}'
