"""The incident whose evidence is requested, read from the service, and the note with the digest that is added to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import click

from service.cli.client import INCIDENTS, Client, connect
from service.evidence.collecting import Collected, note_data
from service.evidence.settings import evidence_settings
from service.evidence.sources.timeline import IncidentData, WebhookBody
from service.evidence.staging import SourceFailed
from service.evidence.window import EvidenceWindow, incident_window, time_window
from service.settings.model import Settings

PAGE_SIZE = 5
"""How many webhook bodies are read per request: each may have megabytes."""


@dataclass(frozen=True, slots=True)
class EvidenceRequest:
    """What to collect. Without an incident there is no data of one, and nowhere to record the archive."""

    window: EvidenceWindow
    incident_data: IncidentData | None = None
    client: Client | None = None

    def record(self, collected: Collected) -> None:
        """Add a note with the archive's digest. Raises `click.ClickException`; the archive is kept even so."""
        if self.client is None:
            return
        event_id = f"evidence-{collected.sha256[:32]}"
        body = {"kind": "note", "event_id": event_id, "data": note_data(collected)}
        try:
            self.client.post(f"{INCIDENTS}/{self.window.incident_id}/events", body)
        except click.ClickException as error:
            msg = f"{collected.path} was written, but could not be recorded on the incident: {error.message}"
            raise click.ClickException(msg) from error


def open_request(
    incident_id: str | None,
    settings: Settings,
    now: datetime,
    *,
    margin: timedelta | None,
    begin: datetime | None,
    end: datetime | None,
) -> EvidenceRequest:
    """Read the incident. Raises NoWindow, and `click.ClickException` if the service does not return it."""
    zone = settings.display_timezone
    if incident_id is None:
        assert begin is not None  # noqa: S101 - the command requires it
        return EvidenceRequest(time_window(begin, end or now, zone, now))
    client, address = connect(), f"{INCIDENTS}/{incident_id}"
    margin = evidence_settings(settings).margin if margin is None else margin
    window = incident_window(client.get(address), zone, now, margin=margin, begin=begin, end=end)
    data = IncidentData(client.get(f"{address}/timeline"), lambda: _bodies(client, f"{address}/bodies"))
    return EvidenceRequest(window, data, client)


def recorded_digests(incident_id: str | None) -> frozenset[str]:
    """Return the digests of the evidence that is recorded on an incident."""
    if incident_id is None:
        return frozenset()
    notes = [event for event in connect().get(f"{INCIDENTS}/{incident_id}")["events"] if event["kind"] == "note"]
    archives = [archive for note in notes if (archive := note["data"].get("evidence_collected"))]
    return frozenset(str(archive["sha256"]) for archive in archives)


def _bodies(client: Client, address: str) -> Iterator[WebhookBody]:
    next_page: str | None = f"{address}?limit={PAGE_SIZE}"
    while next_page:
        try:
            page = client.get(next_page)
        except click.ClickException as error:
            raise SourceFailed(error.message) from error
        for body in page["bodies"]:
            yield WebhookBody(
                digest=body["digest"],
                source=body["source"],
                first_received_at=datetime.fromisoformat(body["first_received_at"]),
                last_received_at=datetime.fromisoformat(body["last_received_at"]),
                times=body["times"],
                content=body["body"].encode("utf-8", "backslashreplace"),
            )
        next_page = page["next"]
