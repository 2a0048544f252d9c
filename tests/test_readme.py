"""The README in both languages: the same commands, the same links, and none of them dead."""

import re
from pathlib import Path

import pytest

from service.settings.model import Settings

ROOT = Path(__file__).parents[1]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ja.md")}
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def blocks(text):
    return re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def links(text):
    return {link for link in LINK.findall(text) if not link.startswith("README")}


def test_both_languages_have_the_same_commands():
    assert blocks(TEXTS["README.md"]) == blocks(TEXTS["README.ja.md"])
    assert len(blocks(TEXTS["README.md"])) > 3


def test_both_languages_have_the_same_links_and_headings():
    assert links(TEXTS["README.md"]) == links(TEXTS["README.ja.md"])
    levels = [re.findall(r"^#+", text, re.MULTILINE) for text in TEXTS.values()]
    assert levels[0] == levels[1]


@pytest.mark.parametrize("name", TEXTS)
def test_it_maps_severities_as_the_default_does(name):
    rows = re.findall(r"^\| (`.*`) \| (SEV-\d|ignore) \|$", TEXTS[name], re.MULTILINE)
    mapped = {word: severity for words, severity in rows for word in re.findall(r"`([\w-]+)`", words)}
    assert len(mapped) > 10
    assert mapped.items() <= {name: to or "ignore" for name, to in Settings().severity_map.items()}.items()


@pytest.mark.parametrize("name", [*TEXTS, "CONTRIBUTING.md"])
def test_no_link_is_dead(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert [link for link in LINK.findall(text) if "://" not in link and not (ROOT / link).exists()] == []


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: path.stem)
def test_no_link_of_the_documents_is_dead(path):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert [link for link in LINK.findall(text) if "://" not in link and not (path.parent / link).exists()] == []


def anchors(path):
    headings = re.findall(r"^#+ (.*)$", without_code(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(path):
    return re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize(
    "path", [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda path: path.stem
)
def test_every_link_to_a_heading_leads_to_one(path):
    links_to_headings = re.findall(r"\]\(([^)#\s:]*\.md)?#([^)\s]+)\)", without_code(path))
    assert [
        (page, anchor)
        for page, anchor in links_to_headings
        if anchor not in anchors(path.parent / page if page else path)
    ] == []
