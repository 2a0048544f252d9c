"""Annotations over Grafana's HTTP API (9 to 13): find, read, add, change. Nothing is ever deleted.

All of time, timeEnd, tags and text are sent each time: PUT empties what is left out, and grafana-client sends an empty
list for tags that it was not given. A point is a region that ends where it begins.
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
"""How many annotations with the same key are looked for; one is what should be there."""
_UPDATES_MAKE_TAGS = (10, 1)
"""The first release that makes tags during an update on every database (grafana/grafana#58305, #71199)."""
PAGE = 1000
"""How many of ours are asked for at once."""
MOST = 10_000
"""How many annotations of a stretch of time are asked for; Grafana itself knows no limit."""


def milliseconds(at: datetime) -> int:
    """Return an instant as Grafana takes it; seconds would be accepted too, and land in 1970."""
    return (at - EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """An annotation as Grafana has it; times in milliseconds."""

    id: int
    time: int
    time_end: int
    text: str
    tags: frozenset[str]

    @property
    def key(self) -> str | None:
        """Our name of it, None where it is not ours."""
        return next((tag.removeprefix(f"{KEY_TAG}:") for tag in self.tags if tag.startswith(f"{KEY_TAG}:")), None)

    @property
    def digest(self) -> bytes:
        """Sixteen bytes that are those of `digest_of` an annotation that it shows."""
        return _digest(self.time, self.time_end, self.text, self.tags)

    def shows(self, annotation: Annotation) -> bool:
        """Say whether it is as it should be."""
        return self.spans(annotation) and self.text == annotation.text and self.tags == set(annotation.tags)

    def spans(self, annotation: Annotation) -> bool:
        """Say whether it begins and ends where it should."""
        return (self.time, self.time_end) == _span(annotation)


class Unordered(Exception):
    """A list did not come as it does from Grafana, the latest end first, or one page did not hold what ends at once."""


class Annotations:
    """The annotations of one organisation. Every method raises `DeliveryError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._release: tuple[int, ...] | None = None

    def get(self, annotation_id: int) -> Stored | None:
        """Read one; None where it is gone, which is 403 for a token that may not read every kind of annotation."""
        return self._stored(self._connection.get_visible(f"/annotations/{annotation_id}"), or_none=True)

    def find(self, key: str) -> list[Stored]:
        """Return those that carry our name, the oldest first."""
        with self._connection.asking() as api:
            tag = quote(f"{KEY_TAG}:{key}", safe="")
            found = api.annotations.find_annotations(ann_type="annotation", tags=[tag], limit=LIMIT)
        stored = (self._stored(one) for one in self._listed(found))
        return sorted((one for one in stored if one is not None and one.key == key), key=lambda one: one.id)

    def ours(self, until: datetime) -> Iterator[Stored]:
        """Yield every annotation of any installation of ours that begins by then, in no order, some of them twice.

        A page begins at the earliest end that the page before had. Raises `Unordered` at the end where some may lack.
        """
        limit = milliseconds(until)
        while True:
            with self._connection.asking() as api:
                found = api.annotations.find_annotations(
                    time_from=1, time_to=limit, ann_type="annotation", tags=[KEY_TAG], limit=PAGE
                )
            page = [stored for one in self._listed(found) if (stored := self._stored(one))]
            yield from page
            ends = [stored.time_end for stored in page]
            if ends != sorted(ends, reverse=True):
                raise Unordered
            if len(page) < PAGE:
                return
            if ends[-1] >= limit:
                raise Unordered
            limit = ends[-1]

    def between(self, begin: datetime, end: datetime, tags: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return every annotation that touches a stretch of time, ours and others', as Grafana tells of them.

        The earliest first; `tags`: only those that have all of them; `MOST`, the latest to end, where there are more.
        """
        quoted = [quote(tag, safe="") for tag in tags] or None
        since, until = milliseconds(begin), milliseconds(end)
        with self._connection.asking() as api:
            found = api.annotations.find_annotations(time_from=since, time_to=until, tags=quoted, limit=MOST)
        stored = [((one.time, one.id), told) for told in self._listed(found) if (one := self._stored(told))]
        stored.sort(key=lambda pair: pair[0])
        return [told for _, told in stored]

    def add(self, annotation: Annotation, dashboard_uid: str | None = None) -> int:
        """Create one and return its id; not idempotent: after a failure it may be there, or come to be."""
        time, time_end = _span(annotation)
        with self._connection.asking() as api:
            answer = api.annotations.add_annotation(
                dashboard_uid=dashboard_uid,
                time_from=time,
                time_to=time_end,
                tags=list(annotation.tags),
                text=annotation.text,
            )
        made = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(made, int) or made <= 0:
            raise self._connection.unexpected(answer)
        return made

    def patch(self, annotation_id: int, annotation: Annotation) -> None:
        """Change one."""
        self._change("partial_update_annotation", annotation_id, annotation)

    def put(self, annotation_id: int, annotation: Annotation) -> None:
        """Replace one; for Grafanas whose PATCH leaves `timeEnd` as it was."""
        self._change("update_annotation", annotation_id, annotation)

    def has_dashboard(self, uid: str) -> bool:
        """Say whether there is such a dashboard that we may see; Grafana 9 takes an annotation of an unknown one for
        the whole organisation.
        """
        return self._connection.get_visible(f"/dashboards/uid/{quote(uid, safe='')}") is not None

    def has_tag(self, tag: str) -> bool:
        """Say whether any annotation of the organisation has a tag."""
        with self._connection.asking() as api:
            found = api.annotations.find_annotations(ann_type="annotation", tags=[quote(tag, safe="")], limit=1)
        return bool(self._listed(found))

    def needs_tags_first(self) -> bool:
        """Say whether an update may fail on a tag that no annotation had before: up to 10.0, on SQLite, which Grafana
        keeps to itself; and where it keeps its version to itself.
        """
        if self._release is None:
            self._release = _release(Rights(self._connection).version())
        return self._release < _UPDATES_MAKE_TAGS

    def _change(self, method: str, annotation_id: int, annotation: Annotation) -> None:
        time, time_end = _span(annotation)
        with self._connection.asking() as api:
            change = getattr(api.annotations, method)
            change(annotation_id, time_from=time, time_to=time_end, tags=list(annotation.tags), text=annotation.text)

    def _listed(self, answer: Any) -> list[Any]:
        """Return a list of annotations; some versions write an empty one as null."""
        if answer is not None and not isinstance(answer, list):
            raise self._connection.unexpected(answer)
        return answer or []

    def _stored(self, answer: Any, *, or_none: bool = False) -> Stored | None:
        if answer is None and or_none:
            return None
        try:
            time = int(answer["time"])
            return Stored(
                id=int(answer["id"]),
                time=time,
                time_end=int(answer.get("timeEnd") or time),
                text=str(answer.get("text") or ""),
                tags=frozenset(_tags(answer.get("tags") or ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._connection.unexpected(answer) from error


def digest_of(annotation: Annotation) -> bytes:
    """Return sixteen bytes that differ where anything of it would differ in Grafana."""
    return _digest(*_span(annotation), annotation.text, frozenset(annotation.tags))


def _digest(time: int, time_end: int, text: str, tags: frozenset[str]) -> bytes:
    return blake2b(repr((time, time_end, text, sorted(tags))).encode(), digest_size=16).digest()


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _span(annotation: Annotation) -> tuple[int, int]:
    return milliseconds(annotation.starts_at), milliseconds(annotation.ends_at)


def _tags(tags: Iterable[object]) -> Iterable[str]:
    return (str(tag) for tag in tags)
