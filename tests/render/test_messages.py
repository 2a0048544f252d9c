"""The words of messages: in both languages, in both zones, the same for the same state, and a team's own."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.events import EventKind as K
from service.domain.incident_history import IncidentHistory
from service.domain.policy import Severity
from service.domain.reminders import reminders
from service.render.item_keys import OutboxRow
from service.render.message_facts import facts_of
from service.render.messages import PARTS, Agenda, Markup, MessageTemplates, ReviewLine
from service.render.templating import BadTemplate
from service.render.thread import MessageKind, Thread
from tests.builders import at, event, policy

MARKED = Markup(lambda text: text.replace("<", "&lt;"), lambda name, url: f"<{url}|{name}>")
RULES = policy(updates={Severity.SEV_2: timedelta(minutes=30)})


def templates(language="en"):
    folder = files("service.render").joinpath("templates")
    return {part: folder.joinpath(f"message-{part}.{language}.txt.j2").read_text("utf-8") for part in PARTS}


def rendering(language="en", zone="Asia/Tokyo", **own):
    return MessageTemplates(templates(language) | own, ZoneInfo(zone), MARKED)


def thread(*events, messages=(), shift=timedelta(0), severity=Severity.SEV_2, title="Checkout fails"):
    events = [event(K.DETECTED, title=title, severity=severity), *events]
    events = [
        event(
            e.kind,
            occurred_at=e.occurred_at + shift,
            recorded_at=e.recorded_at + shift,
            event_id=e.event_id,
            title=e.title,
            severity=e.severity,
            data=e.data,
            recorded_by="release-bot",
        )
        for e in events
    ]
    return Thread(
        IncidentHistory(
            id=1,
            recorded=[(1, e) for e in events],
            episodes=(),
            opened_at={1: at(0) + shift},
            last_seen_at=at(0) + shift,
            policy=RULES,
        ),
        1,
        messages,
    )


def update(event_, kind=MessageKind.UPDATE):
    return facts_of(event_, event_.key(2, kind), RULES, None)


OPENING = thread().key(1, MessageKind.FIRST)
FIRST = (OutboxRow(OPENING, remote_id=0),)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("severity", list(Severity))
def test_it_has_words_for_every_message(language, severity):
    events = [
        event(K.ACKNOWLEDGED, 1),
        event(K.ROLE_ASSIGNED, 2, data={"role": "comms", "name": "Ren"}),
        event(K.SEVERITY_CHANGED, 3, severity=severity),
        event(K.SEVERITY_CHANGED, 3.5),
        event(K.NOTE, 4, data={"text": "n", "important": True}),
        event(K.NOTE, 4.5, data={"text": "n"}),
        event(K.MITIGATED, 5, data={"pause": True}),
        event(K.POSTMORTEM_DRAFTED, 6, data={"document": "docs/PM-1.md"}),
        event(K.ACTION_OPENED, 7, data={"action_id": "A-01", "due_at": at(99).isoformat()}),
    ]
    speaks = rendering(language)
    for kind in MessageKind:
        part = {
            MessageKind.FIRST: "report",
            MessageKind.OVER: "over",
            MessageKind.DISMISSED: "over",
            MessageKind.MERGED: "over",
        }.get(kind, "update")
        talk = thread(*events, messages=FIRST)
        assert speaks.render(part, update(talk, kind))
        assert speaks.render("report", facts_of(talk, OPENING, RULES, "https://mttx.example.com"))
    for reminder in reminders(thread(*events).history.incident, at(30)):
        talk = thread(*events)
        assert speaks.render(
            "reminder",
            facts_of(
                talk,
                talk.key(2, MessageKind.AFTERWARDS),
                policy(updates={s: timedelta(1) for s in Severity}),
                None,
                reminder,
            ),
        )
    for over in (event(K.RESOLVED, 9), event(K.DISMISSED, 9)):
        assert speaks.render("report", facts_of(thread(over), OPENING, RULES, None))


@pytest.mark.parametrize("kind", [K.ACKNOWLEDGED, K.NOTE, K.MITIGATED, K.RESOLVED, K.DISMISSED])
def test_it_never_names_who_recorded_an_event(kind):
    """Every event of these talks was recorded by release-bot."""
    talk = thread(event(kind, 4, data={"text": "n", "important": True}))
    assert "release-bot" not in rendering().render("update", update(talk)) + rendering().render(
        "report", facts_of(talk, OPENING, RULES, None)
    )


def test_the_same_state_gives_the_same_words():
    talk = thread(event(K.NOTE, 4, data={"text": "n"}), messages=FIRST)
    assert rendering().render("update", update(talk)) == rendering().render("update", update(talk))


@pytest.mark.parametrize(
    ("zone", "begin", "shown"),
    [
        (
            "Asia/Tokyo",
            datetime(2026, 3, 2, 14, 50, tzinfo=UTC),
            "14:50 UTC / 23:50 JST – 2026-03-02 15:20 UTC / 2026-03-03 00:20 JST",
        ),
        (
            "Europe/Berlin",
            datetime(2026, 3, 29, 0, 50, tzinfo=UTC),
            "00:50 UTC / 01:50 CET – 2026-03-29 01:20 UTC / 03:20 CEST",
        ),
        (
            "Europe/Berlin",
            datetime(2026, 10, 25, 0, 50, tzinfo=UTC),
            "00:50 UTC / 02:50 CEST – 2026-10-25 01:20 UTC / 02:20 CET",
        ),
        (
            "America/New_York",
            datetime(2026, 11, 1, 5, 50, tzinfo=UTC),
            "05:50 UTC / 01:50 EDT – 2026-11-01 06:20 UTC / 01:20 EST",
        ),
        (
            "Asia/Kathmandu",
            datetime(2026, 3, 2, 18, 0, tzinfo=UTC),
            "18:00 UTC / 23:45 +05:45 – 2026-03-02 18:30 UTC / 2026-03-03 00:15 +05:45",
        ),
        ("UTC", datetime(2026, 3, 2, 23, 50, tzinfo=UTC), "2026-03-02 23:50 UTC – 2026-03-03 00:20 UTC"),
    ],
)
def test_its_clocks_are_right_over_midnight_and_when_they_change(zone, begin, shown):
    talk = thread(event(K.RESOLVED, 30), messages=FIRST, shift=begin - at(0))
    text = rendering(zone=zone).render("over", update(talk, MessageKind.OVER))
    [window] = [line for line in text.splitlines() if line.startswith("Window")]
    assert shown in window
    assert window.endswith("(30m)")


def test_it_names_the_day_of_what_happened_on_another():
    talk = thread(
        event(K.NOTE, 5, data={"text": "same day"}), event(K.NOTE, 20 * 60, data={"text": "next day"}), messages=FIRST
    )
    text = rendering().render("update", update(talk))
    assert "• 09:05 UTC / 18:05 JST Note: same day" in text
    assert "• 2026-03-03 05:00 UTC / 14:00 JST Note: next day" in text


def test_it_says_when_the_next_word_is_owed():
    talk = thread(event(K.NOTE, 5, data={"text": "n"}), messages=FIRST)
    assert "Next update by 09:35 UTC / 18:35 JST" in rendering().render("update", update(talk))


def test_it_owes_a_near_miss_to_the_weekly_review():
    text = rendering().render("report", facts_of(thread(severity=Severity.SEV_4), OPENING, RULES, None))
    assert "Postmortem: final version due at the weekly review, by 2026-03-09 01:00 UTC / 10:00 JST" in text
    assert "Updates every" not in text


def test_it_writes_durations_in_the_language_of_the_message():
    text = rendering("ja").render("report", facts_of(thread(), OPENING, RULES, None))
    assert "24時間以内" in text
    assert "24h" in rendering("en").render("report", facts_of(thread(), OPENING, RULES, None))


@pytest.mark.parametrize(
    ("language", "end", "head"),
    [
        ("en", K.RESOLVED, "[RESOLVED] Checkout fails (SEV-2)"),
        ("en", K.DISMISSED, "[DISMISSED] Checkout fails (SEV-2)"),
        ("ja", K.RESOLVED, "[復旧] Checkout fails（SEV-2）"),
        ("ja", K.DISMISSED, "[対象外] Checkout fails（SEV-2）"),
    ],
)
def test_an_end_is_said_once_and_alike_in_the_first_and_the_last_message(language, end, head):
    over = MessageKind.OVER if end is K.RESOLVED else MessageKind.DISMISSED
    for name, facts in (
        ("report", facts_of(thread(event(end, 9), title="Checkout fails"), OPENING, RULES, None)),
        ("over", update(thread(event(end, 9), title="Checkout fails", messages=FIRST), over)),
    ):
        assert rendering(language).render(name, facts).splitlines()[0] == head


def test_roles_are_named_in_the_language_of_the_message():
    talk = thread(event(K.ROLE_ASSIGNED, 4, data={"role": "commander", "name": "Mori <b>"}), messages=FIRST)
    assert "• 09:04 UTC / 18:04 JST 指揮: Mori &lt;b>" in rendering("ja").render("update", update(talk))
    assert "Role: commander: Mori" in rendering("en").render("update", update(talk))


def test_a_team_brings_its_own_words():
    own = rendering(report="{{ facts.incident | link(facts.url) }} {{ facts.title }}\n\n{{ facts.began_at | at }}")
    facts = facts_of(thread(title="a < b"), OPENING, RULES, "https://mttx.example.com")
    assert own.render("report", facts) == (
        "<https://mttx.example.com/incidents/INC-1|INC-1> a &lt; b\n2026-03-02 09:00 UTC / 18:00 JST"
    )


@pytest.mark.parametrize("wrong", ["{% if %}", "{{ facts.title"])
def test_what_is_no_template_is_refused_at_once(wrong):
    with pytest.raises(BadTemplate, match="line 1"):
        rendering(report=wrong)


@pytest.mark.parametrize(
    "wrong",
    ["{{ facts.nothing }}", "{{ ''.__class__.__mro__ }}", "{{ facts.title | at }}", "{{ 1 / 0 }}", "{{ 1 + 'x' }}"],
)
def test_what_cannot_be_filled_in_is_named(wrong):
    with pytest.raises(BadTemplate, match=r"report\.txt\.j2: "):
        rendering(report=wrong).render("report", facts_of(thread(), OPENING, RULES, None))


def test_an_agenda_is_empty_where_there_is_nothing():
    assert Agenda(at(0)).is_empty
    assert not Agenda(at(0), open=(ReviewLine("INC-1", "x", "SEV-1"),)).is_empty
    assert rendering("ja").review(
        Agenda(at(0), actions=(ReviewLine("INC-1", "x", "", due_at=at(1), action="A-1"),), more={"actions": 2})
    )


SPEAKS = rendering()


@settings(deadline=None)  # the first template of a process takes long to be filled in
@given(st.text(max_size=300))
def test_no_text_of_other_people_breaks_a_line_or_out_of_its_place(text):
    events = event(K.NOTE, 5, data={"text": text})
    text_ = SPEAKS.render("update", update(thread(events, messages=FIRST, title=text or "x")))
    assert "<" not in text_
    assert len(text_.splitlines()) <= 5
