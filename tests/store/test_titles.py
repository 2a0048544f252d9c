"""The index of titles: whatever of it is there, a search finds the titles that contain its text, and no others."""

from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.domain.events import EventKind
from service.recorder.upkeep import Upkeep, index_titles
from service.store import titles
from service.store.incidents import IncidentFilter, incident_page
from service.store.pruning import prune_some
from service.store.titles import candidates, next_block, write_block
from tests.builders import at, event
from tests.house import House, listed, wait_until

K = EventKind
EXAMPLES = {"sqlite": 60, "postgresql": 15}
YEARS = 10**7
TITLES = st.text("abAB é支払い%_\\'\"", min_size=1, max_size=8)
PLACES = st.integers(0, 40)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.lists(TITLES, min_size=1, max_size=40)),
        st.tuples(st.just("index"), st.integers(1, 3)),
        st.tuples(st.just("rename"), st.tuples(PLACES, TITLES)),
        st.tuples(st.just("merge"), st.tuples(PLACES, PLACES)),
        st.tuples(st.just("prune"), PLACES),
    ),
    max_size=8,
)


@pytest.fixture
def small(monkeypatch):
    """Blocks of a few incidents."""
    monkeypatch.setattr(titles, "BLOCK", 32)
    monkeypatch.setattr(titles, "MOST_CANDIDATES", 20)


def open_all(house, names):
    """Open an incident for each title, in one transaction; answers their ids."""
    began = len(house.rows("select id from incidents"))
    return [
        outcome.incident_id
        for outcome in house.hook(
            *((f"{began + n}", event(K.DETECTED, title=title)) for n, title in enumerate(names)),
            body=str(began).encode(),
        )
    ]


def rename(house, number, title):
    minutes = house.rows("select count(*) from events")[0][0]
    house.tell(number, K.DESCRIBED, minutes, title=title)


def prune(house, number):
    house.tell(number, K.RESOLVED, 1)
    house.tell(number, K.POSTMORTEM_FINALIZED, 2)
    house.store.write(prune_some, at(YEARS), 0)


def found(house, text, **page):
    return [row.id for row in house.store.read(incident_page, IncidentFilter(text=text), limit=1000, **page).rows]


def index_all(house):
    while index_titles(house.store):
        pass


def play(house, step, argument):
    if step == "open":
        open_all(house, argument)
    if step == "index":
        for _ in range(argument):
            index_titles(house.store)
    rows = listed(house.store)[::-1]
    if step == "rename" and rows:
        rename(house, rows[argument[0] % len(rows)].id, argument[1])
    if step == "merge" and rows:
        gone, into = (rows[i % len(rows)].id for i in argument)
        if gone != into:
            house.tell(gone, K.MERGED, 1, data={"into": f"INC-{into}"})
    if step == "prune" and rows and rows[argument % len(rows)].phase == "detected":
        prune(house, rows[argument % len(rows)].id)


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", EXAMPLES)
def test_it_finds_what_contains_the_text_whatever_is_indexed(new_database, small, engine):
    with closing(House(new_database(engine))) as house:

        @settings(max_examples=EXAMPLES[engine], deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(TITLES, min_size=40, max_size=90), STEPS, st.lists(TITLES, min_size=1, max_size=5))
        def holds(names, steps, texts):
            house.empty()
            open_all(house, names)
            for step, argument in steps:
                play(house, step, argument)
            rows = listed(house.store)
            renamed = [argument[1] for step, argument in steps if step == "rename"]
            for text in [*texts, *renamed, *(title[1:5] for title in names[:9] if title[1:5])]:
                expected = [row.id for row in rows if text.lower() in row.title.lower()]
                assert found(house, text) == expected, text
                assert found(house, text, before=40) == [number for number in expected if number < 40]
                assert found(house, text, after=40) == [number for number in expected if number > 40]

        holds()


def test_upkeep_indexes_full_blocks(house, small):
    open_all(house, ["Latency"] * 31)
    assert house.store.read(next_block) is None
    open_all(house, ["Latency"] * 40)
    upkeep = Upkeep(house.recorder, house.store, lambda _: [], lambda: at(5), 0.001)
    upkeep.start()
    wait_until(lambda: house.store.read(next_block) is None)
    upkeep.stop()
    assert house.rows("select block from title_blocks order by block") == [(0,), (1,)]


@pytest.mark.parametrize("size", [40, 400])
def test_indexed_titles_are_not_read(house, small, size):
    open_all(house, ["Latency of the shop"] * 39 + ["支払いが遅い"] + ["Disk full"] * (size - 40))
    index_all(house)
    assert house.store.read(candidates, "支払いが遅") == [40]
    assert house.store.read(candidates, "PAYMENTS") == []


def test_short_and_common_texts_are_read_from_the_newest_title_on(house, small):
    open_all(house, ["Latency"] * 100)
    index_all(house)
    assert house.store.read(candidates, "La") is None
    assert house.store.read(candidates, "Latency") is None
    assert house.store.read(candidates, "Throughput") == []


def test_all_titles_are_read_while_many_are_not_indexed(house, small):
    open_all(house, ["Latency"] * 32 * 4)
    assert house.store.read(candidates, "Throughput") is None
    index_titles(house.store)
    assert house.store.read(candidates, "Throughput") == []


def test_it_finds_a_number_that_no_title_has(house, small):
    numbers = open_all(house, ["Latency"] * 80)
    index_all(house)
    filter_ = IncidentFilter(text=f"INC-{numbers[0]}", number=numbers[0])
    assert [row.id for row in house.store.read(incident_page, filter_).rows] == [numbers[0]]


def test_a_changed_title_has_its_block_indexed_again(house, small):
    numbers = open_all(house, ["Latency"] * 80)
    index_all(house)
    rename(house, numbers[0], "Throughput")
    assert found(house, "throughput") == [numbers[0]]
    house.tell(numbers[1], K.ACKNOWLEDGED, 5)
    assert house.store.read(next_block).block == 0
    index_titles(house.store)
    assert house.store.read(next_block) is None
    assert found(house, "throughput") == [numbers[0]]


def test_a_title_that_changes_while_its_block_is_indexed_is_not_lost(house, small):
    numbers = open_all(house, ["Latency"] * 80)
    index = house.store.read(next_block)
    rename(house, numbers[0], "Throughput")
    house.store.write(write_block, index)
    assert house.store.read(next_block).block == index.block
    index_all(house)
    assert found(house, "throughput") == [numbers[0]]


def test_a_block_that_another_replica_indexed_is_left(house, small):
    open_all(house, ["Latency"] * 80)
    index = house.store.read(next_block)
    index_titles(house.store)
    house.store.write(write_block, index)
    index_all(house)
    assert found(house, "throughput") == []


def test_nothing_of_deleted_titles_stays_in_the_index(house, small):
    numbers = open_all(house, ["Latency"] * 31 + ["Queue"] * 40)
    index_all(house)
    before = house.rows("select count(*) from title_slots")[0][0]
    for number in numbers[:31]:
        house.tell(number, K.RESOLVED, 1)
        house.tell(number, K.POSTMORTEM_FINALIZED, 2)
    house.store.write(prune_some, at(YEARS), 0)
    index_all(house)
    assert house.rows("select count(*) from title_slots")[0][0] < before
    assert found(house, "queue") == numbers[:30:-1]
