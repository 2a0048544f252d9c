"""Tables as CSV."""

import csv
import io
from datetime import datetime, timedelta, timezone

from service.render.spreadsheets import csv_text


def read(*rows):
    _, *found = csv.reader(io.StringIO(csv_text(["x"] * len(rows[0]), rows), newline=""))
    return found


def test_no_cell_is_a_formula():
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "", "a=b"]
    assert read(hostile) == [["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "'\r=1", "'\n=1", "", "a=b"]]


def test_texts_come_back_as_they_were():
    texts = ['a"b,c', "two\nlines", "日本語; ±"]
    assert read(texts, texts) == [texts, texts]


def test_numbers_are_plain_times_are_utc_and_what_is_unknown_is_empty():
    at = datetime(2026, 10, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    assert read([-1, 0.5, 60.0, 1e7, 1 / 3, None, at]) == [
        ["-1", "0.5", "60", "10000000", "0.333333", "", "2026-10-01T00:00:00Z"]
    ]
