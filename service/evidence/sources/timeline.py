"""The incident's timeline: its events, the webhook bodies that reported them, and every annotation of the window."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.clients.errors import RequestFailed
from service.clients.grafana.annotations import MOST
from service.domain.policy import Milestone
from service.evidence.staging import SourceFailed, SourceFiles
from service.evidence.timeline_table import TimelineTableRow, timeline_table
from service.evidence.window import EvidenceWindow

_AUTHOR = ("login", "email", "avatarUrl", "userName")
AnnotationQuery = Callable[..., list[dict[str, Any]]]
"""Returns Grafana's annotations between two instants, with all of some tags if given; raises RequestFailed."""


@dataclass(frozen=True, slots=True)
class WebhookBody:
    """A webhook body as it was received, and when it was first and last received."""

    digest: str
    source: str
    first_received_at: datetime
    last_received_at: datetime
    times: int
    content: bytes


@dataclass(frozen=True, slots=True)
class IncidentData:
    """What the service has stored of an incident: its timeline as the API returns it, and its webhook bodies.

    `bodies` yields them by the time they were first received; it raises SourceFailed.
    """

    timeline: Mapping[str, Any]
    bodies: Callable[[], Iterable[WebhookBody]]


class TimelineSource:
    """The incident's timeline, and Grafana's annotations; without an incident only the annotations."""

    name = "timeline"

    def __init__(self, incident_data: IncidentData | None, annotations: AnnotationQuery | None) -> None:
        self._incident_data = incident_data
        self._annotations = annotations

    def collect(self, window: EvidenceWindow, files: SourceFiles) -> None:
        """Write the incident, its bodies, the annotations, and one timeline of them all for people."""
        rows: list[TimelineTableRow] = []
        if self._incident_data is not None:
            timeline, address = self._incident_data.timeline, f"/api/v1/incidents/{window.incident_id}"
            _write_json(files, "incident.json", window.incident, address)
            _write_json(files, "timeline.json", timeline, f"{address}/timeline")
            _write_bodies(self._incident_data, files)
            rows += _timeline_rows(timeline)
        rows += _annotation_rows(self._write_annotations(window, files))
        title = f"{window.incident_id or 'No incident'}: {window.incident.get('title', 'a time window')}"
        table = timeline_table(title, rows, window.zone, window.milestones.get(Milestone.DETECTED))
        with files.text("timeline.md") as file:
            file.write(table.encode("utf-8", "backslashreplace"))

    def _write_annotations(self, window: EvidenceWindow, files: SourceFiles) -> list[dict[str, Any]]:
        if self._annotations is None:
            return []
        query = f"/api/annotations?from={_utc(window.start)}&to={_utc(window.end)}"
        try:
            annotations = [without_author(annotation) for annotation in self._annotations(window.start, window.end)]
        except RequestFailed as error:
            files.add_failure("Grafana's annotations", str(error))
            return []
        with files.text("annotations.json", query=query) as file:
            file.write(_json({"annotations": annotations}))
            if len(annotations) >= MOST:
                file.add_omission(f"there are more than {MOST} annotations; the file has those that end last")
        return annotations


def _write_bodies(incident_data: IncidentData, files: SourceFiles) -> None:
    try:
        for number, body in enumerate(incident_data.bodies(), 1):
            notes = {
                "webhook": body.source,
                "first_received_at": _utc(body.first_received_at),
                "last_received_at": _utc(body.last_received_at),
                "times": body.times,
                "digest": body.digest,
            }
            name = f"bodies/{number:04d}-{body.source}-{body.first_received_at:%Y%m%dT%H%M%SZ}.json"
            with files.text(name, modified_at=body.first_received_at, notes=notes) as file:
                file.write(body.content)
    except SourceFailed as error:
        files.add_failure("webhook bodies", str(error))


def without_author(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an annotation without its author: Grafana gives a login, a mail address and a picture of the person."""
    return {key: "[author removed]" if key in _AUTHOR and value else value for key, value in annotation.items()}


def _write_json(files: SourceFiles, name: str, value: Mapping[str, Any], query: str) -> None:
    with files.text(name, query=query) as file:
        file.write(_json(value))


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "backslashreplace")


def _timeline_rows(timeline: Mapping[str, Any]) -> Iterator[TimelineTableRow]:
    for entry in timeline.get("entries", ()):
        at = datetime.fromisoformat(entry["at"])
        if event := entry.get("event"):
            yield TimelineTableRow(at, str(event["kind"]), str(event["source"]), _event_text(event))
        elif alert := entry.get("alert"):
            yield TimelineTableRow(at, str(entry["what"]), "alert", f"{alert['name']} ({alert['severity']})")


def _event_text(event: Mapping[str, Any]) -> str:
    """Return what an event carries besides its kind and time."""
    data = event.get("data") or {}
    text = [str(data["text"])] if data.get("text") else []
    fields = [str(event[name]) for name in ("severity", "title") if event.get(name)]
    plain = [f"{key}: {value}" for key, value in data.items() if key != "text" and not isinstance(value, dict | list)]
    return "; ".join([*text, *fields, *plain])


def _annotation_rows(annotations: Sequence[Mapping[str, Any]]) -> Iterator[TimelineTableRow]:
    for annotation in annotations:
        begin, end = _instant(annotation["time"]), _instant(annotation.get("timeEnd") or annotation["time"])
        until = f" (until {_utc(end)})" if end > begin else ""
        tags = ", ".join(str(tag) for tag in annotation.get("tags") or ())
        yield TimelineTableRow(begin, "annotation", "grafana", f"{annotation.get('text') or ''}{until} [{tags}]")


def _instant(milliseconds: object) -> datetime:
    return datetime.fromtimestamp(int(str(milliseconds)) / 1000, UTC)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
