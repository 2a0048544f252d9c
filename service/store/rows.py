"""The rows to write for a batch, table by table, keyed by column name."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from service.domain.done import failed_checks
from service.domain.episodes import Episode
from service.domain.events import Observation
from service.domain.incident import Incident
from service.domain.policy import Milestone, Stage
from service.store.batch import ALIAS, Batch, IncidentState, NewEvent, alert_key
from service.store.statements import Rows

Row = dict[str, Any]
IDENTITY = ("source", "fingerprint", "starts_at", "ends_at", "group_key", "stale", "peer")
"""The columns that identify an observation."""


def incident(entry: IncidentState) -> Row:
    """Return the row of a computed incident."""
    computed = entry.incident
    if computed is None:  # pragma: no cover - the recorder computes every touched incident before it saves
        msg = f"incident {entry.id} was not computed"
        raise ValueError(msg)
    live = entry.merged_into is None
    due = computed.due if live else {}
    return {
        "id": entry.id,
        "title": computed.title,
        "severity": computed.severity.value,
        "phase": computed.phase.value,
        "types": ",".join(computed.types),
        "resolution_source": computed.resolution_source.value if computed.resolution_source else None,
        "opened_at": entry.opened_at,
        **{f"{m.value}_at": computed.milestones.get(m) for m in Milestone},
        "dismissed_at": computed.dismissed_at,
        "withdrawn": computed.withdrawn,
        "settled_at": computed.settled_at if live else None,
        "outlived_at": computed.outlived_at if live else None,
        "deadlines_from": computed.deadlines_from,
        "draft_due_at": due.get(Stage.DRAFT),
        "final_due_at": due.get(Stage.FINAL),
        "heard_at": entry.heard_at,
        "stale_at": computed.stale_at if live else None,
        "merged_into": entry.merged_into,
        "counted": int(entry.counted),
        "refold": entry.refold,
        "firings": asdict(entry.firings) if entry.firings else {},
    }


def incident_update(entry: IncidentState) -> Row:
    """Return the changed columns of an existing incident; `b_id` is its id."""
    row = incident(entry)
    row["b_id"] = row.pop("id")
    del row["opened_at"]
    return row


def episode(firing: Episode) -> Row:
    """Return the row of an episode."""
    about = {"labels": firing.labels, "annotations": firing.annotations, "generator_url": firing.generator_url}
    return {
        "id": firing.id,
        "incident_id": firing.incident_id,
        "source": firing.source,
        "fingerprint": firing.fingerprint,
        "starts_at": firing.starts_at,
        "ends_at": firing.ends_at,
        "stale": firing.stale,
        "end_unknown": firing.end_unknown,
        "name": firing.name,
        "severity": firing.severity.value,
        "onset_at": firing.onset_at,
        "about": {name: value for name, value in about.items() if value},
    }


def episode_update(firing: Episode) -> Row:
    """Return the changed columns of an existing episode; `b_id` is its id."""
    return {
        "b_id": firing.id,
        "incident_id": firing.incident_id,
        "source": firing.source,
        "starts_at": firing.starts_at,
        "ends_at": firing.ends_at,
        "stale": firing.stale,
        "end_unknown": firing.end_unknown,
        "onset_at": firing.onset_at,
    }


def memberships(batch: Batch) -> Rows:
    """Return the rows of the alert groups in which episodes were first seen."""
    return [
        {"source": source, "group_key": key, "episode_id": e, "ends_at": batch.episodes[e].ends_at}
        for (source, key), e in sorted(batch.new_groups)
    ]


def left_memberships(batch: Batch) -> Rows:
    """Return the parameters that identify the memberships that ended."""
    return [
        {"b_source": source, "b_group_key": key, "b_episode_id": e}
        for (source, key), e in sorted(batch.left_groups)
        if e not in batch.dropped_episodes
    ]


def identity(observation: Observation) -> Row:
    """Return the parameters that identify a stored observation."""
    return {f"b_{name}": getattr(observation, name) for name in IDENTITY}


def observations(batch: Batch) -> Rows:
    """Return the rows of new observations."""
    return [{**_received(batch, seen), **_identified(seen), "delivery": d} for seen, d in batch.new_reports.items()]


def observation_updates(batch: Batch) -> Rows:
    """Return the changed columns of stored reports, with the parameters that identify them."""
    return [{**_received(batch, seen), **identity(seen)} for seen in sorted(batch.changed_reports, key=repr)]


def _identified(seen: Observation) -> Row:
    return {name: getattr(seen, name) for name in IDENTITY}


def _received(batch: Batch, seen: Observation) -> Row:
    stored = batch.reports[alert_key(seen)][seen]
    return {
        "episode_id": stored.episode_id,
        "recorded_at": stored.first_received,
        "last_received_at": stored.last_received,
        "onset_at": stored.onset_at,
    }


def moved_events(batch: Batch) -> Rows:
    """Return the new incidents of stored events that moved."""
    return [
        {"b_sent_to": sent_to, "b_event_id": event_id, "incident_id": incident_id}
        for (sent_to, event_id), incident_id in sorted(batch.moved_events.items())
    ]


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
        "delivery": new.delivery,
        "recorded_by": recorded.recorded_by,
    }


def keys(batch: Batch) -> Rows:
    """Return the rows of the keys under which senders identify incidents."""
    return [
        {"source": source, "incident_key": key, "incident_id": incident_id}
        for (source, key), incident_id in batch.new_keys.items()
    ]


def aliases(batch: Batch) -> Rows:
    """Return the rows of the names that several sources share."""
    return [{"source": ALIAS, "incident_key": key, "incident_id": i} for key, i in sorted(batch.aliases.items())]


def actions(touched: Iterable[IncidentState]) -> Rows:
    """Return the rows of all actions; those of merged or dismissed incidents are no longer outstanding."""
    return [
        {
            "incident_id": folded.id,
            "action_id": action.action_id,
            "action_type": action.action_type,
            "state": action.state.value,
            "due_at": action.due_at,
            "completed_at": action.completed_at,
            "verified_at": action.verified_at,
        }
        for folded in _effective(touched)
        for action in folded.actions
    ]


def checks(touched: Iterable[IncidentState]) -> Rows:
    """Return the rows of all failed checks, of the same incidents."""
    return [
        {"incident_id": folded.id, "name": check.value}
        for folded in _effective(touched)
        for check in failed_checks(folded)
    ]


def _effective(touched: Iterable[IncidentState]) -> Iterator[Incident]:
    for entry in touched:
        if entry.merged_into is None and entry.incident and entry.incident.dismissed_at is None:
            yield entry.incident


def deliveries(batch: Batch) -> Rows:
    """Return the rows of the raw bodies."""
    return [
        {
            "digest": digest,
            "source": raw.source,
            "first_received_at": raw.received_at,
            "last_received_at": raw.received_at,
            "times": raw.times,
            "body": _packed(raw.body),
        }
        for digest, raw in batch.bodies.items()
    ]


def _packed(body: bytes) -> bytes:
    """Compress with an 8 KiB window: most bodies are smaller, and clearing a full one costs more than packing them."""
    packing = zlib.compressobj(1, zlib.DEFLATED, 13, 6)
    return packing.compress(body) + packing.flush()


def totals(batch: Batch) -> Rows:
    """Return the increments of the running totals."""
    rows = []
    for key, count in sorted(batch.totals.items()):
        indicator, severity, resolution_source, le = key
        incident_id, seconds, at = batch.exemplars.get(key, (None, None, None))
        rows.append(
            {
                "indicator": indicator,
                "severity": severity,
                "resolution_source": resolution_source,
                "le": le,
                "number": count,
                "seconds": batch.seconds[key],
                "exemplar_incident": incident_id,
                "exemplar_seconds": seconds,
                "exemplar_at": at,
            }
        )
    return rows
