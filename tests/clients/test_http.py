"""What can go wrong on the way to another system, and what each status means."""

import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from service.clients.bearer import Secret
from service.clients.errors import Reason, RequestFailed, meaning_of, retry_after
from service.clients.http import HttpClient, JsonApi

URL = "http://api.example.com/secret-path"


@pytest.fixture
def http():
    client = HttpClient(timeout=timedelta(seconds=2), max_bytes=10)
    yield client
    client.close()


@pytest.fixture
def json_api():
    api = JsonApi("http://api.example.com", timeout=timedelta(seconds=2), max_bytes=100)
    yield api
    api.close()


def failure(send):
    with pytest.raises(RequestFailed) as caught:
        send()
    assert "secret" not in str(caught.value)
    return caught.value


@pytest.fixture
def port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


def test_it_says_that_the_connection_was_refused(http):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = failure(lambda: http.send("GET", f"http://127.0.0.1:{unused.getsockname()[1]}/secret"))
    assert "Connection refused" in str(error)
    assert (error.reason, error.permanent, error.everything) == (Reason.UNREACHABLE, False, True)


def test_it_says_that_a_name_cannot_be_resolved(http):
    error = failure(lambda: http.send("GET", "http://nowhere.invalid/secret"))
    assert str(error).startswith("cannot reach http://nowhere.invalid: ")
    assert error.reason is Reason.UNREACHABLE
    assert "refused" not in str(error)


def test_it_says_that_a_certificate_is_not_trusted(http, port, tmp_path, require):
    command = [require("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x"]
    subprocess.run([*command, "-keyout", "key.pem", "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    def handshake():
        connection, _ = port.accept()
        with connection, pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    server = threading.Thread(target=handshake)
    server.start()
    error = failure(lambda: http.send("GET", f"https://127.0.0.1:{port.getsockname()[1]}/secret"))
    server.join()
    assert "certificate verify failed" in str(error)


def test_it_says_that_there_was_no_response_in_time(port):
    client = HttpClient(timeout=timedelta(milliseconds=50))
    error = failure(lambda: client.send("GET", f"http://127.0.0.1:{port.getsockname()[1]}/secret"))
    client.close()
    assert (error.reason, error.everything) == (Reason.TIMEOUT, True)


@pytest.mark.parametrize(
    ("status", "reason", "permanent", "everything"),
    [
        (302, Reason.UNEXPECTED, True, True),
        (400, Reason.REJECTED, True, False),
        (401, Reason.UNAUTHORIZED, True, True),
        (403, Reason.FORBIDDEN, True, True),
        (404, Reason.FORBIDDEN, True, True),
        (408, Reason.TIMEOUT, False, True),
        (413, Reason.REJECTED, True, False),
        (429, Reason.THROTTLED, False, True),
        (500, Reason.SERVER_ERROR, False, False),
        (503, Reason.UNAVAILABLE, False, True),
        (999, Reason.UNEXPECTED, False, True),
    ],
)
def test_it_knows_what_a_status_means(status, reason, permanent, everything):
    meaning = meaning_of(status)
    assert (meaning.reason, meaning.permanent, meaning.everything) == (reason, permanent, everything)


def test_it_reads_no_more_than_it_may(http, requests_mock):
    requests_mock.get(URL, text="x" * 11)
    response = http.send("GET", URL)
    assert (response.body, response.is_cut) == (b"x" * 10, True)


def test_a_response_of_an_api_that_is_too_long_is_an_error(json_api, requests_mock):
    requests_mock.get("http://api.example.com/all", json=["x" * 100])
    with pytest.raises(RequestFailed, match="exceeds 100 bytes"):
        json_api.get("/all")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ('{"status": "error", "error": "parse error"}', "parse error"),
        ('{"errors": [{"code": 400, "msg": "no service"}]}', "no service"),
        ("no org id", "no org id"),
        ('{"why": 1}', '{"why": 1}'),
        ("<html>Bad gateway", ""),
        ("", ""),
    ],
)
def test_it_passes_on_the_error_of_the_server(json_api, requests_mock, body, detail):
    requests_mock.get("http://api.example.com/x", status_code=400, text=body)
    error = failure(lambda: json_api.get("/x"))
    assert str(error).endswith(f"(400: {detail})" if detail else "(400)")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30), ("999999", 3600), ("9" * 5000, None), ("soon", None), ("-1", None), ("0", None), (None, None)],
)
def test_it_waits_as_long_as_it_is_asked_to_but_an_hour_at_most(header, seconds):
    assert retry_after(header) == (timedelta(seconds=seconds) if seconds else None)


def test_it_may_be_asked_to_wait_until_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    assert timedelta(minutes=4) < retry_after(date) <= timedelta(minutes=5)


def test_a_secret_that_cannot_be_read_is_named(tmp_path):
    for read in ((tmp_path / "nowhere").read_text, lambda: "", lambda: None):
        error = failure(Secret("the token", read).value)
        assert "the token" in str(error)
        assert (error.reason, error.permanent, error.everything) == (Reason.UNAUTHORIZED, True, True)
