"""A subject, sources of a few lines, and a collection of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service.evidence.collecting import Terms, collect
from service.evidence.redaction import Redaction
from service.evidence.subject import Subject, Window

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def at(minutes):
    return datetime(2026, 11, 23, 9, 0, tzinfo=UTC) + timedelta(minutes=minutes)


def subject(**fields):
    window = Window(at(-15), at(79), TOKYO)
    incident = {"id": "INC-7", "title": "Checkout errors", "severity": "SEV-2"}
    return Subject(**{"window": window, "began": at(0), "ended": at(64), "incident": incident} | fields)


class Saying:
    """A source that does what it is told."""

    def __init__(self, name: str, does: Callable):
        self.name = name
        self.does = does

    def collect(self, about, box):
        self.does(about, box)


def text(path, content, **about):
    """Return a source's doing: one text."""

    def do(_, box):
        with box.text(path, **about) as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    return do


def terms(patterns=None, **fields):
    return Terms(**{"version": "1.2.3", "redaction": Redaction(patterns)} | fields)


def collected(folder, *sources, name="evidence.zip", about=None, now=NOW, watch=None, **fields):
    folder.mkdir(exist_ok=True)
    return collect(about or subject(), sources, folder / name, terms(**fields), lambda: now, watch)
