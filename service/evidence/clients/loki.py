"""The part of Loki's HTTP API that is used: every log line of a time range, page by page, each line once."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, TypeAdapter

from service.clients.http import JsonApi

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_PAGES = 100_000


@dataclass(frozen=True, slots=True)
class LogLine:
    """Nanoseconds since 1970, the labels of its stream as sorted pairs, and the text."""

    nanoseconds: int
    labels: tuple[tuple[str, str], ...]
    text: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines in order. `lost_at`: the instant of which lines are missing, since it has more than fit on one page."""

    lines: tuple[LogLine, ...]
    lost_at: int | None = None


class _Response(BaseModel):
    data: dict[str, Any]


class _Stream(BaseModel):
    stream: dict[str, str]
    values: list[tuple[int, str] | tuple[int, str, Any]]


_RESPONSE = TypeAdapter(_Response)
_STREAMS = TypeAdapter(list[_Stream])


class Loki:
    """Reads one Loki, `limit` lines at once."""

    def __init__(self, api: JsonApi, limit: int) -> None:
        self._api = api
        self._limit = limit

    def lines(self, query: str, begin: datetime, end: datetime, *, backward: bool = False) -> Iterator[LogPage]:
        """Yield all lines from `begin` up to and including `end`, the earliest first, or the latest if `backward`.

        The last instant of a full page is asked for again with the next page, since more lines may have the same time;
        lines that were already there are dropped. If a whole page has one time, the next begins after that instant.
        Raises RequestFailed.
        """
        low, high = nanoseconds(begin), nanoseconds(end) + 1  # Loki's own end is not included
        seen: Counter[LogLine] = Counter()
        for _ in range(MAX_PAGES):
            if low >= high:
                return
            lines = self._page(query, low, high, backward=backward)
            new = _without(lines, seen)
            if len(lines) < self._limit:
                yield LogPage(tuple(new))
                return
            border = lines[-1].nanoseconds
            stuck = lines[0].nanoseconds == border
            yield LogPage(tuple(new), lost_at=border if stuck else None)
            seen = Counter() if stuck else Counter(line for line in lines if line.nanoseconds == border)
            step = 1 if stuck else 0
            low, high = (low, border + 1 - step) if backward else (border + step, high)
        raise self._api.unexpected(f"the query has more than {MAX_PAGES} pages of lines; narrow it down")

    def _page(self, query: str, low: int, high: int, *, backward: bool) -> list[LogLine]:
        parameters = {
            "query": query,
            "start": str(low),
            "end": str(high),
            "limit": str(self._limit),
            "direction": "backward" if backward else "forward",
        }
        data = self._api.validated(_RESPONSE, self._api.get("/loki/api/v1/query_range", parameters)).data
        if data.get("resultType") != "streams":
            raise self._api.unexpected("the query returns numbers; use one that returns log lines")
        streams = self._api.validated(_STREAMS, data.get("result"))
        lines = [
            LogLine(value[0], tuple(sorted(stream.stream.items())), value[1])
            for stream in streams
            for value in stream.values
        ]
        return sorted(lines, key=lambda line: line.nanoseconds, reverse=backward)


def nanoseconds(at: datetime) -> int:
    """Return an instant as Loki expects it, without the rounding of a float."""
    return (at - EPOCH) // timedelta(microseconds=1) * 1000


def _without(lines: list[LogLine], seen: Counter[LogLine]) -> list[LogLine]:
    """Drop the lines that were already there, as often as they were: two lines may be equal."""
    left = Counter(seen)
    new = []
    for line in lines:
        if left[line] > 0:
            left[line] -= 1
        else:
            new.append(line)
    return new
