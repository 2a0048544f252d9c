"""Recording the alerts and events that polls found."""

from datetime import datetime

from service.domain.events import Alert, Event, ReceivedWebhook
from service.recorder.commands import AppendEvent, RecordAlerts, Refused
from service.recorder.writer import Recorder

RECONCILED = "reconciled"
"""The source of what was polled, as evidence and in notes."""


def record_alert(recorder: Recorder, alert: Alert, now: datetime) -> list[int]:
    """Record an alert as if it had been reported, and return the ids of its incidents."""
    report = alert.observation
    until = report.ends_at.isoformat() if report.ends_at else "still firing"
    evidence = f"{report.fingerprint} {report.starts_at.isoformat()} {until}"
    outcomes = recorder.submit(RecordAlerts((alert,), ReceivedWebhook(RECONCILED, evidence.encode(), now)))
    return [outcome.incident_id for outcome in outcomes]


def record_event(recorder: Recorder, incident_id: int, event: Event) -> None:
    """Add an event to an incident; one that its state does not allow (any more) is dropped."""
    try:
        recorder.submit(AppendEvent(incident_id, event))
    except Refused:
        return
