"""From Markdown to a document. markdown-it parses the blocks; their contents are parsed here, in bounded time.

Only the block rules run: their time is proportional to the length; on hostile input that of the inline rules is not.
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

MAX_LINES = 30_000
LONGEST_LINE = 10_000
MAX_CELLS = 12
"""Limits of what is parsed as Markdown; secrets are searched for in the whole text. Cells are limited because
markdown-it pads every row to the length of the header."""
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
    """Read a document; `name` is its file name without folders. Never fails: missing parts are left out."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cut = len(lines) > MAX_LINES or any(len(line) > LONGEST_LINE for line in lines)
    limited = [_within_bounds(line) for line in lines[:MAX_LINES]]
    tokens = _markdown().parse("\n".join(limited))
    code = {n for t in tokens if t.type in ("fence", "code_block", "front_matter") and t.map for n in range(*t.map)}
    prose, comments = mask(limited, code)
    blocks = _BlockReader(limited)
    for token in tokens:
        blocks.read(token)
    return Document(
        name=name,
        lines=tuple(lines),
        prose=prose,
        comments=comments,
        title=blocks.title,
        fields={**_front_matter(tokens), **blocks.fields},
        sections=tuple(blocks.sections()),
        cut=cut,
    )


def _within_bounds(line: str) -> str:
    if line.count("|") <= MAX_CELLS:
        return line[:LONGEST_LINE]
    return "|".join(line[:LONGEST_LINE].split("|")[: MAX_CELLS + 1]) + "|"


class _BlockReader:
    """Reads the blocks in order and sorts them into sections."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self.title: Text | None = None
        self.fields: dict[FieldName, Text] = {}
        self._open: list[str] = []
        self._sections: list[_SectionBuilder] = []

    def sections(self) -> tuple[DocumentSection, ...]:
        """Return the sections read so far."""
        return tuple(section.build() for section in self._sections)

    def read(self, token: Token) -> None:
        """Process the next token."""
        if token.nesting == 1:
            self._open.append(token.tag)
            if self._sections:
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
        section = self._sections[-1]
        match token.tag:
            case "li" if self._open.count("li") == 1:
                section.items.append((self._location(token), []))
            case "table":
                section.tables.append([])
            case "tr":
                section.tables[-1].append([])

    def _inline(self, token: Token, text: str) -> None:
        match self._open:
            case ["h1"] if self.title is None:
                self.title = self._heading(token, text)
            case ["h2"]:
                self._sections.append(_SectionBuilder(self._heading(token, text)))
            case [*_, "th" | "td"]:
                self._cell(token, text)
            case _ if not self._sections:
                self._metadata(token)
            case _:
                self._add(text)

    def _cell(self, token: Token, text: str) -> None:
        """Add a cell. markdown-it does not report the location of its text, so the row is split again."""
        if not self._sections:
            return
        line = self._location(token).line
        row = self._sections[-1].tables[-1][-1]
        start, end = _cells(self._lines[line - 1])[len(row)]
        row.append(Text(text.strip(), line, start + 1, end - start))
        self._add(text)

    def _metadata(self, token: Token) -> None:
        for number in range(*(token.map or (0, 0))):
            field = _field(self._lines[number], number + 1)
            if field:
                self.fields.setdefault(*field)

    def _add(self, text: str) -> None:
        if self._sections:
            self._sections[-1].words.append(text)
            if "li" in self._open:
                self._sections[-1].items[-1][1].append(text)

    def _heading(self, token: Token, text: str) -> Text:
        """Return the text of a heading, which follows its `#`."""
        line = (token.map or (0, 0))[0]
        marker = _HASHES.match(self._lines[line])
        width = len(token.content.partition("\n")[0].strip())
        return Text(text.strip(), line + 1, marker.end() + 1 if marker else 1, width)

    def _location(self, token: Token) -> Text:
        """Return the first line of a token without its list marker."""
        index = (token.map or (0, 0))[0]
        source = self._lines[index]
        marker = _MARKER.match(source)
        column = marker.end() if marker else 0
        return Text(source[column:].strip(), index + 1, column + 1)


class _SectionBuilder:
    """A section while it is being read."""

    def __init__(self, heading: Text) -> None:
        self._heading = heading
        self.items: list[tuple[Text, list[str]]] = []
        self.tables: list[list[list[Text]]] = []
        self.words: list[str] = []

    def build(self) -> DocumentSection:
        return DocumentSection(
            kind=section_kind(self._heading.text),
            heading=self._heading,
            items=tuple(ListItem(head, "\n".join(words)) for head, words in self.items),
            tables=tuple(_table(rows) for rows in self.tables),
            words="\n".join(self.words).strip(),
        )


@lru_cache(8)
def _cells(line: str) -> list[tuple[int, int]]:
    """Return where the text of each cell begins and ends; cells added by markdown-it are empty ones at the end."""
    edges = [-1, *(match.start() for match in _PIPE.finditer(line)), len(line)]
    cells = [(start + 1, end) for start, end in pairwise(edges)]
    if _BEFORE_PIPE.fullmatch(line[: edges[1]]):
        cells = cells[1:]
    texts = [(line[start:end].strip(), start, end) for start, end in cells]
    spans = [(s + line[s:e].index(text), s + line[s:e].index(text) + len(text)) for text, s, e in texts]
    return spans + [(len(line), len(line))] * MAX_CELLS


def _table(rows: Sequence[Sequence[Text]]) -> Table:
    header, *body = (tuple(row) for row in rows)
    return Table(header, tuple(body))


def _field(line: str, number: int) -> tuple[FieldName, Text] | None:
    """Parse a line such as `**Status:** Draft`; two spaces or a backslash at its end are Markdown line breaks."""
    marker = _MARKER.match(line)
    key = _KEY.match(line, marker.end() if marker else 0)
    name = field_name(key["key"]) if key and (key["colon"] or key["key"].rstrip()[-1:] in (":", "：")) else None
    if key is None or name is None:
        return None
    value = without_comments(line[key.end() :]).rstrip().removesuffix("\\").strip()
    return name, Text(value, number, max(line.find(value, key.end()), key.end()) + 1)


def _front_matter(tokens: Sequence[Token]) -> dict[FieldName, Text]:
    """Read the front matter, every value as text; invalid YAML is ignored."""
    token = next((t for t in tokens if t.type == "front_matter"), None)
    if token is None or len(token.content) > LONGEST_FRONT_MATTER:
        return {}
    try:
        metadata = yaml.load(token.content, yaml.BaseLoader)  # noqa: S506 - creates only strings, lists and mappings
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    lines = token.content.split("\n")
    fields: dict[FieldName, Text] = {}
    for key, value in metadata.items() if isinstance(metadata, Mapping) else ():
        name = field_name(str(key))
        if name and value:
            row = next((n for n, line in enumerate(lines) if line.startswith(f"{key}:")), 0)
            column = re.match(r"[^:]*:\s*[\"'\[]?", lines[row])
            fields.setdefault(name, Text(_as_text(value), row + 2, column.end() + 1 if column else 1))
    return fields


def _as_text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
