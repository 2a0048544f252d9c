"""Slack's words for errors, and what each means to a message and to those behind it."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.clients.bearer import Secret
from service.clients.chat import ChatMessage
from service.clients.errors import Reason, RequestFailed
from service.clients.http import HttpClient
from service.clients.slack import Bot, IncomingWebhook, escape, from_ts, link, to_ts
from service.clients.webhook import JsonWebhook

API = "https://slack.example.com/api"
HOOK = "https://hooks.slack.example.com/services/T0/B0/secret"
MESSAGE = ChatMessage("key", "text", {})


def http(token=None):
    return HttpClient(timeout=timedelta(seconds=1), token=token and Secret("the token", token))


def bot(token=lambda: "xoxb-secret"):
    return Bot(http(token), API, "C0123456789")


def failure(send):
    with pytest.raises(RequestFailed) as caught:
        send()
    assert "secret" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("word", "reason", "permanent", "everything"),
    [
        ("invalid_blocks", Reason.REJECTED, True, False),
        ("msg_too_long", Reason.REJECTED, True, False),
        ("invalid_auth", Reason.UNAUTHORIZED, True, True),
        ("missing_scope", Reason.FORBIDDEN, True, True),
        ("channel_not_found", Reason.FORBIDDEN, True, True),
        ("ratelimited", Reason.THROTTLED, False, True),
        ("internal_error", Reason.UNAVAILABLE, False, True),
    ],
)
def test_a_bot_knows_what_slack_means(requests_mock, word, reason, permanent, everything):
    requests_mock.post(f"{API}/chat.postMessage", json={"ok": False, "error": word})
    error = failure(lambda: bot().post(MESSAGE, None))
    assert (error.reason, error.permanent, error.everything) == (reason, permanent, everything)


@pytest.mark.parametrize("word", ["channel_not_found", "is_archived", "not_in_channel"])
def test_a_bot_in_several_channels_knows_that_the_others_may_be_open(requests_mock, word):
    requests_mock.post(f"{API}/chat.postMessage", json={"ok": False, "error": word})
    several = Bot(http(lambda: "xoxb-secret"), API, "C0123456789", has_others=True)
    error = failure(lambda: several.post(ChatMessage("key", "text", {}, channel="C0456789012"), None))
    assert (error.reason, error.permanent, error.everything) == (Reason.FORBIDDEN, False, False)
    assert str(error).endswith(f"({word}), channel C0456789012")
    error = failure(lambda: several.post(MESSAGE, None))
    assert (error.everything, str(error).endswith("channel C0123456789")) == (False, True)
    requests_mock.post(f"{API}/chat.postMessage", json={"ok": False, "error": "token_revoked"})
    assert failure(lambda: several.post(MESSAGE, None)).everything


@pytest.mark.parametrize(
    ("status", "word", "meant"),
    [
        (400, "invalid_payload", (Reason.REJECTED, True, False)),
        (400, "channel_is_archived", (Reason.FORBIDDEN, True, True)),
        (403, "action_prohibited", (Reason.FORBIDDEN, True, True)),
        (404, "no_service", (Reason.FORBIDDEN, True, True)),
        (410, "channel_is_archived", (Reason.FORBIDDEN, True, True)),
        (401, "no", (Reason.UNAUTHORIZED, True, True)),
        (429, "", (Reason.THROTTLED, False, True)),
        (500, "rollup_error", (Reason.UNAVAILABLE, False, True)),
        (200, "a proxy's page", (Reason.UNEXPECTED, False, True)),
        (301, "", (Reason.UNEXPECTED, True, True)),
    ],
)
def test_an_incoming_webhook_knows_what_slack_means(requests_mock, status, word, meant):
    requests_mock.post(HOOK, status_code=status, text=word)
    error = failure(lambda: IncomingWebhook(http(), Secret("the URL", lambda: HOOK)).post(MESSAGE, None))
    assert (error.reason, error.permanent, error.everything) == meant


@pytest.mark.parametrize(
    ("status", "reason", "permanent", "everything"),
    [
        (400, Reason.REJECTED, True, False),
        (404, Reason.FORBIDDEN, True, True),
        (403, Reason.FORBIDDEN, True, True),
        (408, Reason.TIMEOUT, False, True),
        (429, Reason.THROTTLED, False, True),
        (500, Reason.SERVER_ERROR, False, False),
        (503, Reason.UNAVAILABLE, False, True),
        (308, Reason.UNEXPECTED, True, True),
    ],
)
def test_a_webhook_knows_what_a_status_means(requests_mock, status, reason, permanent, everything):
    requests_mock.post(HOOK, status_code=status, text="why")
    error = failure(lambda: JsonWebhook(http(), Secret("the URL", lambda: HOOK)).post(MESSAGE, None))
    assert (error.reason, error.permanent, error.everything) == (reason, permanent, everything)


@pytest.mark.parametrize("body", ["no JSON", "[]", "{}"])
def test_what_does_not_answer_as_slack_does_is_tried_again(requests_mock, body):
    requests_mock.post(f"{API}/chat.postMessage", text=body)
    error = failure(lambda: bot().post(MESSAGE, None))
    assert (error.reason, error.permanent, error.everything) == (Reason.UNEXPECTED, False, True)


def test_it_waits_as_long_as_it_is_told_but_no_longer_than_an_hour(requests_mock):
    for retry_after, waits in (("30", timedelta(seconds=30)), ("999999", timedelta(hours=1)), ("soon", None)):
        requests_mock.post(HOOK, status_code=429, headers={"Retry-After": retry_after})
        assert (
            failure(lambda: JsonWebhook(http(), Secret("the URL", lambda: HOOK)).post(MESSAGE, None)).retry_after
            == waits
        )


def test_it_says_what_is_missing_where_a_secret_cannot_be_read(tmp_path):
    nowhere = tmp_path / "nowhere"
    for secret in (nowhere.read_text, lambda: "", lambda: None):
        error = failure(lambda secret=secret: bot(secret).post(MESSAGE, None))
        assert (error.reason, error.permanent, error.everything) == (Reason.UNAUTHORIZED, True, True)


def test_it_takes_a_renewed_token(requests_mock):
    requests_mock.post(f"{API}/chat.postMessage", json={"ok": True, "ts": "1.000002"})
    tokens = iter(["old", "new"])
    slack = bot(lambda: next(tokens))
    assert [slack.post(MESSAGE, None), slack.post(MESSAGE, None)] == [1_000_002] * 2
    sent = [request.headers["Authorization"] for request in requests_mock.request_history]
    assert sent == ["Bearer old", "Bearer new"]


def test_it_gives_up_looking_after_some_pages(requests_mock):
    page = {"ok": True, "messages": [], "response_metadata": {"next_cursor": "more"}}
    requests_mock.get(f"{API}/conversations.history", json=page)
    assert bot().find(ChatMessage("key", "", {}), None, datetime(2026, 3, 2, tzinfo=UTC)) is None
    assert len(requests_mock.request_history) == 10


def test_it_says_why_it_may_not_look(requests_mock):
    requests_mock.get(f"{API}/conversations.replies", json={"ok": False, "error": "token_revoked"})
    assert (
        failure(lambda: bot().find(ChatMessage("key", "", {}), 7, datetime(2026, 3, 2, tzinfo=UTC))).reason
        is Reason.UNAUTHORIZED
    )


def test_it_says_why_it_may_not_change_anything(requests_mock):
    requests_mock.post(f"{API}/chat.update", json={"ok": False, "error": "not_in_channel"})
    assert failure(lambda: bot().edit(7, MESSAGE)).reason is Reason.FORBIDDEN


def test_it_shows_texts_and_addresses_as_they_are():
    assert escape("<!channel> & co") == "&lt;!channel&gt; &amp; co"
    assert (
        link("INC-7", "https://mttx.example.com/incidents/INC-7") == "<https://mttx.example.com/incidents/INC-7|INC-7>"
    )
    assert link("<x>", "https://a|b") == "&lt;x&gt;"


@given(st.integers(0, 2**53))
def test_an_id_of_slack_is_a_whole_number(number):
    assert from_ts(to_ts(number)) == number


def test_a_webhook_keeps_to_its_token_whatever_netrc_says(requests_mock, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text(f"machine {urlsplit(HOOK).hostname} login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    requests_mock.post(HOOK, json={})
    JsonWebhook(http(lambda: "the-token-of-the-hook"), Secret("the URL", lambda: HOOK)).post(MESSAGE, None)
    assert requests_mock.last_request.headers["Authorization"] == "Bearer the-token-of-the-hook"
