"""Plain-text logs: when each line was written, in the forms that syslog, nginx, log4j and logfmt have."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evidence.sources.text_lines import logfmt, time_in

LATEST = datetime(2026, 11, 28, 18, tzinfo=UTC)
AT = datetime(2026, 11, 28, 17, 8, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        "<34>1 2026-11-28T17:08:01Z host app 812 - - started",
        "<34>1 2026-11-29T02:08:01.000+09:00 host app - - - started",
        "Nov 28 17:08:01 host sshd[812]: Accepted publickey",
        "<13>Nov 28 17:08:01 host app: x",
        '203.0.113.9 - - [28/Nov/2026:17:08:01 +0000] "GET /checkout HTTP/1.1" 500 12',
        '203.0.113.9 - - [29/Nov/2026:02:08:01 +0900] "GET / HTTP/1.1" 200 12',
        "2026/11/28 17:08:01 [error] 7#7: *3 connect() failed",
        "2026-11-28 17:08:01,000 ERROR [main] com.example.Checkout - failed",
        "[2026-11-28 17:08:01,000] WARN broker 3 is away",
        "INFO  2026-11-28T17:08:01.000000Z checkout: started",
    ],
)
def test_it_reads_the_time_of_a_line(line):
    assert time_in(line.encode(), UTC, LATEST) == AT


def test_a_time_without_a_zone_is_in_the_configured_one():
    assert time_in(b"2026-11-29 02:08:01 INFO x", ZoneInfo("Asia/Tokyo"), LATEST) == AT


def test_a_line_of_december_that_is_read_in_january_is_of_last_year():
    assert time_in(b"Dec 31 23:59:59 host x", UTC, datetime(2027, 1, 1, 1, tzinfo=UTC)).year == 2026


@pytest.mark.parametrize(
    "line",
    [
        b"    at com.example.Checkout.pay(Checkout.java:12)",
        b"",
        b"\xff\xfe",
        b"Foo 28 17:08:01 x",
        b"2026-13-28 17:08:01 x",
    ],
)
def test_a_line_without_a_time_has_none(line):
    assert time_in(line, UTC, LATEST) is None


def test_it_reads_logfmt():
    line = b'ts=2026-11-28T17:08:01Z level=info order_id=o-7 msg="paid \\"twice\\"" empty='
    fields = logfmt(line)
    assert (fields["ts"], fields["order_id"], fields["empty"]) == ("2026-11-28T17:08:01Z", "o-7", "")
    assert logfmt(b"GET /?a=1 HTTP/1.1") is None


@given(st.binary(max_size=300))
def test_it_fails_at_nothing(line):
    time_in(line, UTC, LATEST)
    logfmt(line)
