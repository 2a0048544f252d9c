"""Writing the past as OpenMetrics text, in one piece or a piece a day."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby

from service.history.backfill.openmetrics_writer import OpenMetricsWriter
from service.history.backfill.replay import Replay


@dataclass(frozen=True, slots=True)
class Piece:
    """A file's worth of instants, all of one `day` in UTC if split by day."""

    day: date
    text: Iterator[str]


def export(
    replay: Replay, writer: OpenMetricsWriter, instants: Sequence[int], *, by_day: bool, progress: Callable[[int], None]
) -> Iterator[Piece]:
    """Yield the pieces, each to be written before the next is requested; `progress` is called after every instant."""
    done = 0
    for day, group in groupby(instants, key=lambda at: _day(at) if by_day else _day(instants[0])):
        first, seconds = done, list(group)
        for at in seconds:
            for family in replay.families(datetime.fromtimestamp(at, UTC)):
                writer.put(family, done)
            done += 1
            progress(done)
        yield Piece(day, writer.text([str(at) for at in seconds], first))


def _day(at: int) -> date:
    return datetime.fromtimestamp(at, UTC).date()
