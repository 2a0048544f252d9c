"""Parse the start of the impact from alerts, in every form in which a Prometheus template prints a time. Pure."""

import re
from datetime import datetime

from service.intake.wire import PayloadError, instant, unix_instant

STARTED_AT = "started_at"
"""The annotation, or label, that carries it."""
_GO = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d\d)(\d\d)(?: [A-Za-z0-9+-]+)?", re.ASCII)
_SECONDS = re.compile(r"\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?", re.ASCII)


def read_started_at(text: str, now: datetime) -> datetime:
    """Parse RFC 3339, Go's format (`2026-11-20 09:55:00 +0000 UTC`), or Unix seconds (also `1.7958852e+09`).

    Go's format comes from `humanizeTimestamp` and `toTime`, the number from `{{ $value }}`. Raises PayloadError.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return unix_instant(float(text), now, STARTED_AT)
    if match := _GO.fullmatch(text):
        text = f"{match[1]}{match[2]}:{match[3]}"
    return instant(text, now, STARTED_AT)


def readable_started_at(texts: tuple[str | None, ...], now: datetime) -> tuple[datetime | None, PayloadError | None]:
    """Return the first valid time among several texts, and the first error; blank texts are skipped."""
    failure: PayloadError | None = None
    for text in texts:
        if text and text.strip():
            try:
                return read_started_at(text, now), failure
            except PayloadError as error:
                failure = failure or error
    return None, failure
