"""A postmortem document from an incident: recorded facts are filled in, the rest is left as placeholders ({…}).

The templates are Jinja files (`templates/postmortem.*.md.j2`); teams may use their own, with the same names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.durations import duration
from service.domain.policy import Domain, IncidentType, Indicator, Milestone, Severity, Stage
from service.postmortems.sensitive import redact
from service.render.lines import one_line
from service.render.templating import compile_template, render_template
from service.render.timeline import both, offset, span

LONGEST_SLUG = 40
_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_SPECIAL = re.compile(r"([\\`*\[\]<|])")


class Markdown(str):
    """Markdown that is not escaped again."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A named link."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class AlertFact:
    """An alert of the incident, once for all its firings."""

    name: str
    summary: str
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of the timeline. `kind` is that of an event or `alert`; `text` is that of a person or an alert."""

    at: datetime
    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """The measured value of an indicator, None if unknown, and its target, None if there is none."""

    indicator: Indicator
    length: timedelta | None
    limit: timedelta | None

    @property
    def kept(self) -> bool | None:
        """Whether the target was met; None if that is unknown."""
        return None if self.length is None or self.limit is None else self.length <= self.limit


@dataclass(frozen=True, slots=True)
class ActionFact:
    """A recorded action. `due` is YYYY-MM-DD, empty if unknown."""

    action_id: str
    title: str
    owner: str
    due: str
    action_type: str
    verification: str
    state: str


@dataclass(frozen=True, slots=True)
class EvidenceFact:
    """A collected evidence archive and its SHA-256."""

    archive: str
    sha256: str
    collected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PostmortemFacts:
    """The facts about an incident. `began_at` is its start, or its detection if the start is unknown."""

    incident: str
    title: str
    severity: Severity
    phase: str
    zone: ZoneInfo
    began_at: datetime
    milestones: Mapping[Milestone, datetime] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    domains: tuple[Domain, ...] = ()
    types: tuple[IncidentType, ...] = ()
    alerts: tuple[AlertFact, ...] = ()
    intervals: tuple[Interval, ...] = ()
    deadlines: Mapping[Stage, datetime] = field(default_factory=dict)
    timeline: tuple[Moment, ...] = ()
    actions: tuple[ActionFact, ...] = ()
    links: tuple[Link, ...] = ()
    evidence: tuple[EvidenceFact, ...] = ()

    @property
    def zone_label(self) -> str:
        """The label of the zone next to a time: JST, or its IANA name; empty for UTC."""
        name = self.began_at.astimezone(self.zone).tzname() or ""
        return "" if self.zone.key == "UTC" else name if name.isalpha() else self.zone.key


def file_name(facts: PostmortemFacts) -> str:
    """Return PM-YYYYMMDD-slug.md: the day in UTC, and the part of the title that is valid in a file name."""
    words = re.sub(r"[^a-z0-9]+", "-", facts.title.casefold()).strip("-")
    slug = words[:LONGEST_SLUG].rstrip("-") if re.search("[a-z]{3}", words) else facts.incident.casefold()
    return f"PM-{facts.began_at.astimezone(UTC):%Y%m%d}-{slug}.md"


def fill(template: str, facts: PostmortemFacts, parents: Mapping[str, str]) -> str:
    """Return the document. Texts of people and alerts are escaped and redacted.

    `parents` are the templates that it may extend, by name. Raises `BadTemplate`.
    """
    return render_template(compile_template(template, _escaped, _filters(facts), parents=parents), facts=facts)


def _filters(facts: PostmortemFacts) -> dict[str, Any]:
    detected_at = facts.milestones.get(Milestone.DETECTED)
    return {
        "both": lambda at: Markdown(both(at, facts.zone)),
        "span": lambda begin, end, going_on: Markdown(span(begin, end, going_on, facts.zone)),
        "offset": lambda at: Markdown(offset(at, detected_at)),
        "duration": lambda length: Markdown(duration(length)),
        "code": _code,
        "link": _link,
        "raw": Markdown,
    }


def _escaped(value: Any) -> Any:
    """Escape a text so that it is neither Markdown nor a comment for the linter."""
    if isinstance(value, Markdown) or not isinstance(value, str):
        return value
    clean = _without_secrets(value)
    return _UNDERSCORE.sub(r"\_", _SPECIAL.sub(r"\\\1", clean))


def _without_secrets(text: str) -> str:
    """Return a text as one redacted line. A space at its start or end is kept."""
    before, after = (" " if edge.isspace() else "" for edge in (text[:1], text[-1:]))
    return f"{before}{redact(one_line(text))[0]}{after if text.strip() else ''}"


def _code(text: str) -> Markdown:
    """Format a code span that is valid in a table."""
    clean = _without_secrets(text).replace("`", "'").replace("|", "\\|")
    return Markdown(f"`{clean}`")


def _link(link: Link) -> Markdown:
    """Format a link; one with an invalid URL is only its name."""
    name = _escaped(link.name)
    url = _without_secrets(link.url)
    if not re.fullmatch(r"https?://[^\s<>]+", url):
        return Markdown(name)
    for char, code in (("(", "%28"), (")", "%29"), ("|", "%7C"), ("`", "%60")):
        url = url.replace(char, code)
    return Markdown(f"[{name}]({url})")
