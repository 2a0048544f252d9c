"""The runbook as a page: its Markdown as HTML, with an address for each alert, and no raw HTML."""

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from flask import Request, Response
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from service.provisioning.bundled import RUNBOOK_URL, runbook
from service.web.pages.renderer import PageRenderer
from service.web.services import Services

_RELATIVE = re.compile(r"\]\((?!https?:|#)([^)]+)\)")
_FOLDER = RUNBOOK_URL.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class RunbookPage:
    """The text, and the chapters with the alerts that each covers."""

    html: Markup
    chapters: tuple[tuple[str, tuple[str, ...]], ...]


def show(services: Services, renderer: PageRenderer, request: Request) -> Response:
    """Return the page of the runbook."""
    try:
        page = runbook_page()
    except FileNotFoundError as error:
        raise NotFound(str(error)) from error
    return renderer.render(request, "runbook", services.clock(), runbook=page)


@cache
def runbook_page() -> RunbookPage:
    """Return the runbook as HTML; links to other documents lead to the project's."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - only whoever reads the runbook waits for it

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(_RELATIVE.sub(rf"]({_FOLDER}/\1)", runbook()))
    chapters: list[tuple[str, list[str]]] = []
    for token, content in pairwise(tokens):
        if token.type == "fence":
            token.attrSet("tabindex", "0")
        if token.type != "heading_open":
            continue
        token.attrSet("id", content.content.lower().replace(" ", "-"))
        if token.tag == "h1":
            chapters.append((content.content, []))
        elif chapters:
            chapters[-1][1].append(content.content)
    html = parser.renderer.render(tokens, parser.options, {})
    return RunbookPage(Markup(html), tuple((title, tuple(alerts)) for title, alerts in chapters))  # noqa: S704 - escaped
