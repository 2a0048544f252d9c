"""Warnings about impossible or unlikely times of an incident, which are accepted as reported."""

from dataclasses import dataclass
from enum import StrEnum

from service.domain.incident import Incident, Phase
from service.domain.indicators import BOUNDS, LEAD_TIMES, measure
from service.domain.policy import Milestone, Policy


class Order(StrEnum):
    """The order of one milestone relative to another."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class OrderWarning:
    """A milestone on the wrong side of another one, so that an interval gives no sample."""

    milestone: Milestone
    order: Order
    other: Milestone

    def __str__(self) -> str:
        return f"{self.milestone} lies {self.order} {self.other}: no sample is taken of that interval"


def order_warnings(incident: Incident, policy: Policy) -> list[OrderWarning]:
    """Return the warnings about the order of an incident's milestones; a dismissed incident has none."""
    if incident.phase is Phase.DISMISSED:
        return []
    measured = measure(incident, policy)
    begins = {i: begin for i, (begin, _) in BOUNDS.items()}
    warnings = []
    for indicator in measured.invalid:
        begin = begins[indicator]
        if indicator in LEAD_TIMES and begin not in incident.milestones:
            begin = Milestone.DETECTED
        warnings.append(OrderWarning(BOUNDS[indicator][1], Order.BEFORE, begin))
    return warnings + [OrderWarning(milestone, Order.AFTER, Milestone.RESOLVED) for milestone in measured.late]
