"""The API's view of the team's policy: targets, deadlines and the display zone."""

from typing import Literal
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from pydantic import BaseModel

from service.domain.policy import (
    WEEKLY_REVIEW,
    DueRule,
    Indicator,
    Milestone,
    Policy,
    Severity,
    Stage,
    Statistic,
    WeeklyReview,
)
from service.web.auth import authorize
from service.web.responses import json_response
from service.web.services import Services

AtReview = Literal["weekly_review"]


class TargetSchema(BaseModel):
    """The `statistic` of `indicator` should stay at or below `limit` seconds; severity null: all together."""

    indicator: Indicator
    incident_severity: Severity | None
    statistic: Statistic
    limit: float


class WeeklyReviewSchema(BaseModel):
    """The time of the weekly review, local to its zone."""

    weekday: str
    time: str
    timezone: str


class PolicySchema(BaseModel):
    """The policy. `deadlines` are seconds by severity and stage, or `weekly_review`."""

    timezone: str
    resolve_from: Milestone
    targets: list[TargetSchema]
    deadlines: dict[Severity, dict[Stage, float | AtReview]]
    weekly_review: WeeklyReviewSchema | None


def add_routes(bp: Blueprint, services: Services) -> None:
    """Add the route to the API's blueprint."""

    @bp.get("/api/v1/policy", strict_slashes=False)
    def show_policy() -> Response:
        authorize(request, services.tokens, "read")
        return json_response(policy_schema(services.policy, services.zone))


def policy_schema(policy: Policy, zone: ZoneInfo) -> PolicySchema:
    """Convert a policy; `zone` is the display zone."""
    return PolicySchema(
        timezone=zone.key,
        resolve_from=policy.resolve_from,
        targets=[
            TargetSchema(
                indicator=target.indicator,
                incident_severity=target.severity,
                statistic=target.statistic,
                limit=target.limit.total_seconds(),
            )
            for target in policy.targets
        ],
        deadlines={s: {stage: _due(rule) for stage, rule in rules.items()} for s, rules in policy.deadlines.items()},
        weekly_review=_review(policy),
    )


def _due(rule: DueRule) -> float | AtReview:
    return WEEKLY_REVIEW if isinstance(rule, WeeklyReview) else rule.total_seconds()


def _review(policy: Policy) -> WeeklyReviewSchema | None:
    rules = (rule for stages in policy.deadlines.values() for rule in stages.values())
    review = next((rule for rule in rules if isinstance(rule, WeeklyReview)), None)
    if review is None:
        return None
    return WeeklyReviewSchema(weekday=review.weekday, time=f"{review.at:%H:%M}", timezone=review.zone.key)
