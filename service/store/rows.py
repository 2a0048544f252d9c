"""The rows to write for the changes of a batch, table by table, keyed by column name."""

import zlib
from dataclasses import asdict
from typing import Any

from service.domain.episodes import Episode
from service.domain.events import ReceivedWebhook
from service.domain.incident import Incident
from service.domain.policy import Milestone, Stage
from service.domain.totals import Total
from service.store.changes import NewEvent
from service.store.loaded import IncidentState, StoredReport

Row = dict[str, Any]
IDENTITY = ("source", "fingerprint", "starts_at", "ends_at", "group_key", "stale", "peer")
"""The columns that identify an observation."""


def incident(state: IncidentState) -> Row:
    """Return the row of a computed incident."""
    computed = state.incident
    assert computed is not None  # noqa: S101 - only computed ones are written
    live = state.merged_into is None
    due = computed.due if live else {}
    return {
        "id": state.id,
        "title": computed.title,
        "severity": computed.severity.value,
        "phase": computed.phase.value,
        "types": ",".join(computed.types),
        "resolution_source": computed.resolution_source.value if computed.resolution_source else None,
        "opened_at": state.opened_at,
        **{f"{m.value}_at": computed.milestones.get(m) for m in Milestone},
        "dismissed_at": computed.dismissed_at,
        "withdrawn": computed.withdrawn,
        "settled_at": computed.settled_at if live else None,
        "outlived_at": computed.outlived_at if live else None,
        "deadlines_from": computed.deadlines_from,
        "draft_due_at": due.get(Stage.DRAFT),
        "final_due_at": due.get(Stage.FINAL),
        "heard_at": state.last_seen_at,
        "stale_at": computed.stale_at if live else None,
        "merged_into": state.merged_into,
        "counted": int(state.counted),
        "refold": state.refold,
        "firings": asdict(state.firings) if state.firings else {},
        "dimensions": computed.dimensions,
    }


def incident_update(state: IncidentState) -> Row:
    """Return the changed columns of an existing incident; `b_id` is its id."""
    row = incident(state)
    row["b_id"] = row.pop("id")
    del row["opened_at"]
    return row


def episode(fired: Episode) -> Row:
    """Return the row of an episode."""
    about = {"labels": fired.labels, "annotations": fired.annotations, "generator_url": fired.generator_url}
    return {
        "id": fired.id,
        "incident_id": fired.incident_id,
        "source": fired.source,
        "fingerprint": fired.fingerprint,
        "starts_at": fired.starts_at,
        "ends_at": fired.ends_at,
        "stale": fired.stale,
        "end_unknown": fired.end_unknown,
        "name": fired.name,
        "severity": fired.severity.value,
        "onset_at": fired.onset_at,
        "about": {name: value for name, value in about.items() if value},
    }


def episode_update(fired: Episode) -> Row:
    """Return the changed columns of an existing episode; `b_id` is its id."""
    return {
        "b_id": fired.id,
        "incident_id": fired.incident_id,
        "source": fired.source,
        "starts_at": fired.starts_at,
        "ends_at": fired.ends_at,
        "stale": fired.stale,
        "end_unknown": fired.end_unknown,
        "onset_at": fired.onset_at,
    }


def new_report(stored: StoredReport) -> Row:
    """Return the row of a new report."""
    seen = stored.report.observation
    return {
        "source": seen.source,
        "fingerprint": seen.fingerprint,
        "starts_at": seen.starts_at,
        "ends_at": seen.ends_at,
        "group_key": seen.group_key,
        "stale": seen.stale,
        "peer": seen.peer,
        "delivery": stored.digest,
        **_received(stored),
    }


def changed_report(stored: StoredReport) -> Row:
    """Return the changed columns of a stored report, with the parameters that identify it."""
    return {**_received(stored), **{f"b_{name}": getattr(stored.report.observation, name) for name in IDENTITY}}


def _received(stored: StoredReport) -> Row:
    return {
        "episode_id": stored.episode_id,
        "recorded_at": stored.report.first_received,
        "last_received_at": stored.report.last_received,
        "onset_at": stored.report.onset_at,
    }


def event(new: NewEvent) -> Row:
    """Return the row of an event."""
    recorded = new.event
    about: dict[str, Any] = {
        "title": recorded.title,
        "severity": recorded.severity.value if recorded.severity else None,
        "types": [kind.value for kind in recorded.types],
        "domains": [domain.value for domain in recorded.domains],
        "labels": dict(recorded.labels),
        "data": dict(recorded.data),
        "untimed": recorded.untimed,
    }
    return {
        "incident_id": new.incident_id,
        "sent_to": recorded.sent_to,
        "event_id": recorded.event_id,
        "kind": recorded.kind.value,
        "occurred_at": recorded.occurred_at,
        "recorded_at": recorded.recorded_at,
        "source": recorded.source,
        "about": {name: value for name, value in about.items() if value},
        "delivery": new.digest,
        "recorded_by": recorded.recorded_by,
    }


def actions(incident: Incident) -> list[Row]:
    """Return the rows of an incident's actions."""
    return [
        {
            "incident_id": incident.id,
            "action_id": action.action_id,
            "action_type": action.action_type,
            "state": action.state.value,
            "due_at": action.due_at,
            "completed_at": action.completed_at,
            "verified_at": action.verified_at,
        }
        for action in incident.actions
    ]


def error_budgets(incident: Incident) -> list[Row]:
    """Return the rows of the error budgets that an incident spent."""
    detected_at = incident.milestones.get(Milestone.DETECTED)
    return [
        {"incident_id": incident.id, "slo": slo, "spent_ratio": spent_ratio, "detected_at": detected_at}
        for slo, spent_ratio in incident.error_budgets.items()
    ]


def delivery(digest: bytes, webhook: ReceivedWebhook, times: int) -> Row:
    """Return the row of a raw body, compressed.

    With an 8 KiB window: most bodies are smaller, and clearing a full one costs more than packing them.
    """
    packing = zlib.compressobj(1, zlib.DEFLATED, 13, 6)
    return {
        "digest": digest,
        "source": webhook.source,
        "first_received_at": webhook.received_at,
        "last_received_at": webhook.received_at,
        "times": times,
        "body": packing.compress(webhook.body) + packing.flush(),
    }


def total(increase: Total) -> Row:
    """Return what is added to a running total."""
    return {
        "indicator": increase.indicator.value,
        "severity": increase.severity.value,
        "resolution_source": increase.resolution_source,
        "le": increase.le,
        "number": increase.count,
        "seconds": increase.seconds,
        "exemplar_incident": increase.exemplar_incident,
        "exemplar_seconds": increase.exemplar_seconds,
        "exemplar_at": increase.exemplar_at,
    }
