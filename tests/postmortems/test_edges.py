"""Rare forms of texts, zones and tables, and documents whose placeholders are nobody's business."""

import re
from datetime import datetime, timedelta

from service.domain.silences import Silence
from service.postmortems import catalogue
from service.postmortems.detectors import _is_phone
from service.postmortems.lint import missing
from service.postmortems.reading import _cells
from service.postmortems.timeline import _declarations
from service.postmortems.token_shapes import _is_mixed
from service.postmortems.zones import _from_utc
from tests.builders import at
from tests.postmortems.documents import ENGLISH, TOKYO, document


def match(text):
    return re.fullmatch(r"(.*)", text)


def test_a_phone_number_has_nine_to_fifteen_digits():
    assert _is_phone(match("+81 90-1234-5678"))
    assert not _is_phone(match("1234-5678"))


def test_a_token_with_a_point_is_not_a_name():
    assert _is_mixed(match("s.aB3dE5fG7hJ9kL1mN3pQ5rS7"))
    assert not _is_mixed(match("s.aaaaaaaaaaaaaaaaaaaaaaaa"))


def test_an_offset_of_a_day_or_more_is_invalid():
    assert _from_utc("UTC+25") is None
    assert _from_utc("UTC+9") == timedelta(hours=9)


def test_the_cells_of_a_row_without_a_pipe_at_its_beginning():
    assert _cells("a | b")[:2] == [(0, 1), (4, 5)]
    assert _cells("| a | b |")[:2] == [(2, 3), (6, 7)]


def test_a_line_that_names_no_zone_that_counts_declares_none():
    text = ENGLISH.replace("## Timeline", "All times in UTC+25.\n\n## Timeline", 1)
    whole = document(text.replace("\n", "\nAll times in UTC+25.\n", 1))
    for section in whole.sections:
        assert all(d.zones for d in _declarations(whole, section, TOKYO))


def test_placeholders_do_not_count_where_their_rule_is_switched_off():
    assert missing(document(), frozenset({catalogue.PLACEHOLDER.id}), final=True) == []


def test_a_silence_without_its_times_covers_nothing():
    silence = Silence(id="s", made_at=at(0), author="a", sets=())
    assert not silence.covers(at(0), at(5))
    assert isinstance(at(0), datetime)
