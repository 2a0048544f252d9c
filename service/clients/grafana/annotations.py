"""Annotations over Grafana's HTTP API (9 to 13): find, read, add, change. Nothing is ever deleted.

All of time, timeEnd, tags and text are sent each time: PUT empties what is left out, and grafana-client sends an empty
list for tags that were omitted. A point is a region that ends where it begins.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

from service.clients.grafana.access import Rights
from service.clients.grafana.connection import Connection
from service.render.annotations import KEY_TAG, Annotation

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LIMIT = 100
"""How many annotations with the same key are requested; there should be one."""
_UPDATES_MAKE_TAGS = (10, 1)
"""The first release that creates tags during an update on every database (grafana/grafana#58305, #71199)."""
PAGE = 1000
"""How many of our annotations are requested at once."""
MOST = 10_000
"""How many annotations of a period are requested; Grafana itself has no limit."""


def milliseconds(at: datetime) -> int:
    """Return an instant in Grafana's unit; seconds would be accepted too, and land in 1970."""
    return (at - EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class GrafanaAnnotation:
    """An annotation as Grafana has it; times in milliseconds."""

    id: int
    time: int
    time_end: int
    text: str
    tags: frozenset[str]

    @property
    def key(self) -> str | None:
        """Its key, None if it is not one of ours."""
        return next((tag.removeprefix(f"{KEY_TAG}:") for tag in self.tags if tag.startswith(f"{KEY_TAG}:")), None)

    @property
    def digest(self) -> bytes:
        """Sixteen bytes, equal to `digest_of` the annotation that it shows."""
        return _digest(self.time, self.time_end, self.text, self.tags)

    def shows(self, annotation: Annotation) -> bool:
        """Return whether it shows exactly this annotation."""
        return self.spans(annotation) and self.text == annotation.text and self.tags == set(annotation.tags)

    def spans(self, annotation: Annotation) -> bool:
        """Return whether it begins and ends where the annotation does."""
        return (self.time, self.time_end) == _span(annotation)


class PagingIncomplete(Exception):
    """Some annotations may be missing: a page was not sorted by its ends, latest first, or too small for equal ends."""


class Annotations:
    """The annotations of one organisation. Every method raises RequestFailed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._release: tuple[int, ...] | None = None

    def get(self, annotation_id: int) -> GrafanaAnnotation | None:
        """Read one; None if it is gone, which is 403 for a token that may not read every kind of annotation."""
        response = self._connection.get_visible(f"/annotations/{annotation_id}")
        return None if response is None else self._parse(response)

    def find(self, key: str) -> list[GrafanaAnnotation]:
        """Return those with a key, the oldest first."""
        tag = quote(f"{KEY_TAG}:{key}", safe="")
        annotations = map(self._parse, self._search(ann_type="annotation", tags=[tag], limit=LIMIT))
        return sorted((a for a in annotations if a.key == key), key=lambda a: a.id)

    def ours(self, until: datetime) -> Iterator[GrafanaAnnotation]:
        """Yield every annotation of any installation that begins by then, in no order, some of them twice.

        A page begins at the earliest end of the page before. Raises `PagingIncomplete` at the end if some may be
        missing.
        """
        limit = milliseconds(until)
        while True:
            query = {"time_from": 1, "time_to": limit, "ann_type": "annotation", "tags": [KEY_TAG], "limit": PAGE}
            page = [self._parse(item) for item in self._search(**query)]
            yield from page
            ends = [annotation.time_end for annotation in page]
            if ends != sorted(ends, reverse=True):
                raise PagingIncomplete
            if len(page) < PAGE:
                return
            if ends[-1] >= limit:
                raise PagingIncomplete
            limit = ends[-1]

    def between(self, begin: datetime, end: datetime, tags: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return every annotation that overlaps a period, ours and others', in Grafana's JSON, the earliest first.

        `tags`: only those that have all of them. At most `MOST`, those that end last.
        """
        quoted = [quote(tag, safe="") for tag in tags] or None
        since, until = milliseconds(begin), milliseconds(end)
        return sorted(self._search(time_from=since, time_to=until, tags=quoted, limit=MOST), key=self._position)

    def add(self, annotation: Annotation, dashboard_uid: str | None = None) -> int:
        """Create one and return its id; not idempotent: after a failure it may exist, or still come to exist."""
        time, time_end = _span(annotation)
        with self._connection.client() as api:
            response = api.annotations.add_annotation(
                dashboard_uid=dashboard_uid,
                time_from=time,
                time_to=time_end,
                tags=list(annotation.tags),
                text=annotation.text,
            )
        annotation_id = response.get("id") if isinstance(response, dict) else None
        if not isinstance(annotation_id, int) or annotation_id <= 0:
            raise self._connection.unexpected(response)
        return annotation_id

    def patch(self, annotation_id: int, annotation: Annotation) -> None:
        """Change one."""
        self._change("partial_update_annotation", annotation_id, annotation)

    def put(self, annotation_id: int, annotation: Annotation) -> None:
        """Replace one; for versions of Grafana whose PATCH ignores `timeEnd`."""
        self._change("update_annotation", annotation_id, annotation)

    def has_dashboard(self, uid: str) -> bool:
        """Return whether the dashboard exists and is visible to us; Grafana 9 turns an annotation of an unknown one
        into one of the organisation.
        """
        return self._connection.get_visible(f"/dashboards/uid/{quote(uid, safe='')}") is not None

    def has_tag(self, tag: str) -> bool:
        """Return whether any annotation of the organisation has a tag."""
        return bool(self._search(ann_type="annotation", tags=[quote(tag, safe="")], limit=1))

    def needs_tags_first(self) -> bool:
        """Return whether an update may fail on a new tag: up to 10.0 on SQLite (Grafana does not report its database),
        or if the version is hidden.
        """
        if self._release is None:
            self._release = _release(Rights(self._connection).version())
        return self._release < _UPDATES_MAKE_TAGS

    def _change(self, method: str, annotation_id: int, annotation: Annotation) -> None:
        time, time_end = _span(annotation)
        with self._connection.client() as api:
            change = getattr(api.annotations, method)
            change(annotation_id, time_from=time, time_to=time_end, tags=list(annotation.tags), text=annotation.text)

    def _position(self, response: Any) -> tuple[int, int]:
        annotation = self._parse(response)
        return annotation.time, annotation.id

    def _search(self, **query: Any) -> list[Any]:
        """Return the annotations of a query; some versions write an empty list as null."""
        with self._connection.client() as api:
            response = api.annotations.find_annotations(**query)
        if response is not None and not isinstance(response, list):
            raise self._connection.unexpected(response)
        return response or []

    def _parse(self, response: Any) -> GrafanaAnnotation:
        try:
            time = int(response["time"])
            return GrafanaAnnotation(
                id=int(response["id"]),
                time=time,
                time_end=int(response.get("timeEnd") or time),
                text=str(response.get("text") or ""),
                tags=frozenset(_tags(response.get("tags") or ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._connection.unexpected(response) from error


def digest_of(annotation: Annotation) -> bytes:
    """Return sixteen bytes that differ if anything would differ in Grafana."""
    return _digest(*_span(annotation), annotation.text, frozenset(annotation.tags))


def _digest(time: int, time_end: int, text: str, tags: frozenset[str]) -> bytes:
    return blake2b(repr((time, time_end, text, sorted(tags))).encode(), digest_size=16).digest()


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _span(annotation: Annotation) -> tuple[int, int]:
    return milliseconds(annotation.starts_at), milliseconds(annotation.ends_at)


def _tags(tags: Iterable[object]) -> Iterable[str]:
    return (str(tag) for tag in tags)
