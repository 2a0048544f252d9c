"""Render a view's content: templates, messages, links that keep the language, and the headers of every page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from service import __version__
from service.domain.incident_ids import public_id
from service.web.pages import assets, times
from service.web.pages.story import web_link
from service.web.pages.words import LANGUAGES, Words, chosen, language_of, words

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    # With `no-referrer` browsers would send `Origin: null` with this service's forms, and `check_origin` deny them.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Vary": "Accept-Language",
}
_ADDRESS = re.compile(r"https?://[^\s<>\"'）」、。]+")


@dataclass(frozen=True, slots=True)
class PageRenderer:
    """Renders pages with times in `zone`."""

    zone: ZoneInfo
    environment: Environment

    def render(
        self, request: Request, name: str, now: datetime, status: int = 200, *, suffix: str = "html", **content: Any
    ) -> Response:
        """Render the template of that name."""
        translated = words(language_of(request))
        template = self.environment.get_template(f"{name}.{suffix}")
        text = template.render(**_tools(request, translated, self.zone, now), **content)
        return Response(text, status, HEADERS, mimetype="text/html")


def page_renderer(zone: ZoneInfo) -> PageRenderer:
    """Return the renderer of the service's pages."""
    environment = Environment(
        loader=PackageLoader("service.web"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"linked": linked, "public_id": public_id, "web_link": web_link}
    environment.globals |= {"asset": assets.address, "version": __version__, "languages": LANGUAGES}
    return PageRenderer(zone, environment)


def address(path: str, language: str | None, query: Mapping[str, Any]) -> str:
    """Return a path with a query that keeps the requested language; empty values are dropped."""
    arguments = {**query, "lang": language}
    encoded = urlencode({name: value for name, value in arguments.items() if value not in (None, "", [])}, doseq=True)
    return f"{path}?{encoded}" if encoded else path


def linked(text: str) -> Markup:
    """Escape a text and turn the web addresses in it into links."""
    parts: list[Markup] = []
    end = 0
    for match in _ADDRESS.finditer(text):
        url = match.group().rstrip(".,;:!?)")
        parts.append(escape(text[end : match.start()]))
        anchor = Markup('<a href="{0}" rel="noopener noreferrer">{0}</a>')
        parts.append(anchor.format(url) if web_link(url) else escape(url))
        end = match.start() + len(url)
    return Markup("").join([*parts, escape(text[end:])])


def _tools(request: Request, translated: Words, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    asked = chosen(request)

    def link(path: str, **query: Any) -> str:
        return address(path, asked, query)

    def here(language: str) -> str:
        kept = {name: values for name, values in request.args.lists() if name not in ("lang", "said")}
        return address(request.path, language, kept)

    def span(duration: timedelta) -> str:
        return times.span(duration, translated)

    return {
        "_": translated,
        "link": link,
        "here": here,
        "asked_language": asked,
        "span": span,
        "brief": lambda duration: times.brief(duration, translated),
        "brief_seconds": lambda value: times.brief(timedelta(seconds=value), translated),
        "utc": times.utc,
        "iso": lambda at: at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "local": lambda at: times.local(at, zone),
        "listed": lambda group, names: translated("list.join").join(translated.of(group, name) for name in names),
        "short": lambda at: times.short(at, zone),
        "typed": lambda at: times.typed(at, zone),
        "zone": zone.key,
        "now": now,
    }
