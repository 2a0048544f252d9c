"""Signatures: right, wrong, missing, replayed, rotated, over a body with different whitespace."""

import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.intake.signatures import BadSignature, Signing

NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
BODY = b'{"a": 1}'
OLD, NEW = b"the old secret", b"the new secret"
TIMED = Signing(secrets=(NEW,), header="X-Sig", timestamp_header="X-Time")
PLAIN = Signing(secrets=(NEW, OLD), header="X-Sig")
PREFIXED = Signing(secrets=(NEW, OLD), header="X-Sig", prefix="v1=")
TOGETHER = Signing(secrets=(NEW,), header="X-Sig", prefix="v1=", timestamp_prefix="t=", separator="")


def check_signature(body, header, signing, now):
    signing.check(body, header, now)


def signature(signed=BODY, secret=NEW):
    return hmac.new(secret, signed, "sha256").hexdigest()


def stamped(at=NOW, secret=NEW, body=BODY):
    stamp = str(int(at.timestamp()))
    return {"X-Time": stamp, "X-Sig": signature(f"{stamp}:".encode() + body, secret)}


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_it_takes_the_signature_of_any_secret_while_they_are_replaced(secret):
    check_signature(BODY, {"X-Sig": signature(secret=secret)}.get, PLAIN, NOW)
    check_signature(BODY, {"X-Sig": f"v1={signature(secret=secret)}"}.get, PREFIXED, NOW)


def test_it_takes_any_of_several_signatures_of_pagerduty():
    check_signature(BODY, {"X-Sig": f"v1={signature(secret=b'?')}, v1={signature()}"}.get, PREFIXED, NOW)


@pytest.mark.parametrize(
    "header", ["", "v1=", signature(), f"v0={signature()}", f"v1={signature(secret=b'?')}", "v1=é", "v1=\udcff"]
)
def test_it_refuses_what_is_not_pagerdutys_signature(header):
    with pytest.raises(BadSignature):
        check_signature(BODY, {"X-Sig": header}.get, PREFIXED, NOW)


@pytest.mark.parametrize("body", [b'{"a":1}', b'{"a": 1}\n', b'{"a": 2}', b""])
def test_it_is_the_body_as_it_came_that_is_signed(body):
    with pytest.raises(BadSignature):
        check_signature(body, {"X-Sig": f"v1={signature()}"}.get, PREFIXED, NOW)
    with pytest.raises(BadSignature):
        check_signature(body, {"X-Sig": signature()}.get, PLAIN, NOW)


def test_it_refuses_a_missing_signature_and_says_which_header():
    with pytest.raises(BadSignature, match="X-Sig is missing"):
        check_signature(BODY, {}.get, PLAIN, NOW)
    with pytest.raises(BadSignature, match="X-Time is missing"):
        check_signature(BODY, {"X-Sig": signature()}.get, TIMED, NOW)


@pytest.mark.parametrize("seconds", [0, 299, -299])
def test_it_takes_a_signed_time_within_the_window(seconds):
    check_signature(BODY, stamped(NOW + timedelta(seconds=seconds)).get, TIMED, NOW)


@pytest.mark.parametrize("seconds", [301, -301, -86400])
def test_it_refuses_what_was_signed_long_ago_and_is_sent_again(seconds):
    with pytest.raises(BadSignature, match="clock"):
        check_signature(BODY, stamped(NOW + timedelta(seconds=seconds)).get, TIMED, NOW)


def test_it_refuses_another_time_under_the_same_signature():
    old = stamped(NOW - timedelta(days=1))
    with pytest.raises(BadSignature, match="another secret or another body"):
        check_signature(BODY, {**old, "X-Time": str(int(NOW.timestamp()))}.get, TIMED, NOW)


def test_it_refuses_a_signed_time_that_is_no_time():
    with pytest.raises(BadSignature, match="clock"):
        check_signature(BODY, {"X-Time": "soon", "X-Sig": signature(b"soon:" + BODY)}.get, TIMED, NOW)


def test_it_takes_a_signed_time_from_the_header_of_the_signature():
    stamp = str(int(NOW.timestamp()))
    signed = signature(stamp.encode() + BODY)
    check_signature(BODY, {"X-Sig": f"t={stamp}, v1={signed}"}.get, TOGETHER, NOW)
    for header in (f"v1={signed}", f"t={int(stamp) + 1},v1={signed}", f"t=,v1={signature(BODY)}"):
        with pytest.raises(BadSignature):
            check_signature(BODY, {"X-Sig": header}.get, TOGETHER, NOW)
    with pytest.raises(BadSignature, match="clock"):
        check_signature(BODY, {"X-Sig": f"t={stamp},v1={signed}"}.get, TOGETHER, NOW + timedelta(minutes=6))


def test_its_text_carries_no_secret():
    assert "secret" not in repr(Signing(secrets=(NEW,), header="X-Sig"))


@given(st.text(alphabet=st.characters(codec="latin-1")), st.text(alphabet=st.characters(codec="latin-1")))
def test_it_raises_nothing_but_its_own_error(header, stamp):
    for signing in (PLAIN, TIMED):
        with pytest.raises(BadSignature):
            check_signature(BODY, {"X-Sig": header, "X-Time": stamp}.get, signing, NOW)
    with pytest.raises(BadSignature):
        check_signature(BODY, {"X-Sig": header}.get, PREFIXED, NOW)
