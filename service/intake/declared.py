"""Parse the bodies of declared sources: which of them report something, of which incident, and which field says what.

What a declaration selects and cannot be read is reported by the key of the declaration, so that a sender that renames
its fields is noticed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from service.domain.events import INCIDENT_KEY, Event, EventKind, KeyedEvent
from service.domain.policy import Severity
from service.domain.recovery import ResolutionSource
from service.domain.senders import named_alias
from service.domain.severity_rules import SEVERITY_LABEL
from service.intake.alerts import AlertParseOptions, Sender, shared_name
from service.intake.declaration import DeclaredField, EventRule, SourceDeclaration, UnreadableField
from service.intake.expressions import Evaluation, Expression, TooExpensive
from service.intake.keyed_events import KeyedEvents
from service.intake.notifications import Notification, read_alerts
from service.intake.reasons import Failure
from service.intake.times import read_instant
from service.intake.wire import PayloadError, read_json

LONGEST_KEY = 128
LONGEST_ALIAS = 400
LONGEST_TITLE = 500
LONGEST_TEXT = 4096
_BODY: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class DeclaredBody:
    """The content of a body. `unreadable` are the fields without which it was recorded nevertheless."""

    content: Notification | KeyedEvents
    unreadable: tuple[DeclaredField, ...] = ()


def parse(
    body: bytes, declaration: SourceDeclaration, options: AlertParseOptions, now: datetime, sender: str = ""
) -> DeclaredBody:
    """Parse a body. Raises UnreadableField, or PayloadError for what is no JSON object or has no valid alert."""
    return _BodyReader(read_json(_BODY, body), declaration, options, now).read(sender)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """One event that a body reports."""

    rule: EventRule
    at: datetime
    since: datetime
    """The start of an alert; the same as its end if the end does not say it: then the one that is recorded counts."""


class _BodyReader:
    """Reads one body."""

    def __init__(
        self, body: dict[str, Any], declaration: SourceDeclaration, options: AlertParseOptions, now: datetime
    ) -> None:
        self._declaration = declaration
        self._options = options
        self._now = now
        self._evaluation = Evaluation(body)
        self._unreadable: dict[DeclaredField, None] = {}
        self._is_of_interest = True

    def read(self, sender: str) -> DeclaredBody:
        try:
            reports = self._reports_or_error()
            sends_alerts = self._declaration.profile.sends == "alerts"
            content = self._notification(reports, sender) if sends_alerts else self._keyed_events(reports, sender)
        except TooExpensive:
            detail = "was not read: the expressions take too many steps for this body"
            raise self._error(DeclaredField.EVENT, self._declaration.event, detail) from None
        return DeclaredBody(content, tuple(self._unreadable))

    # -- what it reports ---------------------------------------------------------------------------------------------

    def _reports_or_error(self) -> list[_Report]:
        """Return what the body reports; nothing is an error if every body has to report something."""
        reports = list(self._reports())
        rules = self._declaration.rules
        if not reports and self._is_of_interest and all(rule.is_optional for rule in rules):
            raise self._error(DeclaredField.AT, rules[0].at, "is missing, and so are the times of all other events")
        return reports

    def _reports(self) -> Iterator[_Report]:
        declaration = self._declaration
        word = _text(self._evaluation.value(declaration.event))
        if not word:
            raise self._error(DeclaredField.EVENT, declaration.event, "is missing")
        self._is_of_interest = self._evaluation.holds(declaration.when)
        if not self._is_of_interest:
            return
        if declaration.subject is not None:
            self._evaluation.narrow(declaration.subject)
        for rule in declaration.rules:
            if rule.values is not None and word.casefold() not in rule.values:
                continue
            if not self._evaluation.holds(rule.when):
                continue
            value = self._evaluation.value(rule.at)
            if value is not None or not rule.is_optional:
                at = self._instant(rule.at, value)
                yield _Report(rule=rule, at=at, since=self._since(rule.since) or at)

    def _since(self, selector: Expression | None) -> datetime | None:
        value = self._evaluation.value(selector) if selector is not None else None
        return self._instant(selector, value) if selector is not None and value is not None else None

    def _instant(self, selector: Expression, value: Any) -> datetime:
        if value is None:
            raise self._error(DeclaredField.AT, selector, "is missing")
        try:
            return read_instant(value, self._declaration.zone, self._now, DeclaredField.AT)
        except PayloadError as error:
            raise self._error(DeclaredField.AT, selector, error.faults[0].detail, error.reason) from None

    def _key(self) -> str:
        key = _text(self._evaluation.value(self._declaration.key))
        if not key:
            raise self._error(DeclaredField.KEY, self._declaration.key, "is missing")
        if len(key) > LONGEST_KEY:
            raise self._error(DeclaredField.KEY, self._declaration.key, f"is longer than {LONGEST_KEY} characters")
        return key

    def _title(self) -> str | None:
        selector = self._declaration.title
        if selector is None:
            return None
        title = _text(self._evaluation.value(selector))
        if not title:
            self._unreadable[DeclaredField.TITLE] = None
        return title[:LONGEST_TITLE] or None

    def _severity_word(self) -> str:
        selector = self._declaration.severity
        return _text(self._evaluation.value(selector)) if selector is not None else ""

    def _labels(self) -> dict[str, str]:
        values = {name: self._evaluation.value(selector) for name, selector in self._declaration.labels.items()}
        return {name: text[: self._options.max_text] for name, value in values.items() if (text := _label(value))}

    # -- what is recorded --------------------------------------------------------------------------------------------

    def _notification(self, reports: list[_Report], sender: str) -> Notification:
        if not reports:
            return Notification(alerts=())
        key, title = self._key(), self._title()
        word = self._severity_word()
        mapped = self._declaration.severities.get(word.casefold())
        labels = {"alertname": title or self._declaration.source, **self._labels()}
        if mapped is not None:
            labels[SEVERITY_LABEL] = mapped.value
        elif word:
            labels[self._options.severities.label] = word
        alerts = [
            {
                "status": report.rule.kind,
                "labels": labels,
                "annotations": {"summary": title} if title else {},
                "startsAt": report.since.isoformat(),
                "endsAt": report.at.isoformat(),
                "fingerprint": key,
            }
            for report in reports
        ]
        origin = Sender(self._declaration.source, key, name=sender, profile=self._declaration.profile)
        return read_alerts(alerts, self._options, self._now, origin)

    def _keyed_events(self, reports: list[_Report], sender: str) -> KeyedEvents:
        if not reports:
            return KeyedEvents()
        key = named_alias(self._key(), sender)  # ids of two servers may be the same
        title, severity, labels = self._title(), self._severity(), self._labels()
        aliases = (*self._alias(), *shared_name(labels, self._options.correlation_label))
        events: dict[str, KeyedEvent] = {}
        for report in reports:
            kind = EventKind(report.rule.kind)
            data = self._data(kind, report.rule)
            if data is None or (kind is EventKind.SEVERITY_CHANGED and severity is None):
                continue
            event = Event(
                event_id=self._event_id(key, kind, report.at),
                kind=kind,
                occurred_at=report.at,
                recorded_at=self._now,
                source=self._declaration.source,
                title=title,
                severity=severity,
                labels=labels,
                data={INCIDENT_KEY: key, **data},
            )
            events.setdefault(event.event_id, KeyedEvent(key, event, aliases))
        return KeyedEvents(tuple(events.values()))

    def _alias(self) -> tuple[str, ...]:
        selector = self._declaration.alias
        alias = _text(self._evaluation.value(selector)) if selector is not None else ""
        return (alias[:LONGEST_ALIAS],) if alias else ()

    def _severity(self) -> Severity | None:
        word = self._severity_word().casefold()
        rules = self._options.severities
        if not word:
            return None
        if word in self._declaration.severities:
            return self._declaration.severities[word]
        if not rules.maps(word):
            self._unreadable[DeclaredField.SEVERITY] = None
        return rules.by_name.get(word)

    def _data(self, kind: EventKind, rule: EventRule) -> dict[str, Any] | None:
        """Return the data of an event beside its incident's key; None for a note whose text is empty."""
        if rule.text is not None:
            text = _text(self._evaluation.value(rule.text))
            if not text:
                return None if kind is EventKind.NOTE else {}
            return {"text": text[:LONGEST_TEXT]}
        if rule.automated is None or not self._evaluation.holds(rule.automated):
            return {}
        is_end = kind is EventKind.RESOLVED
        return {"resolution_source": ResolutionSource.ALERTS.value} if is_end else {"automated": True}

    def _event_id(self, key: str, kind: EventKind, at: datetime) -> str:
        """Return an id that every repeat has; with another time it is another event."""
        return f"{self._declaration.source}-{key}-{kind.value}-{int(at.timestamp() * 1000)}"

    def _error(
        self, name: DeclaredField, selector: Expression, detail: str, reason: Failure = Failure.INVALID_PAYLOAD
    ) -> UnreadableField:
        return UnreadableField(name, selector, detail, reason)


def _text(value: Any) -> str:
    """Return a text or a whole number as text, without the blanks around it; empty for anything else."""
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _label(value: Any) -> str:
    """Return any plain value as text, several of them joined; empty for anything else."""
    if isinstance(value, list):
        return ", ".join(text for each in value if not isinstance(each, list) and (text := _label(each)))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip() if isinstance(value, str | int | float) else ""
