"""Evidence over HTTP: the raw bodies that told of an incident, and its archive, which is collected on request.

Collecting asks other systems and takes its time: one request at a time, and never one of a webhook.
"""

import base64
import tempfile
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO

from flask import Blueprint, Response, request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.domain.events import Event, EventKind
from service.evidence.archive import PIECE
from service.evidence.collecting import Collected, NotCollected, record_of
from service.evidence.source import SourceFailed
from service.evidence.sources.timeline import Body, Story
from service.evidence.subject import Subject
from service.evidence.subjects import NoWindow, subject_of
from service.intake.reasons import Failure
from service.intake.wire import PayloadError
from service.recorder.commands import AppendEvent, StoreUnavailable
from service.settings.durations import Duration
from service.store.records import IncidentRecord, RawBody
from service.web import shapes
from service.web.auth import authorize
from service.web.edge import attributed, received
from service.web.lookup import incident_number, incident_record
from service.web.parts import EvidenceBusy, Parts
from service.web.query import parsed
from service.web.timeline import timeline

INCIDENTS = "/api/v1/incidents"
BY_THE_SERVICE = "evidence"
"""The source of the note that is recorded."""
BODIES_AT_ONCE = 20


class BodyQuery(BaseModel):
    """Which page of the bodies; `cursor` is how many to skip."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=50)] = BODIES_AT_ONCE
    cursor: Annotated[int, Field(ge=0, le=10**9)] = 0


class EvidenceQuery(BaseModel):
    """Of which window; without times that of the incident, with `margin` around it."""

    model_config = ConfigDict(extra="forbid")

    margin: Duration | None = None
    from_: Annotated[AwareDatetime | None, Field(alias="from")] = None
    to: AwareDatetime | None = None


class BodyShape(BaseModel):
    """A webhook body as it was received; what is no UTF-8 in it is written as \\xNN."""

    digest: str
    source: str
    first_received_at: datetime
    last_received_at: datetime
    times: int
    body: str


class BodyList(BaseModel):
    """A page of bodies, the earliest first; `next` is the address of the next page."""

    bodies: list[BodyShape]
    next: str | None


def add_routes(bp: Blueprint, parts: Parts) -> None:
    """Put the two routes on the API's blueprint, under which they are counted."""
    one_at_a_time = threading.Lock()

    @bp.get(f"{INCIDENTS}/<incident_id>/bodies", strict_slashes=False)
    def list_bodies(incident_id: str) -> Response:
        authorize(request, parts.tokens, "read")
        number = incident_number(incident_id)
        incident_record(parts, number)
        query = parsed(request, BodyQuery)
        page = parts.store.bodies(number, skip=query.cursor, limit=query.limit)
        path = f"{INCIDENTS}/{incident_id}/bodies?limit={query.limit}&cursor={page.next_skip}"
        listed = BodyList(bodies=[_shape(body) for body in page.bodies], next=path if page.next_skip else None)
        return Response(listed.model_dump_json(), mimetype="application/json")

    @bp.post(f"{INCIDENTS}/<incident_id>/evidence", strict_slashes=False)
    def collect_evidence(incident_id: str) -> Response:
        received(request, parts, "write")
        number = incident_number(incident_id)
        record, query = incident_record(parts, number), parsed(request, EvidenceQuery)
        if not one_at_a_time.acquire(blocking=False):
            raise EvidenceBusy
        try:
            return _collected(parts, number, record, query)
        finally:
            one_at_a_time.release()


def _collected(parts: Parts, number: int, record: IncidentRecord, query: EvidenceQuery) -> Response:
    """Collect, record that it was, and answer. The file has no name any more by then: it goes with its last reader."""
    subject = _subject(parts, number, record, query)
    story = Story(
        timeline(record, number, parts.policy, parts.zone).model_dump(mode="json"), lambda: _bodies(parts, number)
    )
    name = f"evidence-{shapes.public_id(number)}.zip"
    with tempfile.TemporaryDirectory(prefix="mttx-evidence-") as folder:
        try:
            collected = parts.evidence.collect(subject, story, Path(folder) / name)
        except NotCollected as error:
            raise StoreUnavailable(str(error)) from error
        file = collected.path.open("rb")
    try:
        parts.recorder.submit(AppendEvent(number, attributed(_note(collected, parts.clock()))))
    except BaseException:
        file.close()
        raise
    digest = base64.b64encode(bytes.fromhex(collected.sha256)).decode()
    headers = {
        "Content-Length": str(collected.size),
        "Content-Disposition": f'attachment; filename="{name}"',
        "Repr-Digest": f"sha-256=:{digest}:",
    }
    by_server = request.environ.get("wsgi.file_wrapper")
    pieces = by_server(file, PIECE) if by_server else _streamed(file)
    return Response(pieces, headers=headers, mimetype="application/zip", direct_passthrough=True)


def _streamed(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece


def _subject(parts: Parts, number: int, record: IncidentRecord, query: EvidenceQuery) -> Subject:
    now = parts.clock()
    incident = shapes.detail(record, number, parts.policy, now).model_dump(mode="json")
    margin = parts.evidence.margin if query.margin is None else query.margin
    try:
        return subject_of(incident, parts.zone, now, margin=margin, begin=query.from_, end=query.to)
    except NoWindow as error:
        raise PayloadError(Failure.INVALID_PAYLOAD, f"The query cannot be taken: {error}") from error


def _bodies(parts: Parts, number: int) -> Iterator[Body]:
    skip: int | None = 0
    while skip is not None:
        try:
            page = parts.store.bodies(number, skip=skip, limit=BODIES_AT_ONCE)
        except StoreUnavailable as error:
            raise SourceFailed(f"the store does not answer: {error}") from error
        for raw in page.bodies:
            yield Body(raw.digest, raw.source, raw.first_received_at, raw.last_received_at, raw.times, raw.content)
        skip = page.next_skip


def _note(collected: Collected, now: datetime) -> Event:
    return Event(
        event_id=f"evidence-{collected.sha256[:32]}",
        kind=EventKind.NOTE,
        occurred_at=now,
        recorded_at=now,
        source=BY_THE_SERVICE,
        data=record_of(collected),
    )


def _shape(raw: RawBody) -> BodyShape:
    return BodyShape(
        digest=raw.digest,
        source=raw.source,
        first_received_at=raw.first_received_at,
        last_received_at=raw.last_received_at,
        times=raw.times,
        body=raw.content.decode("utf-8", "backslashreplace"),
    )
