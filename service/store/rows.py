"""The rows that a ledger gives: what is written of it, table by table, by the names of the columns."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from service.domain.done import failed_checks
from service.domain.episodes import Episode
from service.domain.events import Observation
from service.domain.incident import Incident
from service.domain.policy import Milestone, Stage
from service.store.ledger import ALIAS, Entry, Ledger, NewEvent, alert_key
from service.store.statements import Rows

Row = dict[str, Any]
IDENTITY = ("source", "fingerprint", "starts_at", "ends_at", "group_key", "stale", "peer")
"""The columns that make an observation what it is."""


def incident(entry: Entry) -> Row:
    """Return the row of an incident, as it was computed."""
    known = entry.incident
    if known is None:  # pragma: no cover - the recorder computes every touched incident before it saves
        msg = f"incident {entry.id} was not computed"
        raise ValueError(msg)
    live = entry.merged_into is None
    due = {d.stage: d.due_at for d in known.deadlines if d.done_at is None} if live else {}
    return {
        "id": entry.id,
        "title": known.title,
        "severity": known.severity.value,
        "phase": known.phase.value,
        "types": ",".join(known.types),
        "resolution_source": known.resolution_source.value if known.resolution_source else None,
        "opened_at": entry.opened_at,
        **{f"{m.value}_at": known.milestones.get(m) for m in Milestone},
        "dismissed_at": known.dismissed_at,
        "withdrawn": known.withdrawn,
        "settled_at": known.settled_at if live else None,
        "outlived_at": known.outlived_at if live else None,
        "deadlines_from": known.deadlines_from,
        "draft_due_at": due.get(Stage.DRAFT),
        "final_due_at": due.get(Stage.FINAL),
        "heard_at": entry.heard_at,
        "stale_at": known.stale_at if live else None,
        "merged_into": entry.merged_into,
        "counted": int(entry.counted),
        "refold": entry.refold,
        "firings": asdict(entry.firings) if entry.firings else {},
    }


def incident_update(entry: Entry) -> Row:
    """Return what changes in the row of an incident that was there before; `b_id` says which."""
    row = incident(entry)
    row["b_id"] = row.pop("id")
    del row["opened_at"]
    return row


def episode(one: Episode) -> Row:
    """Return the row of a firing."""
    about = {"labels": one.labels, "annotations": one.annotations, "generator_url": one.generator_url}
    return {
        "id": one.id,
        "incident_id": one.incident_id,
        "source": one.source,
        "fingerprint": one.fingerprint,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "stale": one.stale,
        "end_unknown": one.end_unknown,
        "name": one.name,
        "severity": one.severity.value,
        "onset_at": one.onset_at,
        "about": {name: value for name, value in about.items() if value},
    }


def episode_update(one: Episode) -> Row:
    """Return what changes in the row of a firing that was there before; `b_id` says which."""
    return {
        "b_id": one.id,
        "incident_id": one.incident_id,
        "source": one.source,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "stale": one.stale,
        "end_unknown": one.end_unknown,
        "onset_at": one.onset_at,
    }


def memberships(ledger: Ledger) -> Rows:
    """Return the rows of the alert groups in which firings were seen for the first time."""
    return [
        {"source": source, "group_key": key, "episode_id": e, "ends_at": ledger.episodes[e].ends_at}
        for (source, key), e in sorted(ledger.new_groups)
    ]


def left_memberships(ledger: Ledger) -> Rows:
    """Return the parameters by which the memberships that are over are found."""
    return [
        {"b_source": source, "b_group_key": key, "b_episode_id": e}
        for (source, key), e in sorted(ledger.left_groups)
        if e not in ledger.dropped_episodes
    ]


def identity(observation: Observation) -> Row:
    """Return the parameters by which an observation that is stored is found."""
    return {f"b_{name}": getattr(observation, name) for name in IDENTITY}


def observations(ledger: Ledger) -> Rows:
    """Return the rows of what was newly reported."""
    return [{**_received(ledger, seen), **_identified(seen), "delivery": d} for seen, d in ledger.new_reports.items()]


def observation_updates(ledger: Ledger) -> Rows:
    """Return what changes of reports that are stored, with the parameters by which they are found."""
    return [{**_received(ledger, seen), **identity(seen)} for seen in sorted(ledger.changed_reports, key=repr)]


def _identified(seen: Observation) -> Row:
    return {name: getattr(seen, name) for name in IDENTITY}


def _received(ledger: Ledger, seen: Observation) -> Row:
    stored = ledger.reports[alert_key(seen)][seen]
    return {
        "episode_id": stored.episode_id,
        "recorded_at": stored.first_received,
        "last_received_at": stored.last_received,
        "onset_at": stored.onset_at,
    }


def moved_events(ledger: Ledger) -> Rows:
    """Return to which incidents stored events moved."""
    return [
        {"b_sent_to": sent_to, "b_event_id": event_id, "incident_id": incident_id}
        for (sent_to, event_id), incident_id in sorted(ledger.moved_events.items())
    ]


def event(new: NewEvent) -> Row:
    """Return the row of an event."""
    told = new.event
    about: dict[str, Any] = {
        "title": told.title,
        "severity": told.severity.value if told.severity else None,
        "types": [kind.value for kind in told.types],
        "domains": [domain.value for domain in told.domains],
        "labels": dict(told.labels),
        "data": dict(told.data),
        "untimed": told.untimed,
    }
    return {
        "incident_id": new.incident_id,
        "sent_to": told.sent_to,
        "event_id": told.event_id,
        "kind": told.kind.value,
        "occurred_at": told.occurred_at,
        "recorded_at": told.recorded_at,
        "source": told.source,
        "about": {name: value for name, value in about.items() if value},
        "delivery": new.delivery,
        "recorded_by": told.recorded_by,
    }


def keys(ledger: Ledger) -> Rows:
    """Return the rows of the keys under which senders know incidents."""
    return [
        {"source": source, "incident_key": key, "incident_id": incident_id}
        for (source, key), incident_id in ledger.new_keys.items()
    ]


def aliases(ledger: Ledger) -> Rows:
    """Return the rows of the names that several sources share."""
    return [{"source": ALIAS, "incident_key": key, "incident_id": i} for key, i in sorted(ledger.aliases.items())]


def actions(touched: Iterable[Entry]) -> Rows:
    """Return the rows of all actions; those of a merged or dismissed incident are nobody's duty any more."""
    return [
        {
            "incident_id": one.id,
            "action_id": action.action_id,
            "action_type": action.action_type,
            "state": action.state.value,
            "due_at": action.due_at,
            "completed_at": action.completed_at,
            "verified_at": action.verified_at,
        }
        for one in _standing(touched)
        for action in one.actions
    ]


def checks(touched: Iterable[Entry]) -> Rows:
    """Return the rows of all checks that failed, of the same incidents."""
    return [{"incident_id": one.id, "name": check.value} for one in _standing(touched) for check in failed_checks(one)]


def _standing(touched: Iterable[Entry]) -> Iterator[Incident]:
    for entry in touched:
        if entry.merged_into is None and entry.incident and entry.incident.dismissed_at is None:
            yield entry.incident


def deliveries(ledger: Ledger) -> Rows:
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
        for digest, raw in ledger.bodies.items()
    ]


def _packed(body: bytes) -> bytes:
    """Compress with an 8 KiB window: most bodies are smaller, and clearing a full one costs more than packing them."""
    packing = zlib.compressobj(1, zlib.DEFLATED, 13, 6)
    return packing.compress(body) + packing.flush()


def totals(ledger: Ledger) -> Rows:
    """Return what the running totals grow by."""
    rows = []
    for key, count in sorted(ledger.totals.items()):
        metric, severity, detail, le = key
        incident_id, seconds, at = ledger.exemplars.get(key, (None, None, None))
        rows.append(
            {
                "metric": metric,
                "severity": severity,
                "detail": detail,
                "le": le,
                "number": count,
                "seconds": ledger.seconds[key],
                "exemplar_incident": incident_id,
                "exemplar_seconds": seconds,
                "exemplar_at": at,
            }
        )
    return rows
