"""From Markdown to a document. markdown-it parses the blocks; what is inside them is read here, in bounded time.

Only the block rules run: they take time in proportion to the length, which the inline rules do not on hostile input.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from service.postmortems.document import Document, DocumentSection, FieldName, ListItem, Table, Text
from service.postmortems.masking import mask, without_comments
from service.postmortems.vocabulary import field_name, section_kind

MOST_LINES = 30_000
LONGEST_LINE = 10_000
MOST_CELLS = 12
"""What is read of a document as Markdown, and of a table's row; secrets are looked for in all of it. markdown-it fills
short rows up to as many cells as the header has, which would make much out of little."""
LONGEST_FRONT_MATTER = 20_000

_MARKER = re.compile(r"[ \t>]*(?:(?:[-*+]|[0-9]{1,9}[.)])(?:[ \t]+|$))?(?:\[[ xX]\][ \t]+)?")
_PIPE = re.compile(r"(?<!\\)\|")
_BEFORE_PIPE = re.compile(r"[ \t>]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)?")
_HASHES = re.compile(r" {0,3}#{0,6}[ \t]*")
_KEY = re.compile(r"(?P<mark>\*\*|__)(?P<key>[^*_]{1,60})(?P=mark)[ \t]*(?P<colon>[:：]?)[ \t]*")


@cache
def _markdown() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table").use(front_matter_plugin)
    parser.core.ruler.enableOnly(["normalize", "block"])
    parser.block.ruler.disable("reference")
    return parser


def read(name: str, text: str) -> Document:
    """Read a document; `name` is that of its file, without folders. Never fails: what is not there is left out."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cut = len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines)
    shown = [_within_bounds(line) for line in lines[:MOST_LINES]]
    tokens = _markdown().parse("\n".join(shown))
    code = {n for t in tokens if t.type in ("fence", "code_block", "front_matter") and t.map for n in range(*t.map)}
    prose, comments = mask(shown, code)
    walk = _BlockReader(shown)
    for token in tokens:
        walk.take(token)
    return Document(
        name=name,
        lines=tuple(lines),
        prose=prose,
        comments=comments,
        title=walk.title,
        fields={**_front_matter(tokens), **walk.fields},
        sections=tuple(walk.sections()),
        cut=cut,
    )


def _within_bounds(line: str) -> str:
    if line.count("|") <= MOST_CELLS:
        return line[:LONGEST_LINE]
    return "|".join(line[:LONGEST_LINE].split("|")[: MOST_CELLS + 1]) + "|"


class _BlockReader:
    """Goes through the blocks and sorts them into sections."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self.title: Text | None = None
        self.fields: dict[FieldName, Text] = {}
        self._open: list[str] = []
        self._parts: list[_SectionBuilder] = []

    def sections(self) -> tuple[DocumentSection, ...]:
        """Return the sections as they are at the end."""
        return tuple(part.section() for part in self._parts)

    def take(self, token: Token) -> None:
        """Take in the next token."""
        if token.nesting == 1:
            self._open.append(token.tag)
            if self._parts:
                self._enter(token)
        elif token.nesting == -1:
            self._open.pop()
        elif token.type == "inline":
            self._inline(token, without_comments(token.content))
        elif token.type in ("fence", "code_block"):
            self._add(token.content)
        elif token.type == "html_block":
            self._add(without_comments(token.content))

    def _enter(self, token: Token) -> None:
        part = self._parts[-1]
        match token.tag:
            case "li" if self._open.count("li") == 1:
                part.items.append((self._place(token), []))
            case "table":
                part.tables.append([])
            case "tr":
                part.tables[-1].append([])

    def _inline(self, token: Token, text: str) -> None:
        match self._open:
            case ["h1"] if self.title is None:
                self.title = self._heading(token, text)
            case ["h2"]:
                self._parts.append(_SectionBuilder(self._heading(token, text)))
            case [*_, "th" | "td"]:
                self._cell(token, text)
            case _ if not self._parts:
                self._metadata(token)
            case _:
                self._add(text)

    def _cell(self, token: Token, text: str) -> None:
        """Take in a cell. markdown-it does not say where its text stands, so the row is split once more."""
        if not self._parts:
            return
        line = self._place(token).line
        row = self._parts[-1].tables[-1][-1]
        start, end = _cells(self._lines[line - 1])[len(row)]
        row.append(Text(text.strip(), line, start + 1, end - start))
        self._add(text)

    def _metadata(self, token: Token) -> None:
        for number in range(*(token.map or (0, 0))):
            found = _field(self._lines[number], number + 1)
            if found:
                self.fields.setdefault(*found)

    def _add(self, text: str) -> None:
        if self._parts:
            self._parts[-1].words.append(text)
            if "li" in self._open:
                self._parts[-1].items[-1][1].append(text)

    def _heading(self, token: Token, text: str) -> Text:
        """Return the text of a heading, which stands behind its `#`."""
        line = (token.map or (0, 0))[0]
        marker = _HASHES.match(self._lines[line])
        width = len(token.content.partition("\n")[0].strip())
        return Text(text.strip(), line + 1, marker.end() + 1 if marker else 1, width)

    def _place(self, token: Token) -> Text:
        """Return what stands on a token's first line, behind the marker of its list."""
        index = (token.map or (0, 0))[0]
        source = self._lines[index]
        marker = _MARKER.match(source)
        column = marker.end() if marker else 0
        return Text(source[column:].strip(), index + 1, column + 1)


class _SectionBuilder:
    """A section while it is read."""

    def __init__(self, heading: Text) -> None:
        self._heading = heading
        self.items: list[tuple[Text, list[str]]] = []
        self.tables: list[list[list[Text]]] = []
        self.words: list[str] = []

    def section(self) -> DocumentSection:
        return DocumentSection(
            kind=section_kind(self._heading.text),
            heading=self._heading,
            items=tuple(ListItem(head, "\n".join(words)) for head, words in self.items),
            tables=tuple(_table(rows) for rows in self.tables),
            words="\n".join(self.words).strip(),
        )


@lru_cache(8)
def _cells(line: str) -> list[tuple[int, int]]:
    """Return where the text of each cell begins and ends; cells that markdown-it adds are empty ones at the end."""
    edges = [-1, *(match.start() for match in _PIPE.finditer(line)), len(line)]
    cells = [(start + 1, end) for start, end in pairwise(edges)]
    if _BEFORE_PIPE.fullmatch(line[: edges[1]]):
        cells = cells[1:]
    texts = [(line[start:end].strip(), start, end) for start, end in cells]
    found = [(s + line[s:e].index(text), s + line[s:e].index(text) + len(text)) for text, s, e in texts]
    return found + [(len(line), len(line))] * MOST_CELLS


def _table(rows: Sequence[Sequence[Text]]) -> Table:
    header, *body = (tuple(row) for row in rows)
    return Table(header, tuple(body))


def _field(line: str, number: int) -> tuple[FieldName, Text] | None:
    """Read a line such as `**Status:** Draft`; two spaces or a backslash at its end are line breaks of Markdown."""
    marker = _MARKER.match(line)
    key = _KEY.match(line, marker.end() if marker else 0)
    name = field_name(key["key"]) if key and (key["colon"] or key["key"].rstrip()[-1:] in (":", "：")) else None
    if key is None or name is None:
        return None
    value = without_comments(line[key.end() :]).rstrip().removesuffix("\\").strip()
    return name, Text(value, number, max(line.find(value, key.end()), key.end()) + 1)


def _front_matter(tokens: Sequence[Token]) -> dict[FieldName, Text]:
    """Read the metadata at the top as YAML, every value as text; what is no YAML says nothing."""
    token = next((t for t in tokens if t.type == "front_matter"), None)
    if token is None or len(token.content) > LONGEST_FRONT_MATTER:
        return {}
    try:
        told = yaml.load(token.content, yaml.BaseLoader)  # noqa: S506 - makes texts, lists and mappings, nothing else
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    lines = token.content.split("\n")
    found: dict[FieldName, Text] = {}
    for key, value in told.items() if isinstance(told, Mapping) else ():
        name = field_name(str(key))
        if name and value:
            row = next((n for n, line in enumerate(lines) if line.startswith(f"{key}:")), 0)
            column = re.match(r"[^:]*:\s*[\"'\[]?", lines[row])
            found.setdefault(name, Text(_as_text(value), row + 2, column.end() + 1 if column else 1))
    return found


def _as_text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
