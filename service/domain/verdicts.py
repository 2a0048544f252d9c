"""Whether a sample shows that its target is met or missed, or is too small to say; and the bounds of its quantiles."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.domain.binomial import bound_ranks
from service.domain.policy import Statistic, Target

SHARES: Mapping[Statistic, float] = {Statistic.P50: 0.5, Statistic.P95: 0.95}
"""The share within its limit that a target of a quantile demands; those of mean and maximum demand none."""


class Verdict(StrEnum):
    """What a sample shows about a target."""

    MET = "met"
    MISSED = "missed"
    UNDECIDED = "undecided"


class Bound(StrEnum):
    """The side of a quantile on which a bound lies."""

    LOWER = "lower"
    UPPER = "upper"


@dataclass(frozen=True, slots=True)
class TargetVerdict:
    """A verdict with what it rests on: `within` of so many incidents met the limit."""

    verdict: Verdict
    within: int
    incidents: int


def target_verdict(target: Target | None, ordered: Sequence[float], outside: int) -> TargetVerdict | None:
    """Return the verdict of ascending samples on a target; None if it is not one of a quantile, or without incidents.

    `outside` are the unfinished incidents that have passed the limit already, and have no sample yet.
    """
    share = SHARES.get(target.statistic) if target else None
    incidents = len(ordered) + outside
    if target is None or share is None or not incidents:
        return None
    within = bisect_right(ordered, target.limit.total_seconds())
    return TargetVerdict(verdict(within, incidents, share), within, incidents)


def verdict(within: int, incidents: int, share: float) -> Verdict:
    """Return whether `within` of so many incidents show that at least this share lies within the limit.

    Met if the lower Clopper-Pearson bound of the share reaches it, missed if the upper one does not. That is the case
    exactly if the upper bound of the quantile lies within the limit, or the lower one does not.
    """
    lower, upper = bound_ranks(incidents, share)
    if lower is not None and within < lower:
        return Verdict.MISSED
    return Verdict.MET if upper is not None and within >= upper else Verdict.UNDECIDED


def quantile_bounds(ordered: Sequence[float]) -> dict[tuple[Statistic, Bound], float]:
    """Return the bounds of the quantiles of ascending samples, as far as there are enough of them."""
    return {
        (statistic, bound): ordered[rank - 1]
        for statistic, share in SHARES.items()
        for bound, rank in zip(Bound, bound_ranks(len(ordered), share), strict=True)
        if rank is not None
    }
