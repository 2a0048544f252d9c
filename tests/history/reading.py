"""Reading files of the past in tests: one incident a line, in short."""

from datetime import UTC, datetime
from pathlib import Path

from service.domain.incident import fold
from service.history.importing.parsing import Format, parse
from service.history.importing.past import Reading
from tests.builders import policy

NOW = datetime(2026, 11, 26, tzinfo=UTC)
PAYLOADS = Path(__file__).parents[1] / "payloads" / "history"


def read(*texts, form=Format.MTTX, columns=(), **how):
    """Read texts as files called a, b, …; `columns` are pairs or a dictionary."""
    how["columns"] = tuple(columns.items() if isinstance(columns, dict) else columns)
    files = [
        (name, text if isinstance(text, bytes) else text.encode()) for name, text in zip("abc", texts, strict=False)
    ]
    return parse(files, form, Reading(policy=policy(), **how), NOW)


def one(header, line, **how):
    """Read one line of CSV that is good."""
    parsed = read(f"{header}\n{line}\n", **how)
    assert not parsed.bad, parsed.bad
    return parsed.pasts[0]


def bad(header, line, **how):
    """Read one line of CSV that is bad, and say why."""
    parsed = read(f"{header}\n{line}\n", **how)
    assert not parsed.pasts
    (found,) = parsed.bad
    assert found.where == "a:2"
    return found.detail


def exported(*names, form, columns=(), **how):
    """Read exports of another tool, as {key: (past, incident)}."""
    how["columns"] = tuple(columns.items() if isinstance(columns, dict) else columns)
    files = [(name, (PAYLOADS / name).read_bytes()) for name in names]
    parsed = parse(files, form, Reading(policy=policy(), **how), NOW)
    assert not parsed.bad, parsed.bad
    return {past.key: (past, incident(past)) for past in parsed.pasts}


def incident(past):
    return fold(1, [*past.events, *past.at_first], (), policy(), NOW)


def told(past):
    """The events as {the end of their id: time in ISO}."""
    events = [*past.events, *past.at_first]
    return {e.event_id.removeprefix(f"{past.source}-{past.key}-"): e.occurred_at.isoformat()[:19] for e in events}
