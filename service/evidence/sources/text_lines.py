"""When a line of a plain-text log was written: syslog, nginx, log4j and the like, and logfmt. No I/O."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_HEAD = 160
"""A time is at the beginning of a line, at most after a priority, a level or an address."""
_ISO = re.compile(
    r"(?<![\d.])(?P<y>\d{4})[-/](?P<m>\d{2})[-/](?P<d>\d{2})[T ](?P<clock>\d{2}:\d{2}:\d{2})"
    r"(?:[.,](?P<part>\d{1,9}))?\s?(?P<zone>Z|[+-]\d{2}:?\d{2}(?!\d))?"
)
_COMMON = re.compile(
    r"\[?(?P<d>\d{2})/(?P<month>[A-Z][a-z]{2})/(?P<y>\d{4}):(?P<clock>\d{2}:\d{2}:\d{2})(?: (?P<zone>[+-]\d{4}))?"
)
_BSD = re.compile(r"(?:<\d{1,3}>)?(?P<month>[A-Z][a-z]{2}) (?P<d>[ \d]\d) (?P<clock>\d{2}:\d{2}:\d{2})(?!\d)")
_PAIR = re.compile(r'(?:^|\s)([A-Za-z_@][\w.@-]{0,60})=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))')
_NEXT_YEAR = timedelta(days=2)


def logfmt(line: bytes) -> Mapping[str, str] | None:
    """Return the fields of a logfmt line, or None if it does not begin with one."""
    text = line.decode("utf-8", "replace").lstrip()
    if not _PAIR.match(text):
        return None
    return {key: quoted or plain for key, quoted, plain in _PAIR.findall(text)}


def time_in(line: bytes, zone: tzinfo, latest: datetime) -> datetime | None:
    """Return when a line was written, or None if it has no time; `zone` is that of times without one.

    Syslog's older form (RFC 3164) has no year: the latest year in which the line is not after `latest`.
    """
    head = line[:_HEAD].decode("utf-8", "replace")
    try:
        if match := _ISO.search(head):
            return _instant(int(match["m"]), match, zone, int(match["y"]))
        if match := _COMMON.search(head):
            return _instant(_MONTHS.get(match["month"].casefold(), 0), match, zone, int(match["y"]))
        if match := _BSD.match(head):
            return _without_year(match, zone, latest)
    except ValueError:
        return None
    return None


def _without_year(match: re.Match[str], zone: tzinfo, latest: datetime) -> datetime:
    month = _MONTHS.get(match["month"].casefold(), 0)
    at = _instant(month, match, zone, latest.year)
    return at if at <= latest + _NEXT_YEAR else _instant(month, match, zone, latest.year - 1)


def _instant(month: int, match: re.Match[str], zone: tzinfo, year: int) -> datetime:
    groups = match.groupdict()
    hour, minute, second = map(int, groups["clock"].split(":"))
    part = (groups.get("part") or "").ljust(6, "0")[:6]
    at = datetime(year, month, int(groups["d"]), hour, minute, min(second, 59), int(part), _zone(groups, zone))
    return at.astimezone(UTC)


def _zone(groups: Mapping[str, str | None], zone: tzinfo) -> tzinfo:
    name = groups.get("zone")
    if not name:
        return zone
    if name == "Z":
        return UTC
    return datetime.strptime(name.replace(":", ""), "%z").tzinfo or UTC
