"""Labels in queries: where `{{ $labels.NAME }}` may stand in PromQL, LogQL and TraceQL, and how a value is put there.

A value comes from outside. Within double quotes it can be escaped so that it stays a text, and in a regular expression
so that it matches itself; anywhere else it would become part of the query.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LABEL = re.compile(r"\{\{\s*\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}")
_PIECES = re.compile(
    r"""(?P<double>"(?:[^"\\\n]|\\.)*")|(?P<single>'(?:[^'\\\n]|\\.)*')|(?P<backtick>`[^`]*`)|(?P<comment>\#[^\n]*)"""
)
_REGEX_BEFORE = re.compile(r"(?:[=!|]~|\bregexp)\s*\Z")
_TEMPLATE_BEFORE = re.compile(r"\b(?:line_format|label_format\b[^|]*)\s*\Z")
_REGEX_SIGNS = re.compile(r"[\\.+*?()|\[\]{}^$]")
_PLACES = {
    "": "outside of quotes",
    "single": "within single quotes",
    "backtick": "within backticks",
    "comment": "in a comment",
    "template": "in a template of line_format or label_format",
}


class MissingLabel(Exception):
    """A query asks for labels that are not there; `names` are theirs."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a query: `place` is `double`, or one of `_PLACES`; `is_regex`: its text is a regular expression."""

    text: str
    place: str
    is_regex: bool = False


def checked_query(query: str) -> str:
    """Return the query if its labels stand within double quotes only. Raises ValueError with the right form."""
    for piece in _pieces(query):
        match = _LABEL.search(piece.text) if piece.place != "double" else None
        if match:
            raise ValueError(
                f"has {match[0]} {_PLACES[piece.place]}, where a label's value could change the query; "
                f'put it within double quotes, such as {{{match[1]}="{match[0]}"}}'
            )
    return query


def with_labels(query: str, labels: Mapping[str, str]) -> str:
    """Put the labels in their places of a query that was checked. Raises MissingLabel."""
    missing = sorted({name for name in _LABEL.findall(query) if name not in labels})
    if missing:
        raise MissingLabel(missing)
    return "".join(_filled(piece, labels) for piece in _pieces(query))


def _filled(piece: _Piece, labels: Mapping[str, str]) -> str:
    if piece.place != "double":
        return piece.text
    return _LABEL.sub(lambda match: _escaped(labels[match[1]], is_regex=piece.is_regex), piece.text)


def _escaped(value: str, *, is_regex: bool) -> str:
    """Write a value as it has to be between double quotes, which all three languages read as Go does."""
    literal = _REGEX_SIGNS.sub(r"\\\g<0>", value) if is_regex else value
    return json.dumps(literal, ensure_ascii=False)[1:-1]


def _pieces(query: str) -> Iterator[_Piece]:
    """Take a query apart at its strings and comments; `"a" or "b"` after `|~` are regular expressions, both."""
    at, was_regex = 0, False
    for match in _PIECES.finditer(query):
        before, place = query[at : match.start()], str(match.lastgroup)
        yield _Piece(before, "")
        was_regex = bool(_REGEX_BEFORE.search(before)) or (was_regex and before.strip() == "or")
        if place == "double" and _TEMPLATE_BEFORE.search(before):
            place = "template"
        yield _Piece(match[0], place, was_regex)
        at = match.end()
    yield _Piece(query[at:], "")
