"""Memory that the service no longer needs is the machine's again."""

import ctypes
from pathlib import Path

import pytest

from service.memory import give_back

PAGE = 4096


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library")
def test_what_was_freed_between_what_is_still_used_is_given_back():
    parts = [bytes(2000) for _ in range(50_000)]
    pinned = parts[::100]
    del parts
    before = resident()
    give_back()
    assert before - resident() > 50_000_000
    assert len(pinned) == 500
