"""Independent senders of one source: how their names become part of the identity of a group, an alert and an alias.

`alertmanager@eu` is the source of reports from the sender `eu` of the source `alertmanager`. A report without a name
is adopted by the sender that reports the same episode with its name; until then it has no sender.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from service.domain.episodes import AlertReport, Span, spans


def named_source(source: str, sender: str) -> str:
    """Return the source of a sender's reports; without a name, the source itself."""
    return f"{source}@{sender}" if sender else source


def plain_source(source: str) -> str:
    """Return the source without its sender, as in the metrics."""
    return source.partition("@")[0]


def sender_of(source: str) -> str:
    """Return the name of the sender, empty without one."""
    return source.partition("@")[2]


def named_alias(alias: str, sender: str) -> str:
    """Return an incident's alias, qualified with its sender."""
    return f"@{sender}:{alias}" if sender else alias


def spans_by_source(reports: Iterable[AlertReport], window: timedelta) -> list[tuple[str, Span]]:
    """Compute the episodes of one alert, each with its source; those without a sender come first.

    An episode without a sender is adopted by the sender that first reported an episode with the same start, else by
    the one that first reported an end for it that ends none of that sender's own. An end without a sender that matches
    no such episode ends a sender's episode.
    """
    of_source: dict[str, list[AlertReport]] = {}
    for report in reports:
        of_source.setdefault(report.observation.source, []).append(report)
    plain = next((source for source in of_source if source == plain_source(source)), None)
    unnamed = []
    if plain is not None:
        own = of_source.pop(plain)
        left = _left_by_others(own, of_source, window) if of_source else spans(own, window)
        unnamed = [(plain, span) for span in left]
    return unnamed + [(source, span) for source in sorted(of_source) for span in spans(of_source[source], window)]


def _left_by_others(
    reports: Sequence[AlertReport], of_source: Mapping[str, list[AlertReport]], window: timedelta
) -> list[Span]:
    """Move reports without a sender to the senders that adopt them, and return the episodes that were not adopted."""
    firings, waiting = _split(reports, window)
    named = {source: _split(own, window) for source, own in of_source.items()}
    left: list[Span] = []
    for span in firings:
        adopters = [
            (report.first_received, source)
            for source, (own, _) in named.items()
            for report in _with_start(own, _starts(span))
        ] or [
            (end.first_received, source)
            for source, (_, ends) in named.items()
            for end in ends
            if _is_ended_by(span, end, window)
        ]
        if adopters:
            of_source[min(adopters)[1]].extend(span.reports)
        else:
            left.append(span)
    for end in waiting:
        adopters = [
            (min(report.first_received for report in span.reports), source)
            for source, (own, _) in named.items()
            for span in own
            if _is_ended_by(span, end, window)
        ]
        if adopters:
            of_source[min(adopters)[1]].append(end)
    return left


def _split(reports: Sequence[AlertReport], window: timedelta) -> tuple[list[Span], list[AlertReport]]:
    """Return the episodes of one sender, and the ends that still wait for their start."""
    firings = spans(reports, window)
    used = {report.observation for span in firings for report in span.reports}
    return firings, [report for report in reports if report.observation not in used]


def _starts(span: Span) -> set[datetime]:
    return {report.observation.starts_at for report in span.reports if not report.observation.is_end_only}


def _with_start(firings: Iterable[Span], starts: set[datetime]) -> list[AlertReport]:
    return [
        report
        for span in firings
        for report in span.reports
        if report.observation.starts_at in starts and not report.observation.is_end_only
    ]


def _is_ended_by(span: Span, end: AlertReport, window: timedelta) -> bool:
    return any(end in joined.reports for joined in spans([*span.reports, end], window))
