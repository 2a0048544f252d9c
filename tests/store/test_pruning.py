"""Forgetting incidents that are long over, and nothing else."""

from service.domain.events import EventKind
from service.store import tables
from service.store.histories import history_of
from service.store.pruning import count_prunable, prune_some
from tests.builders import alert, at, event, policy

K = EventKind
DAY = 24 * 60
YEAR = 365 * DAY
TABLES = {table.name: table for table in tables.metadata.sorted_tables}


def over(house, day, name, *, final=True):
    """Have an incident that begins on that day and ends an hour later; answers its id."""
    begin = day * DAY
    [number] = house.send(alert(begin, begin + 60, fingerprint=name, group=name), received=begin + 61)
    if final:
        house.tell(number, K.POSTMORTEM_FINALIZED, begin + 120, recorded_at=at(begin + 121))
    return number


def count(house, table):
    return house.rows(f"select count(*) from {table}")[0][0]


def prune(house, minutes):
    return sum(pruned(house, minutes))


def pruned(house, minutes):
    """Prune as `mttx db prune` does; how many incidents each transaction deleted."""
    last = 0
    while last is not None:
        done = house.store.write(prune_some, at(minutes), last)
        last = done.last
        if done.incidents:
            yield done.incidents


def test_it_forgets_what_is_over_and_all_that_is_known_of_it(house):
    over(house, 0, "a")
    kept = over(house, 400, "b")
    assert house.store.read(count_prunable, at(YEAR)) == 1
    assert prune(house, YEAR) == 1
    assert house.store.read(history_of, 1, policy()) is None
    assert house.get(kept).episodes
    for table in ("incidents", "episodes", "observations", "episode_groups"):
        assert count(house, table) == 1, table
    assert {row[0] for row in house.rows("select distinct incident_id from events")} == {kept}
    assert prune(house, YEAR) == 0


def test_running_totals_stay(house):
    for day in range(5):
        over(house, day, f"n{day}")
    before = house.counters()
    assert prune(house, YEAR) == 4
    assert house.counters() == before


def test_the_newest_stays_so_that_its_id_is_never_given_out_again(house):
    newest = [over(house, day, f"n{day}") for day in range(3)][-1]
    assert prune(house, YEAR) == 2
    assert over(house, 800, "later") == newest + 1


def test_whoever_absorbed_the_newest_stays_too(house):
    first, other = over(house, 0, "a"), over(house, 1, "b")
    house.tell(other, K.MERGED, 2 * DAY, data={"into": f"INC-{first}"}, recorded_at=at(2 * DAY))
    assert prune(house, YEAR) == 0
    over(house, 800, "later")
    assert prune(house, YEAR) == 2, "what was absorbed goes with it"


def test_it_keeps_whatever_is_open_or_owed(house):
    open_still = house.send(alert(0, fingerprint="open", group="open"), received=1)
    unwritten = over(house, 0, "unwritten", final=False)
    promised = over(house, 0, "promised")
    house.tell(promised, K.ACTION_OPENED, 200, data={"action_id": "A-01"}, recorded_at=at(201))
    over(house, 900, "newest")
    assert prune(house, 2 * YEAR) == 0
    house.tell(promised, K.ACTION_VERIFIED, 300, data={"action_id": "A-01"}, recorded_at=at(301))
    house.tell(unwritten, K.DISMISSED, 300, recorded_at=at(301))
    assert prune(house, 2 * YEAR) == 2
    assert house.store.read(history_of, open_still[0], policy()) is not None


def test_it_keeps_what_was_heard_of_lately(house):
    number = over(house, 0, "a")
    over(house, 1, "newest")
    house.tell(number, K.NOTE, 200, data={"text": "looked at again"}, recorded_at=at(2 * YEAR))
    assert prune(house, YEAR) == 0


def test_it_goes_through_more_than_one_transaction_holds(house, monkeypatch):
    monkeypatch.setattr("service.store.pruning.CHUNK", 3)
    for number in range(8):
        house.open(event(K.DETECTED, 0), event(K.DISMISSED, number + 1))
    assert list(pruned(house, YEAR)) == [3, 3, 1]
    assert count(house, "incidents") == 1
