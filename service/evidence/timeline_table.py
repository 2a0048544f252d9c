"""A timeline as a Markdown table: each entry in UTC, in the display time zone, and relative to the detection."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from service.render.lines import one_line
from service.render.timeline import offset, zone_name

LONGEST_TEXT = 500
_SPECIAL = re.compile(r"([\\`*_\[\]<>|])")


@dataclass(frozen=True, slots=True)
class TimelineTableRow:
    """One line: `what` is the kind of event, `source` who reported it."""

    at: datetime
    what: str
    source: str = ""
    text: str = ""


def timeline_table(title: str, rows: Iterable[TimelineTableRow], zone: ZoneInfo, detected_at: datetime | None) -> str:
    """Return the document; texts from outside are escaped, on one line, and shortened."""
    ordered = sorted(rows, key=lambda row: row.at)
    lines = [f"# {_cell(title)}", "", f"Times are UTC, with {zone.key} beside it. T0 is the detection.", ""]
    lines += [f"| UTC | {zone.key} | since T0 | event | source | details |", "|---|---|---|---|---|---|"]
    for row in ordered:
        utc, local = row.at.astimezone(UTC), row.at.astimezone(zone)
        times = [f"{utc:%Y-%m-%d %H:%M:%S}Z", f"{local:%Y-%m-%d %H:%M:%S} {zone_name(local)}"]
        cells = [*times, offset(row.at, detected_at), row.what, row.source, row.text]
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    line = one_line(text)
    short = line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"
    return _SPECIAL.sub(r"\\\1", short)
