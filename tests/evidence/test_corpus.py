"""What redaction finds of a corpus of secrets and personal data, and that it leaves alone what only looks like them."""

import time

import pytest

from service.evidence.redaction import Counts, Redaction
from service.postmortems.sensitive import find_sensitive, redact
from tests.evidence.builders import FakeSource
from tests.evidence.bundle import bundle
from tests.evidence.corpus.innocent import innocent
from tests.evidence.corpus.planted import planted


def through_redaction(text):
    return Redaction().clean(text, Counts())


@pytest.mark.parametrize("clean", [lambda text: redact(text)[0], through_redaction], ids=["lint", "evidence"])
def test_it_finds_all_that_is_planted_and_touches_nothing_innocent(clean):
    assert [text for text, secrets in planted() if any(secret in clean(text) for secret in secrets)] == []
    assert [text for text in innocent() if clean(text) != text] == []


def test_none_of_it_is_in_an_archive(tmp_path):
    """All in one file, as one source would give it: a secret beside another does not hide it."""
    separate = [(text, secrets) for text, secrets in planted() if "PRIVATE" not in text and "Private-Lines" not in text]
    keys = [(text, secrets) for text, secrets in planted() if text.startswith("-----BEGIN")]
    whole = "\n".join(text for text, _ in separate + keys) + "\n" + "\n".join(innocent()[-10:])

    def give(_, box):
        with box.text("all.txt") as file:
            file.write(whole.encode())

    kept = bundle(tmp_path, FakeSource("logs", give)).texts["logs/all.txt"].decode()
    assert [secret for _, secrets in separate + keys for secret in secrets if secret in kept] == []
    assert "\n".join(innocent()[-10:]) in kept


def test_what_stands_beside_a_secret_stays():
    assert redact("postgres://do:s3cr3t@db.corp.co.jp/orders")[0] == (
        "postgres://do:[password in a connection string removed]@db.corp.co.jp/orders"
    )
    assert redact("jdbc:mysql://db/x?password=hunter22&user=app")[0].endswith("removed]&user=app")
    assert (
        redact('{"password":"a b c","order_id":"O-1"}')[0]
        == '{"password":"[password or key removed]","order_id":"O-1"}'
    )
    assert redact('"body": "{\\"password\\": \\"hunter22\\", \\"n\\": 1}"')[0] == (
        '"body": "{\\"password\\": \\"[password or key removed]\\", \\"n\\": 1}"'
    )


def test_what_is_clean_stays_as_it_is():
    clean = [redact(text)[0] for text, _ in planted()[::7]]
    assert [redact(text)[0] for text in clean] == clean


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "0",
        "@",
        "a@b.",
        "password=",
        "://",
        "://a:",
        "eyJ",
        "-----BEGIN ",
        "090-",
        "4111 ",
        "+1 ",
        "token: ",
        '\\"',
        "ー",
        "sess",
        "İ",
        "gh",
        "-u a:b",
        "authorization: ",
        "api_key='",
    ],
)
def test_the_time_grows_no_faster_than_the_text(unit):
    def seconds(length):
        text = unit * (length // len(unit))
        began = time.process_time()
        find_sensitive(text)
        return time.process_time() - began

    small = min(seconds(10_000) for _ in range(3))
    assert min(seconds(80_000) for _ in range(2)) < 8 * 4 * max(small, 0.002)


def test_letters_whose_small_ones_are_two_move_nothing():
    (finding,) = find_sensitive("İİ API_KEY=abc123def456")
    assert (finding.start, finding.end) == (11, 23)


def test_what_is_nobodys_hides_nobody():
    assert redact("alice@example.com,taro@corp.co.jp")[0] == "alice@example.com,[mail address removed]"
    assert redact("taro%40corp.co.jp jiro@corp.co.jp")[0] == "[mail address removed] [mail address removed]"
