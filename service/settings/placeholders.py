"""Labels in queries: where `{{ $labels.NAME }}` may be used in PromQL, LogQL and TraceQL, and how it is replaced.

A value comes from outside. Within double quotes it can be escaped so that it remains a string, and in a regular
expression so that it matches itself; anywhere else it would become part of the query.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil

_LABEL = re.compile(r"\{\{\s*\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}")
_PIECES = re.compile(
    r"""(?P<double>"(?:[^"\\\n]|\\.)*")|(?P<single>'(?:[^'\\\n]|\\.)*')|(?P<backtick>`[^`]*`)|(?P<comment>\#[^\n]*)"""
)
_REGEX_BEFORE = re.compile(r"(?:[=!|]~|\bregexp)\s*\Z")
_TEMPLATE_BEFORE = re.compile(r"\b(?:line_format|label_format\b[^|]*)\s*\Z")
_REGEX_SIGNS = re.compile(r"[\\.+*?()|\[\]{}^$]")
_POSITIONS = {
    "": "outside of quotes",
    "single": "within single quotes",
    "backtick": "within backticks",
    "comment": "in a comment",
    "template": "in a template of line_format or label_format",
}


_INTERVAL = re.compile(r"\{\{\s*(start|end|range)\s*\}\}")
_ANY = re.compile(r"\{\{.*?\}\}")


class MissingLabel(Exception):
    """A query uses labels that the incident or alert does not have: `names`."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a query; `position` is `double`, or one of `_POSITIONS`; `is_regex`: it is a regular expression."""

    text: str
    position: str
    is_regex: bool = False


def checked_query(query: str) -> str:
    """Return the query if its labels are used within double quotes only. Raises ValueError with the right form."""
    for piece in _pieces(query):
        match = _LABEL.search(piece.text) if piece.position != "double" else None
        if match:
            raise ValueError(
                f"has {match[0]} {_POSITIONS[piece.position]}, where a label's value could change the query; "
                f'put it within double quotes, such as {{{match[1]}="{match[0]}"}}'
            )
    return query


def checked_interval_query(query: str) -> str:
    """Return a query over an interval if it is valid; its times are numbers, so they may be outside of quotes.

    Raises ValueError with the right form.
    """
    unknown = [match[0] for match in _ANY.finditer(query) if not (_INTERVAL.match(match[0]) or _LABEL.match(match[0]))]
    if unknown:
        raise ValueError(
            f"has {unknown[0]}; there are {{{{ start }}}}, {{{{ end }}}}, {{{{ range }}}} and {{{{ $labels.NAME }}}}"
        )
    if not any(match[1] in ("end", "range") for match in _INTERVAL.finditer(query)):
        raise ValueError(
            "should ask about the incident: use {{ range }} and {{ end }}, as in [{{ range }}] @ {{ end }}"
        )
    return checked_query(query)


def with_interval(query: str, start: datetime, end: datetime) -> str:
    """Replace the interval in a checked query: Unix seconds, to the millisecond, and a range in whole seconds."""
    values = {
        "start": f"{start.timestamp():.3f}",
        "end": f"{end.timestamp():.3f}",
        "range": f"{max(1, ceil((end - start).total_seconds()))}s",
    }
    return _INTERVAL.sub(lambda match: values[match[1]], query)


def with_labels(query: str, labels: Mapping[str, str]) -> str:
    """Replace the labels in a checked query by their values. Raises MissingLabel."""
    missing = sorted({name for name in _LABEL.findall(query) if name not in labels})
    if missing:
        raise MissingLabel(missing)
    return "".join(_filled(piece, labels) for piece in _pieces(query))


def _filled(piece: _Piece, labels: Mapping[str, str]) -> str:
    if piece.position != "double":
        return piece.text
    return _LABEL.sub(lambda match: _escaped(labels[match[1]], is_regex=piece.is_regex), piece.text)


def _escaped(value: str, *, is_regex: bool) -> str:
    """Escape a value for double quotes, whose escapes are those of Go in all three languages."""
    literal = _REGEX_SIGNS.sub(r"\\\g<0>", value) if is_regex else value
    return json.dumps(literal, ensure_ascii=False)[1:-1]


def _pieces(query: str) -> Iterator[_Piece]:
    """Split a query at its strings and comments; in `|~ "a" or "b"` both are regular expressions."""
    at, was_regex = 0, False
    for match in _PIECES.finditer(query):
        before, position = query[at : match.start()], str(match.lastgroup)
        yield _Piece(before, "")
        was_regex = bool(_REGEX_BEFORE.search(before)) or (was_regex and before.strip() == "or")
        if position == "double" and _TEMPLATE_BEFORE.search(before):
            position = "template"
        yield _Piece(match[0], position, was_regex)
        at = match.end()
    yield _Piece(query[at:], "")
