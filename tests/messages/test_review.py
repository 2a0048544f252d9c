"""The list before the weekly review (Mondays at 10:00 in Tokyo): what happened, what is open, what is owed."""

from datetime import UTC, datetime, timedelta

import pytest

from service.domain.events import EventKind as K
from service.domain.policy import Severity
from service.store.types import InstantColumn
from tests.builders import T0, at, event

MEETING = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)  # 10:00 in Tokyo


def minutes(instant):
    return (instant - T0).total_seconds() / 60


def lists(site):
    return [text for text, _ in site.slack.channel() if text.startswith("[WEEKLY REVIEW]")]


def fill(site):
    number = site.open(event(K.DETECTED, 0, title="Checkout fails", severity=Severity.SEV_3))
    site.tell(number, K.RESOLVED, 5)
    data = {"action_id": "A-01", "title": "Alert on slippage", "owner": "Obs", "due_at": at(60).isoformat()}
    site.tell(number, K.ACTION_OPENED, 6, data=data)
    site.open(event(K.DETECTED, 9, title="Payments <b>slow</b>", severity=Severity.SEV_2))


def test_it_lists_what_the_meeting_is_about_an_hour_before(site):
    fill(site)
    dispatcher = site.start()
    site.deliver(minutes(MEETING - timedelta(minutes=61)), dispatcher)
    assert lists(site) == []
    site.deliver(minutes(MEETING - timedelta(minutes=59)), dispatcher)
    [text] = lists(site)
    assert text.splitlines() == [
        "[WEEKLY REVIEW] 2026-03-09 01:00 UTC / 10:00 JST",
        "Incidents this week:",
        "• <https://mttx.example.com/incidents/INC-2|INC-2> SEV-2 Payments &lt;b&gt;slow&lt;/b&gt;",
        "• <https://mttx.example.com/incidents/INC-1|INC-1> SEV-3 Checkout fails",
        "Still open:",
        "• <https://mttx.example.com/incidents/INC-2|INC-2> SEV-2 Payments &lt;b&gt;slow&lt;/b&gt;",
        "Outstanding postmortems:",
        "• <https://mttx.example.com/incidents/INC-2|INC-2> SEV-2 Payments &lt;b&gt;slow&lt;/b&gt;: draft due by "
        "2026-03-03 09:09 UTC / 18:09 JST",
        "• <https://mttx.example.com/incidents/INC-1|INC-1> SEV-3 Checkout fails: draft due by "
        "2026-03-04 09:00 UTC / 18:00 JST",
        "• <https://mttx.example.com/incidents/INC-2|INC-2> SEV-2 Payments &lt;b&gt;slow&lt;/b&gt;: final version "
        "due by 2026-03-05 09:09 UTC / 18:09 JST",
        "• <https://mttx.example.com/incidents/INC-1|INC-1> SEV-3 Checkout fails: final version due by "
        "2026-03-07 09:00 UTC / 18:00 JST",
        "Outstanding actions:",
        "• <https://mttx.example.com/incidents/INC-1|INC-1> A-01 Alert on slippage: Obs, due by "
        "2026-03-02 10:00 UTC / 19:00 JST",
    ]


def fill_with_teams(site):
    fill(site)
    site.tell(1, K.DESCRIBED, 7, labels={"team": "search"})
    site.open(event(K.DETECTED, 10, title="Invoices stuck", severity=Severity.SEV_4, labels={"team": "<billing>"}))


@pytest.mark.parametrize(("language", "nobody"), [("en", "▸ no team"), ("ja", "▸ チームなし")])
def test_it_groups_every_list_by_team_with_the_rest_last(open_site, language, nobody):
    site = open_site(messages={"language": language})
    fill_with_teams(site)
    site.deliver(minutes(MEETING - timedelta(minutes=59)), site.start())
    [text] = [text for text, _ in site.slack.channel() if "▸" in text]
    shown = [line if line[0] != "•" else line.partition("|")[2].partition(">")[0] for line in text.splitlines()[1:]]
    lists_ = [[]]
    for line in shown:
        lists_.append([]) if line.endswith(":") else lists_[-1].append(line)
    incidents, open_, stages, actions = lists_[1:]
    assert incidents == ["▸ &lt;billing&gt;", "INC-3", "▸ search", "INC-1", nobody, "INC-2"]
    assert open_ == ["▸ &lt;billing&gt;", "INC-3", nobody, "INC-2"]
    assert [line for line in stages if line.startswith("▸")] == ["▸ &lt;billing&gt;", "▸ search", nobody]
    assert actions == ["▸ search", "INC-1"]


def test_it_groups_by_the_first_dimension(open_site):
    site = open_site(messages={"language": "ja"}, breakdown=[{"label": "area"}, {"label": "team"}])
    fill_with_teams(site)
    site.deliver(minutes(MEETING - timedelta(minutes=59)), site.start())
    assert not any("▸" in text for text, _ in site.slack.channel())
    site.close()
    site = open_site(messages={"language": "ja"}, breakdown=[])
    site.deliver(minutes(MEETING + timedelta(weeks=1)), site.start())
    assert len(site.slack.channel()) >= 2
    assert not any("▸" in text for text, _ in site.slack.channel())


def test_it_says_how_to_record_what_owes_only_the_review(site):
    fill(site)
    number = site.open(event(K.DETECTED, 20, title="Backfill ran away", severity=Severity.SEV_4))
    dispatcher = site.start()
    site.deliver(minutes(MEETING - timedelta(minutes=59)), dispatcher)
    [text] = lists(site)
    assert f"mttx incident review INC-{number}\n" in f"{text}\n"


def test_it_lists_them_once_a_week_whatever_restarts_between(open_site):
    site = open_site()
    fill(site)
    site.deliver(10, site.start())
    site.close()
    for weeks in range(3):
        for hours in (-1, 0, 30):
            site = open_site()
            site.deliver(minutes(MEETING + timedelta(weeks=weeks, hours=hours)), site.start())
            site.close()
    assert [text.splitlines()[0][16:26] for text in lists(site)] == ["2026-03-09", "2026-03-16", "2026-03-23"]


def test_it_says_nothing_where_there_is_nothing_to_say(site):
    dispatcher = site.start()
    site.deliver(minutes(MEETING), dispatcher)
    assert site.slack.asked == []
    [(kind, due_at)] = site.rows("SELECT kind, due_at FROM outbox WHERE wanted > delivered")
    assert (kind, due_at) == ("team-wide", InstantColumn.store(MEETING + timedelta(weeks=1)))


def test_it_makes_no_list_where_nobody_wants_one(open_site):
    site = open_site(messages={"weekly_review": False})
    site.start()
    assert site.outbox_keys() == []


def test_it_passes_over_a_meeting_that_was_moved_or_is_days_ago(open_site):
    site = open_site()
    fill(site)
    site.start()
    site.close()
    moved = open_site(weekly_review={"weekday": "tuesday"})
    moved.deliver(minutes(MEETING), moved.start())
    assert lists(moved) == []
    moved.close()
    late = open_site()
    late.deliver(minutes(MEETING + timedelta(days=5)), late.start())
    assert lists(late) == []


def test_it_counts_what_does_not_fit(site):
    for n in range(25):
        site.open(event(K.DETECTED, n, title=f"Incident {n}", severity=Severity.SEV_1))
    dispatcher = site.start()
    site.deliver(minutes(MEETING), dispatcher)
    [text] = lists(site)
    assert text.count("… and 5 more") == 2
    assert "… and 30 more" in text


@pytest.mark.parametrize(
    ("day", "utc"),
    [(datetime(2026, 3, 6, tzinfo=UTC), "15:00"), (datetime(2026, 3, 13, tzinfo=UTC), "14:00")],
    ids=["winter", "summer"],
)
def test_it_comes_at_the_same_hour_on_the_wall_when_the_clocks_change(open_site, day, utc):
    zone = "America/New_York"  # the clocks go forward on 8 March 2026
    site = open_site(display_timezone=zone, weekly_review={"time": "11:00", "weekday": "monday"})
    if utc == "15:00":  # the review of 2 March, before the change
        day -= timedelta(days=5)
    fill(site)
    site.now = day
    dispatcher = site.start()
    meeting = site.dispatcher().receiver.review.meets.next_after(day)
    expected = {"15:00": "2026-03-02 16:00 UTC / 11:00 EST", "14:00": "2026-03-16 15:00 UTC / 11:00 EDT"}[utc]
    site.deliver(minutes(meeting - timedelta(minutes=30)), dispatcher)
    assert lists(site)[-1].splitlines()[0] == f"[WEEKLY REVIEW] {expected}"
