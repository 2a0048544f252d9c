"""Which reports make sense in which state."""

import pytest

from service.domain.events import EventKind as K
from service.domain.incident import fold
from service.domain.offers import is_offered
from tests.builders import at, event, policy


def incident(*kinds):
    events = [event(kind, minutes) for minutes, kind in enumerate((K.DETECTED, *kinds))]
    return fold(1, events, [], policy(), at(60))


@pytest.mark.parametrize(
    ("kind", "after", "offered"),
    [
        (K.ACKNOWLEDGED, [], True),
        (K.ACKNOWLEDGED, [K.MITIGATED], False),
        (K.MITIGATED, [K.ACKNOWLEDGED], True),
        (K.RESOLVED, [K.MITIGATED], True),
        (K.RESOLVED, [K.RESOLVED], False),
        (K.RESOLVED, [K.DISMISSED], False),
        (K.REOPENED, [K.DISMISSED], True),
        (K.REVIEWED, [], False),
        (K.REVIEWED, [K.RESOLVED], True),
        (K.REVIEWED, [K.RESOLVED, K.POSTMORTEM_FINALIZED], False),
        (K.NOTE, [K.DISMISSED], True),
    ],
)
def test_it_offers_what_changes_something(kind, after, offered):
    assert is_offered(kind, incident(*after)) is offered
