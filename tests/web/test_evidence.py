"""Evidence over HTTP: bodies page by page, and an archive that is collected on request, one at a time."""

import hashlib
import io
import json
import threading
import zipfile
from base64 import b64decode

import pytest

from service.domain.events import EventKind
from service.domain.updates import last_update_at
from service.evidence.collecting import NotCollected
from service.evidence.verify import verify
from service.recorder.commands import AppendEvent, Busy
from service.store.bodies import RawBody
from tests.builders import at, event
from tests.web.fakes import NOW, assert_problem, record

PATH = "/api/v1/incidents/INC-1/evidence"


def raw(number, content=b'{"n": 1}'):
    return RawBody(f"{number:02x}", "alertmanager", at(number), at(number + 1), 2, content)


@pytest.fixture
def story(world):
    world.store.records[1] = record(event(EventKind.DETECTED), event(EventKind.RESOLVED, 60))
    world.store.kept[1] = [raw(n) for n in range(45)]
    return world


def archive(response):
    return zipfile.ZipFile(io.BytesIO(response.data))


def test_bodies_come_page_by_page(story):
    bodies, path = [], "/api/v1/incidents/INC-1/bodies"
    while path:
        page = story.get(path).get_json()
        bodies += page["bodies"]
        path = page["next"]
    assert [body["digest"] for body in bodies] == [f"{n:02x}" for n in range(45)]
    assert bodies[3]["body"] == '{"n": 1}'
    assert (bodies[3]["source"], bodies[3]["times"]) == ("alertmanager", 2)
    assert bodies[3]["first_received_at"] == "2026-03-02T09:03:00Z"


def test_what_is_no_text_in_a_body_is_escaped(story):
    story.store.kept[1] = [raw(1, b"\xff{}")]
    assert story.get("/api/v1/incidents/INC-1/bodies").get_json()["bodies"][0]["body"] == "\\xff{}"


def test_a_query_that_makes_no_sense_is_refused(story):
    assert_problem(story.get("/api/v1/incidents/INC-1/bodies?limit=1000"), 400, "invalid_payload")
    assert_problem(story.post(f"{PATH}?margin=soon"), 400, "invalid_payload")
    naive = assert_problem(story.post(f"{PATH}?from=2026-03-02T09:00:00"), 400, "invalid_payload")
    assert "timezone" in naive
    ahead = assert_problem(story.post(f"{PATH}?to=2030-01-01T00:00:00Z"), 400, "invalid_payload")
    assert "in the future" in ahead
    upside_down = f"{PATH}?from=2026-03-02T09:00:00Z&to=2026-03-02T08:00:00Z"
    assert "not before its end" in assert_problem(story.post(upside_down), 400, "invalid_payload")
    assert_problem(story.post("/api/v1/incidents/INC-9/evidence"), 404, "unknown_incident")
    assert_problem(story.get("/api/v1/incidents/INC-9/bodies"), 404, "unknown_incident")


def test_the_archive_is_streamed_and_can_be_verified(story, tmp_path):
    response = story.post(PATH)
    assert response.status_code == 200
    assert response.content_type == "application/zip"
    assert response.headers["Content-Disposition"] == 'attachment; filename="evidence-INC-1.zip"'
    assert int(response.headers["Content-Length"]) == len(response.data)
    digest = hashlib.sha256(response.data)
    assert b64decode(response.headers["Repr-Digest"].split(":")[1]) == digest.digest()
    (tmp_path / "it.zip").write_bytes(response.data)
    assert verify(tmp_path / "it.zip", digest.hexdigest()).good
    names = archive(response).namelist()
    assert sum("bodies/" in name for name in names) == 45
    manifest = json.loads(archive(response).read("manifest.json"))
    assert manifest["window"]["start"] == "2026-03-02T08:45:00Z"
    assert manifest["window"]["end"] == "2026-03-02T10:15:00Z"


def test_collecting_is_recorded_on_the_incident(story):
    response = story.post(PATH)
    (command,) = story.recorder.commands
    assert isinstance(command, AppendEvent)
    assert command.incident_id == 1
    assert command.event.kind is EventKind.NOTE
    collected = command.event.data["evidence_collected"]
    assert collected["sha256"] == hashlib.sha256(response.data).hexdigest()
    assert collected["archive"] == "evidence-INC-1.zip"
    assert command.event.event_id == f"evidence-{collected['sha256'][:32]}"


def test_the_window_may_be_given(story):
    story.post(f"{PATH}?from=2026-03-02T09:00:00%2B09:00&to=2026-03-02T05:00:00Z")
    story.post(f"{PATH}?margin=1m")
    first, second = story.evidence.windows
    assert (first.start, first.end) == (at(-540), at(-240))
    assert (second.start, second.end) == (at(-1), at(61))


def test_an_incident_that_is_open_ends_now(story):
    story.store.records[1] = record(event(EventKind.DETECTED))
    story.post(PATH)
    (about,) = story.evidence.windows
    assert about.end == about.incident_end == NOW


def test_only_one_is_collected_at_a_time(story):
    inside, go_on = threading.Event(), threading.Event()

    def wait():
        inside.set()
        assert go_on.wait(20)

    story.evidence.before = wait
    answers = []
    first = threading.Thread(target=lambda: answers.append(story.app.test_client().post(PATH)))
    first.start()
    try:
        assert inside.wait(20)
        busy = story.post(PATH)
        assert_problem(busy, 503, "busy")
        assert busy.headers["Retry-After"] == "30"
    finally:
        go_on.set()
        first.join()
    assert answers[0].status_code == 200
    assert story.post(PATH).status_code == 200


def test_what_cannot_be_written_or_recorded_is_not_given_out(story):
    story.recorder.error = Busy("full")
    assert_problem(story.post(PATH), 503, "busy")
    story.recorder.error = None

    def full():
        raise NotCollected("No space left on device")

    story.evidence.before = full
    assert_problem(story.post(PATH), 503, "store")
    story.evidence.before = lambda: None
    assert story.post(PATH).status_code == 200


def test_bodies_that_cannot_be_read_are_said_in_the_manifest(story):
    story.evidence.before = lambda: setattr(story.store, "down", True)
    response = story.post(PATH)
    (source,) = json.loads(archive(response).read("manifest.json"))["sources"]
    assert source["failures"][0]["what"] == "webhook bodies"


def test_reading_collects_nothing(story):
    for method in ("get", "head"):
        assert getattr(story.client, method)(PATH).status_code == 405
    assert story.evidence.windows == story.recorder.commands == []


def test_the_note_tells_nobody_and_resets_no_reminder(story):
    story.post(PATH)
    (command,) = story.recorder.commands
    assert command.event.data["text"]
    assert last_update_at(at(0), [command.event]) == at(0)
