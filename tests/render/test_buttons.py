"""The buttons of a first report, and what they carry."""

from service.domain.events import EventKind as K
from service.domain.incident_history import IncidentHistory
from service.render.buttons import names_of, report_buttons
from service.render.chat_texts import CHAT_TEXTS
from service.render.thread import Thread
from tests.builders import at, event, policy

TEXTS = CHAT_TEXTS["en"]


def buttons(*kinds, incident_id=7):
    events = [event(kind, minutes) for minutes, kind in enumerate((K.DETECTED, *kinds))]
    history = IncidentHistory(
        id=7,
        recorded=[(7, e) for e in events],
        episodes=[],
        opened_at={7: at(0), 8: at(1)},
        last_seen_at=at(0),
        policy=policy(),
    )
    return {button.action: button for button in report_buttons(Thread(history, incident_id, []), TEXTS)}


def test_every_language_has_every_text():
    assert {frozenset(texts) for texts in CHAT_TEXTS.values()} == {frozenset(TEXTS)}


def test_it_offers_what_can_be_reported_now():
    assert list(buttons()) == ["acknowledge", "mitigated", "resolve", "severity"]
    assert list(buttons(K.ACKNOWLEDGED)) == ["mitigated", "resolve", "severity"]
    assert list(buttons(K.MITIGATED)) == ["resolve", "severity"]
    assert buttons(K.RESOLVED) == buttons(K.DISMISSED) == buttons(incident_id=8) == {}


def test_a_button_means_something_else_after_every_change_by_people():
    values = [buttons(*kinds)["resolve"].value for kinds in ([], [K.NOTE], [K.ACKNOWLEDGED], [K.RESOLVED, K.REOPENED])]
    assert values[0] == values[1]
    assert len(set(values)) == 3
    assert all(value.startswith("INC-7 ") for value in values)


def test_a_menu_has_the_other_severities():
    assert [label for label, _ in buttons()["severity"].options] == ["SEV-1", "SEV-2", "SEV-4"]


def test_a_message_is_another_one_if_its_buttons_are():
    now, later = (names_of(tuple(buttons(*kinds).values())) for kinds in ([], [K.ACKNOWLEDGED]))
    assert now != later
    assert names_of(()) == ""
