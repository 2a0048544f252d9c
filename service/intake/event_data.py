"""What an event's `data` must hold, by kind, so that a fold can read all of it. More keys may come along."""

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

MOST_TEXT = 10_000
"""The longest text that a person writes; a page of a history shows hundreds of them."""
MOST_LINE = 2_000
"""The longest address, title or name within an event's data."""
MOST_DATA_BYTES = 32 * 1024
"""All of an event's data as JSON: whatever comes along is kept and shown, at each look at the incident."""

Text = Annotated[str, Field(min_length=1, max_length=MOST_TEXT)]
Line = Annotated[str, Field(max_length=MOST_LINE)]
Address = Annotated[str, Field(min_length=1, max_length=MOST_LINE)]
ShortText = Annotated[str, Field(min_length=1, max_length=200)]
ReportedCheck = Literal[Check.EVIDENCE, Check.ACTIONS, Check.ISSUES, Check.DOCUMENTS, Check.ADR]


class RoleAssigned(BaseModel):
    """Who took which role."""

    role: Role
    name: ShortText


class EvidenceCollected(BaseModel):
    """An archive of evidence, and the SHA-256 by which it can be known again.

    `sources` says of each source that the standard requires how it did; without it the archive passes no check.
    """

    model_config = ConfigDict(extra="allow")

    archive: ShortText
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    sources: dict[ShortText, Literal["collected", "failed", "not_configured"]] | None = None


class Note(BaseModel):
    """A remark for the timeline; an important one is shown there first. It may tell that evidence was collected."""

    text: Text
    important: StrictBool = False
    evidence_collected: EvidenceCollected | None = None


class Merged(BaseModel):
    """Which incident absorbs this one."""

    into: Annotated[str, Field(pattern=INCIDENT_ID)]


class Resolved(BaseModel):
    """Whether a machine resolved it (a rollback, an autoscaler); then it is no first response of a person."""

    automated: StrictBool = False


class PostmortemReached(BaseModel):
    """Which document reached the stage."""

    document: Address | None = None


class PostmortemChecked(PostmortemReached):
    """How the definition of done stands for a document; the deadlines are the service's own business."""

    checks: Annotated[dict[ReportedCheck, CheckState], Field(min_length=1)]


class ActionReached(BaseModel):
    """Which action was completed or verified."""

    action_id: ShortText


class ActionOpened(ActionReached):
    """What was promised, by whom, until when; `due_at` is a date or an RFC 3339 time."""

    title: Line = ""
    action_type: Line = ""
    owner: Line = ""
    due_at: Line | None = None
    verification: Line = ""


class Retracted(BaseModel):
    """Which event of the incident is withdrawn."""

    event_id: ShortText


class Corrected(BaseModel):
    """Which event, or which milestone, gets another time; an event may get other data instead or too."""

    event_id: ShortText | None = None
    milestone: Milestone | None = None
    occurred_at: Line | None = None
    data: dict[str, Any] = {}


class Patch(BaseModel):
    """The data that a correction puts over an event's: whatever is there must be as it was in the first place."""

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
    EventKind.ACTION_OPENED: ActionOpened,
    EventKind.ACTION_COMPLETED: ActionReached,
    EventKind.ACTION_VERIFIED: ActionReached,
    EventKind.RETRACTED: Retracted,
    EventKind.CORRECTED: Corrected,
}


def check_data(kind: EventKind, data: Mapping[str, Any], zone: ZoneInfo, *path: str | int) -> dict[str, Any]:
    """Return an event's data, checked, with every `due_at` as an RFC 3339 time; `zone` is that of bare dates."""
    if len(json.dumps(dict(data), ensure_ascii=False).encode(errors="surrogatepass")) > MOST_DATA_BYTES:
        raise invalid(f"is larger than {MOST_DATA_BYTES} bytes as JSON; link to what is long", *path)
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
        raise invalid("is not yours to say; send automated: true, or leave it out", *path, "resolution_source")
    read: BaseModel = checked(model, dict(data), *path)
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
    """Read until when something is owed: a date means until the end of that day in `zone`."""
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
