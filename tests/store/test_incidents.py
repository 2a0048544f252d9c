"""Lists for the pages: filters, a search, paging both ways, and what is open and owed."""

from datetime import timedelta

from service.domain.events import EventKind
from service.domain.incident import OPEN_PHASES, Phase
from service.domain.policy import IncidentType, Severity, Stage
from service.recorder.commands import AppendEvent
from service.store.histories import histories_of
from service.store.incidents import IncidentFilter, incident_page
from service.store.overview import overdue_counts, overview_of
from tests.builders import at, event, policy

NOW = at(600)


def listed(house, limit=50, before=None, after=None, **filters):
    return house.store.read(incident_page, IncidentFilter(**filters), before=before, after=after, limit=limit)


def ids(page):
    return [row.id for row in page.rows]


def test_it_pages_forth_and_back_without_loss_or_repeat(house, opened):
    numbers = [opened(minutes=n) for n in range(7)][::-1]
    first = listed(house, limit=3)
    second = listed(house, limit=3, before=first.older)
    third = listed(house, limit=3, before=second.older)
    assert ids(first) + ids(second) + ids(third) == numbers
    assert (first.newer, third.older) == (None, None)
    assert ids(listed(house, limit=3, after=third.newer)) == ids(second)
    back = listed(house, limit=3, after=second.newer)
    assert ids(back) == ids(first)
    assert back.newer is None
    assert listed(house, limit=3, after=numbers[0]).rows == ()


def test_a_page_holds_while_incidents_come_in(house, opened):
    for n in range(4):
        opened(minutes=n)
    first = listed(house, limit=2)
    opened("new", 9)
    assert max(ids(listed(house, limit=2, before=first.older))) < min(ids(first))


def test_it_filters(house, opened):
    first = opened(severity=Severity.SEV_1, types=(IncidentType.DATA, IncidentType.API))
    two = opened("Queue", 5, event(EventKind.RESOLVED, 9), severity=Severity.SEV_2)
    assert ids(listed(house, severities=[Severity.SEV_1])) == [first]
    assert ids(listed(house, phases=OPEN_PHASES)) == [first]
    assert ids(listed(house, phases=[Phase.RESOLVED])) == [two]
    assert ids(listed(house, types=[IncidentType.API])) == [first]
    assert ids(listed(house, types=[IncidentType.MODEL])) == []
    assert ids(listed(house, detected_since=at(2))) == [two]


def test_the_search_takes_signs_as_they_are(house, opened):
    percent = opened("Errors above 5 %")
    other = opened("Errors above 50")
    assert ids(listed(house, text="5 %")) == [percent]
    assert ids(listed(house, text="ERRORS")) == [other, percent]
    assert ids(listed(house, text="inc-1", number=percent)) == [percent]
    assert ids(listed(house, text="_")) == []


def test_a_merged_incident_is_not_listed(house, opened):
    into, gone = opened(), opened(minutes=1)
    house.recorder.submit(AppendEvent(gone, event(EventKind.MERGED, 3, data={"into": f"INC-{into}"})))
    assert ids(listed(house)) == [into]


def test_the_board_shows_what_is_open_and_owed(house, opened):
    action = event(
        EventKind.ACTION_OPENED,
        20,
        data={"action_id": "A-1", "title": "Test it", "owner": "team", "due_at": at(500).isoformat()},
    )
    done = opened("Queue", 0, event(EventKind.RESOLVED, 9), action, severity=Severity.SEV_1)
    running = opened("Latency", 1, severity=Severity.SEV_2)
    board = house.store.read(overview_of, policy(), NOW + timedelta(days=1), 1)
    assert [row.id for row in board.open] == [running]
    assert board.open_count == 1
    assert [(stage.incident.id, stage.stage) for stage in board.stages] == [(done, Stage.DRAFT)]
    assert board.stages_count == 2
    assert [(due.incident_id, due.action.owner) for due in board.actions] == [(done, "team")]
    assert board.actions_count == 1


def test_the_worst_open_incidents_come_first_then_those_whose_clock_runs_out_next(house, opened):
    minor = opened("Disk", 0, severity=Severity.SEV_4)
    later = opened("Queue", 20, severity=Severity.SEV_1)
    earlier = opened("Latency", 10, severity=Severity.SEV_1)
    seen = opened("Sign-in", 5, event(EventKind.ACKNOWLEDGED, 6), severity=Severity.SEV_1)
    board = house.store.read(overview_of, policy(), NOW, 1, 4)
    assert [row.id for row in board.open] == [earlier, later, seen, minor]
    assert board.open_counts == {Severity.SEV_1: 3, Severity.SEV_4: 1}
    assert [row.id for row in house.store.read(overview_of, policy(), NOW, 2).open] == [earlier, later]


def test_it_counts_what_is_overdue(house, opened):
    action = {"action_id": "A-1", "title": "Test it", "due_at": at(50).isoformat()}
    opened("Queue", 0, event(EventKind.RESOLVED, 9), event(EventKind.ACTION_OPENED, 20, data=action))
    counts = house.store.read(overdue_counts, at(60))
    assert (counts.stages, counts.actions) == (0, 1)
    assert house.store.read(overdue_counts, at(60 * 24 * 30)).stages == 2


def test_the_board_of_an_empty_store_is_empty(house):
    board = house.store.read(overview_of, policy(), NOW, 5)
    assert (board.open, board.stages, board.actions) == ((), (), ())
    assert (board.open_count, board.stages_count, board.actions_count) == (0, 0, 0)


def test_it_says_when_people_heard_of_what_is_open_last(house, opened):
    silent = opened("silent", 1)
    listed_id = opened(
        "told", 2, event(EventKind.NOTE, 9, data={"text": "looking"}), event(EventKind.NOTE, 12, data={"text": "wrong"})
    )
    house.recorder.submit(AppendEvent(listed_id, event(EventKind.RETRACTED, 20, data={"event_id": "note-12"})))
    histories = house.store.read(histories_of, [silent, listed_id], policy())
    assert {i: history.last_update_at(i) for i, history in histories.items()} == {silent: at(1), listed_id: at(9)}
