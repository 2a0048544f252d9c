"""Models of an event's `data` by kind, as the fold needs them. Additional keys are allowed."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from service.domain.checks import Check, CheckState
from service.domain.events import EventKind, Role
from service.domain.policy import Milestone
from service.intake.wire import checked, invalid, zoned

INCIDENT_ID = r"^INC-[1-9][0-9]{0,17}$"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIRST_YEAR, _LAST_YEAR = 1970, 2199

MAX_TEXT = 10_000
"""Maximum length of a text by a person; a page of a history shows hundreds of them."""
MAX_LINE = 2_000
"""Maximum length of an address, title or name within an event's data."""
MAX_DATA_BYTES = 32 * 1024
"""Maximum size of an event's data as JSON: additional keys are stored, and shown with every view of the incident."""

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Line = Annotated[str, Field(max_length=MAX_LINE)]
Address = Annotated[str, Field(min_length=1, max_length=MAX_LINE)]
ShortText = Annotated[str, Field(min_length=1, max_length=200)]
ReportedCheck = Literal[Check.EVIDENCE, Check.ACTIONS, Check.ISSUES, Check.DOCUMENTS, Check.ADR]


class RoleAssigned(BaseModel):
    """The assignment of a role."""

    role: Role
    name: ShortText


class EvidenceCollected(BaseModel):
    """An archive of evidence, identified by its SHA-256.

    `sources` has the result of each source that the standard requires; without it the archive passes no check.
    """

    model_config = ConfigDict(extra="allow")

    archive: ShortText
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    sources: dict[ShortText, Literal["collected", "failed", "not_configured"]] | None = None


class Note(BaseModel):
    """A note for the timeline, which shows important ones first. It may record that evidence was collected."""

    text: Text
    important: StrictBool = False
    evidence_collected: EvidenceCollected | None = None


class Merged(BaseModel):
    """The incident that this one is merged into."""

    into: Annotated[str, Field(pattern=INCIDENT_ID)]


class Resolved(BaseModel):
    """A resolution; one by a machine (a rollback, an autoscaler) does not count as a first response."""

    automated: StrictBool = False


class PostmortemReached(BaseModel):
    """The document that reached the stage."""

    document: Address | None = None


class PostmortemChecked(PostmortemReached):
    """The state of a document's definition of done, without the deadlines, which the service computes."""

    checks: Annotated[dict[ReportedCheck, CheckState], Field(min_length=1)]


class BudgetMeasured(BaseModel):
    """The share of an error budget that the incident spent between two times, and the query that said so."""

    slo: ShortText
    spent_ratio: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    query: Text
    started_at: Line
    ended_at: Line


class ActionReached(BaseModel):
    """The action that was completed or verified."""

    action_id: ShortText


class ActionOpened(ActionReached):
    """An action with its owner and due date; `due_at` is a date or an RFC 3339 time."""

    title: Line = ""
    action_type: Line = ""
    owner: Line = ""
    due_at: Line | None = None
    verification: Line = ""


class Retracted(BaseModel):
    """The event of the incident that is retracted."""

    event_id: ShortText


class Corrected(BaseModel):
    """A correction of the time of an event or a milestone, or of an event's data, or of both."""

    event_id: ShortText | None = None
    milestone: Milestone | None = None
    occurred_at: Line | None = None
    data: dict[str, Any] = {}


class Patch(BaseModel):
    """The data that a correction merges into an event's; each key must be valid as in the original event."""

    role: Role = Role.OBSERVER
    name: ShortText = "-"
    text: Text = "-"
    important: StrictBool = False
    evidence_collected: EvidenceCollected | None = None
    automated: StrictBool = False
    document: Address | None = None
    action_id: ShortText = "-"
    title: Line = ""
    action_type: Line = ""
    owner: Line = ""
    due_at: Line | None = None
    verification: Line = ""


MODELS: Mapping[EventKind, type[BaseModel]] = {
    EventKind.ROLE_ASSIGNED: RoleAssigned,
    EventKind.NOTE: Note,
    EventKind.MERGED: Merged,
    EventKind.RESOLVED: Resolved,
    EventKind.POSTMORTEM_DRAFTED: PostmortemReached,
    EventKind.POSTMORTEM_FINALIZED: PostmortemReached,
    EventKind.POSTMORTEM_CHECKED: PostmortemChecked,
    EventKind.BUDGET_MEASURED: BudgetMeasured,
    EventKind.ACTION_OPENED: ActionOpened,
    EventKind.ACTION_COMPLETED: ActionReached,
    EventKind.ACTION_VERIFIED: ActionReached,
    EventKind.RETRACTED: Retracted,
    EventKind.CORRECTED: Corrected,
}


def check_data(kind: EventKind, data: Mapping[str, Any], zone: ZoneInfo, *path: str | int) -> dict[str, Any]:
    """Return an event's validated data with every `due_at` as an RFC 3339 time; `zone` applies to bare dates."""
    if len(json.dumps(dict(data), ensure_ascii=False).encode(errors="surrogatepass")) > MAX_DATA_BYTES:
        raise invalid(f"is larger than {MAX_DATA_BYTES} bytes as JSON; link to what is long", *path)
    if kind not in MODELS:
        return dict(data)
    kept = _checked(MODELS[kind], data, zone, *path)
    if kind is EventKind.CORRECTED:
        _check_correction(kept, *path)
        if "data" in kept:
            kept["data"] = _checked(Patch, kept["data"], zone, *path, "data")
    return kept


def _checked(model: type[BaseModel], data: Mapping[str, Any], zone: ZoneInfo, *path: str | int) -> dict[str, Any]:
    if "resolution_source" in data:
        raise invalid("is set by the service and cannot be sent; use automated: true", *path, "resolution_source")
    read = checked(model, dict(data), *path)
    free = {key: value for key, value in data.items() if key not in model.model_fields}
    kept: dict[str, Any] = free | read.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    if "due_at" in model.model_fields and kept.get("due_at"):
        kept["due_at"] = _due(kept["due_at"], zone, *path, "due_at")
    return kept


def _check_correction(data: Mapping[str, Any], *path: str | int) -> None:
    if ("event_id" in data) == ("milestone" in data):
        raise invalid("needs either event_id or milestone", *path)
    if "occurred_at" not in data and ("milestone" in data or not data.get("data")):
        raise invalid("is missing: what is the right time?", *path, "occurred_at")


def _due(text: str, zone: ZoneInfo, *path: str | int) -> str:
    """Parse a due time; a date means the end of that day in `zone`."""
    if not _DATE.fullmatch(text):
        due_at = zoned(text, *path)
    else:
        try:
            due_at = datetime.combine(date.fromisoformat(text), time(23, 59, 59), zone)
        except ValueError:
            raise invalid("is not a date that exists", *path) from None
    if not _FIRST_YEAR < due_at.year < _LAST_YEAR:
        raise invalid(f"lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}", *path)
    return due_at.isoformat()
