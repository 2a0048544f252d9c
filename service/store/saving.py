"""Writing a ledger back: every table once, all rows of a kind in one statement."""

import zlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import dml

from service.domain.done import failed_checks
from service.domain.episodes import Episode
from service.domain.events import Event, Observation
from service.domain.incident import Incident
from service.domain.policy import Milestone, Stage
from service.store import tables as t
from service.store.ledger import ALIAS, Entry, Ledger
from service.store.statements import Insert, Rows, Write


def save(connection: Connection, ledger: Ledger) -> None:
    """Write everything that changed in the ledger. The caller commits."""
    touched = [ledger.entries[i] for i in sorted(ledger.touched)]
    _INSERT_INCIDENT.run(connection, [_incident_row(e) for e in touched if e.is_new])
    _UPDATE_INCIDENT.run(connection, [_for_update(_incident_row(e)) for e in touched if not e.is_new])
    _save_episodes(connection, ledger)
    _INSERT_OBSERVATION.run(connection, _observation_rows(ledger))
    _INSERT_EVENT.run(connection, [_event_row(n.incident_id, n.event, n.delivery) for n in ledger.new_events])
    _INSERT_KEY.run(connection, _key_rows(ledger))
    _UPSERT_ALIAS.run(connection, _alias_rows(ledger))
    _save_actions(connection, touched)
    _save_checks(connection, touched)
    _UPSERT_DELIVERY.run(connection, _delivery_rows(ledger))
    _UPSERT_TOTAL.run(connection, _total_rows(ledger))


_INSERT_INCIDENT = Insert(lambda _: insert(t.incidents))
_UPDATE_INCIDENT = Write(lambda _: update(t.incidents).where(t.incidents.c.id == bindparam("b_id")))
_INSERT_EPISODE = Insert(lambda _: insert(t.episodes))
_UPDATE_EPISODE = Write(lambda _: update(t.episodes).where(t.episodes.c.id == bindparam("b_id")))
_DELETE_EPISODE = Write(lambda _: delete(t.episodes).where(t.episodes.c.id == bindparam("b_id")))
_INSERT_MEMBERSHIP = Insert(lambda _: insert(t.episode_groups))
_UPDATE_MEMBERSHIP = Write(lambda _: update(t.episode_groups).where(t.episode_groups.c.episode_id == bindparam("b_id")))
_DELETE_MEMBERSHIPS = Write(
    lambda _: delete(t.episode_groups).where(t.episode_groups.c.episode_id == bindparam("b_id"))
)
_IDENTITY = ("source", "fingerprint", "starts_at", "ends_at", "group_key", "stale")
_SAME_OBSERVATION = tuple(t.observations.c[name] == bindparam(f"b_{name}") for name in _IDENTITY)
_INSERT_OBSERVATION = Insert(lambda _: insert(t.observations))
_MOVE_OBSERVATION = Write(
    lambda _: update(t.observations).where(*_SAME_OBSERVATION).values(episode_id=bindparam("b_episode_id"))
)
_WITHDRAW_OBSERVATION = Write(lambda _: delete(t.observations).where(*_SAME_OBSERVATION))
_INSERT_EVENT = Insert(lambda _: insert(t.events))
_INSERT_KEY = Insert(lambda _: insert(t.incident_keys))
_INSERT_ACTION = Insert(lambda _: insert(t.actions))
_DELETE_ACTIONS = Write(lambda _: delete(t.actions).where(t.actions.c.incident_id == bindparam("b_id")))
_INSERT_CHECK = Insert(lambda _: insert(t.failed_checks))
_DELETE_CHECKS = Write(lambda _: delete(t.failed_checks).where(t.failed_checks.c.incident_id == bindparam("b_id")))


def _for_update(row: dict[str, Any]) -> dict[str, Any]:
    row["b_id"] = row.pop("id")
    del row["opened_at"]
    return row


def _incident_row(entry: Entry) -> dict[str, Any]:
    incident = entry.incident
    if incident is None:  # pragma: no cover - the recorder computes every touched incident before it saves
        msg = f"incident {entry.id} was not computed"
        raise ValueError(msg)
    live = entry.merged_into is None
    due = {d.stage: d.due_at for d in incident.deadlines if d.done_at is None} if live else {}
    return {
        "id": entry.id,
        "title": incident.title,
        "severity": incident.severity.value,
        "phase": incident.phase.value,
        "types": ",".join(incident.types),
        "resolution_source": incident.resolution_source.value if incident.resolution_source else None,
        "opened_at": entry.opened_at,
        **_milestone_columns(incident),
        "dismissed_at": incident.dismissed_at,
        "closed_at": incident.closed_at,
        "deadlines_from": incident.deadlines_from,
        "draft_due_at": due.get(Stage.DRAFT),
        "final_due_at": due.get(Stage.FINAL),
        "heard_at": entry.heard_at,
        "stale_at": incident.stale_at if live else None,
        "merged_into": entry.merged_into,
        "counted": int(entry.counted),
    }


def _milestone_columns(incident: Incident) -> dict[str, Any]:
    return {f"{m.value}_at": incident.milestones.get(m) for m in Milestone}


def _save_episodes(connection: Connection, ledger: Ledger) -> None:
    """Write the episodes; what ended goes first, so that the one open episode of an alert can take its place."""
    dropped = [{"b_id": i} for i in sorted(ledger.dropped_episodes)]
    _DELETE_MEMBERSHIPS.run(connection, dropped)
    _DELETE_EPISODE.run(connection, dropped)
    changed = [ledger.episodes[i] for i in ledger.changed_episodes - ledger.new_episodes]
    changed.sort(key=lambda e: (e.ends_at is None, e.id))
    _UPDATE_EPISODE.run(connection, [_for_episode_update(e) for e in changed])
    _UPDATE_MEMBERSHIP.run(connection, [{"b_id": e.id, "ends_at": e.ends_at} for e in changed])
    _INSERT_EPISODE.run(connection, [_episode_row(ledger.episodes[i]) for i in sorted(ledger.new_episodes)])
    memberships = [
        {"source": source, "group_key": key, "episode_id": e, "ends_at": ledger.episodes[e].ends_at}
        for (source, key), e in sorted(ledger.new_groups)
    ]
    _INSERT_MEMBERSHIP.run(connection, memberships)
    moved = [{**_identity(o), "b_episode_id": e} for o, e in ledger.moved_sightings]
    _MOVE_OBSERVATION.run(connection, moved)
    _WITHDRAW_OBSERVATION.run(connection, [_identity(o) for o in ledger.withdrawn])


def _identity(observation: Observation) -> dict[str, Any]:
    return {f"b_{name}": getattr(observation, name) for name in _IDENTITY}


def _episode_row(episode: Episode) -> dict[str, Any]:
    about = {"labels": episode.labels, "annotations": episode.annotations, "generator_url": episode.generator_url}
    return {
        "id": episode.id,
        "incident_id": episode.incident_id,
        "source": episode.source,
        "fingerprint": episode.fingerprint,
        "starts_at": episode.starts_at,
        "ends_at": episode.ends_at,
        "stale": episode.stale,
        "name": episode.name,
        "severity": episode.severity.value,
        "onset_at": episode.onset_at,
        "about": {name: value for name, value in about.items() if value},
    }


def _for_episode_update(episode: Episode) -> dict[str, Any]:
    return {
        "b_id": episode.id,
        "incident_id": episode.incident_id,
        "starts_at": episode.starts_at,
        "ends_at": episode.ends_at,
        "stale": episode.stale,
        "onset_at": episode.onset_at,
    }


def _observation_rows(ledger: Ledger) -> Rows:
    return [
        {
            "episode_id": ledger.sightings[seen.observation.source, seen.observation.fingerprint][seen.observation],
            "source": seen.observation.source,
            "fingerprint": seen.observation.fingerprint,
            "group_key": seen.observation.group_key,
            "starts_at": seen.observation.starts_at,
            "ends_at": seen.observation.ends_at,
            "stale": seen.observation.stale,
            "recorded_at": seen.recorded_at,
            "delivery": seen.delivery,
        }
        for seen in ledger.new_observations
        if seen.observation not in ledger.withdrawn
    ]


def _event_row(incident_id: int, event: Event, delivery: bytes | None) -> dict[str, Any]:
    about: dict[str, Any] = {
        "title": event.title,
        "severity": event.severity.value if event.severity else None,
        "types": [kind.value for kind in event.types],
        "domains": [domain.value for domain in event.domains],
        "labels": dict(event.labels),
        "data": dict(event.data),
    }
    return {
        "incident_id": incident_id,
        "event_id": event.event_id,
        "kind": event.kind.value,
        "occurred_at": event.occurred_at,
        "recorded_at": event.recorded_at,
        "source": event.source,
        "about": {name: value for name, value in about.items() if value},
        "delivery": delivery,
    }


def _key_rows(ledger: Ledger) -> Rows:
    return [
        {"source": source, "incident_key": key, "incident_id": incident_id}
        for (source, key), incident_id in ledger.new_keys.items()
    ]


def _alias_rows(ledger: Ledger) -> Rows:
    return [{"source": ALIAS, "incident_key": key, "incident_id": i} for key, i in sorted(ledger.aliases.items())]


def _save_actions(connection: Connection, touched: Sequence[Entry]) -> None:
    """Write the actions anew; those of a merged or dismissed incident are nobody's duty any more."""
    stale = [{"b_id": e.id} for e in touched if (e.events or e.absorbed) and not e.is_new]
    _DELETE_ACTIONS.run(connection, stale)
    rows = [
        {
            "incident_id": entry.id,
            "action_id": action.action_id,
            "action_type": action.action_type,
            "state": action.state.value,
            "due_at": action.due_at,
            "completed_at": action.completed_at,
            "verified_at": action.verified_at,
        }
        for entry in touched
        if entry.merged_into is None and entry.incident and entry.incident.dismissed_at is None
        for action in entry.incident.actions
    ]
    _INSERT_ACTION.run(connection, rows)


def _save_checks(connection: Connection, touched: Sequence[Entry]) -> None:
    """Write the failed checks anew, as the actions are."""
    stale = [{"b_id": e.id} for e in touched if (e.events or e.absorbed) and not e.is_new]
    _DELETE_CHECKS.run(connection, stale)
    rows = [
        {"incident_id": entry.id, "name": check.value}
        for entry in touched
        if entry.merged_into is None and entry.incident and entry.incident.dismissed_at is None
        for check in failed_checks(entry.incident)
    ]
    _INSERT_CHECK.run(connection, rows)


def _delivery_rows(ledger: Ledger) -> Rows:
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


def _total_rows(ledger: Ledger) -> Rows:
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


def _insert_for(dialect: Dialect) -> Any:
    return postgresql.insert if dialect.name == "postgresql" else sqlite.insert


def _upsert_delivery(dialect: Dialect) -> dml.Insert:
    new = _insert_for(dialect)(t.deliveries)
    known = t.deliveries.c
    statement: dml.Insert = new.on_conflict_do_update(
        index_elements=[known.digest],
        set_={"times": known.times + new.excluded.times, "last_received_at": new.excluded.last_received_at},
    )
    return statement


def _upsert_alias(dialect: Dialect) -> dml.Insert:
    new = _insert_for(dialect)(t.incident_keys)
    known = t.incident_keys.c
    statement: dml.Insert = new.on_conflict_do_update(
        index_elements=[known.source, known.incident_key], set_={"incident_id": new.excluded.incident_id}
    )
    return statement


def _upsert_total(dialect: Dialect) -> dml.Insert:
    new = _insert_for(dialect)(t.totals)
    known = t.totals.c
    statement: dml.Insert = new.on_conflict_do_update(
        index_elements=[known.metric, known.severity, known.detail, known.le],
        set_={
            "number": known.number + new.excluded.number,
            "seconds": known.seconds + new.excluded.seconds,
            "exemplar_incident": new.excluded.exemplar_incident,
            "exemplar_seconds": new.excluded.exemplar_seconds,
            "exemplar_at": new.excluded.exemplar_at,
        },
    )
    return statement


_UPSERT_DELIVERY = Insert(_upsert_delivery)
_UPSERT_TOTAL = Insert(_upsert_total)
_UPSERT_ALIAS = Insert(_upsert_alias)
