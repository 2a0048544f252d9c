"""How many may read at a time, and who is told to come again."""

import threading
import time
from contextlib import contextmanager

import pytest

from service.store import StoreUnavailable
from service.store.readers import COOL_DOWN_SECONDS, Readers


@contextmanager
def held(readers, ends_well=True):
    """Have somebody read in a thread of its own until the block ends."""
    inside, over = threading.Event(), threading.Event()

    def read():
        try:
            with readers.slot():
                inside.set()
                over.wait(10)
                if not ends_well:
                    raise StoreUnavailable
        except StoreUnavailable:
            return

    thread = threading.Thread(target=read)
    thread.start()
    assert inside.wait(10)
    try:
        yield over
    finally:
        over.set()
        thread.join(10)


def refused_after(readers):
    """Return after how many seconds somebody is told that there is no room."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="are reading already"), readers.slot():
        pass
    return time.monotonic() - began


def test_it_lets_as_many_in_as_may():
    readers = Readers(at_once=2, slot_seconds=0.1)
    with held(readers), readers.slot():
        refused_after(readers)
    with readers.slot(), readers.slot():
        pass


def test_it_lets_the_next_in_as_soon_as_one_leaves():
    readers = Readers(at_once=1, slot_seconds=8, stall_seconds=8)
    with held(readers) as over:
        threading.Timer(0.1, over.set).start()
        began = time.monotonic()
        with readers.slot():
            assert time.monotonic() - began < 4


def test_it_has_nobody_wait_behind_those_who_are_stuck():
    readers = Readers(at_once=1, slot_seconds=8, stall_seconds=0.2)
    with held(readers):
        assert refused_after(readers) < 4
        assert refused_after(readers) < 0.2


def test_who_comes_right_after_one_that_got_no_answer_is_told_the_same():
    readers = Readers(stall_seconds=0.1)
    with held(readers, ends_well=False):
        time.sleep(0.2)
    with pytest.raises(StoreUnavailable, match="just now"), readers.slot():
        pass
    time.sleep(COOL_DOWN_SECONDS)
    with readers.slot():
        pass


def test_a_failure_that_came_at_once_concerns_nobody_else():
    """As of damaged pages, which fail for those alone who need them."""
    readers = Readers(stall_seconds=5)
    with held(readers, ends_well=False):
        pass
    with readers.slot():
        pass


def test_those_who_left_without_an_answer_show_no_progress():
    """While the store hangs, whoever gives up makes room for the next to hang: the others shall not wait for that."""
    readers = Readers(at_once=1, slot_seconds=8, stall_seconds=0.5)
    with held(readers, ends_well=False):
        time.sleep(0.6)
    time.sleep(COOL_DOWN_SECONDS)
    with held(readers):
        assert refused_after(readers) < 0.4


def test_it_forgets_that_somebody_was_stuck_once_one_had_an_answer():
    readers = Readers(at_once=1, slot_seconds=0.4, stall_seconds=0.3)
    with held(readers, ends_well=False):
        time.sleep(0.4)
    time.sleep(COOL_DOWN_SECONDS)
    with readers.slot():
        pass
    with held(readers):
        assert refused_after(readers) > 0.2
