"""The report of a month as one self-contained page that prints well, and in the formats that people hand on."""

import base64
import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from flask import Request, Response
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound

from service.domain.periods import Period, month_before, month_named, month_of
from service.intake.reasons import Failure
from service.intake.wire import PayloadError
from service.web.pages.dimensions import dimension_filters
from service.web.pages.renderer import PageRenderer
from service.web.query import dimensions_of
from service.web.reports.content import month_incidents, month_report
from service.web.reports.tables import INTERVALS, report_csv, report_schema
from service.web.responses import json_response
from service.web.services import Services
from service.web.spreadsheets import csv_response

MAX_LISTED = 2000
"""Lines of a table of a page; the numbers are of all, and so are CSV and JSON."""
MAX_CHOICES = 20
"""Values of a dimension that a report links to."""
_PARAMETERS = {"format", "lang", "file"}
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#])")


def show(services: Services, renderer: PageRenderer, request: Request, name: str | None) -> Response:
    """Return the report of the month of that name, by default of the last one that is over."""
    now = services.clock()
    month, dimensions = _month(services, name), dimensions_of(request, services.policy)
    unknown = sorted(set(request.args) - set(dimensions) - _PARAMETERS)
    if unknown:
        raise PayloadError(Failure.INVALID_PAYLOAD, f"{unknown[0]}: is none of the configured dimensions")
    output = request.args.get("format", "html")
    if output == "csv":
        incidents, _ = month_incidents(services, month, dimensions)
        return csv_response(f"mttx-report-{month.name}", report_csv(incidents, services.policy))
    report, lacks = month_report(services, month, dimensions, now)
    match output:
        case "json":
            return json_response(report_schema(report, lacks, services.zone.key))
        case "md":
            content = _content(services, report=report, lacks=lacks)
            answer = renderer.render(request, "report", now, suffix="md", **content)
            answer.mimetype = "text/markdown"
            return answer
        case _:
            content = _content(services, report=report, lacks=lacks, style=style(), as_file="file" in request.args)
            answer = renderer.render(request, "report", now, **content)
            answer.headers["Content-Security-Policy"] = policy()
            return answer


def _month(services: Services, name: str | None) -> Period:
    current = month_of(services.clock(), services.zone)
    if name is None:
        return month_before(current, services.zone)
    month = month_named(name, services.zone)
    if month is None or month.begins_at > current.begins_at:
        raise NotFound("There is no report of that month.")
    return month


def _content(services: Services, **more: Any) -> dict[str, Any]:
    report = more["report"]
    filters = dimension_filters(services, MultiDict(report.dimensions)).fields
    following = month_of(report.month.ends_at, services.zone)
    return {
        "previous": report.before.name,
        "following": following.name if following.begins_at <= services.clock() else None,
        "shown_intervals": INTERVALS,
        "most": MAX_LISTED,
        "labels": [
            d.label
            for d in services.policy.breakdown
            if any(d.label in line.incident.dimensions for line in report.incidents)
        ],
        "choices": [(dimension.label, dimension.values[:MAX_CHOICES]) for dimension in filters if dimension.values],
        "md": markdown_text,
        **more,
    }


def markdown_text(text: str) -> str:
    """Return a text as Markdown that shows it as it is, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


@cache
def style() -> Markup:
    """Return the style sheet as an element; it is our own and has no values of anyone."""
    return Markup("<style>{}</style>").format(Markup(_css()))  # noqa: S704


@cache
def policy() -> str:
    """Return a content security policy that allows the style sheet within the page and nothing else."""
    digest = base64.b64encode(sha256(_css().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _css() -> str:
    return files("service.web").joinpath("assets", "report.css").read_text("utf-8")
