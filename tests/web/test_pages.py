"""The pages as they are answered: what they show, what they never do, and how forms are taken in."""

import html
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from service.domain.actions import Action
from service.domain.budgets import Impact, budget_measured
from service.domain.events import EventKind
from service.domain.incident import Phase
from service.domain.indicators import IndicatorSamples, row_of
from service.domain.policy import Indicator, Severity, Stage, Statistic, Target
from service.recorder.commands import Conflict, UnknownIncident
from service.settings.tokens import Token, digest
from service.store.incidents import IncidentPage
from service.store.notices import Notices
from service.store.overview import DueAction, DueStage, Overview
from service.web.pages import assets, targets
from service.web.pages.story import web_link
from tests.builders import at, episode, event, incident_row, policy
from tests.web.fakes import NOW, World, record

PATHS = ("/", "/incidents", "/incidents/INC-1", "/incidents/INC-1/resolve", "/postmortems")
DAY = timedelta(days=1)
READER, WRITER = "reader-token-0123456789", "writer-token-0123456789"
TOKENS = (
    Token("reader", frozenset({"read"}), digest(READER)),
    Token("writer", frozenset({"read", "write"}), digest(WRITER)),
)


def text(response):
    return response.get_data(as_text=True)


def shown(*events, number=1, **fields):
    world = World()
    world.store.records = {number: record(*events, incident_id=number, **fields)}
    return world, text(world.get(f"/incidents/INC-{number}"))


def form(world, action, number=1, **typed):
    """Return the fields of a form as a browser has them."""
    page = text(world.get(f"/incidents/INC-{number}/{action}"))
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    return {**hidden, **typed}


def send(world, action, fields, number=1, **headers):
    return world.post(f"/incidents/INC-{number}/{action}", data=fields, headers=headers)


def listed(number, **fields):
    began = {"milestones": {"detected": NOW - DAY}, "opened_at": NOW - DAY}
    return incident_row(number, **{**began, **fields})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_page_has_its_language_and_its_headers(world, path, language):
    response = world.get(path, headers={"Accept-Language": language})
    assert response.status_code == 200
    assert f'<html lang="{language}">' in text(response)
    csp = response.headers["Content-Security-Policy"]
    assert csp.startswith("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;")
    assert "form-action 'self'; frame-ancestors 'none'; base-uri 'none'" in csp
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cache-Control"] == "no-store"


def test_a_language_that_was_asked_for_stays_in_the_links(world):
    page = text(world.get("/incidents?lang=ja&state=open", headers={"Accept-Language": "en"}))
    assert '<html lang="ja">' in page
    assert 'href="/?lang=ja"' in page
    assert 'href="/incidents?state=open&amp;lang=en"' in page
    assert '<html lang="en">' in text(world.get("/?lang=xx"))


def test_files_are_kept_for_good_and_change_their_address(world):
    page = text(world.get("/"))
    for name in ("pages.css", "pages.js"):
        assert assets.address(name) in page
        response = world.get(assets.address(name))
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert world.get("/assets/0000000000000000/pages.css").status_code == 404
    assert world.get("/assets/x/secret").status_code == 404


def test_the_first_page_names_severities_that_no_rule_maps():
    world = World()
    world.store.noticed = Notices(unmapped=("urgent", "P0", "urgent", "", "critical", "<b>"))
    page = text(world.get("/"))
    assert re.search(r'data-testid="unmapped">4 .*<strong>urgent, P0, &lt;b&gt;</strong>', page)
    assert 'data-testid="no-severity">1 ' in page
    assert "SEV-4" in page
    world.store.noticed = Notices(unmapped=("critical",))  # by now it is
    assert 'data-testid="unmapped"' not in text(world.get("/"))


def test_the_first_page_shows_a_test_for_a_day():
    world = World()
    world.store.noticed = Notices(test_at=NOW - DAY / 2)
    assert 'data-testid="grafana-test"' in text(world.get("/"))
    world.store.noticed = Notices(test_at=NOW - 2 * DAY)
    assert 'data-testid="grafana-test"' not in text(world.get("/"))


def test_the_first_page_shows_targets_clocks_and_what_is_owed():
    samples = IndicatorSamples([60.0, 720.0, 720.0], before=[30.0] * 30, unfinished=2)
    world = World(indicators=lambda window, now: [row_of(Indicator.ACKNOWLEDGE, None, samples, policy())])
    action = Action(action_id="A-1", title="Guard it", owner="team", due_at=NOW - DAY)
    late = listed(2, title="Late", due={Stage.DRAFT: NOW - DAY}, milestones={}, stale_at=NOW - DAY)
    world.store.due = Overview(
        (listed(1), late), {Severity.SEV_1: 9}, (DueStage(late, Stage.DRAFT, NOW - DAY),), 1, (DueAction(2, action),), 1
    )
    page = text(world.get("/?window=7d"))
    for expected in (
        "12 min",
        'data-testid="verdict-missed"',
        "1 of 3 within 10 min",
        'data-testid="change-longer"',
        "11 min 30 s longer",
        "2 unfinished",
        'class="tile missed"',
        'class="tile none"',
        "▲",
        "Guard it",
    ):
        assert expected in page, expected
    assert 'data-clock="since"' in page
    assert 'data-testid="stale"' in page


def test_the_worst_of_many_open_incidents_come_first_in_a_table_that_says_what_it_leaves_out():
    world = World()
    minor = [listed(n, title=f"Minor {n}", severity=Severity.SEV_4) for n in range(3, 15)]
    acknowledged = listed(2, title="Seen", milestones={"detected": NOW - DAY, "acknowledged": NOW})
    world.store.due = Overview(
        (*minor, acknowledged, listed(1, title="Unseen")), {Severity.SEV_1: 2, Severity.SEV_4: 30}, (), 0, (), 0
    )
    page = text(world.get("/"))
    table = page[page.index('data-testid="open-table"') :]
    assert [int(number) for number in re.findall(r'href="/incidents/INC-(\d+)"', table)][:3] == [1, 2, 14]
    assert 'class="card' not in page
    assert 'data-testid="open-cut"' in page
    assert 'href="/incidents?state=open"' in table


def test_a_dozen_open_incidents_are_cards_in_the_same_order():
    world = World()
    world.store.due = Overview(
        tuple(listed(n, severity=Severity.SEV_2 if n == 7 else Severity.SEV_3) for n in range(1, 13)),
        {Severity.SEV_2: 1, Severity.SEV_3: 11},
        (),
        0,
        (),
        0,
    )
    page = text(world.get("/"))
    assert re.search(r'class="card [^"]*">\s*<h3><a href="/incidents/INC-(\d+)"', page)[1] == "7"
    assert page.count('class="card ') == 12
    assert 'data-testid="open-cut"' not in page


def test_the_first_page_of_a_new_service_says_how_to_connect_alertmanager():
    world = World(tokens=TOKENS)
    world.store.records = {}
    page = text(world.get("/", headers={"Authorization": f"Bearer {READER}"}))
    assert 'data-testid="nothing-arrived"' in page
    assert "http://localhost/webhooks/alertmanager&#34;\n        http_config:" in page
    assert 'data-testid="last-webhook"' not in page


def test_the_first_page_says_when_which_source_last_sent_a_webhook(world):
    world.store.received = {"alertmanager": NOW - 3 * DAY, "grafana_test": NOW, "pagerduty": NOW - 2 * DAY}
    page = text(world.get("/"))
    assert 'data-testid="nothing-arrived"' not in page
    assert 'data-testid="silent"' in page
    assert re.search(r'data-testid="last-webhook">.*48 h.* from pagerduty · alertmanager .*72 h', page)
    world.counters.received("alertmanager", NOW - timedelta(minutes=2))
    page = text(world.get("/"))
    assert 'data-testid="silent"' not in page
    assert re.search(r'data-testid="last-webhook">.*2 min.* from alertmanager · pagerduty', page)


def test_incidents_without_any_webhook_are_no_new_service(world):
    page = text(world.get("/"))
    assert 'data-testid="nothing-arrived"' not in page
    assert 'data-testid="last-webhook"' in page


def test_what_is_late_is_called_late():
    world = World()
    late = listed(2, title="Late", due={Stage.DRAFT: NOW - 83 * DAY - DAY / 2})
    world.store.due = Overview((), {}, (DueStage(late, Stage.DRAFT, NOW - 83 * DAY - DAY / 2),), 1, (), 0)
    page = text(world.get("/"))
    assert re.search(r"overdue by <time[^>]*>83 d</time>", page)
    assert re.search(r'class="late"><span aria-hidden="true">▲</span> 1 ', page)


def state_of(samples, target=None):
    target = target or Target(Indicator.DETECT, Statistic.P95, timedelta(minutes=5))
    row = row_of(target.indicator, target.severity, samples, policy(targets=(target,)))
    (state,) = targets.target_states(policy(targets=(target,)), lambda window, now: [row] if row else None, "7d", NOW)
    return state


def test_a_target_for_a_quantile_is_met_or_missed_only_if_the_incidents_show_it():
    assert [state_of(IndicatorSamples([60.0] * n)).met for n in (0, 14, 71, 72)] == [None, None, None, True]
    assert state_of(IndicatorSamples([400.0] * 3)).met is False
    assert state_of(IndicatorSamples(outside=3)).met is False
    mean = Target(Indicator.RESOLVE, Statistic.MEAN, timedelta(minutes=5), Severity.SEV_1)
    assert [state_of(IndicatorSamples(samples), mean).met for samples in ([], [60.0], [400.0])] == [None, True, False]


def test_a_page_says_how_many_met_a_target_where_they_are_too_few_to_say():
    samples = IndicatorSamples([60.0] * 12 + [700.0] * 2, before=[60.0])
    world = World(indicators=lambda window, now: [row_of(Indicator.ACKNOWLEDGE, None, samples, policy())])
    page = text(world.get("/"))
    assert "12 of 14 within 10 min; too few to say" in page
    assert 'data-testid="change-undecided"' in page
    assert "tile missed" not in page
    assert "14 件中 12 件が10分以内（件数が少なく判定できません）" in text(world.get("/?lang=ja"))


def test_a_page_without_anything_before_shows_no_change():
    world = World(
        indicators=lambda window, now: [
            row_of(Indicator.ACKNOWLEDGE, None, IndicatorSamples([1.0], before=[]), policy())
        ]
    )
    assert 'data-testid="change' not in text(world.get("/"))


def test_the_default_window_is_30_days_or_the_longest():
    assert targets.default_window({"7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY}) == "30d"
    assert targets.default_window({"7d": 7 * DAY, "90d": 90 * DAY}) == "90d"


def test_the_list_keeps_what_was_asked_for_while_paging(world):
    resolved = listed(4, phase=Phase.RESOLVED, milestones={"detected": NOW - DAY, "resolved": NOW})
    odd = listed(3, phase=Phase.RESOLVED, milestones={}, stale_at=NOW - DAY)
    world.store.listed = IncidentPage((listed(5), resolved, odd), 3, 5)
    page = text(world.get("/incidents?q=queue&severity=SEV-1&severity=x&type=data&state=open&window=30d&before=9"))
    assert "before=3&amp;state=open&amp;severity=SEV-1&amp;type=data&amp;window=30d&amp;q=queue" in page
    assert "after=5&amp;" in page
    filter_ = world.store.asked["filter"]
    assert (filter_.text, filter_.severities, filter_.number) == ("queue", (Severity.SEV_1,), None)
    assert filter_.detected_since == NOW - 30 * DAY
    assert world.store.asked["before"] == 9


@pytest.mark.parametrize(("typed", "number"), [("INC-7", 7), ("inc-12", 12), ("7", 7), ("INC-0", None), ("x7", None)])
def test_the_search_knows_an_id(world, typed, number):
    world.get("/incidents", query_string={"q": typed, "before": "x"})
    assert world.store.asked["filter"].number == number
    assert world.store.asked["before"] is None


def test_the_incident_shows_corrections_as_such():
    wrong = event(EventKind.MITIGATED, 30)
    right = event(EventKind.CORRECTED, 40, data={"event_id": wrong.event_id, "occurred_at": at(20).isoformat()})
    pinned = event(EventKind.CORRECTED, 41, data={"milestone": "detected", "occurred_at": at(1).isoformat()})
    note = event(EventKind.NOTE, 5, data={"text": "nothing"})
    gone = event(EventKind.RETRACTED, 42, data={"event_id": note.event_id})
    role = event(EventKind.ROLE_ASSIGNED, 6, data={"role": "commander", "name": "Kim"})
    _, page = shown(event(EventKind.DETECTED), wrong, right, pinned, note, gone, role)
    assert re.search(r"<del>.*09:30:00Z.*</del> <ins>.*09:20:00Z", page)
    assert 'class="kind withdrawn">' in page
    assert re.search(r'data-event="corrected".*?18:00:00 JST.*?→.*?18:01:00 JST', page, re.DOTALL)
    assert "2026-03-02 18:20:00 JST" in page
    assert "Kim" in page


def test_it_shows_alerts_deadlines_and_a_merged_incident():
    firing = replace(episode(0, 9, stale=True), generator_url="https://prometheus.example.com/g")
    _, page = shown(event(EventKind.POSTMORTEM_FINALIZED, 9000), episodes=(firing,), merged_into=1, number=2)
    assert 'href="/incidents/INC-1"' in page
    assert 'href="https://prometheus.example.com/g"' in page
    assert 'data-event="stale"' in page
    assert "late</span>" in page
    _, dismissed = shown(event(EventKind.DETECTED), event(EventKind.DISMISSED, 1))
    assert 'data-testid="none-outstanding"' in dismissed
    assert 'data-testid="nothing-measured"' in dismissed


def test_whatever_people_wrote_is_escaped_and_only_web_addresses_are_links():
    evil = '<script>alert("x")</script>'
    script = "javascript:alert(1)"
    firing = replace(
        episode(0),
        name=evil,
        generator_url=script,
        annotations={"summary": f"{evil} {script} https://a.example/x?<b>."},
    )
    note = event(EventKind.NOTE, 3, data={"text": f"{evil} see (https://b.example/y)."})
    document = event(EventKind.POSTMORTEM_DRAFTED, 4, data={"document": script})
    _, page = shown(event(EventKind.DETECTED, title=evil, labels={evil: script}), note, document, episodes=(firing,))
    assert "<script>" not in page
    assert html.escape(script) in page
    assert f'href="{script}' not in page
    assert 'href="https://a.example/x" ' in page
    assert 'href="https://b.example/y"' in page


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//x", "https://", "http://a b", "https://[", None, 7]
)
def test_no_link_is_made_of(address):
    assert web_link(address) is None


def postmortem_lines(*events):
    world = World()
    world.store.records = {1: record(*events)}
    rows = re.findall(r"<tr>\n.*?</tr>", text(world.get("/postmortems")), re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]


def test_the_postmortems_say_in_words_what_is_missing_and_who_owes_it():
    checks = {"evidence": "failed", "issues": "passed"}
    action = {"action_id": "A-1", "title": "Guard", "due_at": at(5).isoformat()}
    other = {"action_id": "A-2", "title": "Probe"}
    (line,) = postmortem_lines(
        event(EventKind.DETECTED),
        event(EventKind.ROLE_ASSIGNED, 1, data={"role": "commander", "name": "Kim"}),
        event(EventKind.POSTMORTEM_DRAFTED, 3, data={"document": "https://wiki.example/1"}),
        event(EventKind.POSTMORTEM_CHECKED, 3, data={"checks": checks}),
        event(EventKind.ACTION_OPENED, 4, data=action),
        event(EventKind.ACTION_OPENED, 4, event_id="second", data=other),
        event(EventKind.ACTION_COMPLETED, 5, data={"action_id": "A-2"}),
    )
    assert re.search(r"▲ overdue by .* Kim", line)
    missing = "final version · failed: Evidence · not checked yet: Actions, Documents, Decision record · 1 action open"
    assert f"{missing} · 1 action to verify · Postmortem document" in line


def test_before_the_draft_only_the_stages_are_missing():
    (line,) = postmortem_lines(event(EventKind.DETECTED))
    assert "draft · final version" in line
    assert "not checked yet" not in line
    assert "no owner" in line


def test_an_owner_of_the_postmortem_comes_before_the_commander():
    roles = [{"role": "commander", "name": "Kim"}, {"role": "postmortem-owner", "name": "Ito"}]
    (line,) = postmortem_lines(
        event(EventKind.DETECTED),
        *(event(EventKind.ROLE_ASSIGNED, n, data=role) for n, role in enumerate(roles)),
    )
    assert "Ito" in line
    assert "Kim" not in line


def test_the_outstanding_postmortems_are_paged_by_lateness_and_all_by_id():
    world = World()
    world.store.records = {n: record(incident_id=n) for n in range(1, 61)}
    page = text(world.get("/postmortems"))
    assert page.count('<th scope="row">') == 50
    assert 'href="/postmortems?skip=50"' in page
    assert text(world.get("/postmortems?skip=50")).count('<th scope="row">') == 10
    world.get("/postmortems?all=yes&before=9")
    assert world.store.asked["before"] == 9
    assert not world.store.asked["filter"].outstanding
    world.store.records = {}
    assert 'data-testid="none-outstanding"' in text(world.get("/postmortems"))


def test_an_incident_says_what_its_postmortem_misses_and_lists_checks_once_there_are_results():
    _, page = shown(event(EventKind.DETECTED))
    assert re.search(r'data-testid="missing">[^<]*draft · final version<', page)
    assert 'class="check' not in page
    _, page = shown(
        event(EventKind.DETECTED), event(EventKind.POSTMORTEM_CHECKED, 3, data={"checks": {"evidence": "passed"}})
    )
    assert 'class="check passed"' in page
    assert 'class="check pending"' in page


def test_acknowledging_records_an_event_and_goes_back(world):
    answer = send(world, "acknowledge", form(world, "acknowledge"))
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/incidents/INC-1?said=acknowledge"
    (command,) = world.recorder.commands
    assert (command.incident_id, command.event.kind, command.event.source) == (1, EventKind.ACKNOWLEDGED, "page")
    assert command.event.occurred_at == NOW
    assert 'data-testid="done-acknowledge"' in text(world.get(answer.headers["Location"]))
    assert "<b>" not in text(world.get("/incidents/INC-1?said=<b>"))


def test_the_same_form_sent_twice_is_one_event(world):
    fields = form(world, "note", text="Restarted")
    for _ in range(2):
        send(world, "note", fields)
    first, second = world.recorder.commands
    assert first.event.event_id == second.event.event_id


@pytest.mark.parametrize(
    ("action", "typed", "kind", "data"),
    [
        ("mitigated", {"at": "2026-11-24T03:00"}, EventKind.MITIGATED, {}),
        ("resolve", {}, EventKind.RESOLVED, {}),
        ("dismiss", {}, EventKind.DISMISSED, {}),
        ("resolve", {"reason": " Rolled back "}, EventKind.RESOLVED, {"reason": "Rolled back"}),
        ("dismiss", {"reason": "a game day"}, EventKind.DISMISSED, {"reason": "a game day"}),
        ("severity", {"severity": "SEV-1"}, EventKind.SEVERITY_CHANGED, {}),
        ("assign", {"role": "comms", "name": " Kim "}, EventKind.ROLE_ASSIGNED, {"role": "comms", "name": "Kim"}),
        ("note", {"text": "a\r\nb", "important": "yes"}, EventKind.NOTE, {"text": "a\nb", "important": True}),
        (
            "correct",
            {"milestone": "detected", "at": "2026-03-02T18:01"},
            EventKind.CORRECTED,
            {"milestone": "detected", "occurred_at": at(1).isoformat()},
        ),
        ("correct", {"milestone": "unknown_start", "at": "2026-03-02T17:59"}, EventKind.STARTED, {}),
        ("merge", {"into": " inc-3 "}, EventKind.MERGED, {"into": "INC-3"}),
        ("retract", {"event_id": "detected-0"}, EventKind.RETRACTED, {"event_id": "detected-0"}),
    ],
)
def test_each_form_becomes_its_event(world, action, typed, kind, data):
    assert send(world, action, form(world, action, **typed)).status_code == 303
    recorded = world.recorder.commands[0].event
    assert (recorded.kind, dict(recorded.data)) == (kind, data)


def test_the_timeline_names_who_did_it_and_what_it_changed():
    raised = event(EventKind.SEVERITY_CHANGED, 2, severity=Severity.SEV_1, recorded_by="on-call")
    dismissal = event(EventKind.DISMISSED, 5, data={"reason": "a game day"}, recorded_by="release-bot")
    _, page = shown(raised, dismissal, episodes=(episode(0, 30),))
    entries = [
        re.sub(r"<[^>]+>|\s+", " ", entry)
        for entry in re.findall(r'<li data-event="[^"]*" class="kind.*?</li>', page, re.DOTALL)
    ]
    (raised_entry,) = [entry for entry in entries if "SEV-1" in entry]
    assert re.search(r"SEV-2\s+→\s+SEV-1.*on-call", raised_entry)
    (dismissed_entry,) = [entry for entry in entries if "a game day" in entry]
    assert "release-bot" in dismissed_entry


def test_a_resolved_incident_can_be_reopened():
    world, page = shown(event(EventKind.DETECTED), event(EventKind.RESOLVED, 5))
    assert 'href="/incidents/INC-1/reopen"' in page
    assert send(world, "reopen", form(world, "reopen")).status_code == 303
    assert send(world, "resolve", form(world, "reopen")).status_code == 403


def test_the_weekly_review_of_a_near_miss_is_a_button_and_no_list_of_pending_checks():
    near_miss = (event(EventKind.DETECTED, severity=Severity.SEV_4), event(EventKind.RESOLVED, 5))
    world, page = shown(*near_miss)
    assert 'action="/incidents/INC-1/reviewed"' in page
    assert 'data-testid="no-document"' in page
    assert page.count('class="check pending"') == 0
    assert send(world, "reviewed", form(world, "reviewed")).status_code == 303
    assert world.recorder.commands[0].event.kind is EventKind.REVIEWED
    assert 'action="/incidents/INC-1/reviewed"' not in shown(*near_miss, event(EventKind.REVIEWED, 9))[1]


@pytest.mark.parametrize(
    ("action", "typed", "expected"),
    [
        ("note", {"text": " "}, "error.empty"),
        ("note", {"text": "x" * 5001}, "error.too_long"),
        ("note", {"text": "a\0b"}, "error.nul"),
        ("note", {"text": "kept text", "at": "soon"}, "kept text"),
        ("acknowledge", {"at": "2026-12-24T03:00"}, "error.future"),
        ("severity", {"severity": "SEV-9"}, "error.choose"),
        ("assign", {"role": "boss", "name": ""}, "error.choose"),
        ("merge", {"into": "the other"}, "error.incident"),
        ("retract", {}, "error.choose"),
        ("correct", {"milestone": "detected"}, "error.time_needed"),
        ("correct", {"milestone": "detected", "at": "1970-01-01T00:00"}, "is before 1970"),
    ],
)
def test_what_cannot_be_taken_comes_back_with_what_was_typed(world, action, typed, expected):
    answer = send(world, action, form(world, action, **typed))
    assert answer.status_code == 422
    assert expected in text(answer)
    assert not world.recorder.commands
    assert "lang=ja" in text(world.post(f"/incidents/INC-1/{action}?lang=ja", data=form(world, action, **typed)))


def test_a_time_that_occurs_twice_is_asked_about():
    from zoneinfo import ZoneInfo

    from service.intake import lifecycle

    berlin = ZoneInfo("Europe/Berlin")
    world = World(zone=berlin, events=lifecycle.EventParseOptions(zone=berlin, new_id=lambda: "n"))
    fields = form(world, "acknowledge", at="2026-10-25T02:30")
    answer = send(world, "acknowledge", fields)
    assert answer.status_code == 422
    assert 'name="which"' in text(answer)
    assert send(world, "acknowledge", {**fields, "which": "second"}).status_code == 303
    assert world.recorder.commands[0].event.occurred_at.hour == 1


def test_a_stale_page_is_shown_again_with_what_happened(world):
    fields = form(world, "acknowledge")
    dismissal = event(EventKind.SEVERITY_CHANGED, 2, severity=Severity.SEV_1)
    world.store.records = {1: record(event(EventKind.DETECTED), dismissal)}
    answer = send(world, "acknowledge", fields)
    assert answer.status_code == 409
    assert 'data-testid="trouble.stale"' in text(answer)
    assert not world.recorder.commands
    again = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text(answer)))
    assert send(world, "acknowledge", again).status_code == 303


def test_a_stale_page_lists_only_what_others_did_since():
    before = event(EventKind.SEVERITY_CHANGED, 1, event_id="before", severity=Severity.SEV_2)
    world, _ = shown(event(EventKind.DETECTED, severity=Severity.SEV_3), before)
    fields = form(world, "acknowledge")
    since = event(EventKind.SEVERITY_CHANGED, 2, event_id="since", severity=Severity.SEV_1, recorded_by="mori")
    world.store.records = {1: record(event(EventKind.DETECTED, severity=Severity.SEV_3), before, since)}
    page = text(send(world, "acknowledge", fields))
    listed = page[page.index('data-testid="later-events"') :].split("</ul>")[0]
    assert listed.count("<li>") == 1
    assert "SEV-2" in listed
    assert "SEV-1" in listed
    assert "mori" in listed


def test_a_correction_that_makes_an_interval_impossible_is_asked_about_before_it_is_recorded():
    world, _ = shown(event(EventKind.DETECTED, 10), event(EventKind.ACKNOWLEDGED, 20))
    typed = {"milestone": "acknowledged", "at": "2026-03-02T18:05"}
    answer = send(world, "correct", form(world, "correct", **typed))
    assert answer.status_code == 422
    assert 'data-testid="trouble.impossible"' in text(answer)
    assert 'data-testid="order-warning"' in text(answer)
    assert not world.recorder.commands
    sure = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text(answer)))
    assert send(world, "correct", {**sure, **typed}).status_code == 303
    assert world.recorder.commands[0].event.data["milestone"] == "acknowledged"


def test_a_correction_of_what_was_impossible_before_is_not_asked_about():
    world, page = shown(event(EventKind.DETECTED, 10), event(EventKind.ACKNOWLEDGED, 5), event(EventKind.RESOLVED, 40))
    assert 'data-testid="order-warning"' in page
    assert (
        send(world, "correct", form(world, "correct", milestone="resolved", at="2026-03-02T18:50")).status_code == 303
    )


def test_only_what_counts_can_be_retracted():
    merge = event(EventKind.MERGED, 3, data={"into": "INC-1"})
    note = event(EventKind.NOTE, 4, event_id="n", data={"text": "a <b>slip</b>"})
    gone = event(EventKind.NOTE, 5, event_id="gone", data={"text": "gone"})
    retraction = event(EventKind.RETRACTED, 6, event_id="r", data={"event_id": "gone"})
    world, page = shown(event(EventKind.DETECTED), merge, note, gone, retraction)
    assert 'href="/incidents/INC-1/retract"' in page
    choices = re.findall(r'<option value="([^"]+)"', text(world.get("/incidents/INC-1/retract")))
    assert set(choices) == {"detected-0", "n", "r"}


def test_a_merged_incident_leads_to_the_one_that_it_is_part_of():
    world = World()
    world.store.records = {2: record(event(EventKind.DETECTED, title="Queue"), incident_id=2, merged_into=1)}
    page = text(world.get("/incidents/INC-2"))
    notice = page[page.index('data-testid="merged-into"') :].split("</p>")[0]
    assert 'href="/incidents/INC-1"' in notice
    assert "Queue" in notice
    world.store.records = {1: record(event(EventKind.DETECTED, title="Queue"), incident_id=2, merged_into=1)}
    page = text(world.get("/incidents/INC-1"))
    assert 'data-testid="merged-into"' not in page
    assert re.search(r'data-testid="merged-ids">.*INC-2', page)


def test_the_picture_names_the_day_if_there_are_several_and_is_green_only_within_a_target():
    detected = event(EventKind.DETECTED, severity=Severity.SEV_1)
    _, page = shown(detected, event(EventKind.MITIGATED, 5), event(EventKind.RESOLVED, 8))
    svg = page[page.index("<svg") : page.index("</svg>")]
    assert "03-02" not in svg
    assert svg.count("bar plain") == 1
    assert svg.count("bar good") == 2
    _, page = shown(event(EventKind.DETECTED), event(EventKind.RESOLVED, 60 * 20))
    assert "03-03" in page[page.index("<svg") : page.index("</svg>")]


def test_a_second_acknowledgement_does_nothing(world):
    fields = form(world, "acknowledge")
    world.store.records = {1: record(event(EventKind.DETECTED), event(EventKind.ACKNOWLEDGED, 2))}
    answer = send(world, "acknowledge", fields)
    assert answer.status_code == 409
    assert 'data-testid="not-offered"' in text(answer)
    assert not world.recorder.commands


def test_notes_of_others_hold_nobody_up(world):
    acknowledge, note = form(world, "acknowledge"), form(world, "note", text="mine")
    world.store.records = {1: record(event(EventKind.DETECTED), event(EventKind.NOTE, 2, data={"text": "theirs"}))}
    assert send(world, "acknowledge", acknowledge).status_code == 303
    world.store.records = {1: record(event(EventKind.DETECTED), event(EventKind.RESOLVED, 2))}
    assert send(world, "note", note).status_code == 303


def test_what_the_recorder_refuses_is_said_on_the_form(world):
    fields = form(world, "note", text="kept text")
    world.recorder.error = Conflict("it is dismissed")
    answer = send(world, "note", fields)
    assert (answer.status_code, "it is dismissed" in text(answer), "kept text" in text(answer)) == (409, True, True)
    world.recorder.error = UnknownIncident("gone")
    assert send(world, "note", fields).status_code == 404


@pytest.mark.parametrize("change", [{"seal": ""}, {"seal": "é"}, {"seen": "0.x"}, {"seen": "1.detected.SEV-1"}])
def test_a_form_that_is_not_ours_records_nothing(world, change):
    answer = send(world, "acknowledge", {**form(world, "acknowledge"), **change})
    assert answer.status_code == 403
    assert 'data-testid="trouble.expired"' in text(answer)
    assert not world.recorder.commands


def test_a_seal_is_for_one_form_of_one_incident(world):
    world.store.records = {1: record(), 2: record(incident_id=2)}
    fields = form(world, "acknowledge")
    assert send(world, "mitigated", fields).status_code == 403
    assert send(world, "acknowledge", fields, number=2).status_code == 403
    assert world.post("/incidents/INC-1/acknowledge", data=b"\xff\xfe").status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_from_another_site_is_refused(world, headers):
    answer = send(world, "acknowledge", form(world, "acknowledge"), **headers)
    assert answer.status_code == 403
    assert 'data-testid="error-denied.forbidden"' in text(answer)
    assert not world.recorder.commands


def guarded():
    world = World(tokens=TOKENS)
    world.get = lambda path, **more: world.client.get(path, auth=("x", WRITER), **more)
    return world


def test_replicas_accept_the_forms_of_each_other_but_not_of_another_token():
    first_world, other = guarded(), guarded()
    fields = form(first_world, "acknowledge")
    sent = other.client.post("/incidents/INC-1/acknowledge", data=fields, auth=("x", WRITER))
    assert sent.status_code == 303
    both = (*TOKENS, Token("second", frozenset({"read", "write"}), digest("second-token-0123456789")))
    third, fourth = World(tokens=both), World(tokens=both)
    third.get = lambda path: third.client.get(path, auth=("x", WRITER))
    fields = form(third, "acknowledge")
    sent = fourth.client.post("/incidents/INC-1/acknowledge", data=fields, auth=("x", "second-token-0123456789"))
    assert sent.status_code == 403


@pytest.mark.parametrize("path", PATHS)
def test_without_a_token_the_browser_asks_for_one(path):
    answer = World(tokens=TOKENS).get(path)
    assert answer.status_code == 401
    assert any(challenge.startswith("Basic ") for challenge in answer.headers.getlist("WWW-Authenticate"))
    assert 'data-testid="error-denied.unknown"' in text(answer)


def test_a_wrong_token_is_told_apart_from_a_missing_one():
    world = World(tokens=TOKENS)
    assert 'data-testid="error-denied.wrong"' in text(world.get("/", auth=("x", "not-this-one")))
    missing = world.get("/api/v1/incidents").get_json()["detail"]
    wrong = world.get("/api/v1/incidents", headers={"Authorization": "Bearer not-this-one"})
    assert wrong.status_code == 401
    assert wrong.get_json()["detail"] != missing
    assert "not-this-one" not in text(wrong)


@pytest.mark.parametrize("path", ["/nowhere", "/assets/x/y", "/api/v1/nowhere"])
def test_browsers_get_a_page_for_an_address_that_does_not_exist_and_programs_a_problem(world, path):
    page = world.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.status_code == 404
    assert ("html" in page.content_type) == (path != "/assets/x/y")
    assert world.get(path).content_type == "application/problem+json"


def test_who_may_only_read_is_offered_nothing():
    world = World(tokens=TOKENS)
    page = text(world.get("/incidents/INC-1", auth=("x", READER)))
    assert 'data-testid="read-only"' in page
    assert "<button" not in page
    assert 'data-testid="read-only"' in text(world.get("/incidents/INC-1/note", auth=("x", READER)))
    assert world.post("/incidents/INC-1/note", auth=("x", READER)).status_code == 403


@pytest.mark.parametrize("path", ["/incidents/INC-9", "/incidents/INC-x", "/incidents/7", "/incidents/INC-1/explode"])
def test_what_is_not_there_is_a_page_of_404(world, path):
    answer = world.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert 'data-testid="error-missing"' in text(answer)


def test_a_store_that_is_down_is_503(world):
    world.store.down = True
    answer = world.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert urlsplit(answer.request.path).path == "/"


# --- long histories -------------------------------------------------------------------------------------------------


def test_it_shows_a_long_history_in_parts(world):
    notes = [event(EventKind.NOTE, n, event_id=f"note-{n}", data={"text": f"remark {n}!"}) for n in range(1, 501)]
    world.store.records[1] = record(event(EventKind.DETECTED), *notes)
    seen, query = [], ""
    while query is not None:
        page = world.get(f"/incidents/INC-1{query}").text
        seen.append({int(number) for number in re.findall(r"remark (\d+)!", page)})
        earlier = re.search(r'rel="prev" href="[^"]*(\?entries=\d+)', page)
        query = earlier[1] if earlier else None
    assert [len(part) for part in seen] == [200, 200, 100]
    assert set.union(*seen) == set(range(1, 501))


@pytest.mark.parametrize("query", ["entries=0", "entries=-5", "entries=x", "entries=999999999999", "alerts=1"])
def test_it_shows_some_of_a_history_whatever_part_is_asked_for(world, query):
    assert world.get(f"/incidents/INC-1?{query}").status_code == 200


# -- dimensions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/incidents", "/postmortems", "/postmortems?all=yes"])
def test_lists_are_filtered_by_the_dimensions_that_have_values(path):
    world = World()
    world.store.values = {"team": ["payments", "決済"]}
    glue = "&" if "?" in path else "?"
    page = text(world.get(f"{path}{glue}team=payments"))
    assert {"team": "payments"} in world.store.filtered
    assert "<option selected>payments</option>" in page
    assert 'id="service"' not in page
    page = text(world.get(f"{path}{glue}team=+&lang=ja"))
    assert '<option value=" " selected>チームなし</option>' in page
    assert {"team": ""} in world.store.filtered


def test_a_dimension_of_very_many_values_is_typed():
    world = World()
    world.store.values = {"team": [f"t{n}" for n in range(101)]}
    assert '<input id="team" name="team"' in text(world.get("/incidents?team=t7"))


def test_a_value_that_is_filtered_by_is_offered_even_if_no_incident_has_it():
    page = text(World().get("/incidents?team=%3Cnew%3E"))
    assert "<option selected>&lt;new&gt;</option>" in page


def test_an_incident_names_its_team_and_leads_to_the_others_of_it():
    _, page = shown(event(EventKind.DETECTED, labels={"team": "pay & co"}))
    assert '<a class="tag" href="/incidents?team=pay+%26+co">' in page


def test_only_what_was_changed_is_recorded():
    world, _ = shown(event(EventKind.DETECTED, labels={"team": "payments"}))
    fields = form(world, "describe") | {"was.team": "payments", "was.service": ""}
    typed = {"dimension.team": "payments", "dimension.service": "api", "type": "data", "domain": "Plan"}
    assert send(world, "describe", fields | typed).status_code == 303
    (command,) = world.recorder.commands
    assert command.event.kind is EventKind.DESCRIBED
    assert (command.event.labels, command.event.types, command.event.domains) == (
        {"service": "api"},
        ("data",),
        ("Plan",),
    )


def test_a_description_that_changes_nothing_is_not_recorded():
    world, _ = shown(event(EventKind.DETECTED, labels={"team": "payments"}))
    fields = form(world, "describe") | {"was.team": "payments", "dimension.team": "payments"}
    answer = send(world, "describe", fields)
    assert answer.status_code == 422
    assert "error.unchanged" in text(answer)


def test_an_incident_shows_what_it_cost():
    measured = budget_measured("checkout", Impact(at(0), at(31)), 0.425, "errors[1860s]", at(60))
    world, page = shown(event(EventKind.DETECTED), event(EventKind.RESOLVED, 31), measured)
    assert 'data-testid="budget"' in page
    assert "42.5 % of checkout" in page
    assert "checkout: 42.5%" in page
    assert world.get("/api/v1/incidents/INC-1").get_json()["error_budgets"] == {"checkout": 0.425}
