"""Reading files of the past in tests: one incident a line, in short."""

from datetime import UTC, datetime
from pathlib import Path

from service.domain.incident import fold
from service.history.importing.imported import ImportOptions
from service.history.importing.parsing import Format, parse
from tests.builders import policy

NOW = datetime(2026, 11, 26, tzinfo=UTC)
PAYLOADS = Path(__file__).parents[1] / "payloads" / "history"


def read(*texts, form=Format.MTTX, columns=(), **how):
    """Read texts as files called a, b, …; `columns` are pairs or a dictionary."""
    how["columns"] = tuple(columns.items() if isinstance(columns, dict) else columns)
    files = [
        (name, text if isinstance(text, bytes) else text.encode()) for name, text in zip("abc", texts, strict=False)
    ]
    return parse(files, form, ImportOptions(policy=policy(), **how), NOW)


def import_line(header, line, **how):
    """Read one line of CSV that is good."""
    parsed = read(f"{header}\n{line}\n", **how)
    assert not parsed.errors, parsed.errors
    return parsed.incidents[0]


def error_of(header, line, **how):
    """Read one line of CSV that is bad, and say why."""
    parsed = read(f"{header}\n{line}\n", **how)
    assert not parsed.incidents
    (error,) = parsed.errors
    assert error.where == "a:2"
    return error.detail


def exported(*names, form, columns=(), **how):
    """Read exports of another tool, as {key: (past, incident)}."""
    how["columns"] = tuple(columns.items() if isinstance(columns, dict) else columns)
    files = [(name, (PAYLOADS / name).read_bytes()) for name in names]
    parsed = parse(files, form, ImportOptions(policy=policy(), **how), NOW)
    assert not parsed.errors, parsed.errors
    return {past.key: (past, incident(past)) for past in parsed.incidents}


def incident(past):
    return fold(1, [*past.events, *past.initial_events], (), policy(), NOW)


def event_times(past):
    """The events as {the end of their id: time in ISO}."""
    events = [*past.events, *past.initial_events]
    return {e.event_id.removeprefix(f"{past.source}-{past.key}-"): e.occurred_at.isoformat()[:19] for e in events}
