"""Notifications: the alerts of one body, each recorded, ignored or rejected independently of the others."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any

from service.domain.events import Alert
from service.domain.policy import Severity
from service.intake.alerts import AlertParseOptions, PayloadAlert, Sender, ignored
from service.intake.reasons import Failure, Ignored, Rejected
from service.intake.started_at import STARTED_AT, readable_started_at
from service.intake.wire import PayloadError, checked, instant, invalid, zoned

LONGEST_QUOTE = 200
"""Characters of a sender's text (a name, a severity) that responses and pages repeat."""
MAX_FAULTS = 10
"""Maximum number of faults that a response lists."""
Ignoring = Callable[[Mapping[str, str], AlertParseOptions], Ignored | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFault:
    """A fault of one alert of a notification; `detail` describes what to change."""

    index: int
    fingerprint: str | None
    alertname: str | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmappedAlert:
    """An alert whose severity no rule maps; `severity` is the label's value, empty without the label."""

    source: str
    severity: str
    fingerprint: str
    alertname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """The content of one body: each alert is recorded (`alerts`), ignored or rejected, independently of the others.

    `truncated` counts alerts that the sender omitted. `warnings` are about alerts recorded without their `started_at`.
    Alerts in `unmapped` are recorded or ignored according to `SeverityRules.unmapped`. A report of an end alone is
    never one of them: it opens nothing, and its severity does not matter. `retry` is the error that makes the sender
    retry: the time of one of the alerts is ahead of this service's clock.
    """

    alerts: tuple[Alert, ...]
    ignored: Mapping[Ignored, int] = field(default_factory=dict)
    truncated: int = 0
    rejected: tuple[AlertFault, ...] = ()
    warnings: tuple[AlertFault, ...] = ()
    unmapped: tuple[UnmappedAlert, ...] = ()
    retry: PayloadError | None = None

    @property
    def total(self) -> int:
        """The number of alerts in the body."""
        return len(self.alerts) + sum(self.ignored.values()) + len(self.rejected)


def read_alerts(
    alerts: Sequence[Any],
    options: AlertParseOptions,
    now: datetime,
    sender: Sender,
    *,
    is_ignored: Ignoring = ignored,
    truncated: int = 0,
) -> Notification:
    """Return the notification of these alerts, each a `PayloadAlert` or a JSON value that should be one.

    Raises PayloadError if there are too many alerts, or if none is valid: then with the faults of all.
    """
    if len(alerts) > options.max_alerts:
        detail = f"has {len(alerts)} alerts, more than {options.max_alerts}; set max_alerts in webhook_configs"
        raise PayloadError(Failure.TOO_LARGE, f"#/alerts: {detail}")
    reader = AlertReader(options, now, sender, is_ignored)
    for index, alert in enumerate(alerts):
        reader.read(index, alert)
    if len(reader.errors) == len(alerts):
        raise _refusal(reader.errors)
    ahead = [error for error in reader.errors if error.reason is Failure.FUTURE]
    return Notification(
        alerts=tuple(reader.recorded),
        ignored=reader.ignored,
        truncated=truncated,
        rejected=tuple(reader.rejected),
        warnings=tuple(reader.warnings),
        unmapped=tuple(reader.unmapped),
        retry=_refusal(ahead) if ahead else None,
    )


def _refusal(errors: Sequence[PayloadError]) -> PayloadError:
    """Return one error for many alerts, with the reason `future` if a retry may fix one of them."""
    faults = [fault for error in errors[:MAX_FAULTS] for fault in error.faults][:MAX_FAULTS]
    reason = next((e.reason for e in errors if e.reason is Failure.FUTURE), Failure.INVALID_PAYLOAD)
    return PayloadError(reason, "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults), faults)


class AlertReader:
    """Reads the alerts of one notification, one by one, and sorts them. Raises nothing.

    `errors` are those of the rejected alerts.
    """

    def __init__(self, options: AlertParseOptions, now: datetime, sender: Sender, is_ignored: Ignoring) -> None:
        self._options = options
        self._now = now
        self._sender = sender
        self._is_ignored = is_ignored
        self.recorded: list[Alert] = []
        self.ignored: Counter[Ignored] = Counter()
        self.rejected: list[AlertFault] = []
        self.errors: list[PayloadError] = []
        self.warnings: list[AlertFault] = []
        self.unmapped: list[UnmappedAlert] = []
        self._step = Rejected.INVALID_ALERT
        """The reason for rejecting an alert if the field being parsed is invalid."""

    def read(self, index: int, alert: Any) -> None:
        """Parse one alert, validated or from its JSON value."""
        self._step = Rejected.INVALID_ALERT
        try:
            if not isinstance(alert, PayloadAlert):
                alert = checked(PayloadAlert, alert, "alerts", index)
            self._sort(alert, index)
        except PayloadError as error:
            reason = Rejected.FUTURE if error.reason is Failure.FUTURE else self._step
            self.rejected.append(_fault(alert, index, reason, error.detail))
            self.errors.append(error)

    def _sort(self, payload: PayloadAlert, index: int) -> None:
        if reason := self._is_ignored(payload.labels, self._options):
            self.ignored[reason] += 1
            return
        mapped = self._options.severities.severity_of(payload.labels, self._sender.profile.severity)
        opens_nothing = mapped.severity is None and mapped.unmapped is not None
        if payload.is_end_only or (payload.status == "resolved" and opens_nothing):
            self.recorded.append(self._end(payload, index))
            return
        if mapped.severity is None:
            self.ignored[Ignored.SEVERITY] += 1
        else:
            self.recorded.append(self._alert(payload, mapped.severity, index))
        if mapped.unmapped is not None:
            alert = UnmappedAlert(
                source=self._sender.reported_as,
                severity=mapped.unmapped[:LONGEST_QUOTE],
                fingerprint=payload.identity,
                alertname=payload.name[:LONGEST_QUOTE],
            )
            self.unmapped.append(alert)

    def _end(self, payload: PayloadAlert, index: int) -> Alert:
        """Return the end of an alert alone: it ends the episode that is known, and opens none without a severity."""
        alert = self._alert(payload, Severity.SEV_4, index)  # placeholder: the severity of the recorded episode counts
        ends_at = alert.observation.ends_at or alert.observation.starts_at
        return replace(alert, observation=replace(alert.observation, starts_at=ends_at))

    def _alert(self, payload: PayloadAlert, severity: Severity, index: int) -> Alert:
        options = self._options
        self._step = Rejected.TOO_MANY_LABELS
        _check_size(payload, options, index)
        starts_at, ends_at = self._times(payload, index)
        return Alert(
            observation=self._sender.observation(payload.identity, starts_at, ends_at),
            name=_cut(payload.name, options.max_text),
            severity=severity,
            labels=_bounded_texts(payload.labels, options.max_text),
            annotations=_bounded_texts(payload.annotations or {}, options.max_text),
            generator_url=payload.generator_url or "",
            onset_at=self._started_at(payload, index),
            aliases=self._sender.aliases(payload.labels, options),
        )

    def _times(self, payload: PayloadAlert, index: int) -> tuple[datetime, datetime | None]:
        """Parse start and end. Year 1 is Go's zero time, valid only as the end of a firing alert."""
        self._step = Rejected.INVALID_START
        starts_at = instant(payload.starts_at, self._now, "alerts", index, "startsAt")
        if payload.status == "firing":
            return starts_at, None
        self._step = Rejected.INVALID_END
        path = ("alerts", index, "endsAt")
        if payload.ends_at is None or zoned(payload.ends_at, *path).year <= 1:
            raise invalid("is missing though the alert is resolved", *path)
        ends_at = instant(payload.ends_at, self._now, *path)
        if ends_at < starts_at:
            self._step = Rejected.END_BEFORE_START
            raise invalid("lies before startsAt", *path)
        return starts_at, ends_at

    def _started_at(self, payload: PayloadAlert, index: int) -> datetime | None:
        """Parse `started_at` from the annotations, else from the labels. It is never guessed."""
        texts = ((payload.annotations or {}).get(STARTED_AT), payload.labels.get(STARTED_AT))
        started_at, error = readable_started_at(texts, self._now)
        if error is not None:
            self.warnings.append(_fault(payload, index, STARTED_AT, error.detail))
        return started_at


def _fault(alert: Any, index: int, reason: str, detail: str) -> AlertFault:
    """Return a fault with as much of the alert's identity as is valid."""
    if isinstance(alert, PayloadAlert):
        alert = {"fingerprint": alert.identity, "labels": alert.labels}
    fields = alert if isinstance(alert, dict) else {}
    labels, identity = fields.get("labels"), fields.get("fingerprint")
    name = labels.get("alertname") if isinstance(labels, dict) else None
    return AlertFault(
        index=index,
        fingerprint=identity[:LONGEST_QUOTE] if isinstance(identity, str) else None,
        alertname=name[:LONGEST_QUOTE] if isinstance(name, str) else None,
        reason=reason,
        detail=detail,
    )


def _check_size(payload: PayloadAlert, options: AlertParseOptions, index: int) -> None:
    for name, texts in (("labels", payload.labels), ("annotations", payload.annotations or {})):
        if len(texts) > options.max_labels:
            detail = f"has {len(texts)} entries, more than {options.max_labels} (`limits.labels`)"
            raise invalid(detail, "alerts", index, name)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _bounded_texts(texts: Mapping[str, str], most: int) -> Mapping[str, str]:
    if max(map(len, chain(texts, texts.values())), default=0) <= most:
        return texts
    return {_cut(name, most): _cut(text, most) for name, text in texts.items()}
