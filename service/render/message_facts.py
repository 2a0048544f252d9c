"""From a thread to the facts that a message contains."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from service.domain.actions import Action
from service.domain.breakdown import NO_VALUE
from service.domain.events import Event, EventKind
from service.domain.incident import Incident
from service.domain.incident_ids import page_url, public_id
from service.domain.policy import Milestone, Policy, Severity
from service.domain.reminders import Reminder
from service.domain.updates import is_important_note
from service.render.annotation_texts import documents_of, flags_of
from service.render.item_keys import ItemKey
from service.render.lines import LONGEST_NOTE, LONGEST_TITLE, one_line, shortened
from service.render.messages import MessageFacts, PostmortemStage, Update
from service.render.thread import MessageKind, Thread

MAX_UPDATES = 20
MAX_DONE = 5


def facts_of(
    thread: Thread, key: ItemKey, policy: Policy, public_url: str | None, reminder: Reminder | None = None
) -> MessageFacts:
    """Return the facts of the message `key`, or of a reminder in its place.

    The first message has no updates: it is edited to show the incident as it is.
    """
    history, incident = thread.history, thread.history.incident
    merged = incident.id != thread.incident_id
    is_first = key.subject == MessageKind.FIRST
    updates = () if is_first or reminder else thread.updates(key)
    before = [Severity(message.key.severity) for message in thread.messages if message.key.number < key.number]
    action = next((a for a in incident.actions if reminder and a.action_id == reminder.action_id), None)
    return MessageFacts(
        incident=public_id(thread.incident_id),
        url=page_url(public_url, thread.incident_id),
        kind=key.subject,
        title=title_line(incident.title),
        severity=incident.severity,
        state="merged" if merged else incident.phase.value,
        merged_into=public_id(incident.id) if merged else None,
        began_at=incident.milestones.get(Milestone.DETECTED, incident.deadlines_from),
        ended_at=incident.dismissed_at or incident.milestones.get(Milestone.RESOLVED),
        before=before[-1] if before and before[-1] is not incident.severity else None,
        roles={role: title_line(person) for role, person in incident.roles.items()},
        done=_done(history.effective_events),
        news=tuple(_update(event) for event in updates[-MAX_UPDATES:]),
        unshown=max(0, len(updates) - MAX_UPDATES),
        updates_every=policy.updates.get(incident.severity),
        next_update_at=thread.next_update_at(policy) if incident.is_open and not merged and not is_first else None,
        owed=() if merged else _postmortem_stages(incident, policy),
        document=title_line(documents[-1]) if (documents := documents_of(history.effective_events)) else None,
        reminder=reminder,
        action=_on_one_line(action) if action else None,
        dimensions={d.label: incident.dimensions.get(d.label, NO_VALUE) for d in policy.breakdown},
    )


def _update(event: Event) -> Update:
    role, name = (str(event.data.get(key, "")) for key in ("role", "name"))
    if event.kind is not EventKind.ROLE_ASSIGNED:
        return Update(event.occurred_at, event.kind.value, _text_of(event))
    return Update(event.occurred_at, event.kind.value, _text_of(event), role, title_line(name))


def _text_of(event: Event) -> str:
    match event.kind:
        case EventKind.ROLE_ASSIGNED:
            return title_line(f"{event.data.get('role')}: {event.data.get('name')}")
        case EventKind.SEVERITY_CHANGED:
            return event.severity.value if event.severity else ""
        case EventKind.POSTMORTEM_DRAFTED | EventKind.POSTMORTEM_FINALIZED:
            return title_line(str(event.data.get("document", "")))
        case _:
            return _note_of(event)


def _note_of(event: Event) -> str:
    """Return the text of an event and its flags."""
    texts = [one_line(str(event.data.get("text", ""))), *(one_line(flag) for flag in flags_of(event))]
    return shortened(" · ".join(text for text in texts if text), LONGEST_NOTE)


def _done(events: Sequence[Event]) -> tuple[str, ...]:
    """Return what was done about it: the texts of the latest mitigations and important notes."""
    acts = (e for e in events if e.kind is EventKind.MITIGATED or is_important_note(e))
    return tuple(text for event in acts if (text := _note_of(event)))[-MAX_DONE:]


def _postmortem_stages(incident: Incident, policy: Policy) -> tuple[PostmortemStage, ...]:
    rules = policy.deadlines.get(incident.severity, {})
    return tuple(
        PostmortemStage(
            deadline.stage, deadline.due_at, rule if isinstance(rule, timedelta) else None, deadline.done_at is not None
        )
        for deadline in incident.deadlines
        for rule in [rules.get(deadline.stage)]
    )


def _on_one_line(action: Action) -> Action:
    return replace(action, title=title_line(action.title), owner=title_line(action.owner))


def title_line(text: str) -> str:
    """Return a title or a name on one line, truncated."""
    return shortened(one_line(text), LONGEST_TITLE)
