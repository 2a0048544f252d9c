"""What an incident is called and how severe it is, where a source repeats itself with every event."""

from service.domain.description import severity_of, title_of
from service.domain.events import EventKind as K
from service.domain.incident import fold
from service.domain.policy import Severity
from tests.builders import at, event, policy

S1, S2, S3 = Severity.SEV_1, Severity.SEV_2, Severity.SEV_3


def page(kind, minutes, key="P1", **fields):
    data = {"incident_key": key, **fields.pop("data", {})}
    return event(kind, minutes, event_id=f"{key}-{minutes}", source="pagerduty", data=data, **fields)


def severity(*events):
    return severity_of(events, (), policy())


def test_a_repetition_does_not_undo_what_people_changed():
    first = page(K.DETECTED, 0, severity=S3, title="Checkout")
    changed = event(K.SEVERITY_CHANGED, 5, severity=S1, title="Payments")
    again = page(K.ACKNOWLEDGED, 10, severity=S3, title="Checkout")
    assert severity(first, changed, again) is S1
    assert title_of([first, changed, again], ()) == "Payments"


def test_a_change_counts_even_if_the_event_that_announced_it_is_lost():
    first = page(K.DETECTED, 0, severity=S3, title="Checkout")
    changed = event(K.SEVERITY_CHANGED, 5, severity=S1)
    assert severity(first, changed, page(K.ACKNOWLEDGED, 10, severity=S2)) is S2


def test_an_explicit_change_counts_even_if_it_repeats_an_earlier_severity():
    first = page(K.DETECTED, 0, severity=S3)
    assert severity(first, event(K.SEVERITY_CHANGED, 5, severity=S1), page(K.SEVERITY_CHANGED, 10, severity=S3)) is S3


def test_what_people_say_again_counts_again():
    notes = [event(K.NOTE, 0, title="A"), event(K.NOTE, 1, title="B", source="lifecycle"), event(K.NOTE, 2, title="A")]
    assert title_of(notes, ()) == "A"


def test_an_incident_that_was_merged_does_not_describe_the_one_that_stays():
    kept = page(K.DETECTED, 0, "KEPT", severity=S1, title="Payments")
    double = page(K.DETECTED, 5, "DOUBLE", severity=S3, title="Checkout")
    merged = page(K.MERGED, 10, "DOUBLE", severity=S3, title="Checkout", data={"into_key": "KEPT"})
    assert severity(kept, double, merged) is S1
    assert title_of([kept, double, merged], ()) == "Payments"
    assert title_of([double, merged], ()) == "Checkout"


def test_a_merge_dismisses_until_the_other_incident_is_known():
    double = [page(K.DETECTED, 5, "DOUBLE"), page(K.MERGED, 10, "DOUBLE", data={"into_key": "KEPT"})]
    kept = page(K.ACKNOWLEDGED, 7, "KEPT")

    def dismissed_at(*events):
        return fold(1, events, (), policy(), at(600)).dismissed_at

    assert dismissed_at(*double) == at(10)
    assert dismissed_at(*double, kept) is None
    assert dismissed_at(double[0], page(K.MERGED, 10, "DOUBLE", data={"into_key": "KEPT", "into": "INC-1"})) is None
