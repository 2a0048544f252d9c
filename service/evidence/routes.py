"""Evidence over HTTP: the archive of an incident, collected on request, one request at a time: it may take minutes."""

import base64
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO

from flask import Blueprint, Response, request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.domain.events import Event, EventKind
from service.domain.incident_history import IncidentHistory
from service.domain.incident_ids import public_id
from service.evidence.archive import PIECE
from service.evidence.collecting import Collected, NotCollected, note_data
from service.evidence.collector import EvidenceCollector
from service.evidence.sources.timeline import IncidentData, WebhookBody
from service.evidence.staging import SourceFailed
from service.evidence.window import EvidenceWindow, NoWindow, incident_window
from service.intake.reasons import Failure
from service.intake.wire import PayloadError
from service.recorder.commands import AppendEvent
from service.settings.model import Settings
from service.settings.values import Duration
from service.store import StoreUnavailable
from service.store.bodies import bodies_of
from service.web import schemas
from service.web.bodies import BODIES_AT_ONCE, INCIDENTS
from service.web.edge import attributed, received
from service.web.lookup import incident_history, incident_number
from service.web.operation import Operation
from service.web.query import parsed
from service.web.services import Extension, Occupied, Services
from service.web.timeline import timeline

NOTE_SOURCE = "evidence"


class EvidenceParameters(BaseModel):
    """The window: by default that of the incident with `margin` around it."""

    model_config = ConfigDict(extra="forbid")

    margin: Duration | None = None
    from_: Annotated[AwareDatetime | None, Field(alias="from")] = None
    to: AwareDatetime | None = None


EVIDENCE = Operation(
    method="post",
    path="/api/v1/incidents/{incident_id}/evidence",
    summary="Collect the evidence of an incident as a ZIP archive, and record its digest on the incident",
    scope="write",
    query=EvidenceParameters,
    answer="application/zip",
    errors=(400, 401, 403, 404, 503),
)


def extension(settings: Settings, clock: Callable[[], datetime]) -> Extension:
    """Return the part of the API that this companion adds."""
    collector = EvidenceCollector(settings, clock)
    return Extension(lambda bp, services: add_routes(bp, services, collector), (EVIDENCE,))


def add_routes(bp: Blueprint, services: Services, collector: EvidenceCollector) -> None:
    """Add the route to the API's blueprint, under which it is counted."""
    collecting = threading.Lock()

    @bp.post(f"{INCIDENTS}/<incident_id>/evidence", strict_slashes=False)
    def collect_evidence(incident_id: str) -> Response:
        received(request, services)
        number = incident_number(incident_id)
        history, query = incident_history(services, number), parsed(request, EvidenceParameters)
        if not collecting.acquire(blocking=False):
            raise Occupied("Evidence is being collected for another request")
        try:
            return _collect(services, collector, number, history, query)
        finally:
            collecting.release()


def _collect(
    services: Services, collector: EvidenceCollector, number: int, history: IncidentHistory, query: EvidenceParameters
) -> Response:
    """Collect, record the archive, and return it. Its file is already unlinked: it is gone when it was read."""
    window = _window(services, collector.margin, number, history, query)
    incident_data = IncidentData(
        timeline(history, number, services.policy, services.zone).model_dump(mode="json"),
        lambda: _bodies(services, number),
    )
    name = f"evidence-{public_id(number)}.zip"
    with tempfile.TemporaryDirectory(prefix="mttx-evidence-") as folder:
        try:
            collected = collector.collect(window, incident_data, Path(folder) / name)
        except NotCollected as error:
            raise StoreUnavailable(str(error)) from error
        file = collected.path.open("rb")
    try:
        services.recorder.submit(AppendEvent(number, attributed(_note(collected, services.clock()))))
    except BaseException:
        file.close()
        raise
    digest = base64.b64encode(bytes.fromhex(collected.sha256)).decode()
    headers = {
        "Content-Length": str(collected.size),
        "Content-Disposition": f'attachment; filename="{name}"',
        "Repr-Digest": f"sha-256=:{digest}:",
    }
    wrapper = request.environ.get("wsgi.file_wrapper")
    pieces = wrapper(file, PIECE) if wrapper else _streamed(file)
    return Response(pieces, headers=headers, mimetype="application/zip", direct_passthrough=True)


def _streamed(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece


def _window(
    services: Services, usual_margin: timedelta, number: int, history: IncidentHistory, query: EvidenceParameters
) -> EvidenceWindow:
    now = services.clock()
    incident = schemas.detail(history, number, services.policy, now).model_dump(mode="json")
    margin = usual_margin if query.margin is None else query.margin
    try:
        return incident_window(incident, services.zone, now, margin=margin, begin=query.from_, end=query.to)
    except NoWindow as error:
        raise PayloadError(Failure.INVALID_PAYLOAD, f"The query is invalid: {error}") from error


def _bodies(services: Services, number: int) -> Iterator[WebhookBody]:
    skip: int | None = 0
    while skip is not None:
        try:
            page = services.store.read(bodies_of, number, skip=skip, limit=BODIES_AT_ONCE)
        except StoreUnavailable as error:
            raise SourceFailed(f"the database is unavailable: {error}") from error
        for raw in page.bodies:
            yield WebhookBody(
                raw.digest, raw.source, raw.first_received_at, raw.last_received_at, raw.times, raw.content
            )
        skip = page.next_skip


def _note(collected: Collected, now: datetime) -> Event:
    return Event(
        event_id=f"evidence-{collected.sha256[:32]}",
        kind=EventKind.NOTE,
        occurred_at=now,
        recorded_at=now,
        source=NOTE_SOURCE,
        data=note_data(collected),
    )
