"""One incident for a person: where it stands, how long things took against targets, what is owed, what happened."""

import secrets
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from service.domain.indicators import measure
from service.domain.policy import Milestone
from service.store.records import IncidentRecord
from service.web.auth import authorize
from service.web.lookup import incident_number, incident_record
from service.web.parts import Parts
from service.web.shapes import public_id
from service.web.timeline import timeline

_POLICY = "default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def blueprint(parts: Parts) -> Blueprint:
    """Return the page of an incident, to which dashboards and alerts link."""
    bp = Blueprint("incident_page", __name__)
    template = _environment(parts.zone).get_template("incident.html")

    @bp.get("/incidents/<incident_id>", strict_slashes=False)
    def show(incident_id: str) -> Response:
        authorize(request, parts.tokens, "read")
        number = incident_number(incident_id)
        record = incident_record(parts, number)
        nonce = secrets.token_urlsafe(16)
        page = template.render(_content(record, number, parts, parts.clock()), nonce=nonce)
        headers = {"Content-Security-Policy": _POLICY.format(nonce=nonce), "Referrer-Policy": "no-referrer"}
        return Response(page, headers=headers, mimetype="text/html")

    return bp


def _content(record: IncidentRecord, number: int, parts: Parts, now: datetime) -> dict[str, object]:
    incident = record.incident
    measured = measure(incident, parts.policy).intervals
    targets = {i: parts.policy.target(i, incident.severity) or parts.policy.target(i, None) for i in measured}
    return {
        "id": public_id(number),
        "incident": incident,
        "merged_into": public_id(record.merged_into) if record.merged_into is not None else None,
        "stale": incident.stale_at is not None and incident.stale_at < now,
        "zone": parts.zone.key,
        "now": now,
        "milestones": [(m, incident.milestones.get(m)) for m in Milestone],
        "intervals": [(i, took, targets[i]) for i, took in measured.items()],
        "entries": timeline(record, number, parts.zone).entries,
    }


def _environment(zone: ZoneInfo) -> Environment:
    made = Environment(
        loader=PackageLoader("service.web"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["utc"] = lambda at: f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    made.filters["local"] = lambda at: f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
    made.filters["span"] = span
    return made


def span(duration: timedelta) -> str:
    """Say a duration in its two largest units, such as `2 h 5 min`."""
    seconds = int(duration.total_seconds())
    sizes = (("d", 86400, 10**9), ("h", 3600, 24), ("min", 60, 60), ("s", 1, 60))
    said = [f"{seconds // size % limit} {name}" for name, size, limit in sizes]
    first = next((i for i, (_, size, _) in enumerate(sizes) if seconds >= size), len(sizes) - 1)
    return " ".join(part for part in said[first : first + 2] if not part.startswith("0 ")) or "0 s"
