"""The description of an incident: title, severity, types, domains, labels and roles."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar

from service.domain.breakdown import dimension_value
from service.domain.episodes import Episode
from service.domain.events import INCIDENT_KEY, INTO_KEY, Event, EventKind, Role
from service.domain.policy import Domain, IncidentType, Policy, Severity, worst

_T = TypeVar("_T")
TYPE_LABEL, DOMAIN_LABEL = "incident_type", "incident_domain"


def severity_of(events: Sequence[Event], episodes: Sequence[Episode], policy: Policy) -> Severity:
    """Return the severity people set last, else the worst of any alert of the incident.

    An alert that clears before the others does not lower the severity: the same report is still owed.
    """
    stated = _stated(events, lambda e: e.severity)
    if stated:
        return stated[-1]
    return worst([e.severity for e in episodes]) or policy.default_severity


def _stated(events: Sequence[Event], value_of: Callable[[Event], _T | None]) -> list[_T]:
    """Return the values that events set, in order of time, without repetitions.

    A pager sends an incident's title and priority with every event (`data.incident_key` names the incident). A value
    counts only if it differs from that sender's previous event, so that it does not undo people's changes in between;
    a merged incident describes itself, not the one that it was merged into.
    """
    merged = {(e.source, e.data.get(INCIDENT_KEY)) for e in events if e.kind is EventKind.MERGED and INTO_KEY in e.data}
    latest: dict[tuple[str, str], _T] = {}
    stated: list[tuple[tuple[str, str] | None, _T]] = []
    for event in events:
        value = value_of(event)
        if value is None:
            continue
        repeater = (event.source, event.data[INCIDENT_KEY]) if INCIDENT_KEY in event.data else None
        if repeater is None or event.kind is EventKind.SEVERITY_CHANGED or latest.get(repeater) != value:
            stated.append((repeater, value))
        if repeater is not None:
            latest[repeater] = value
    own = [value for repeater, value in stated if repeater not in merged]
    return own or [value for _, value in stated]


def title_of(events: Sequence[Event], episodes: Sequence[Episode]) -> str:
    """Return the title people set last, else that of the first alert."""
    stated = _stated(events, lambda e: e.title or None)
    if stated:
        return stated[-1]
    if episodes:
        first = min(episodes, key=lambda e: (e.starts_at, e.fingerprint))
        return first.annotations.get("summary") or first.name
    return "Untitled incident"


def types_of(events: Sequence[Event], episodes: Sequence[Episode]) -> tuple[IncidentType, ...]:
    """Collect the types from the events and from the alerts' label `incident_type` (comma-separated)."""
    reported = {t for e in events for t in e.types}
    labelled = {word for e in episodes for word in _words(e.labels.get(TYPE_LABEL, ""))}
    types = reported | labelled
    return tuple(t for t in IncidentType if t in types) if types else ()


def domains_of(events: Sequence[Event], episodes: Sequence[Episode]) -> tuple[Domain, ...]:
    """Collect the domains from the events and from the alerts' label `incident_domain` (comma-separated)."""
    reported = {d for e in events for d in e.domains}
    labelled = {word for e in episodes for word in _words(e.labels.get(DOMAIN_LABEL, ""))}
    domains = reported | labelled
    return tuple(d for d in Domain if d in domains) if domains else ()


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")] if text else []


def labels_of(events: Sequence[Event], episodes: Sequence[Episode]) -> dict[str, str]:
    """Return the labels that all alerts share, updated with those of the events."""
    shared: dict[str, Any] = {}
    if episodes:
        first, *others = (e.labels for e in episodes)
        shared = dict(sorted(first.items()))
        if others:
            shared = {k: v for k, v in shared.items() if all(o.get(k) == v for o in others)}
    for event in events:
        shared.update(event.labels)
    return shared


def label_values(labels: Mapping[str, str], episodes: Iterable[Episode]) -> dict[str, frozenset[str]]:
    """Return all values of each label: those of an incident's own `labels`, else those of its alerts."""
    values: dict[str, set[str]] = {}
    for name, value in chain.from_iterable(episode.labels.items() for episode in episodes):
        values.setdefault(name, set()).add(value)
    return {name: frozenset(texts) for name, texts in values.items()} | {n: frozenset([v]) for n, v in labels.items()}


def dimensions_of(events: Sequence[Event], episodes: Sequence[Episode]) -> dict[str, str]:
    """Return the value of each label that incidents may be broken down by: of all but those of types and domains.

    It is what people set last, "" if they cleared it; else that of the earliest of the worst alerts that carry the
    label (ties by fingerprint). Values are as `dimension_value` makes them.
    """
    values: dict[str, str] = {}
    for episode in sorted(episodes, key=carrier_rank) if len(episodes) > 1 else episodes:
        values = {name: value for name, text in episode.labels.items() if (value := dimension_value(text))} | values
    for name in dict.fromkeys(name for event in events for name in event.labels):
        stated = _stated(events, lambda e, name=name: e.labels.get(name))  # type: ignore[misc]
        values[name] = dimension_value(stated[-1])
    for name in (TYPE_LABEL, DOMAIN_LABEL):
        values.pop(name, None)
    return dict(sorted(values.items()))


def carrier_rank(episode: Episode) -> tuple[Severity, datetime, str]:
    """Return the sort key by which the first episode that carries a label gives the incident its value."""
    return episode.severity, episode.starts_at, episode.fingerprint


def roles_of(events: Sequence[Event]) -> dict[Role, str]:
    """Return the current holder of each role; a later assignment replaces an earlier one."""
    return {Role(e.data["role"]): str(e.data["name"]) for e in events if e.kind is EventKind.ROLE_ASSIGNED}
