"""Audit records of the window's days and of the orders that the logs name, kept byte for byte."""

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from pathlib import Path

from service.evidence.source import Box, SourceFailed
from service.evidence.sources.files import Matched, copy, filled_in, matched, opened, root_of, unusable
from service.evidence.subject import Subject, Window

MOST_DAYS = 400


class Audit:
    """Records by pattern; `verbatim`: byte for byte, else redacted as the rest."""

    name = "audit"

    def __init__(self, patterns: Sequence[str], roots: Sequence[Path], *, verbatim: bool) -> None:
        self._patterns = patterns
        self._roots = roots
        self._verbatim = verbatim

    def collect(self, subject: Subject, box: Box) -> None:
        """Copy what the patterns match. Raises SourceFailed where verbatim files were not allowed."""
        orders = box.looked_up("order_id")
        for order in unusable(orders) if any("{order_id}" in one for one in self._patterns) else ():
            box.failed(order, "is no order id that may stand in a path; its records are left out")
        values = {
            "date": [f"{day:%Y-%m-%d}" for day in days(subject.window)]
            + [f"{day:%Y%m%d}" for day in days(subject.window)],
            "order_id": orders,
            "env": [subject.labels["env"]] if "env" in subject.labels else [],
        }
        taken: set[Path] = set()
        for pattern in self._patterns:
            number = 0
            for name in filled_in(pattern, values):
                for found in matched(name, root_of(pattern), self._roots, box):
                    number += 1
                    if found.real not in taken:
                        taken.add(found.real)
                        self._copy(pattern, found, box)
            if not number:
                box.failed(pattern, _nothing(pattern, values["order_id"]))

    def _copy(self, pattern: str, found: Matched, box: Box) -> None:
        begin = box.verbatim if self._verbatim else box.text
        try:
            with opened(found) as source:
                name = "/".join(found.path.parts[1:])
                with begin(name, query=pattern, modified_at=source.modified_at) as file:
                    copy(source, file)
        except SourceFailed as error:
            if "--allow-verbatim" in str(error):
                raise
            box.failed(str(found.path), str(error))


def days(window: Window) -> list[date]:
    """Return the days that the window touches, in UTC and in the zone that people read: folders are named by either."""
    found: set[date] = set()
    for zone in (UTC, window.zone):
        first, last = window.start.astimezone(zone).date(), window.end.astimezone(zone).date()
        found.update(first + timedelta(days=number) for number in range(min((last - first).days + 1, MOST_DAYS)))
    return sorted(found)


def _nothing(pattern: str, orders: object) -> str:
    if "{order_id}" in pattern and not orders:
        return "matches no file: the logs told no order_id to put in; configure evidence.logs"
    return "matches no file"
