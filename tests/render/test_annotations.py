"""Annotations: when they begin and end, what their tags may hold, and what of other people's text gets into them."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.budgets import Impact, budget_measured
from service.domain.events import EventKind, Role
from service.domain.incident_history import IncidentHistory
from service.domain.policy import IncidentType, Severity
from service.render.annotation_texts import View
from service.render.annotations import annotations_of, duplicate, retired_annotation
from service.render.item_keys import ItemKey, OutboxKind, unique_key
from service.render.lines import LONGEST_NOTE, LONGEST_TITLE
from tests.builders import T0, at, episode, event, policy

VIEW = View(ZoneInfo("Asia/Tokyo"), "https://mttx.example.com")
NOW = at(10_000)
WHOLE = ItemKey(OutboxKind.INCIDENT, 7)


def history(*events, episodes=(), absorbed=()):
    """Return INC-7 with these events; `absorbed`: events that INC-9 brought along."""
    pairs = [*((7, e) for e in events), *((9, e) for e in absorbed)]
    opened_at = {7: T0, 9: at(5)}
    return IncidentHistory(
        id=7, recorded=pairs, episodes=episodes, opened_at=opened_at, last_seen_at=T0, policy=policy()
    )


def region(*events, episodes=(), view=VIEW, now=NOW):
    return annotations_of(history(*events, episodes=episodes), (), view, now)[WHOLE]


def point(event_, *events, view=VIEW):
    """Return the point of one event."""
    drawn = annotations_of(history(event(EventKind.DETECTED), *events, event_), (), view, NOW)
    return drawn[ItemKey(OutboxKind.EVENT, 7, event_id=event_.event_id)]


def span(annotation):
    return [(instant - T0) / timedelta(minutes=1) for instant in (annotation.starts_at, annotation.ends_at)]


def visible(html):
    """Return what a reader sees of HTML."""
    return re.sub("<[^>]*>", " ", html.replace("<br>", "\n"))


# --- when it begins and ends ----------------------------------------------------------------------------------------


def test_it_is_a_point_while_the_incident_is_open():
    assert span(region(episodes=(episode(3),))) == [3, 3]


def test_it_begins_with_the_impact_where_that_is_known():
    assert span(region(event(EventKind.STARTED, 1), episodes=(episode(3, 9),))) == [1, 9]


def test_it_ends_with_the_recovery():
    assert span(region(episodes=(episode(3, 9),))) == [3, 9]


def test_it_reaches_to_the_reopening_while_it_is_open_again():
    assert span(region(event(EventKind.DETECTED), event(EventKind.RESOLVED, 9), event(EventKind.REOPENED, 20))) == [
        0,
        20,
    ]


def test_it_reaches_to_the_alert_that_fired_again():
    fired = (
        episode(0, 4),
        episode(2, 9, id=2, fingerprint="f2"),
        episode(12, id=3),
        episode(13, id=4, fingerprint="f4"),
    )
    assert span(region(episodes=fired)) == [0, 12]


def test_it_is_a_point_again_when_the_recovery_was_taken_back():
    events = (event(EventKind.DETECTED), event(EventKind.RESOLVED, 9, event_id="r"))
    taken_back = event(EventKind.RETRACTED, 10, data={"event_id": "r"})
    assert span(region(*events)) == [0, 9]
    assert span(region(*events, taken_back)) == [0, 0]


def test_it_never_ends_before_it_begins():
    """Grafana would swap the two without a word."""
    assert span(region(event(EventKind.STARTED, 30), event(EventKind.RESOLVED, 9))) == [30, 30]


def test_it_never_ends_in_the_future():
    """Grafana would draw a region without an end."""
    assert span(region(event(EventKind.DETECTED), event(EventKind.RESOLVED, 50), now=at(20))) == [0, 0]


def test_it_ends_what_was_dismissed_where_it_was_dismissed_or_had_recovered():
    dismissed = event(EventKind.DISMISSED, 9)
    assert span(region(event(EventKind.DETECTED), dismissed)) == [0, 9]
    assert span(region(dismissed, episodes=(episode(0, 4),))) == [0, 4]


# --- tags -----------------------------------------------------------------------------------------------------------


def test_it_carries_what_people_filter_by():
    drawn = region(event(EventKind.DETECTED, severity=Severity.SEV_1, types=(IncidentType.EXECUTION, IncidentType.API)))
    *tags, key = drawn.tags
    assert tags == ["mttx", "incident:INC-7", "sev:1", "type:execution", "type:api", "what:incident", "state:open"]
    assert re.fullmatch("mttx-item:[0-9a-f]{16}", key)


def test_it_keeps_within_what_grafana_takes():
    detection = event(EventKind.DETECTED, types=tuple(IncidentType))
    tags = region(detection, event(EventKind.DISMISSED, 1)).tags
    assert all(tag.count(":") <= 1 and max(map(len, tag.split(":"))) <= 100 for tag in tags)
    assert len(json.dumps(tags, separators=(",", ":"))) <= 500


def test_it_gives_a_copy_on_a_dashboard_no_tag_that_other_dashboards_ask_for():
    drawn = annotations_of(history(event(EventKind.DETECTED), event(EventKind.ACKNOWLEDGED, 1)), ("abc",), VIEW, NOW)
    copies = [annotation for key, annotation in drawn.items() if key.dashboard_uid == "abc"]
    assert [annotation.tags[0] for annotation in copies] == ["mttx-copy", "mttx-copy"]
    assert len({annotation.key for annotation in drawn.values()}) == 4


def test_it_has_a_key_that_no_other_installation_gives():
    here = history(event(EventKind.DETECTED))
    there = replace(here, opened_at={7: T0 + timedelta(microseconds=1)})
    assert unique_key(here, WHOLE) != unique_key(there, WHOLE)


# --- points ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("happened", "what", "heading"),
    [
        (event(EventKind.ACKNOWLEDGED, 3), "acknowledged", "Acknowledged"),
        (event(EventKind.MITIGATED, 3, data={"global_trading_pause": True}), "mitigated", "Mitigated"),
        (event(EventKind.SEVERITY_CHANGED, 3, severity=Severity.SEV_2), "severity", "Severity changed to SEV-2"),
        (event(EventKind.NOTE, 3, data={"text": "hm", "important": True}), "note", "Note"),
        (event(EventKind.POSTMORTEM_FINALIZED, 3), "postmortem", "Postmortem final"),
    ],
)
def test_it_draws_important_actions(happened, what, heading):
    drawn = point(happened)
    assert span(drawn) == [3, 3]
    assert f"what:{what}" in drawn.tags
    assert drawn.text.startswith(f"<b>{heading}</b><br>")


@pytest.mark.parametrize(
    "happened",
    [
        event(EventKind.NOTE, 3, data={"text": "hm"}),
        event(EventKind.NOTE, 3, data={"text": "hm", "important": "yes"}),
        event(EventKind.SEVERITY_CHANGED, 3),
        event(EventKind.POSTMORTEM_DRAFTED, 3),
        event(EventKind.ROLE_ASSIGNED, 3, data={"role": "commander", "name": "Aoi"}),
    ],
)
def test_it_draws_nothing_else(happened):
    assert list(annotations_of(history(event(EventKind.DETECTED), happened), (), VIEW, NOW)) == [WHOLE]


def test_it_shows_what_was_switched():
    data = {"text": "halted", "important": True, "global_trading_pause": True, "open_orders": 3, "by": "Aoi"}
    text = point(event(EventKind.NOTE, 3, data=data)).text
    assert "halted<br>global_trading_pause=true<br>open_orders=3<br>" in text
    assert "Aoi" not in text


def test_it_draws_the_points_of_an_incident_that_was_merged_into_it():
    acknowledgement = event(EventKind.ACKNOWLEDGED, 6)
    drawn = annotations_of(history(event(EventKind.DETECTED), absorbed=[acknowledgement]), (), VIEW, NOW)
    assert "incident:INC-7" in drawn[ItemKey(OutboxKind.EVENT, 9, event_id=acknowledgement.event_id)].tags


# --- what is hidden -------------------------------------------------------------------------------------------------


def test_it_hides_the_region_of_a_merged_incident():
    hidden = retired_annotation(history(event(EventKind.DETECTED)), ItemKey(OutboxKind.INCIDENT, 9), VIEW)
    assert hidden.tags[:2] == ("mttx-retired", "incident:INC-9")
    assert hidden.text.startswith("<b>Merged into INC-7</b>")
    assert hidden.retired


def test_it_hides_a_withdrawn_point_where_it_was():
    acknowledgement = event(EventKind.ACKNOWLEDGED, 6)
    hidden = retired_annotation(
        history(event(EventKind.DETECTED), acknowledgement),
        ItemKey(OutboxKind.EVENT, 7, event_id=acknowledgement.event_id),
        VIEW,
    )
    assert span(hidden) == [6, 6]
    assert hidden.text.startswith("<b>Withdrawn</b>")


def test_it_gives_a_duplicate_no_key():
    hidden = duplicate(region(episodes=(episode(0, 9),)))
    assert hidden.tags == ("mttx-retired", "incident:INC-7")
    assert span(hidden) == [0, 0]


# --- text -----------------------------------------------------------------------------------------------------------


def test_it_tells_the_milestones_in_utc_and_in_the_zone_of_its_readers():
    text = region(event(EventKind.DETECTED, types=(IncidentType.DATA,)), event(EventKind.RESOLVED, 90)).text
    assert visible(text).split("\n") == [
        " INC-7  SEV-3 Untitled incident",
        "Phase: resolved",
        "Type: data",
        "Detected: 2026-03-02 09:00:00 UTC (2026-03-02 18:00:00 JST)",
        "Acknowledged: 2026-03-02 10:30:00 UTC (2026-03-02 19:30:00 JST)",
        "Resolved: 2026-03-02 10:30:00 UTC (2026-03-02 19:30:00 JST)",
        " Incident ",
    ]


def test_it_names_the_values_of_the_dimensions_that_are_configured():
    labels = {"team": "<payments>", "service": "checkout", "area": "eu"}
    events = (
        event(EventKind.DETECTED, labels=labels),
        event(EventKind.ROLE_ASSIGNED, 1, data={"role": "commander", "name": "checkout"}),
    )
    view = replace(VIEW, dimensions=("team", "owner", "service"))
    assert visible(region(*events, view=view).text).split("\n")[2:4] == [
        "Team: &lt;payments&gt;",
        "Service: [commander]",
    ]
    assert "Team" not in region(*events).text


def test_it_links_to_the_incident_and_to_its_postmortem():
    document = {"document": "https://git.example.com/a?b=1&c=2"}
    text = region(event(EventKind.DETECTED), event(EventKind.POSTMORTEM_DRAFTED, 9, data=document)).text
    assert '<a href="https://mttx.example.com/incidents/INC-7">Incident</a>' in text
    assert '<a href="https://git.example.com/a?b=1&amp;c=2">Postmortem</a>' in text


@pytest.mark.parametrize(
    "document",
    [{}, {"document": "docs/pm.md"}, {"document": "javascript:alert(1)"}, {"document": "https://x/" + "a" * 1000}],
)
def test_it_links_to_nothing_that_is_no_address(document):
    final = event(EventKind.POSTMORTEM_FINALIZED, 9, data=document)
    assert "href" not in region(event(EventKind.DETECTED), final, view=View(VIEW.zone)).text
    assert "href" not in point(final, view=View(VIEW.zone)).text


def test_it_marks_what_was_dismissed():
    drawn = region(event(EventKind.DETECTED), event(EventKind.DISMISSED, 1))
    assert drawn.text.startswith("<b>Dismissed as a false alarm</b>")
    assert "state:dismissed" in drawn.tags


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ('" onmouseover="x', "&quot; onmouseover=&quot;x"),
        ("a: b: c", "a: b: c"),
        ("two\nlines\r\n\tand more", "two lines and more"),
        ("👩‍💻 💥 注文", "👩‍💻 💥 注文"),
        ("\u202eright to left\x00", "right to left"),
        ("a" * 500, "a" * (LONGEST_TITLE - 1) + "…"),
    ],
)
def test_it_shows_every_title_as_text(title, shown):
    assert f"SEV-3 {shown}<br>" in region(event(EventKind.DETECTED, title=title)).text


def test_it_shortens_long_notes():
    note = event(EventKind.NOTE, 3, data={"text": "x" * 9000, "important": True})
    assert f"<br>{'x' * (LONGEST_NOTE - 1)}…<br>" in point(note).text


def test_it_puts_roles_in_the_place_of_names():
    assigned = [
        event(EventKind.ROLE_ASSIGNED, 1, event_id="r1", data={"role": Role.COMMANDER, "name": "Aoi Tanaka"}),
        event(EventKind.ROLE_ASSIGNED, 2, event_id="r2", data={"role": Role.LEAD_DO, "name": "Al"}),
        event(EventKind.ROLE_ASSIGNED, 2, event_id="r3", data={"role": Role.COMMS, "name": "田中"}),
        event(EventKind.ACTION_OPENED, 3, data={"action_id": "a", "owner": "Kim"}),
    ]
    title = "aoi tanaka and Al told 田中さん and Kim: Alert ALSO down"
    shown = region(event(EventKind.DETECTED, title=title), *assigned).text
    assert "[commander] and [lead-do] told [comms]さん and [owner]: Alert ALSO down<br>" in shown


@given(st.text(max_size=600), st.text(min_size=2, max_size=20), st.text(max_size=600))
def test_it_is_html_of_ours_and_nothing_else_whatever_people_write(title, name, note):
    important = event(EventKind.NOTE, 3, data={"text": note, "important": True})
    named = event(EventKind.ROLE_ASSIGNED, 1, data={"role": "commander", "name": name})
    drawn = annotations_of(history(event(EventKind.DETECTED, title=title or "-"), named, important), (), VIEW, NOW)
    for annotation in drawn.values():
        assert annotation.text
        assert len(annotation.text) < 8000
        plain = re.sub(r'</?b>|<br>|</a>|<a href="https://[^"<>]*">|&(amp|lt|gt|quot|#x27);', "", annotation.text)
        assert not re.search('[<>"&\n]', plain)


@given(st.permutations(range(6)))
def test_it_draws_the_same_whatever_the_order_of_the_events(order):
    events = [
        event(EventKind.DETECTED),
        event(EventKind.ACKNOWLEDGED, 3),
        event(EventKind.NOTE, 4, data={"text": "a", "important": True}),
        event(EventKind.RESOLVED, 9),
        event(EventKind.REOPENED, 12),
        event(EventKind.RESOLVED, 15),
    ]
    drawn = annotations_of(history(*events), (), VIEW, NOW)
    assert annotations_of(history(*(events[i] for i in order)), (), VIEW, NOW) == drawn


def test_it_knows_by_its_digest_whether_anything_changed():
    digests = {
        region(event(EventKind.DETECTED)).digest,
        region(event(EventKind.DETECTED), event(EventKind.NOTE, 1, data={"text": "-"})).digest,
    }
    assert len(digests) == 1
    digests.add(region(event(EventKind.DETECTED, title="Orders fail")).digest)
    assert len(digests) == 2
    assert {len(digest) for digest in digests} == {16}


def test_it_never_names_who_recorded_an_event():
    events = [
        event(EventKind.DETECTED, recorded_by="release-bot"),
        event(EventKind.SEVERITY_CHANGED, 1, severity=Severity.SEV_1, recorded_by="release-bot"),
        event(EventKind.NOTE, 2, data={"text": "n", "important": True}, recorded_by="release-bot"),
        event(EventKind.DISMISSED, 3, data={"reason": "a game day"}, recorded_by="release-bot"),
    ]
    for number in range(1, len(events) + 1):
        assert "release-bot" not in repr(annotations_of(history(*events[:number]), (), VIEW, NOW))


def test_it_says_what_an_incident_cost():
    measured = budget_measured("<checkout>", Impact(T0, at(31)), 0.425, "errors[1860s]", at(60))
    drawn = region(event(EventKind.DETECTED), event(EventKind.RESOLVED, 31), measured)
    assert "Error budget spent: 42.5% of &lt;checkout&gt;" in drawn.text
    assert "Error budget" not in region(event(EventKind.DETECTED), event(EventKind.RESOLVED, 32), measured).text
