"""Evidence over HTTP: the archive of an incident, collected on request.

Collecting asks other systems and takes its time: one request at a time, and never one of a webhook.
"""

import base64
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO, Protocol

from flask import Blueprint, Response, request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.domain.events import Event, EventKind
from service.evidence.archive import PIECE
from service.evidence.collecting import Collected, NotCollected, record_of
from service.evidence.serving import Collector
from service.evidence.source import SourceFailed
from service.evidence.sources.timeline import Body, Story
from service.evidence.subject import Subject
from service.evidence.subjects import NoWindow, subject_of
from service.intake.reasons import Failure
from service.intake.wire import PayloadError
from service.recorder.commands import AppendEvent, StoreUnavailable
from service.settings import Settings
from service.settings.durations import Duration
from service.store.records import IncidentRecord
from service.web import shapes
from service.web.bodies import BODIES_AT_ONCE, INCIDENTS
from service.web.edge import attributed, received
from service.web.lookup import incident_number, incident_record
from service.web.operation import Operation
from service.web.parts import Extension, Occupied, Parts
from service.web.query import parsed
from service.web.timeline import timeline

BY_THE_SERVICE = "evidence"
"""The source of the note that is recorded."""


class EvidenceQuery(BaseModel):
    """Of which window; without times that of the incident, with `margin` around it."""

    model_config = ConfigDict(extra="forbid")

    margin: Duration | None = None
    from_: Annotated[AwareDatetime | None, Field(alias="from")] = None
    to: AwareDatetime | None = None


EVIDENCE = Operation(
    method="post",
    path="/api/v1/incidents/{incident_id}/evidence",
    summary="Collect the evidence of an incident as a ZIP archive, and record that it was",
    scope="write",
    query=EvidenceQuery,
    answer="application/zip",
    errors=(400, 401, 403, 404, 503),
)


class Evidence(Protocol):
    """Bundles evidence, as it is configured. May take minutes."""

    @property
    def margin(self) -> timedelta:
        """How long before and after an incident is looked at as well."""

    def collect(self, subject: Subject, story: Story, target: Path) -> Collected:
        """Write an archive. Raises NotCollected."""


def extension(settings: Settings, clock: Callable[[], datetime]) -> Extension:
    """Return what the web adds to the API for this companion."""
    collector = Collector(settings, clock)
    return Extension(lambda bp, parts: add_routes(bp, parts, collector), (EVIDENCE,))


def add_routes(bp: Blueprint, parts: Parts, evidence: Evidence) -> None:
    """Add the route to the API's blueprint, under which it is counted."""
    one_at_a_time = threading.Lock()

    @bp.post(f"{INCIDENTS}/<incident_id>/evidence", strict_slashes=False)
    def collect_evidence(incident_id: str) -> Response:
        received(request, parts, "write")
        number = incident_number(incident_id)
        record, query = incident_record(parts, number), parsed(request, EvidenceQuery)
        if not one_at_a_time.acquire(blocking=False):
            raise Occupied("Evidence is being collected for another request")
        try:
            return _collected(parts, evidence, number, record, query)
        finally:
            one_at_a_time.release()


def _collected(parts: Parts, evidence: Evidence, number: int, record: IncidentRecord, query: EvidenceQuery) -> Response:
    """Collect, record that it was, and answer. The file has no name any more by then: it goes with its last reader."""
    subject = _subject(parts, evidence.margin, number, record, query)
    story = Story(
        timeline(record, number, parts.policy, parts.zone).model_dump(mode="json"), lambda: _bodies(parts, number)
    )
    name = f"evidence-{shapes.public_id(number)}.zip"
    with tempfile.TemporaryDirectory(prefix="mttx-evidence-") as folder:
        try:
            collected = evidence.collect(subject, story, Path(folder) / name)
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


def _subject(
    parts: Parts, usual_margin: timedelta, number: int, record: IncidentRecord, query: EvidenceQuery
) -> Subject:
    now = parts.clock()
    incident = shapes.detail(record, number, parts.policy, now).model_dump(mode="json")
    margin = usual_margin if query.margin is None else query.margin
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
