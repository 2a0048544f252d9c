"""The tables. `events` and `observations` are the history; everything else is computed from them.

A change here needs a migration in `migrations/versions/`; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from service.store.types import NEVER, End, InstantColumn, Json

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _partial(name: str, columns: str, where: str, *, unique: bool = False) -> Index:
    return Index(name, *columns.split(", "), unique=unique, sqlite_where=text(where), postgresql_where=text(where))


REPORTED_CHECK = "name <> 'deadline'"
"""Selects the checks that people reported, not lateness, which most past incidents may have."""
UNSETTLED = "settled_at IS NOT NULL AND counted < 512"
"""Selects the incidents whose histograms wait for `settled_at` (`Counted.SETTLED` is 512)."""
BigId = BigInteger().with_variant(Integer, "sqlite")

incidents = Table(
    "incidents",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("title", Text, nullable=False),
    Column("severity", String(8), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("types", Text, nullable=False, default=""),
    Column("resolution_source", String(16)),
    Column("opened_at", InstantColumn, nullable=False),
    Column("started_at", InstantColumn),
    Column("detected_at", InstantColumn),
    Column("acknowledged_at", InstantColumn),
    Column("mitigated_at", InstantColumn),
    Column("resolved_at", InstantColumn),
    Column("drafted_at", InstantColumn),
    Column("finalized_at", InstantColumn),
    Column("dismissed_at", InstantColumn),
    Column("withdrawn", Boolean, nullable=False, default=False, server_default=false()),
    Column("settled_at", InstantColumn),
    Column("outlived_at", InstantColumn),
    Column("deadlines_from", InstantColumn, nullable=False),
    Column("draft_due_at", InstantColumn),
    Column("final_due_at", InstantColumn),
    Column("heard_at", InstantColumn, nullable=False),
    Column("stale_at", InstantColumn),
    Column("merged_into", BigId),
    Column("counted", Integer, nullable=False, default=0),
    Column("refold", Boolean, nullable=False, default=False, server_default=false()),
    Column("firings", Json, nullable=False, server_default="{}"),
    Column("dimensions", Json, nullable=False, server_default="{}"),
    Index("ix_incidents_detected_at", "detected_at"),
    _partial("ix_incidents_undetected", "opened_at", "detected_at IS NULL"),
    _partial("ix_incidents_stale_at", "stale_at", "stale_at IS NOT NULL"),
    _partial("ix_incidents_draft_due_at", "draft_due_at", "draft_due_at IS NOT NULL"),
    _partial("ix_incidents_final_due_at", "final_due_at", "final_due_at IS NOT NULL"),
    _partial("ix_incidents_merged_into", "merged_into", "merged_into IS NOT NULL"),
    _partial("ix_incidents_unsettled", "settled_at", UNSETTLED),
    _partial("ix_incidents_refold", "id", "refold"),
)
"""One row per incident, in its current state. `draft_due_at` and `final_due_at` are set only while the stage is
outstanding, `stale_at` only while the incident is open; `counted`: what the running totals hold of it (`Counted`).
`refold`: computed by the rules of an earlier version. `firings`: the sums over very many episodes (`Firings`) or {}.
`dimensions`: a value for every label, whichever are configured; `store.breakdown` makes the index of each that is."""

events = Table(
    "events",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("incident_id", BigId, nullable=False),
    Column("sent_to", BigId, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("occurred_at", InstantColumn, nullable=False),
    Column("recorded_at", InstantColumn, nullable=False),
    Column("source", String(64), nullable=False),
    Column("about", Json, nullable=False),
    Column("delivery", LargeBinary(16)),
    Column("recorded_by", Text),
    UniqueConstraint("sent_to", "event_id"),
    Index("ix_events_incident_id", "incident_id"),
)
"""`about` holds the title, severity, types, domains, labels and data that the event carries; `recorded_by` is the name
of the token it was sent with. `sent_to` is the incident that the sender named, `incident_id` the one for which the
event counts: a different one if the first was split."""

episodes = Table(
    "episodes",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("incident_id", BigId, nullable=False),
    Column("source", String(64), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("starts_at", InstantColumn, nullable=False),
    Column("ends_at", End, nullable=False),
    Column("stale", Boolean, nullable=False, default=False),
    Column("end_unknown", Boolean, nullable=False, default=False, server_default=false()),
    Column("name", Text, nullable=False),
    Column("severity", String(8), nullable=False),
    Column("onset_at", InstantColumn),
    Column("about", Json, nullable=False),
    Index("ix_episodes_incident_id", "incident_id"),
    Index("ix_episodes_source_fingerprint_ends_at", "source", "fingerprint", "ends_at"),
    _partial("uq_episodes_open", "source, fingerprint", f"ends_at = {NEVER}", unique=True),
)
"""The database enforces at most one open episode per alert. `about`: labels, annotations, URL."""

observations = Table(
    "observations",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("episode_id", BigId, nullable=False),
    Column("source", String(64), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("group_key", Text, nullable=False),
    Column("starts_at", InstantColumn, nullable=False),
    Column("ends_at", End, nullable=False),
    Column("stale", Boolean, nullable=False, default=False),
    Column("peer", Text, nullable=False, default=""),
    Column("recorded_at", InstantColumn, nullable=False),
    Column("last_received_at", InstantColumn, nullable=False),
    Column("onset_at", InstantColumn),
    Column("delivery", LargeBinary(16)),
    UniqueConstraint(
        "source", "fingerprint", "starts_at", "ends_at", "group_key", "stale", "peer", name="uq_observations_identity"
    ),
    Index("ix_observations_episode_id", "episode_id"),
)

episode_groups = Table(
    "episode_groups",
    metadata,
    Column("episode_id", BigId, primary_key=True, autoincrement=False),
    Column("source", String(64), primary_key=True),
    Column("group_key", Text, primary_key=True),
    Column("ends_at", End, nullable=False),
    Index("ix_episode_groups_source_group_key_ends_at", "source", "group_key", "ends_at"),
    sqlite_with_rowid=False,
)
"""Which alert groups an episode was seen in; `ends_at` repeats the episode's, to find recent ones fast."""

incident_keys = Table(
    "incident_keys",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("incident_key", Text, primary_key=True),
    Column("incident_id", BigId, nullable=False),
    sqlite_with_rowid=False,
)

actions = Table(
    "actions",
    metadata,
    Column("incident_id", BigId, primary_key=True, autoincrement=False),
    Column("action_id", Text, primary_key=True),
    Column("action_type", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("due_at", InstantColumn),
    Column("completed_at", InstantColumn),
    Column("verified_at", InstantColumn),
    Index("ix_actions_state_due_at", "state", "due_at"),
    _partial("ix_actions_verified_at", "verified_at", "verified_at IS NOT NULL"),
)

failed_checks = Table(
    "failed_checks",
    metadata,
    Column("incident_id", BigId, primary_key=True, autoincrement=False),
    Column("name", String(32), primary_key=True),
    _partial("ix_failed_checks_reported", "incident_id", REPORTED_CHECK),
)
"""Checks of the definition of done that an incident's postmortem fails, whatever the time of day."""

error_budgets = Table(
    "error_budgets",
    metadata,
    Column("incident_id", BigId, primary_key=True, autoincrement=False),
    Column("slo", String(64), primary_key=True),
    Column("spent_ratio", Float, nullable=False),
    Column("detected_at", InstantColumn),
    Index("ix_error_budgets_detected_at", "detected_at"),
)
"""The share of each error budget that an incident spent; `detected_at` repeats the incident's."""

budget_totals = Table(
    "budget_totals",
    metadata,
    Column("slo", String(64), primary_key=True),
    Column("severity", String(8), primary_key=True),
    Column("spent_ratio", Float, nullable=False),
    Column("incidents", BigInteger, nullable=False),
)
"""Running totals of the first measurement of each incident and objective, which only grow."""

totals = Table(
    "totals",
    metadata,
    Column("indicator", String(64), primary_key=True),
    Column("severity", String(8), primary_key=True),
    Column("resolution_source", String(32), primary_key=True),
    Column("le", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("exemplar_incident", BigId),
    Column("exemplar_seconds", Float),
    Column("exemplar_at", InstantColumn),
)
"""Running totals, which only grow: histogram buckets of an indicator (`le`: upper bound in seconds) and counts of
incidents (`le` 0; `indicator`: `opened`, `resolved` or `dismissed`). `resolution_source`: of `resolved` only."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("digest", LargeBinary(16), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("first_received_at", InstantColumn, nullable=False),
    Column("last_received_at", InstantColumn, nullable=False),
    Column("times", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_deliveries_source_last_received_at", "source", "last_received_at"),
)
"""Raw webhook bodies, zlib-compressed, one row for all repeats of the same body from the same source."""

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("at", InstantColumn, nullable=False),
)
"""When notifications could last arrive (`reconcile`)."""

detection_days = Table(
    "detection_days",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("changes", BigInteger, nullable=False),
)
"""How often incidents detected on a day were written (`day`: days since 1970, UTC); see `store.detection_days`."""

title_blocks = Table(
    "title_blocks",
    metadata,
    Column("block", Integer, primary_key=True, autoincrement=False),
)
"""The blocks of incidents whose titles are indexed; see `store.titles`."""

title_slots = Table(
    "title_slots",
    metadata,
    Column("slot", BigId, primary_key=True, autoincrement=False),
    Column("members", LargeBinary, nullable=False),
)
"""The incidents of a block that have one of the slot's sequences of three characters in their titles. Slots of all
blocks are numbered in one row: SQLite keeps long values beside an integer key, and not beside others."""
TITLE_INDEX = (title_blocks, title_slots)
"""Made of what the engine considers lower case, so that it is of no use on another."""

FIRST_MESSAGE = "kind = 'message' AND number = 1"
"""Selects the first message about each incident in each channel."""
OUTBOX_KEY = (
    "incident_id",
    "kind",
    "dashboard_uid",
    "event_id",
    "number",
    "subject",
    "severity",
    "action_id",
    "due_at",
)
outbox = Table(
    "outbox",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("target", String(32), nullable=False),
    Column("incident_id", BigId, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("dashboard_uid", Text, nullable=False, default=""),
    Column("event_id", Text, nullable=False, default=""),
    Column("number", Integer, nullable=False, default=0),
    Column("subject", String(16), nullable=False, default=""),
    Column("severity", String(8), nullable=False, default=""),
    Column("action_id", Text, nullable=False, default=""),
    Column("due_at", End, nullable=False),
    Column("wanted", BigInteger, nullable=False),
    Column("delivered", BigInteger, nullable=False, default=0),
    Column("digest", LargeBinary(16)),
    Column("remote_id", BigInteger),
    Column("attempts", Integer, nullable=False, default=0),
    Column("pending_since", InstantColumn, nullable=False),
    Column("next_attempt_at", InstantColumn, nullable=False),
    Column("not_before", InstantColumn),
    Column("lease_until", InstantColumn),
    Column("leased_by", String(32)),
    Column("failure", String(32)),
    UniqueConstraint("target", *OUTBOX_KEY, name="uq_outbox_key"),
    _partial("ix_outbox_pending", "target, next_attempt_at, id", "wanted > delivered AND failure IS NULL"),
    _partial("ix_outbox_failure", "target", "failure IS NOT NULL"),
    _partial("ix_outbox_first", "target, dashboard_uid, remote_id", FIRST_MESSAGE),
)
"""What is to be delivered, one row for each key (`OUTBOX_KEY`, the fields of `ItemKey`). It is pending while `wanted`,
which counts the changes, is ahead of `delivered`, and given up while `failure` holds the reason. `digest` is that of
the last delivery, `remote_id` its id at the receiver; `attempts` counts the deliveries begun since the last success;
`not_before` is set if the row is for later, such as a reminder."""
