"""The team's policy."""

from collections.abc import Iterable
from datetime import timedelta

from service.domain.policy import (
    DueRule,
    Indicator,
    Milestone,
    Policy,
    Severity,
    Stage,
    Statistic,
    Target,
    WeeklyReview,
)
from service.settings import Settings


def policy_of(settings: Settings) -> Policy:
    """Return the team's policy; the targets of lead times are their deadlines."""
    review = WeeklyReview(settings.review_weekday, settings.weekly_review.time, settings.review_zone)
    deadlines: dict[Severity, dict[Stage, DueRule]] = {}
    for severity, owed in settings.deadlines.by_severity().items():
        rules = ((Stage.DRAFT, owed.draft), (Stage.FINAL, owed.final))
        deadlines[Severity(severity)] = {
            stage: rule if isinstance(rule, timedelta) else review for stage, rule in rules if rule is not None
        }
    return Policy(
        deadlines=deadlines,
        targets=(*_promised(settings), *_lead_times(deadlines)),
        resolve_from=Milestone(settings.indicators.resolve.from_),
        default_severity=Severity(settings.default_severity),
        reopen_window=settings.reopen_window,
        stale_after=settings.stale_after,
        updates={Severity(severity): every for severity, every in settings.updates.by_severity().items()},
    )


def _promised(settings: Settings) -> Iterable[Target]:
    for target in settings.targets.each():
        severity = Severity(target.severity) if target.severity else None
        yield Target(Indicator(target.indicator), Statistic(target.statistic), target.limit, severity)


def _lead_times(deadlines: dict[Severity, dict[Stage, DueRule]]) -> Iterable[Target]:
    indicators = {Stage.DRAFT: Indicator.DRAFT, Stage.FINAL: Indicator.FINALIZE}
    for severity, stages in deadlines.items():
        for stage, rule in stages.items():
            if isinstance(rule, timedelta):
                yield Target(indicators[stage], Statistic.MAX, rule, severity)
