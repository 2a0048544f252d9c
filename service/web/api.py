"""The lifecycle API: what people and their tools report and read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, Field

from service.domain.events import KeyedEvent, ReceivedWebhook
from service.domain.incident import Phase
from service.domain.incident_ids import public_id
from service.domain.policy import Severity
from service.intake import lifecycle
from service.intake.sources import Source
from service.recorder.commands import AppendEvent, RecordEvents
from service.store.histories import histories_of
from service.store.incidents import IncidentFilter, incident_page
from service.store.types import MICROSECOND
from service.web import bodies, indicators, policy, postmortems, schemas
from service.web.auth import authorize
from service.web.edge import attributed, received
from service.web.lookup import incident_history, incident_number
from service.web.query import dimensions_of, instant_of, parsed
from service.web.responses import json_response
from service.web.services import Services
from service.web.timeline import timeline

INCIDENTS = "/api/v1/incidents"
POSTMORTEMS = "/api/v1/postmortems"


class IncidentQuery(BaseModel):
    """The query of the list; `phase` and `severity` may be repeated or comma-separated.

    `from` and `to` limit the time of detection as in the query of the indicators. A configured dimension is a
    parameter too: `team=payments`.
    """

    model_config = ConfigDict(extra="forbid")

    phase: list[Phase] = []
    severity: list[Severity] = []
    open: bool = False
    full: bool = False
    from_: str | None = Field(None, alias="from")
    to: str | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[int | None, Field(ge=1, le=10**18)] = None


class PostmortemQuery(BaseModel):
    """The query of the postmortems; without `all`, only those with something outstanding are listed."""

    model_config = ConfigDict(extra="forbid")

    all: bool = False
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[int | None, Field(ge=1, le=10**18)] = None


def blueprint(services: Services) -> Blueprint:
    """Return the API's routes."""
    bp = Blueprint(Source.API.value, __name__)

    @bp.get(INCIDENTS, strict_slashes=False)
    def list_incidents() -> Response:
        authorize(request, services.tokens, "read")
        dimensions = dimensions_of(request, services.policy)
        query = parsed(request, IncidentQuery, several=("phase", "severity"), besides=dimensions)
        since = instant_of("from", query.from_, services.zone)
        filter_ = IncidentFilter(
            phases=query.phase,
            severities=query.severity,
            open_only=query.open,
            detected_since=since - MICROSECOND if since else None,
            detected_before=instant_of("to", query.to, services.zone),
            dimensions=dimensions,
        )
        page = services.store.read(incident_page, filter_, before=query.cursor, limit=query.limit)
        incident_ids = [row.id for row in page.rows] if query.full else []
        histories = services.store.read(histories_of, incident_ids, services.policy)
        rows = [schemas.summary(row, services.policy, services.clock(), histories.get(row.id)) for row in page.rows]
        next_ = _next(INCIDENTS, query, page.older, dimensions)
        return json_response(schemas.IncidentList(incidents=rows, next=next_))

    @bp.post(INCIDENTS, strict_slashes=False)
    def open_incident() -> Response:
        body, now = received(request, services), services.clock()
        events = tuple(attributed(event) for event in lifecycle.parse_opening(body, services.events, now))
        key = events[0].event_id  # so that a repeat finds the incident that the first request opened
        opening = RecordEvents(tuple(KeyedEvent(key, e) for e in events), ReceivedWebhook(Source.API.value, body, now))
        outcome = services.recorder.submit(opening)[0]
        answer = _incident(services, outcome.incident_id, now, 201 if outcome.created else 200)
        answer.headers["Location"] = f"{INCIDENTS}/{public_id(outcome.incident_id)}"
        services.counters.received(Source.API.value, now)
        return answer

    @bp.get(f"{INCIDENTS}/<incident_id>", strict_slashes=False)
    def show_incident(incident_id: str) -> Response:
        authorize(request, services.tokens, "read")
        return _incident(services, incident_number(incident_id), services.clock(), 200)

    @bp.get(f"{INCIDENTS}/<incident_id>/timeline", strict_slashes=False)
    def show_timeline(incident_id: str) -> Response:
        authorize(request, services.tokens, "read")
        number = incident_number(incident_id)
        return json_response(timeline(incident_history(services, number), number, services.policy, services.zone))

    @bp.post(f"{INCIDENTS}/<incident_id>/events", strict_slashes=False)
    def append_event(incident_id: str) -> Response:
        body, now, number = received(request, services), services.clock(), incident_number(incident_id)
        event = attributed(lifecycle.parse_event(body, services.events, now))
        (outcome,) = services.recorder.submit(AppendEvent(number, event))
        services.counters.received(Source.API.value, now)
        return _incident(services, number, now, 201 if outcome.created else 200)

    bodies.add_routes(bp, services)

    @bp.get(POSTMORTEMS, strict_slashes=False)
    def list_postmortems() -> Response:
        authorize(request, services.tokens, "read")
        query, now = parsed(request, PostmortemQuery), services.clock()
        statuses, older = postmortems.status_page(services, now, query.cursor, query.limit, outstanding=not query.all)
        return json_response(postmortems.PostmortemList(postmortems=statuses, next=_next(POSTMORTEMS, query, older)))

    indicators.add_routes(bp, services)
    policy.add_routes(bp, services)
    return bp


def _incident(services: Services, number: int, now: datetime, status: int) -> Response:
    return json_response(schemas.detail(incident_history(services, number), number, services.policy, now), status)


def _next(path: str, query: BaseModel, before: int | None, more: Mapping[str, str] = {}) -> str | None:
    if before is None:
        return None
    again = {**query.model_dump(mode="json", exclude_defaults=True, by_alias=True), **more, "cursor": before}
    again = {key: "true" if value is True else value for key, value in again.items()}
    return f"{path}?{urlencode(again, doseq=True)}"
