"""Every parser raises nothing but its own error, whatever it is given."""

import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.hostile.corpus import bodies
from tests.hostile.mutations import OTHERS, TEXTS, TIMES, Mutator
from tests.hostile.parsers import PARSERS

EXAMPLES = 20_000 if os.environ.get("MTTX_TORTURE") == "1" else 60
MUTATOR = Mutator(bodies())
ODD = [str(text).encode("utf-8", "replace") for text in (*TEXTS, *TIMES, *OTHERS)]
ODD += [seed for parser in PARSERS.values() for seed in parser.seeds]
PIECES = st.lists(st.sampled_from(ODD) | st.binary(max_size=20), max_size=4).map(b"".join)


@pytest.mark.no_cover
@pytest.mark.parametrize("name", PARSERS)
def test_it_raises_nothing_but_its_own_error(name):
    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(st.binary() | PIECES | st.integers(0, 10**9).map(lambda number: MUTATOR.make(number).body))
    @example(b"")
    def check(raw):
        PARSERS[name](raw)

    for raw in ODD:
        PARSERS[name](raw)
    check()


def test_the_pages_read_no_time_that_utc_does_not_have():
    """A form with the year 1 east of Greenwich."""
    PARSERS["form_time"](b"0001-01-01T00:00+14:00")
    PARSERS["form_time"](b"9999-12-31T23:59-14:00")
