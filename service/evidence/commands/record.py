"""The incident that evidence is collected of, as the service tells of it, and the note that is left there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import click

from service.cli.client import INCIDENTS, Client, connect
from service.evidence.collecting import Collected, record_of
from service.evidence.source import SourceFailed
from service.evidence.sources.timeline import Body, Story
from service.evidence.subject import Subject
from service.evidence.subjects import subject_of, window_of, without_incident
from service.settings import Settings

AT_ONCE = 5
"""How many bodies are asked for at once: each may have megabytes."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is collected about. Without an incident there is no story, and nowhere to record it."""

    subject: Subject
    story: Story | None = None
    client: Client | None = None

    def record(self, collected: Collected) -> None:
        """Leave a note with the archive's digest. Raises `click.ClickException`; the archive is there all the same."""
        if self.client is None:
            return
        data, event_id = record_of(collected), f"evidence-{collected.sha256[:32]}"
        body = {"kind": "note", "event_id": event_id, "data": data}
        try:
            self.client.post(f"{INCIDENTS}/{self.subject.incident_id}/events", body)
        except click.ClickException as error:
            msg = f"{collected.path} is written, but was not recorded on the incident: {error.message}"
            raise click.ClickException(msg) from error


def open_case(
    incident_id: str | None,
    settings: Settings,
    now: datetime,
    *,
    margin: timedelta | None,
    begin: datetime | None,
    end: datetime | None,
) -> Case:
    """Read the incident. Raises NoWindow, and `click.ClickException` where the service does not tell."""
    zone = settings.display_timezone
    if incident_id is None:
        assert begin is not None  # noqa: S101 - the command asks for it
        return Case(without_incident(window_of(begin, end or now, zone, now)))
    client = connect()
    told = client.get(f"{INCIDENTS}/{incident_id}")
    around = settings.evidence.margin if margin is None else margin
    subject = subject_of(told, zone, now, margin=around, begin=begin, end=end)
    story = Story(client.get(f"{INCIDENTS}/{incident_id}/timeline"), lambda: _bodies(client, incident_id))
    return Case(subject, story, client)


def recorded_digests(incident_id: str | None) -> frozenset[str]:
    """Return the digests of the evidence that is recorded on an incident."""
    if incident_id is None:
        return frozenset()
    events: list[Any] = connect().get(f"{INCIDENTS}/{incident_id}")["events"]
    collected = (event["data"].get("evidence_collected") for event in events if event["kind"] == "note")
    return frozenset(str(one["sha256"]) for one in collected if one)


def _bodies(client: Client, incident_id: str) -> Iterator[Body]:
    following: str | None = f"{INCIDENTS}/{incident_id}/bodies?limit={AT_ONCE}"
    while following:
        try:
            page = client.get(following)
        except click.ClickException as error:
            raise SourceFailed(error.message) from error
        for told in page["bodies"]:
            yield Body(
                digest=told["digest"],
                source=told["source"],
                first_received_at=datetime.fromisoformat(told["first_received_at"]),
                last_received_at=datetime.fromisoformat(told["last_received_at"]),
                times=told["times"],
                content=told["body"].encode("utf-8", "backslashreplace"),
            )
        following = page["next"]
