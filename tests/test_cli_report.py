"""`mttx report`: what it asks for, and where it writes it."""

import pytest
from click.testing import CliRunner

from service.cli import main
from service.cli.client import DEFAULT_URL


@pytest.fixture
def service(requests_mock, monkeypatch):
    for name in ("MTTX_URL", "MTTX_TOKEN", "MTTX_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    requests_mock.get(f"{DEFAULT_URL}/reports/2026-10", content="# Bericht ±\n".encode())
    requests_mock.get(f"{DEFAULT_URL}/reports", text="# last\n")
    return requests_mock


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["report", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_it_prints_the_report_of_a_month(service):
    assert run("--month", "2026-10", "--team", "payments", "--label", "service=a b", "--lang", "ja") == "# Bericht ±\n"
    assert service.last_request.qs == {
        "team": ["payments"],
        "service": ["a b"],
        "format": ["md"],
        "lang": ["ja"],
        "file": ["yes"],
    }


def test_without_a_month_it_is_that_of_the_service(service):
    assert run("--format", "html") == "# last\n"


def test_it_writes_a_file(service, tmp_path):
    assert run("--month", "2026-10", "--output", str(tmp_path / "r.md")) == ""
    assert (tmp_path / "r.md").read_bytes() == "# Bericht ±\n".encode()
    assert "cannot write" in run("--month", "2026-10", "--output", str(tmp_path / "none" / "r.md"), code=1)


@pytest.mark.parametrize("month", ["2026-13", "10", "2026-10-01"])
def test_what_is_no_month_is_refused(service, month):
    assert "should be a month such as 2026-10" in run("--month", month, code=2)


@pytest.mark.parametrize(
    ("status", "problem"), [(401, "MTTX_TOKEN"), (403, "scope"), (404, "has not begun"), (503, "try again")]
)
def test_it_says_what_an_error_page_means(service, status, problem, monkeypatch):
    monkeypatch.setattr("service.cli.client.TRIES", 0)
    page = {"Content-Type": "text/html; charset=utf-8"}
    service.get(f"{DEFAULT_URL}/reports/2026-10", status_code=status, headers=page, text="<html>")
    assert problem in run("--month", "2026-10", code=1)


def test_it_passes_on_what_the_service_says(service):
    service.get(f"{DEFAULT_URL}/reports/2026-10", status_code=400, json={"detail": "tribe: is no dimension"})
    assert "tribe: is no dimension" in run("--month", "2026-10", code=1)
