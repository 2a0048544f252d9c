"""Loki's HTTP API, as far as we read it: every log line of a stretch of time, page by page, each of them once."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from service.clients.json_api import JsonApi, RequestFailed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_PAGES = 100_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line: nanoseconds since 1970, the labels of its stream as sorted pairs, and the text."""

    nanoseconds: int
    labels: tuple[tuple[str, str], ...]
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """Lines in order. `lost_at`: at this instant there are more lines than one page holds, and some are missing."""

    lines: tuple[Line, ...]
    lost_at: int | None = None


class _Stream(BaseModel):
    stream: dict[str, str]
    values: list[tuple[int, str] | tuple[int, str, Any]]


_STREAMS = TypeAdapter(list[_Stream])


class Loki:
    """Reads one Loki. `limit` is how many lines are asked for at once."""

    def __init__(self, api: JsonApi, limit: int) -> None:
        self._api = api
        self._limit = limit

    def lines(self, query: str, begin: datetime, end: datetime, *, backward: bool = False) -> Iterator[Page]:
        """Yield all lines from `begin` up to and including `end`, the earliest first; the latest, where `backward`.

        The last instant of a full page is asked for again with the next one, and what was there already is left out,
        for other lines may have the same time. Where a whole page has one time, the next goes on behind that instant.
        Raises RequestFailed.
        """
        low, high = nanoseconds(begin), nanoseconds(end) + 1  # Loki's own end is not included
        seen: Counter[Line] = Counter()
        for _ in range(MOST_PAGES):
            if low >= high:
                return
            found = self._asked(query, low, high, backward=backward)
            fresh = _without(found, seen)
            if len(found) < self._limit:
                yield Page(tuple(fresh))
                return
            border = found[-1].nanoseconds
            stuck = found[0].nanoseconds == border
            yield Page(tuple(fresh), lost_at=border if stuck else None)
            seen = Counter() if stuck else Counter(line for line in found if line.nanoseconds == border)
            step = 1 if stuck else 0
            low, high = (low, border + 1 - step) if backward else (border + step, high)
        raise RequestFailed(f"{self._api.url}: has more than {MOST_PAGES} pages of lines; ask for less")

    def _asked(self, query: str, low: int, high: int, *, backward: bool) -> list[Line]:
        parameters = {
            "query": query,
            "start": str(low),
            "end": str(high),
            "limit": str(self._limit),
            "direction": "backward" if backward else "forward",
        }
        data = self._data(self._api.get("/loki/api/v1/query_range", parameters))
        if data.get("resultType") != "streams":
            raise RequestFailed(f"{self._api.url}: the query gives numbers and no lines; ask for log lines")
        try:
            streams = _STREAMS.validate_python(data.get("result"))
        except ValidationError as error:
            raise RequestFailed(f"{self._api.url}: answered in another form than Loki does") from error
        lines = [
            Line(value[0], tuple(sorted(stream.stream.items())), value[1])
            for stream in streams
            for value in stream.values
        ]
        return sorted(lines, key=lambda line: line.nanoseconds, reverse=backward)

    def _data(self, answer: Any) -> Mapping[str, Any]:
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise RequestFailed(f"{self._api.url}: this is not Loki's API")
        return data


def nanoseconds(at: datetime) -> int:
    """Return an instant as Loki takes it, without the rounding of a float."""
    return (at - EPOCH) // timedelta(microseconds=1) * 1000


def _without(found: list[Line], seen: Counter[Line]) -> list[Line]:
    """Leave out what was there already, as often as it was: equal lines may well be two."""
    left = Counter(seen)
    fresh = []
    for line in found:
        if left[line] > 0:
            left[line] -= 1
        else:
            fresh.append(line)
    return fresh
