"""Our own columns: the one table that the reader, the command's help and docs/history.md agree on."""

from dataclasses import dataclass

from service.domain.events import EventKind


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `kind` is the event that a column with a time becomes.

    Of several times the earliest counts, or the latest for what `ends` the incident.
    """

    name: str
    help: str
    kind: EventKind | None = None
    ends: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("key", "What the incident is called in your system. Needed; the same key is the same incident."),
    Column("source", "The system that the key is from: lower case letters, digits, _. Default: history."),
    Column("title", "What happened."),
    Column("severity", "SEV-1 to SEV-4, or what --severity-map names. Default: default_severity."),
    Column("types", "What kind of thing broke, several with commas: execution, data, model, …"),
    Column("domains", "Where it broke, several with commas: Plan, Do, Check, Act, Sec, Models."),
    Column(
        "labels", "NAME=VALUE, several with commas; in JSON an object, or a list of names or of objects with a name."
    ),
    Column("started_at", "When the impact began. Leave it out where nobody knows.", EventKind.STARTED),
    Column("detected_at", "When it was noticed. Needed.", EventKind.DETECTED),
    Column("acknowledged_at", "When the first person acted.", EventKind.ACKNOWLEDGED),
    Column("acknowledged_by", "As resolved_by. Default: human; a machine's acknowledgement is nobody's response."),
    Column("acknowledge_seconds", "Instead of acknowledged_at: seconds since detected_at."),
    Column("mitigated_at", "When the impact was contained.", EventKind.MITIGATED),
    Column("resolved_at", "When it was over.", EventKind.RESOLVED, ends=True),
    Column("resolve_seconds", "Instead of resolved_at: seconds since detected_at."),
    Column(
        "resolved_by",
        "human, automation or alerts; a person's name means human. Default: human if the line has an act of a person, "
        "else alerts.",
    ),
    Column("dismissed_at", "When it was dismissed as a false alarm.", EventKind.DISMISSED, ends=True),
    Column("merged_into", "The key of the incident that it was merged into at dismissed_at, or when it was resolved."),
    Column("drafted_at", "When the postmortem was a draft.", EventKind.POSTMORTEM_DRAFTED),
    Column("finalized_at", "When the postmortem was final.", EventKind.POSTMORTEM_FINALIZED),
    Column("document", "The postmortem's address or file name."),
    Column("postmortem_required", "true or false: whether it owes a postmortem. Default: as --owed says."),
    Column("commander", "Who led it; needs acknowledged_at, or nobody knows since when."),
    Column("note", "A remark for the timeline."),
    Column(
        "actions",
        "A JSON array of objects with action_id, title, action_type, owner, due_at, verification, opened_at, "
        "completed_at, verified_at.",
    ),
)

NAMES = frozenset(column.name for column in COLUMNS)
