"""Records a quarter by the recorder's rules, all of it in one transaction: seconds instead of minutes."""

import json
from collections.abc import Sequence
from dataclasses import replace

from service.domain.events import EventKind, KeyedEvent, ReceivedWebhook
from service.domain.incident_ids import public_id
from service.domain.policy import Policy
from service.domain.totals import bucket_bounds_of
from service.history.demo.quarter import INTO, SOURCE, DemoStep
from service.recorder.apply import apply, keys_of, record
from service.recorder.batch import Batch
from service.recorder.commands import AppendEvent, Command, RecordAlerts, RecordEvents
from service.store import Store
from service.store.loaded import BatchKeys

CHUNK = 200


def play(store: Store, policy: Policy, steps: Sequence[DemoStep]) -> int:
    """Record the steps as if each had been reported at its time; return how many incidents there are."""
    ids: dict[int, int] = {}

    def step_keys(chunk: Sequence[DemoStep]) -> BatchKeys:
        return keys_of(command for step in chunk if (command := _command(step, ids)) is not None)

    def play_step(batch: Batch, step: DemoStep) -> None:
        command = _command(step, ids)
        assert command is not None  # noqa: S101 - the first step of each incident opens it
        ids.setdefault(step.number, apply(batch, command)[0].incident_id)

    bucket_bounds = bucket_bounds_of(policy)
    with store.transaction() as transaction:
        for first in range(0, len(steps), CHUNK):
            refused = record(
                transaction, policy, bucket_bounds, steps[first : first + CHUNK], keys_of=step_keys, apply=play_step
            )
            assert not refused  # noqa: S101 - a step that its incident's state does not allow is a bug
    return len(ids)


def _command(step: DemoStep, ids: dict[int, int]) -> Command | None:
    """Return the command of a step; None for an event of an incident that this chunk has yet to open."""
    if step.alert is not None:
        report = step.alert.observation
        body = {"fingerprint": report.fingerprint, "status": "resolved" if report.ends_at else "firing"}
        return RecordAlerts((step.alert,), ReceivedWebhook(report.source, json.dumps(body).encode(), step.at))
    assert step.event is not None  # noqa: S101 - a step has one of the two
    if step.number in ids:
        event = step.event
        if event.kind is EventKind.MERGED:
            event = replace(event, data={INTO: public_id(ids[event.data[INTO]])})
        return AppendEvent(ids[step.number], event)
    if step.event.event_id.endswith("-1"):
        keyed = KeyedEvent(f"{SOURCE}-{step.number}", step.event)
        return RecordEvents((keyed,), ReceivedWebhook(SOURCE, step.event.event_id.encode(), step.at))
    return None
