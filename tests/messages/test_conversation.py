"""What people read of an incident, from its first report to its end."""

from datetime import timedelta

import pytest

from service.domain.events import EventKind as K
from service.domain.policy import Severity
from tests.builders import alert, at, event
from tests.messages.site import BOT, GENERIC, INCOMING


def detected(minutes=0, title="Checkout fails", severity=Severity.SEV_2):
    return event(K.DETECTED, minutes, title=title, severity=severity)


def test_it_tells_of_an_incident_in_a_thread_of_its_own(site):
    number = site.open(detected())
    site.deliver(1)
    site.tell(number, K.ROLE_ASSIGNED, 2, data={"role": "commander", "name": "Aiko"})
    site.deliver(2)
    site.tell(number, K.NOTE, 9, data={"text": "reroute broker"})
    site.deliver(9)
    site.tell(number, K.RESOLVED, 40)
    site.deliver(41)
    [(first, answers)] = site.slack.channel()
    assert first.startswith("[RESOLVED] Checkout fails (SEV-2)\n")
    assert "Commander: Aiko" in first
    assert [text.splitlines()[0] for text in answers] == [
        "[SEV-2] Update — Checkout fails",
        "[SEV-2] Update — Checkout fails",
        "[RESOLVED] Checkout fails (SEV-2)",
    ]
    assert "09:09 UTC / 18:09 JST Note: reroute broker" in answers[1]
    assert "09:00 UTC / 18:00 JST – 2026-03-02 09:40 UTC / 18:40 JST (40m)" in answers[2]


def test_it_says_what_the_standard_says_in_its_first_report(any_site):
    any_site.open(detected())
    any_site.deliver(1)
    [text] = [message["text"] for message in (*any_site.slack.messages.values(), *any_site.slack.hooked)]
    lines = text.splitlines()
    assert lines[0] == "[SEV-2] Incident detected — Checkout fails"
    assert lines[1] == "Window: 2026-03-02 09:00 UTC / 18:00 JST – now"
    assert lines[2] == "Actions: none yet"
    assert lines[3] == "Commander: not assigned  Updates every 30m"
    assert lines[4] == "Postmortem: draft due within 24h, by 2026-03-03 09:00 UTC / 18:00 JST"
    assert "https://mttx.example.com/incidents/INC-1" in lines[-1]


def test_it_tells_without_threads_where_there_are_none(open_site):
    site = open_site(INCOMING)
    number = site.open(detected())
    site.deliver(1)
    site.tell(number, K.MITIGATED, 5, data={"global_trading_pause": True})
    site.deliver(5)
    site.tell(number, K.RESOLVED, 40)
    site.deliver(41)
    assert site.slack.texts() == [
        "[SEV-2] Incident detected — Checkout fails",
        "[SEV-2] Update — Checkout fails",
        "[RESOLVED] Checkout fails (SEV-2)",
    ]
    assert "Mitigated: global_trading_pause=true" in site.slack.hooked[1]["text"]


def test_it_tells_programs_what_it_tells_people(open_site):
    site = open_site(GENERIC)
    site.open(detected())
    site.deliver(1)
    [message] = site.slack.hooked
    assert (message["version"], message["kind"]) == ("1", "first")
    assert message["incident"] == {
        "id": "INC-1",
        "title": "Checkout fails",
        "severity": "SEV-2",
        "state": "detected",
        "url": "https://mttx.example.com/incidents/INC-1",
        "began_at": "2026-03-02T09:00:00+00:00",
        "ended_at": None,
        "dimensions": {"team": "", "service": ""},
    }
    [asked] = site.slack.asked
    assert asked.headers["authorization"] == "Bearer for-the-hook"
    assert asked.headers["idempotency-key"] == message["id"]


def test_it_says_nothing_twice_when_nothing_is_new(any_site):
    any_site.send(alert(0))
    any_site.deliver(1)
    any_site.send(alert(0), received=2)
    any_site.deliver(3)
    assert len(any_site.slack.asked) == 1


def test_it_lists_in_one_message_what_happened_since_the_last(site):
    number = site.open(detected())
    site.deliver(1)
    for minutes in (3, 2, 4):
        site.tell(number, K.NOTE, minutes, data={"text": f"note {minutes}"})
    site.deliver(5)
    [(_, [update])] = site.slack.channel()
    assert [line[-6:] for line in update.splitlines()[1:4]] == ["note 3", "note 2", "note 4"]


def test_it_tells_of_an_alert_that_makes_it_worse(site):
    site.send(alert(0, severity=Severity.SEV_3))
    site.deliver(1)
    site.send(alert(2, fingerprint="f2", severity=Severity.SEV_1))
    site.deliver(3)
    [(first, [update])] = site.slack.channel()
    assert first.startswith("[SEV-1]")
    assert "Severity SEV-3 → SEV-1" in update


def test_it_posts_once_about_what_was_over_before_any_message(any_site):
    any_site.send(alert(0, 2))
    any_site.deliver(3)
    assert any_site.slack.texts() == ["[RESOLVED] CheckoutErrors (SEV-2)"]


def test_it_tells_of_an_end_and_of_what_goes_on_again(site):
    site.send(alert(0, 2))
    site.deliver(3)
    site.send(alert(5))
    site.deliver(6)
    site.send(alert(5, 9))
    site.deliver(10)
    [(_, answers)] = site.slack.channel()
    assert [text.splitlines()[0] for text in answers] == [
        "[SEV-2] Reopened — CheckoutErrors",
        "[RESOLVED] CheckoutErrors (SEV-2)",
    ]


def test_it_tells_of_the_postmortem_after_the_end(site):
    number = site.open(detected())
    site.tell(number, K.RESOLVED, 9)
    site.deliver(10)
    site.tell(number, K.POSTMORTEM_DRAFTED, 60, data={"document": "https://git.example.com/PM-1.md"})
    site.deliver(61)
    [(_, [after])] = site.slack.channel()
    assert after.startswith("[SEV-2] After the incident — Checkout fails\n")
    assert "Postmortem draft: https://git.example.com/PM-1.md" in after


def test_it_says_that_an_incident_was_none_and_is_quiet_from_then_on(any_site):
    number = any_site.open(detected())
    any_site.deliver(1)
    any_site.tell(number, K.DISMISSED, 5)
    any_site.deliver(6)
    any_site.tell(number, K.NOTE, 7, data={"text": "it was a test"})
    for days in range(1, 9):
        any_site.deliver(days * 24 * 60)
    assert any_site.slack.texts()[-1] == "[DISMISSED] Checkout fails (SEV-2)"
    assert len(any_site.slack.texts()) == 2


def test_it_never_posts_about_what_was_dismissed_before_any_message(any_site):
    number = any_site.open(detected())
    any_site.tell(number, K.DISMISSED, 1)
    for days in range(9):
        any_site.deliver(days * 24 * 60 + 2)
    assert any_site.slack.asked == []


def test_it_speaks_again_of_a_dismissed_incident_that_was_reopened(site):
    number = site.open(detected())
    site.deliver(1)
    site.tell(number, K.DISMISSED, 5)
    site.deliver(6)
    site.tell(number, K.REOPENED, 9)
    site.deliver(9)
    [(first, answers)] = site.slack.channel()
    assert first.startswith("[SEV-2] Incident detected")
    assert answers[-1].startswith("[SEV-2] Reopened — Checkout fails")


def test_it_says_where_a_merged_incident_goes_on(site):
    kept, merged = site.open(detected(0, "Checkout fails")), site.open(detected(1, "Payments fail"))
    site.deliver(2)
    site.tell(merged, K.MERGED, 3, data={"into": f"INC-{kept}"})
    site.deliver(4)
    site.tell(merged, K.NOTE, 5, data={"text": "one and the same"})
    site.deliver(6)
    (_, of_kept), (first, of_merged) = site.slack.channel()
    assert first.startswith("[MERGED] Payments fail (SEV-2), now part of INC-1\n")
    assert [text.splitlines()[1] for text in of_merged] == ["Merged into INC-1; updates continue there."]
    assert "one and the same" in of_kept[-1]


def test_it_does_not_post_what_was_withdrawn_before_its_message(site):
    number = site.open(detected())
    site.deliver(1)
    site.tell(number, K.NOTE, 2, event_id="wrong", data={"text": "the wrong incident"})
    site.tell(number, K.RETRACTED, 3, data={"event_id": "wrong"})
    site.deliver(4)
    [(_, answers)] = site.slack.channel()
    assert answers == []


def test_it_brings_the_first_message_up_to_date_when_something_is_corrected(site):
    number = site.open(detected())
    site.deliver(1)
    site.tell(number, K.CORRECTED, 3, data={"milestone": "detected", "occurred_at": at(-10).isoformat()})
    site.deliver(4)
    [(first, answers)] = site.slack.channel()
    assert "Window: 2026-03-02 08:50 UTC / 17:50 JST – now" in first
    assert answers == []


def test_it_tells_only_of_the_severities_that_people_want_to_hear_of(open_site):
    site = open_site(messages={"severities": ["SEV-1", "SEV-2"]})
    number = site.open(detected(severity=Severity.SEV_3))
    site.deliver(1)
    assert site.slack.asked == []
    site.tell(number, K.SEVERITY_CHANGED, 5, severity=Severity.SEV_1)
    site.deliver(6)
    site.tell(number, K.SEVERITY_CHANGED, 8, severity=Severity.SEV_4)
    site.tell(number, K.RESOLVED, 9)
    site.deliver(10)
    [(_, [over])] = site.slack.channel()
    assert over.startswith("[RESOLVED] ")


def test_it_shows_texts_as_they_are_and_calls_nobody(site):
    number = site.open(detected(title="<!channel> a & b\n[RESOLVED] *all* is well"))
    site.tell(number, K.NOTE, 0.5, data={"text": "see <https://evil.example.com|here>"})
    site.tell(number, K.ROLE_ASSIGNED, 0.6, data={"role": "commander", "name": "<@U123>"})
    site.deliver(1)
    site.tell(number, K.NOTE, 2, data={"text": "see <https://evil.example.com|here>"})
    site.deliver(2)
    [(first, [update])] = site.slack.channel()
    assert (
        first.splitlines()[0] == "[SEV-2] Incident acknowledged — &lt;!channel&gt; a &amp; b [RESOLVED] *all* is well"
    )
    assert "Commander: &lt;@U123&gt;" in first
    assert "see &lt;https://evil.example.com|here&gt;" in update


def test_it_cuts_what_is_too_long_and_lists_the_latest(site):
    number = site.open(detected(title="x" * 5000))
    site.deliver(0.5)
    for n in range(30):
        site.tell(number, K.NOTE, 1 + n / 100, data={"text": f"{n} " + "y" * 5000})
    site.deliver(2)
    [(first, [update])] = site.slack.channel()
    assert len(first.splitlines()[0]) < 250
    assert len(update) < 15_000
    assert "(10 earlier events" in update
    assert "29 yyy" in update


def test_it_tells_nobody_of_old_incidents_once_it_is_configured(open_site, slack):
    before = open_site(target=())
    before.open(detected(0, "over"))
    before.tell(1, K.RESOLVED, 5)
    before.open(detected(10, "still open"))
    before.close()
    site = open_site()
    dispatcher = site.start()
    site.deliver(60, dispatcher)
    assert site.slack.texts() == ["[SEV-2] Incident detected — still open", "[UPDATE DUE] still open (SEV-2)"]


def test_it_reports_nothing_that_has_been_open_for_days_but_reminds_of_it(open_site):
    before = open_site(target=())
    before.open(detected(0))
    before.close()
    site = open_site(updates={"SEV-2": None})
    dispatcher = site.start()
    site.deliver(timedelta(days=3, hours=2).total_seconds() / 60, dispatcher)
    assert site.slack.texts() == [
        "[DRAFT OVERDUE] Checkout fails (SEV-2)",
        "[FINAL VERSION OVERDUE] Checkout fails (SEV-2)",
    ]


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("way", [BOT, INCOMING])
def test_it_speaks_both_languages(open_site, way, language):
    site = open_site(way, messages={"language": language})
    number = site.open(detected())
    site.deliver(1)
    site.tell(number, K.MITIGATED, 9)
    site.deliver(9)
    site.tell(number, K.RESOLVED, 20)
    site.deliver(21)
    whole = "\n".join(message["text"] for message in (*site.slack.messages.values(), *site.slack.hooked))
    words = {"en": ("Mitigated", "[RESOLVED]", "Root cause"), "ja": ("抑制", "[復旧]", "根本原因は調査中です")}
    assert all(word in whole for word in words[language])
    assert not any(word in whole for word in words["ja" if language == "en" else "en"])
