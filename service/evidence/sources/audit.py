"""Audit records of the window's days and of the order ids in the logs, kept byte for byte."""

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from pathlib import Path

from service.evidence.sources.files import Matched, copy, filled_in, matched, opened, root_of, unusable
from service.evidence.staging import SourceFailed, SourceFiles
from service.evidence.window import EvidenceWindow

MAX_DAYS = 400


class AuditSource:
    """Records by pattern; `verbatim`: byte for byte, else redacted like everything else."""

    name = "audit"

    def __init__(self, patterns: Sequence[str], roots: Sequence[Path], *, verbatim: bool) -> None:
        self._patterns = patterns
        self._roots = roots
        self._verbatim = verbatim

    def collect(self, window: EvidenceWindow, files: SourceFiles) -> None:
        """Copy what the patterns match. Raises SourceFailed if verbatim files are not allowed."""
        orders = files.shared("order_id")
        for order in unusable(orders) if any("{order_id}" in pattern for pattern in self._patterns) else ():
            files.add_failure(order, "this order id cannot be part of a path; its records are left out")
        values = {
            "date": [f"{day:%Y-%m-%d}" for day in days(window)] + [f"{day:%Y%m%d}" for day in days(window)],
            "order_id": orders,
            "env": [window.labels["env"]] if "env" in window.labels else [],
        }
        taken: set[Path] = set()
        for pattern in self._patterns:
            number = 0
            for name in filled_in(pattern, values):
                for match in matched(name, root_of(pattern), self._roots, files):
                    number += 1
                    if match.real not in taken:
                        taken.add(match.real)
                        self._copy(pattern, match, files)
            if not number:
                files.add_failure(pattern, _no_match(pattern, values["order_id"]))

    def _copy(self, pattern: str, match: Matched, files: SourceFiles) -> None:
        begin = files.verbatim if self._verbatim else files.text
        try:
            with opened(match) as source:
                name = "/".join(match.path.parts[1:])
                with begin(name, query=pattern, modified_at=source.modified_at) as file:
                    copy(source, file)
        except SourceFailed as error:
            if "--allow-verbatim" in str(error):
                raise
            files.add_failure(str(match.path), str(error))


def days(window: EvidenceWindow) -> list[date]:
    """Return the days that the window touches, in UTC and in its own zone: folders may be named by either."""
    dates: set[date] = set()
    for zone in (UTC, window.zone):
        first, last = window.start.astimezone(zone).date(), window.end.astimezone(zone).date()
        dates.update(first + timedelta(days=number) for number in range(min((last - first).days + 1, MAX_DAYS)))
    return sorted(dates)


def _no_match(pattern: str, orders: object) -> str:
    if "{order_id}" in pattern and not orders:
        return "matches no file: there is no order_id from the logs to fill in; configure evidence.logs"
    return "matches no file"
