"""Files: what is a line, where it is, and what is wrong with a file as a whole."""

import json

from service.history.importing.imported import LineError
from tests.history.importing import read

LINE = {"key": "1", "detected_at": "2026-11-25T20:00:00Z"}


def keys(parsed):
    assert not parsed.errors, parsed.errors
    return [(past.key, past.where) for past in parsed.incidents]


def test_csv_may_have_other_delimiters_and_a_byte_order_mark():
    for between in ",;\t":
        text = f"key{between}title{between}detected_at\n1{between}x{between}2026-11-25T20:00:00Z\n"
        assert keys(read(b"\xef\xbb\xbf" + text.encode())) == [("1", "a:2")]


def test_lines_of_csv_are_counted_as_an_editor_counts_them():
    text = 'key,title,detected_at\n\n1,"two\nlines",2026-11-25T20:00:00Z\n,,\n2,,2026-11-25T20:00:00Z\n'
    assert keys(read(text)) == [("1", "a:3"), ("2", "a:6")]


def test_a_header_alone_is_nothing():
    assert keys(read("key,detected_at")) == []


def test_json_lines_are_counted_too():
    text = "\n".join(["", json.dumps(LINE), "", json.dumps({**LINE, "key": "2"})])
    assert keys(read(text)) == [("1", "a:2"), ("2", "a:4")]


def test_a_document_is_an_object_an_array_or_pages_of_an_api():
    assert keys(read(json.dumps(LINE, indent=1))) == [("1", "a, record 1")]
    assert keys(read(json.dumps([LINE]))) == [("1", "a, record 1")]
    assert keys(read(json.dumps({"data": [LINE], "paging": {}}))) == [("1", "a, record 1")]
    assert keys(read(json.dumps([{"incident": LINE}, {"incidents": [{**LINE, "key": "2"}]}]))) == [
        ("1", "a, record 1"),
        ("2", "a, record 2"),
    ]


def test_a_bad_line_leaves_the_others_alone():
    parsed = read(json.dumps(LINE) + "\n{]\n" + json.dumps({**LINE, "key": "2"}) + '\n{"key": "3", "key": "4"}')
    assert [past.key for past in parsed.incidents] == ["1", "2"]
    assert [(error.where, error.detail[:20]) for error in parsed.errors] == [
        ("a:2", "The body is no valid"),
        ("a:4", "The key 'key' occurs"),
    ]


def test_what_is_no_file_of_ours_is_told_as_a_whole():
    for body, why in (
        (b"", "the file is empty"),
        (b"key,detected_at\n\xff", "line 2 is not UTF-8"),
        (b"[1", "no valid JSON"),
        (b'{"a": 1', "no valid JSON"),
        (b"[1]", "should be an object"),
    ):
        (error,) = read(body).errors
        assert error.where == "a"
        assert why in error.detail


def test_a_line_of_csv_may_be_bad():
    (error,) = read("key,detected_at\n1,2026-11-25T20:00:00Z,x\n").errors
    assert "has 3 cells, but the header has 2" in error.detail
    (error,) = read('key,detected_at\n"1"x,2026-11-25T20:00:00Z\n').errors
    assert error == LineError(
        "a:2", "is not valid CSV: ',' expected after '\"'; double the quotes inside a quoted cell"
    )
    (error,) = read(json.dumps({"data": [3]})).errors
    assert error == LineError("a, record 1", "is not a JSON object")


def test_one_incident_is_one_line():
    text = "key,detected_at,source\n1,2026-11-25T20:00:00Z,\n1,2026-11-25T20:00:00Z,x\n1,2026-11-25T20:00:00Z,history\n"
    parsed = read(text)
    assert [(past.source, past.key) for past in parsed.incidents] == [("history", "1"), ("x", "1")]
    (line,) = parsed.errors
    assert (line.where, line.detail[:31]) == ("a:4", "the same key as a:2; each incid")
    assert [error.where for error in read(text.replace(",x", ",y"), text).errors] == ["a:4", "b:2", "b:4"]


def test_incidents_come_in_order_of_time():
    text = "key,detected_at,started_at\n2,2026-11-25T20:00:00Z,\n1,2026-11-25T21:00:00Z,2026-11-25T19:00:00Z\n"
    assert [past.key for past in read(text).incidents] == ["1", "2"]


def test_columns_that_nobody_reads_are_named():
    text = "key,detected_at,serverity,Number,,\n1,2026-11-25T20:00:00Z,x,2,,\n"
    assert read(text).ignored == ("serverity", "Number")
    assert read(text, columns={"Number": "title"}).ignored == ("serverity",)
