"""The counting that all faults are held to can fail: what is lost, moved or doubled shows, in the table too."""

from types import SimpleNamespace

import pytest

from tests.faults.senders import kept
from tests.faults.site import Site

TOKENS = {f"storm-0-{n}": f"INC-{n}" for n in range(1, 4)}


def exporter(*incidents):
    """Answer what one does that has these incidents, as (id, token)."""
    listed = [{"id": number, "title": token} for number, token in incidents]
    metrics = SimpleNamespace(total=lambda name: len(listed))
    return SimpleNamespace(incidents=lambda: listed, get_metrics=lambda: metrics)


def whole():
    return [(number, token) for token, number in TOKENS.items()]


def senders():
    return SimpleNamespace(answered=dict(TOKENS), bodies=dict(TOKENS), refused={503: 2})


def test_it_finds_what_was_promised():
    assert kept(exporter(*whole()), [senders()]) == (3, 3, 0)


@pytest.mark.parametrize(
    ("there", "counted"),
    [
        (whole()[1:], (3, 2, 0)),
        ([("INC-9", "storm-0-1"), *whole()[1:]], (3, 2, 0)),
        ([*whole(), ("INC-9", "storm-0-1")], (3, 3, 1)),
    ],
    ids=["lost", "moved", "doubled"],
)
def test_it_does_not_pass_what_is_lost_moved_or_doubled(there, counted):
    rows = []
    site = Site("SQLite", [exporter(*there)], rows.append, senders=[senders()])
    with pytest.raises(AssertionError):
        site.hold_to_promises("a fault", 1)
    (row,) = rows  # the table shows it too
    assert (row.answered, row.stored, row.doubled) == counted


def test_it_does_not_pass_a_fault_that_was_done_to_nobody():
    nobody = SimpleNamespace(answered={}, bodies={}, refused={})
    with pytest.raises(AssertionError):
        Site("SQLite", [exporter()], lambda row: None, senders=[nobody]).hold_to_promises("a fault", 1)
