"""What a page tells its reader to type, to write and to expect: its code blocks, in their order."""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `language` is the first word after the fence, `place` is where to look when it is wrong."""

    language: str
    text: str
    place: str

    def steps(self):
        """Return what a console block shows: [(what is typed after "$ ", what is printed then)]."""
        assert self.text.startswith("$ "), f"{self.place}: a console block begins with what is typed"
        typed = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [_typed(line) for line in typed]


def _typed(step):
    """A command goes on in the lines that follow a backslash or that begin with "> "."""
    lines = step.splitlines()
    count = 1
    while count < len(lines) and (lines[count - 1].endswith("\\") or lines[count].startswith("> ")):
        count += 1
    return "\n".join(line.removeprefix("> ") for line in lines[:count]), "\n".join(lines[count:]).strip("\n")


def blocks(name):
    """Return the blocks of a page that have a language; those without one are drawings."""
    tokens = MarkdownIt("commonmark").parse((ROOT / name).read_text(encoding="utf-8"))
    indented = [token.map[0] + 1 for token in tokens if token.type == "code_block"]
    assert not indented, f"{name}: lines {indented} are indented, so that nothing says what they are"
    fences = [token for token in tokens if token.type == "fence"]
    blocks = [Block(token.info.split(" ")[0], token.content, f"{name}:{token.map[0] + 1}") for token in fences]
    return [block for block in blocks if block.language]


def shows(expected, printed):
    """Whether something printed is what a page shows of it: "…" stands for anything, how many spaces does not count."""
    pattern = r"\s*".join(_pattern(line) for line in expected.splitlines() if line.strip())
    return re.fullmatch(rf"\s*{pattern}\s*", printed) is not None


def _pattern(line):
    if line.strip() == "…":
        return r"(?s:.*?)"
    words = (re.escape(word).replace("…", ".*?") for word in line.split())
    return r"[ \t]+".join(words) + r"[ \t]*(?:\n|$)"
