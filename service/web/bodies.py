"""The raw webhook bodies that reported an incident, paginated."""

from datetime import datetime
from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, Field

from service.store.bodies import RawBody, bodies_of
from service.web.auth import authorize
from service.web.lookup import incident_history, incident_number
from service.web.query import parsed
from service.web.responses import json_response
from service.web.services import Services

INCIDENTS = "/api/v1/incidents"
BODIES_AT_ONCE = 20


class BodyQuery(BaseModel):
    """The page of bodies; `cursor` is how many to skip."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=50)] = BODIES_AT_ONCE
    cursor: Annotated[int, Field(ge=0, le=10**9)] = 0


class BodySchema(BaseModel):
    """A webhook body as it was received; bytes that are not valid UTF-8 are written as \\xNN."""

    digest: str
    source: str
    first_received_at: datetime
    last_received_at: datetime
    times: int
    body: str


class BodyList(BaseModel):
    """A page of bodies, the earliest first; `next` is the address of the next page."""

    bodies: list[BodySchema]
    next: str | None


def add_routes(bp: Blueprint, services: Services) -> None:
    """Add the route to the API's blueprint."""

    @bp.get(f"{INCIDENTS}/<incident_id>/bodies", strict_slashes=False)
    def list_bodies(incident_id: str) -> Response:
        authorize(request, services.tokens, "read")
        number = incident_number(incident_id)
        incident_history(services, number)
        query = parsed(request, BodyQuery)
        page = services.store.read(bodies_of, number, skip=query.cursor, limit=query.limit)
        path = f"{INCIDENTS}/{incident_id}/bodies?limit={query.limit}&cursor={page.next_skip}"
        bodies = BodyList(bodies=[_shape(body) for body in page.bodies], next=path if page.next_skip else None)
        return json_response(bodies)


def _shape(raw: RawBody) -> BodySchema:
    return BodySchema(
        digest=raw.digest,
        source=raw.source,
        first_received_at=raw.first_received_at,
        last_received_at=raw.last_received_at,
        times=raw.times,
        body=raw.content.decode("utf-8", "backslashreplace"),
    )
