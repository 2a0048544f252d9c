"""Standard Webhooks: a request as its libraries sign it, several signatures, the window, and what is refused."""

import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.intake.signatures import BadSignature
from service.intake.standard_webhooks import StandardWebhooks, secret_key

AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
OFFICIAL = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
"""The example of the standard's libraries."""
SECRET = secret_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
STANDARD = StandardWebhooks(secrets=(b"another", SECRET))


def signed(identity="msg_1", at=AT, body=BODY, secret=SECRET, names="webhook-"):
    stamp = str(int(at.timestamp()))
    digest = hmac.new(secret, f"{identity}.{stamp}.".encode() + body, "sha256").digest()
    values = {"id": identity, "timestamp": stamp, "signature": f"v1,{b64encode(digest).decode()}"}
    return {f"{names}{name}": value for name, value in values.items()}


def test_it_takes_what_the_libraries_of_the_standard_sign():
    STANDARD.check_present(OFFICIAL.get)
    STANDARD.check(BODY, OFFICIAL.get, AT)


@pytest.mark.parametrize("more", ["v1,AAAA {} v1a,hnO3f9T8", "v1a,hnO3f9T8 {}", "v2,x  {}"])
def test_it_takes_any_of_several_signatures(more):
    STANDARD.check(BODY, {**OFFICIAL, "webhook-signature": more.format(OFFICIAL["webhook-signature"])}.get, AT)


def test_it_takes_the_headers_of_svix():
    STANDARD.check_present(signed(names="svix-").get)
    STANDARD.check(BODY, signed(names="svix-").get, AT)


@pytest.mark.parametrize("minutes", [-5, 5])
def test_it_takes_a_clock_five_minutes_off_and_no_more(minutes):
    STANDARD.check(BODY, OFFICIAL.get, AT + timedelta(minutes=minutes))
    with pytest.raises(BadSignature, match="clock"):
        STANDARD.check(BODY, OFFICIAL.get, AT + timedelta(minutes=minutes * 1.01))


@pytest.mark.parametrize("name", OFFICIAL)
def test_it_refuses_a_request_without_one_of_the_headers(name):
    headers = {key: value for key, value in OFFICIAL.items() if key != name}
    with pytest.raises(BadSignature, match=name):
        STANDARD.check(BODY, headers.get, AT)


def test_a_request_without_a_signature_is_refused_before_its_body_is_read():
    with pytest.raises(BadSignature, match="webhook-signature is missing"):
        STANDARD.check_present({}.get)


@pytest.mark.parametrize(
    "headers",
    [
        {**OFFICIAL, "webhook-id": "msg_other"},
        {**OFFICIAL, "webhook-timestamp": "1614265331"},
        {**OFFICIAL, "webhook-signature": OFFICIAL["webhook-signature"].replace("v1,", "v1a,")},
        {**OFFICIAL, "webhook-signature": OFFICIAL["webhook-signature"][3:]},
        signed(secret=b"a stranger's"),
        signed(body=BODY + b" "),
    ],
)
def test_it_refuses_any_other_id_time_secret_or_body(headers):
    with pytest.raises(BadSignature, match="another secret or another body"):
        STANDARD.check(BODY, headers.get, AT)


@pytest.mark.parametrize("secret", ["whsec_not base64", "whsec_AAA", "é"])
def test_a_secret_is_base64(secret):
    with pytest.raises(ValueError, match="whsec_"):
        secret_key(secret)


def test_its_text_carries_no_secret():
    assert "secret" not in repr(STANDARD)


@given(st.tuples(*[st.text(alphabet=st.characters(codec="latin-1"))] * 3))
def test_it_raises_nothing_but_its_own_error(values):
    with pytest.raises(BadSignature):
        STANDARD.check(BODY, dict(zip(OFFICIAL, values, strict=True)).get, AT)
