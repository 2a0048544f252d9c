"""The OpenAPI 3.1 document, generated from the models that the code itself uses.

`OPERATIONS` is the table of endpoints, without those of the companions; a test compares them with the routes and
docs/api.md.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from flask import Blueprint, Response
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service import __version__
from service.intake import event_data, lifecycle
from service.intake.event_data import INCIDENT_ID
from service.web import bodies, policy, postmortems, schemas
from service.web.api import IncidentQuery, PostmortemQuery
from service.web.indicators import IndicatorQuery, IndicatorTable
from service.web.operation import Operation
from service.web.problems import MEDIA_TYPE, ProblemSchema
from service.web.senders import SenderQuery
from service.web.timeline import Timeline
from service.web.webhooks import WEBHOOKS, WebhookRoute

_REF = "#/components/schemas/{model}"
_JSON = "application/json"
_TEXT = "text/plain"
_PAGE = "text/html"
_INCIDENT = "/api/v1/incidents/{incident_id}"


_READING = (401, 403, 503)
_WRITING = (400, 401, 403, 413, 415, 503)


def _of_webhook(webhook: WebhookRoute, method: str) -> Operation:
    profile = webhook.profile
    refuses = profile.sends == "keyed events" and not profile.stops_after_4xx
    return Operation(
        method=method,
        path=webhook.path,
        summary=webhook.summary,
        scope="ingest",
        body=webhook.model,
        query=SenderQuery,
        or_array=webhook.or_array,
        answer=schemas.AlertsReceipt if profile.sends == "alerts" else schemas.EventsReceipt,
        ok=(200, 202) if profile.stops_after_4xx else (200,),
        errors=(*_WRITING, 404, 409) if refuses else _WRITING,
    )


def _read(
    path: str, summary: str, answer: type[BaseModel], *errors: int, query: type[BaseModel] | None = None
) -> Operation:
    """One read of the API; only a query can be invalid."""
    errors = (*_READING, *errors, 400) if query else (*_READING, *errors)
    return Operation(method="get", path=path, summary=summary, scope="read", query=query, answer=answer, errors=errors)


def _write(path: str, summary: str, body: type[BaseModel], *errors: int) -> Operation:
    return Operation(
        method="post",
        path=path,
        summary=summary,
        scope="write",
        body=body,
        answer=schemas.IncidentDetail,
        ok=(201, 200),
        errors=(*_WRITING, *errors),
    )


def _plain(path: str, summary: str) -> Operation:
    return Operation(method="get", path=path, summary=summary, answer=_TEXT, errors=_READING)


def _page(path: str, summary: str, *errors: int) -> Operation:
    return Operation(
        method="get",
        path=path,
        summary=summary,
        answer=_PAGE,
        scope="read",
        errors=(*_READING, *errors),
        errors_as=_PAGE,
    )


OPERATIONS = (
    *(_of_webhook(webhook, method) for webhook in WEBHOOKS for method in webhook.methods),
    _read("/api/v1/incidents", "List incidents, newest first", schemas.IncidentList, query=IncidentQuery),
    _write("/api/v1/incidents", "Open an incident by hand", lifecycle.OpenBody, 409),
    _read(_INCIDENT, "Show one incident with its history", schemas.IncidentDetail, 404),
    _read(f"{_INCIDENT}/timeline", "Show what happened in an incident, in order", Timeline, 404),
    _write(f"{_INCIDENT}/events", "Add an event to an incident", lifecycle.EventBody, 404, 409),
    _read(
        f"{_INCIDENT}/bodies",
        "List the raw webhook bodies that reported an incident, the earliest first",
        bodies.BodyList,
        404,
        query=bodies.BodyQuery,
    ),
    _read(
        "/api/v1/postmortems",
        "List postmortems that owe something: a stage, an action, its verification, a check of being done",
        postmortems.PostmortemList,
        query=PostmortemQuery,
    ),
    _read(
        "/api/v1/indicators",
        "Show the indicators over one window, the numbers of the metrics, or over any period; also by a dimension",
        IndicatorTable,
        query=IndicatorQuery,
    ),
    _read(
        "/api/v1/policy",
        "Show what incidents are held to: targets, deadlines, and the display zone",
        policy.PolicySchema,
    ),
    _plain("/metrics", "Scrape the metrics"),
    _plain("/-/healthy", "Say whether the process works"),
    _plain("/-/ready", "Say whether events can be taken in now"),
    Operation(method="get", path="/openapi.json", summary="This document", answer=_JSON),
    _page("/", "Targets now, open incidents with their clocks, and what is owed, as a page for people"),
    _page("/incidents", "The incidents as a page for people, with filters and a search"),
    _page("/incidents/{incident_id}", "One incident as a page for people, with its forms", 404),
    _page("/incidents/{incident_id}/{action}", "One form of an incident as a page for people", 404),
    Operation(
        method="post",
        path="/incidents/{incident_id}/{action}",
        summary="Take in what a form of a page asks for, and go back to the incident",
        answer=_PAGE,
        scope="write",
        ok=(303,),
        errors=(401, 403, 404, 409, 413, 422, 503),
        errors_as=_PAGE,
    ),
    _page("/postmortems", "Who owes what by when, as a page for people"),
    _page("/trends", "The indicators over the last months or weeks, as a page for people, or as CSV"),
    _page("/reports", "The report of the last month that is over, as a page for people, Markdown, CSV or JSON", 400),
    _page("/reports/{month}", "The report of a month such as 2026-10, as a page, Markdown, CSV or JSON", 400, 404),
    _page("/runbook", "The runbook of the alerts, as a page for people"),
    Operation(
        method="get",
        path="/assets/{digest}/{name}",
        summary="Style and script of the pages, to be kept for good",
        answer="text/css",
        errors=(404,),
    ),
)
_DESCRIBED = {
    200: "Done; where something was sent, it was here before or changed nothing else",
    201: "Recorded, and on disk",
    202: "Understood, and of no interest here, or not to be recorded; nothing to send again",
    303: "Recorded, and on disk; go and see",
    400: "What was sent cannot be accepted as it is; `detail` says what to change",
    401: "A token is needed",
    403: "The token lacks the scope, or the request comes from where it must not",
    404: "There is no such thing",
    409: "The incident's state does not allow it",
    413: "Too large",
    415: "The body is compressed; send it as it is",
    422: "What was typed cannot be taken; the page says why",
    503: "Try again after `Retry-After` seconds",
}


def blueprint(webhooks: Sequence[WebhookRoute] = WEBHOOKS, more: Sequence[Operation] = ()) -> Blueprint:
    """Return the blueprint of the document; `webhooks` are those of all sources, `more` other operations."""
    declared = (
        _of_webhook(webhook, method) for webhook in webhooks if webhook not in WEBHOOKS for method in webhook.methods
    )
    operations = (*OPERATIONS, *declared, *more)
    bp = Blueprint("openapi", __name__)

    @bp.get("/openapi.json", strict_slashes=False)
    def openapi() -> Response:
        return Response(json.dumps(document(operations)), mimetype=_JSON)

    return bp


@cache
def document(operations: tuple[Operation, ...] = OPERATIONS) -> dict[str, Any]:
    """Return the document for these operations."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mttx-exporter",
            "version": __version__,
            "description": "Measures how incidents are handled. Every error is an RFC 9457 problem document.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "The token as the password"},
            },
        },
    }


def _schemas(operations: Sequence[Operation]) -> dict[str, Any]:
    request_models = {op.body for op in operations if op.body} | set(event_data.MODELS.values())
    response_models = {op.answer for op in operations if not isinstance(op.answer, str)} | {ProblemSchema}
    models: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        *((model, "validation") for model in sorted(request_models, key=_name)),
        *((model, "serialization") for model in sorted(response_models, key=_name)),
    ]
    _, schemas = models_json_schema(models, ref_template=_REF)
    definitions: dict[str, Any] = schemas["$defs"]
    return definitions


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _operation_id(operation),
        "parameters": _parameters(operation),
        "responses": {
            **{str(status): _answer(operation.answer, status) for status in operation.ok},
            **{
                str(status): _answer(operation.errors_as or ProblemSchema, status, MEDIA_TYPE)
                for status in sorted(operation.errors)
            },
        },
    }
    if operation.body:
        ref: dict[str, Any] = {"$ref": _REF.format(model=operation.body.__name__)}
        schema = {"oneOf": [ref, {"type": "array", "minItems": 1, "items": ref}]} if operation.or_array else ref
        described["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema}}}
    if operation.scope:
        described["security"] = [{"bearer": [operation.scope]}, {"basic": [operation.scope]}]
    return described


def _operation_id(operation: Operation) -> str:
    return re.sub(r"\W+", "_", f"{operation.method} {operation.path}").strip("_")


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    for name in re.findall(r"{(\w+)}", operation.path):
        schema = {"type": "string"} | ({"pattern": INCIDENT_ID} if name == "incident_id" else {})
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    if operation.query:
        parameters += [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in _inlined(operation.query).items()
        ]
    return parameters


def _inlined(query: type[BaseModel]) -> dict[str, Any]:
    """Return the schemas of a query's parameters, each self-contained."""
    schema = query.model_json_schema(ref_template=_REF)
    text = json.dumps(schema["properties"])
    for name, definition in schema.get("$defs", {}).items():
        text = text.replace(json.dumps({"$ref": _REF.format(model=name)}), json.dumps(definition))
    properties: dict[str, Any] = json.loads(text)
    return properties


def _answer(answer: type[BaseModel] | str, status: int, media_type: str = _JSON) -> dict[str, Any]:
    described: dict[str, Any] = {"description": _DESCRIBED[status]}
    if isinstance(answer, str):
        described["content"] = {answer: {"schema": {"type": "string" if answer != _JSON else "object"}}}
    else:
        described["content"] = {media_type: {"schema": {"$ref": _REF.format(model=answer.__name__)}}}
    return described
