"""A postmortem document from an incident: what is recorded is filled in, what only people know is left as {…}.

The templates are Jinja files (`templates/postmortem.*.md.j2`); teams may bring their own, with the same names in them.
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
from service.render.filling import compiled, filled
from service.render.lines import one_line
from service.render.timeline import Moment, both, offset, span

LONGEST_SLUG = 40
_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_SPECIAL = re.compile(r"([\\`*\[\]<|])")


class Markdown(str):
    """Text that is Markdown already and is not escaped again."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A place to look at."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class AlertFact:
    """An alert of the incident, once for all of its firings."""

    name: str
    summary: str
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Interval:
    """What was measured of an indicator, None where that is not known, and the target, None where there is none."""

    indicator: Indicator
    length: timedelta | None
    limit: timedelta | None

    @property
    def kept(self) -> bool | None:
        """Whether the target was kept; None where that cannot be said."""
        return None if self.length is None or self.limit is None else self.length <= self.limit


@dataclass(frozen=True, slots=True)
class ActionFact:
    """An action that is recorded already. `due` is YYYY-MM-DD, empty where nobody said."""

    action_id: str
    title: str
    owner: str
    due: str
    action_type: str
    verification: str
    state: str


@dataclass(frozen=True, slots=True)
class EvidenceFact:
    """An archive of evidence that was collected, and the SHA-256 by which it can be known again."""

    archive: str
    sha256: str
    collected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PostmortemFacts:
    """What is known of the incident. `began_at` is its start, or its detection where the start is not known."""

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
        """What the zone is called beside a time: JST, or its IANA name; empty where people live by UTC."""
        name = self.began_at.astimezone(self.zone).tzname() or ""
        return "" if self.zone.key == "UTC" else name if name.isalpha() else self.zone.key


def file_name(facts: PostmortemFacts) -> str:
    """Return PM-YYYYMMDD-slug.md: the day in UTC, and what of the title can stand in a file's name."""
    words = re.sub(r"[^a-z0-9]+", "-", facts.title.casefold()).strip("-")
    slug = words[:LONGEST_SLUG].rstrip("-") if re.search("[a-z]{3}", words) else facts.incident.casefold()
    return f"PM-{facts.began_at.astimezone(UTC):%Y%m%d}-{slug}.md"


def fill(template: str, facts: PostmortemFacts, parents: Mapping[str, str]) -> str:
    """Return the document. Everything that people or alerts said is escaped, secrets and personal data in it removed.

    `parents` are the templates that it may extend, by name. Raises `BadTemplate`.
    """
    return filled(compiled(template, _escaped, _filters(facts), parents=parents), facts=facts)


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
    """Keep what somebody said from being read as Markdown, or as a comment for the linter."""
    if isinstance(value, Markdown) or not isinstance(value, str):
        return value
    clean = _without_secrets(value)
    return _UNDERSCORE.sub(r"\_", _SPECIAL.sub(r"\\\1", clean))


def _without_secrets(text: str) -> str:
    """Return a text in one line, without what must not be in a document. A space that ends it, or begins it, stays."""
    before, after = (" " if edge.isspace() else "" for edge in (text[:1], text[-1:]))
    return f"{before}{redact(one_line(text))[0]}{after if text.strip() else ''}"


def _code(text: str) -> Markdown:
    """Write a code span, which may stand in a table."""
    clean = _without_secrets(text).replace("`", "'").replace("|", "\\|")
    return Markdown(f"`{clean}`")


def _link(link: Link) -> Markdown:
    """Write a link; an address that is none is only named."""
    name = _escaped(link.name)
    url = _without_secrets(link.url)
    if not re.fullmatch(r"https?://[^\s<>]+", url):
        return Markdown(name)
    for char, code in (("(", "%28"), (")", "%29"), ("|", "%7C"), ("`", "%60")):
        url = url.replace(char, code)
    return Markdown(f"[{name}]({url})")
