"""The incident's own story: its events, the webhook bodies that told of them, and every annotation of the time."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.clients.delivery import DeliveryError
from service.clients.grafana.annotations import MOST
from service.domain.policy import Milestone
from service.evidence.source import Box, SourceFailed
from service.evidence.subject import Subject
from service.evidence.timeline_table import Row, timeline_table

Told = Mapping[str, Any]
_AUTHOR = ("login", "email", "avatarUrl", "userName")
AskAnnotations = Callable[[datetime, datetime], list[dict[str, Any]]]
"""Returns Grafana's annotations between two instants; raises DeliveryError."""


@dataclass(frozen=True, slots=True)
class Body:
    """A webhook body as it was received, for the first time and for the last."""

    digest: str
    source: str
    first_received_at: datetime
    last_received_at: datetime
    times: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Story:
    """What the service knows of an incident: its timeline as the API tells it, and its bodies.

    `bodies` yields them by the time of their first receipt; it raises SourceFailed.
    """

    timeline: Told
    bodies: Callable[[], Iterable[Body]]


class Timeline:
    """Writes the story down. Without an incident there is none, and only annotations are left."""

    name = "timeline"

    def __init__(self, story: Story | None, annotations: AskAnnotations | None) -> None:
        self._story = story
        self._annotations = annotations

    def collect(self, subject: Subject, box: Box) -> None:
        """Write the incident, its bodies, the annotations, and one timeline of them all for people."""
        if self._story is not None:
            _write_json(box, "incident.json", subject.incident, f"/api/v1/incidents/{subject.incident_id}")
            _write_json(box, "timeline.json", self._story.timeline, f"/api/v1/incidents/{subject.incident_id}/timeline")
            self._bodies(self._story, box)
        annotations = self._asked(subject, box)
        rows = [*_told(self._story.timeline if self._story else {}), *_annotated(annotations)]
        title = f"{subject.incident_id or 'No incident'}: {subject.incident.get('title', 'a window of time')}"
        table = timeline_table(title, rows, subject.window.zone, subject.milestones.get(Milestone.DETECTED))
        with box.text("timeline.md") as file:
            file.write(table.encode("utf-8", "backslashreplace"))

    def _bodies(self, story: Story, box: Box) -> None:
        try:
            for number, body in enumerate(story.bodies(), 1):
                notes = {
                    "webhook": body.source,
                    "first_received_at": _utc(body.first_received_at),
                    "last_received_at": _utc(body.last_received_at),
                    "times": body.times,
                    "digest": body.digest,
                }
                name = f"bodies/{number:04d}-{body.source}-{body.first_received_at:%Y%m%dT%H%M%SZ}.json"
                with box.text(name, modified_at=body.first_received_at, notes=notes) as file:
                    file.write(body.content)
        except SourceFailed as error:
            box.failed("webhook bodies", str(error))

    def _asked(self, subject: Subject, box: Box) -> list[dict[str, Any]]:
        if self._annotations is None:
            return []
        window = subject.window
        query = f"/api/annotations?from={_utc(window.start)}&to={_utc(window.end)}"
        try:
            found = [without_author(one) for one in self._annotations(window.start, window.end)]
        except DeliveryError as error:
            box.failed("Grafana's annotations", str(error))
            return []
        with box.text("annotations.json", query=query) as file:
            file.write(_json({"annotations": found}))
            if len(found) >= MOST:
                file.truncated(f"there are more than {MOST} annotations; those that end last are here")
        return found


def without_author(annotation: Told) -> dict[str, Any]:
    """Return an annotation without who wrote it: Grafana gives a login, a mail address and a picture of the person."""
    return {key: "[author removed]" if key in _AUTHOR and value else value for key, value in annotation.items()}


def _write_json(box: Box, name: str, told: Mapping[str, Any], query: str) -> None:
    with box.text(name, query=query) as file:
        file.write(_json(told))


def _json(told: Mapping[str, Any]) -> bytes:
    return (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "backslashreplace")


def _told(timeline: Told) -> Iterator[Row]:
    for entry in timeline.get("entries", ()):
        at = datetime.fromisoformat(entry["at"])
        if event := entry.get("event"):
            yield Row(at, str(event["kind"]), str(event["source"]), _said(event))
        elif alert := entry.get("alert"):
            yield Row(at, str(entry["what"]), "alert", f"{alert['name']} ({alert['severity']})")


def _said(event: Told) -> str:
    """Say what an event carries besides its kind and time."""
    told = [str(event[name]) for name in ("severity", "title") if event.get(name)]
    data = event.get("data") or {}
    plain = [f"{key}: {value}" for key, value in data.items() if key != "text" and not isinstance(value, dict | list)]
    return "; ".join([*([str(data["text"])] if data.get("text") else []), *told, *plain])


def _annotated(annotations: Sequence[Told]) -> Iterator[Row]:
    for one in annotations:
        begin, end = _instant(one["time"]), _instant(one.get("timeEnd") or one["time"])
        until = f" (until {_utc(end)})" if end > begin else ""
        tags = ", ".join(str(tag) for tag in one.get("tags") or ())
        yield Row(begin, "annotation", "grafana", f"{one.get('text') or ''}{until} [{tags}]")


def _instant(milliseconds: object) -> datetime:
    return datetime.fromtimestamp(int(str(milliseconds)) / 1000, UTC)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
