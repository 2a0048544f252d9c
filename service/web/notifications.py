"""Record and count notifications of alerts."""

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator

from service.domain.events import ReceivedWebhook
from service.intake.notifications import Notification, UnmappedAlert
from service.intake.reasons import Ignored
from service.metrics.process_counters import ProcessCounters
from service.recorder.commands import RecordAlerts
from service.store.notices import TEST, UNMAPPED, unmapped_body
from service.web.receipts import Receipt, Reception
from service.web.schemas import AlertFaultSchema, AlertsReceipt, TouchedIncident
from service.web.services import Services

MAX_SEVERITIES = 1000
_LOG = logging.getLogger(__name__)


class NewSeverities:
    """Logs each severity that no rule maps once per process, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[str] = set()

    def log(self, alerts: Iterable[UnmappedAlert], source: str) -> None:
        """Log new severities, up to a maximum number of different ones."""
        for alert in alerts:
            with self._lock:
                if alert.severity in self._seen or len(self._seen) >= MAX_SEVERITIES:
                    continue
                self._seen.add(alert.severity)
            what = f"the severity {alert.severity!r} is not mapped" if alert.severity else "no severity"
            _LOG.warning("alert %r: %s; see severity_map", alert.alertname, what, extra={"source": source})


def record_notification(
    notification: Notification, webhook: ReceivedWebhook, services: Services, severities: NewSeverities
) -> Reception:
    """Record a notification, count its alerts, and return the receipt.

    If the time of an alert is in the future, raises PayloadError (`future`) after recording the other alerts: the
    sender retries, and the others are then repeats.
    """
    command = _command(notification, webhook)
    outcomes = (yield command) if command else ()
    _count(notification, webhook.source, services.counters)
    severities.log(notification.unmapped, webhook.source)
    for fault in notification.warnings:
        _LOG.warning("alert %r: %s", fault.alertname, fault.detail, extra={"source": webhook.source})
    if notification.retry is not None:
        raise notification.retry
    services.counters.received(webhook.source, webhook.received_at)
    content = AlertsReceipt(
        incidents=TouchedIncident.of(outcomes),
        alerts=notification.total,
        ignored=sum(notification.ignored.values()),
        rejected=[AlertFaultSchema.of(fault) for fault in notification.rejected],
        warnings=[AlertFaultSchema.of(fault) for fault in notification.warnings],
    )
    return Receipt(content)


def _command(notification: Notification, webhook: ReceivedWebhook) -> RecordAlerts | None:
    """Return the command, None if nothing of the notification is recorded or noted."""
    notes = tuple(_notes(notification, webhook))
    if notification.alerts:
        return RecordAlerts(notification.alerts, webhook, notes)
    return RecordAlerts((), notes[0], notes[1:]) if notes else None


def _notes(notification: Notification, webhook: ReceivedWebhook) -> Iterator[ReceivedWebhook]:
    if notification.ignored.get(Ignored.TEST):
        yield ReceivedWebhook(TEST, webhook.body, webhook.received_at)
    for alert in notification.unmapped:
        body = unmapped_body(alert.source, alert.fingerprint, alert.severity)
        yield ReceivedWebhook(UNMAPPED, body, webhook.received_at)


def _count(notification: Notification, source: str, counters: ProcessCounters) -> None:
    for reason, count in notification.ignored.items():
        counters.ignored(source, reason.value, count)
    for name, number in Counter(fault.reason for fault in notification.rejected).items():
        counters.rejected(source, name, number)
    if notification.truncated:
        counters.truncated(source, notification.truncated)
    if notification.unmapped:
        counters.unmapped(source, len(notification.unmapped))
    if notification.warnings:
        counters.started_at_unreadable(source, len(notification.warnings))
