"""A window, sources of a few lines, and a collection of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service.evidence.collecting import CollectOptions, collect
from service.evidence.redaction import Redaction
from service.evidence.window import EvidenceWindow

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def at(minutes):
    return datetime(2026, 11, 23, 9, 0, tzinfo=UTC) + timedelta(minutes=minutes)


def evidence_window(**fields):
    incident = {"id": "INC-7", "title": "Checkout errors", "severity": "SEV-2"}
    times = {"start": at(-15), "end": at(79), "incident_start": at(0), "incident_end": at(64)}
    return EvidenceWindow(**{**times, "zone": TOKYO, "incident": incident} | fields)


class FakeSource:
    """A source that calls `does`."""

    def __init__(self, name: str, does: Callable):
        self.name = name
        self.does = does

    def collect(self, about, files):
        self.does(about, files)


def text(path, content, **about):
    """Return a source's doing: one text."""

    def do(_, files):
        with files.text(path, **about) as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    return do


def options(patterns=None, **fields):
    return CollectOptions(**{"version": "1.2.3", "redaction": Redaction(patterns)} | fields)


def collected(folder, *sources, name="evidence.zip", about=None, now=NOW, progress=None, **fields):
    folder.mkdir(exist_ok=True)
    return collect(about or evidence_window(), sources, folder / name, options(**fields), lambda: now, progress)
