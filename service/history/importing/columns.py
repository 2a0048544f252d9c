"""Our own columns, as the import reads them and docs/history.md lists them."""

import re
from dataclasses import dataclass

from service.domain.events import EventKind


@dataclass(frozen=True, slots=True)
class ImportColumn:
    """One column; `kind` is the event that a column with a time becomes.

    Of several times the earliest counts, or the latest for what `ends` the incident.
    """

    name: str
    help: str
    kind: EventKind | None = None
    ends: bool = False


COLUMNS: tuple[ImportColumn, ...] = (
    ImportColumn("key", "The id of the incident in your system. Required; the same key is the same incident."),
    ImportColumn("source", "The system that the key comes from: lower-case letters, digits, _. Default: history."),
    ImportColumn("title", "What happened."),
    ImportColumn("severity", "SEV-1 to SEV-4, or a name in --severity-map. Default: default_severity."),
    ImportColumn("types", "Incident types, separated by commas: execution, data, model, …"),
    ImportColumn("domains", "Affected domains, separated by commas: Plan, Do, Check, Act, Sec, Models."),
    ImportColumn(
        "labels", "NAME=VALUE, separated by commas; in JSON an object, or a list of names or of objects with a name."
    ),
    ImportColumn("label.NAME", "One label, such as label.team or label.service; it takes precedence over labels."),
    ImportColumn("started_at", "When the impact began. Leave it empty if unknown.", EventKind.STARTED),
    ImportColumn("detected_at", "When it was detected. Required.", EventKind.DETECTED),
    ImportColumn("acknowledged_at", "When a person first responded.", EventKind.ACKNOWLEDGED),
    ImportColumn(
        "acknowledged_by", "As resolved_by. Default: human; an acknowledgement by a machine is not a response."
    ),
    ImportColumn("acknowledge_seconds", "Instead of acknowledged_at: seconds since detected_at."),
    ImportColumn("mitigated_at", "When the impact was mitigated.", EventKind.MITIGATED),
    ImportColumn("resolved_at", "When it was resolved.", EventKind.RESOLVED, ends=True),
    ImportColumn("resolve_seconds", "Instead of resolved_at: seconds since detected_at."),
    ImportColumn(
        "resolved_by",
        "human, automation or alerts; a person's name means human. Default: human if a person did something else on "
        "the line, else alerts.",
    ),
    ImportColumn("dismissed_at", "When it was dismissed as a false alarm.", EventKind.DISMISSED, ends=True),
    ImportColumn("merged_into", "The key of the incident that it was merged into, at dismissed_at or resolved_at."),
    ImportColumn("drafted_at", "When the draft of the postmortem was done.", EventKind.POSTMORTEM_DRAFTED),
    ImportColumn("finalized_at", "When the postmortem was final.", EventKind.POSTMORTEM_FINALIZED),
    ImportColumn("document", "The postmortem's URL or file name."),
    ImportColumn("postmortem_required", "true or false: whether a postmortem is required. Default: see --owed."),
    ImportColumn("commander", "The incident commander; requires acknowledged_at."),
    ImportColumn("note", "A note for the timeline."),
    ImportColumn(
        "actions",
        "A JSON array of objects with action_id, title, action_type, owner, due_at, verification, opened_at, "
        "completed_at, verified_at.",
    ),
)

NAMES = frozenset(column.name for column in COLUMNS)
_ONE_LABEL = re.compile(r"label\.([a-zA-Z_][a-zA-Z0-9_]*)")


def is_column(name: str) -> bool:
    """Return whether a column is one of ours."""
    return name in NAMES or label_of(name) is not None


def label_of(name: str) -> str | None:
    """Return the label that a column such as `label.team` holds; None for other columns."""
    match = _ONE_LABEL.fullmatch(name)
    return match[1] if match else None
