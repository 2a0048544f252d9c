"""From a conversation to the facts that a message tells."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from service.domain.actions import Action
from service.domain.events import Event, EventKind
from service.domain.incident import Incident
from service.domain.policy import Milestone, Policy
from service.domain.reminders import Reminder
from service.domain.updates import last_told_at, update_due_at
from service.render.annotation_texts import OF_DOCUMENTS, flags_of
from service.render.conversation import Kind, Saying, Talk
from service.render.lines import one_line, shortened
from service.render.messages import Facts, News, Owed

MOST_NEWS = 20
MOST_DONE = 5
LONGEST_TITLE = 200
LONGEST_NOTE = 500


def facts_of(
    talk: Talk, saying: Saying, policy: Policy, public_url: str | None, reminder: Reminder | None = None
) -> Facts:
    """Return what `saying` tells, or `reminder` in its place."""
    subject, incident = talk.subject, talk.subject.incident
    name = f"INC-{talk.owner}"
    began_at = incident.milestones.get(Milestone.DETECTED, incident.deadlines_from)
    merged = incident.id != talk.owner
    news = talk.news(saying)
    before = [one.saying.severity for one in talk.said if one.saying.number < saying.number]
    told_at = last_told_at(subject.opened_at[talk.owner], subject.standing, subject.episodes)
    action = next((a for a in incident.actions if reminder and a.action_id == reminder.action_id), None)
    return Facts(
        incident=name,
        url=f"{public_url}/incidents/{name}" if public_url else None,
        kind=saying.kind,
        title=told(incident.title),
        severity=incident.severity,
        state="merged" if merged else incident.phase.value,
        merged_into=f"INC-{incident.id}" if merged else None,
        began_at=began_at,
        ended_at=incident.dismissed_at or incident.milestones.get(Milestone.RESOLVED),
        before=before[-1] if before and before[-1] is not incident.severity else None,
        roles={role: told(person) for role, person in incident.roles.items()},
        done=_done(subject.standing),
        news=tuple(_news(event) for event in news[-MOST_NEWS:]),
        unshown=max(0, len(news) - MOST_NEWS),
        updates_every=policy.updates.get(incident.severity),
        next_update_at=update_due_at(told_at, incident.severity, policy) if incident.is_open and not merged else None,
        owed=() if merged else _owed(incident, policy),
        document=_document(subject.standing),
        reminder=reminder,
        action=_clean(action) if action else None,
    )


def state_of(talk: Talk, policy: Policy, public_url: str | None) -> Facts:
    """Return what the first message tells once it is brought up to date."""
    said = talk.said[0].saying if talk.said else Saying(1, Kind.FIRST, talk.subject.incident.severity)
    return replace(facts_of(talk, said, policy, public_url), kind=Kind.FIRST, news=(), unshown=0, next_update_at=None)


def _news(event: Event) -> News:
    return News(event.occurred_at, event.kind.value, _said_with(event))


def _said_with(event: Event) -> str:
    match event.kind:
        case EventKind.ROLE_ASSIGNED:
            return told(f"{event.data.get('role')}: {event.data.get('name')}")
        case EventKind.SEVERITY_CHANGED:
            return event.severity.value if event.severity else ""
        case EventKind.POSTMORTEM_DRAFTED | EventKind.POSTMORTEM_FINALIZED:
            return told(str(event.data.get("document", "")))
        case _:
            return _words(event)


def _words(event: Event) -> str:
    """Return what people wrote with an event, and what was switched."""
    said = [one_line(str(event.data.get("text", ""))), *(one_line(flag) for flag in flags_of(event))]
    return shortened(" · ".join(part for part in said if part), LONGEST_NOTE)


def _done(standing: Sequence[Event]) -> tuple[str, ...]:
    """Return what was done about it: what was said with mitigations and important notes, the latest of them."""
    acts = (e for e in standing if e.kind is EventKind.MITIGATED or _is_important_note(e))
    return tuple(words for event in acts if (words := _words(event)))[-MOST_DONE:]


def _is_important_note(event: Event) -> bool:
    return event.kind is EventKind.NOTE and event.data.get("important") is True


def _owed(incident: Incident, policy: Policy) -> tuple[Owed, ...]:
    rules = policy.deadlines.get(incident.severity, {})
    return tuple(
        Owed(one.stage, one.due_at, rule if isinstance(rule, timedelta) else None, one.done_at is not None)
        for one in incident.deadlines
        for rule in [rules.get(one.stage)]
    )


def _document(standing: Iterable[Event]) -> str | None:
    """Return where the latest document is: an address, or a path in a repository."""
    named = [str(e.data["document"]) for e in standing if e.kind in OF_DOCUMENTS and e.data.get("document")]
    return told(named[-1]) if named else None


def _clean(action: Action) -> Action:
    return replace(action, title=told(action.title), owner=told(action.owner))


def told(text: str) -> str:
    """Return a title or a name as it is told: in one line, and not too long."""
    return shortened(one_line(text), LONGEST_TITLE)
