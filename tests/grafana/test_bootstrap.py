"""`mttx grafana bootstrap`: from an administrator's password to a token in a file, once."""

import json
import stat

import pytest
from click.testing import CliRunner

from service.cli import main
from tests.grafana.accounts import PASSWORD, GrafanaWithAccounts
from tests.grafana.loopback import KINDS


@pytest.fixture(params=KINDS)
def grafana(request):
    with GrafanaWithAccounts(**KINDS[request.param]) as running:
        yield running


@pytest.fixture
def run(tmp_path, monkeypatch, grafana):
    """Give a function that runs the command, as compose.yaml does: (exit code, output)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")

    def run(*arguments, password="password", stdin=None, **environ):
        environ = {
            "MTTX_GRAFANA_URL": grafana.url,
            "MTTX_GRAFANA_TOKEN_FILE": "token",
            "MTTX_GRAFANA_TIMEOUT": "10s",
            "MTTX_TOKENS_FILE": "/nowhere",
        } | environ
        admin = ["--admin-password-file", password] if password else []
        environ = {name: value for name, value in environ.items() if value}
        result = CliRunner().invoke(main, ["grafana", "bootstrap", *admin, *arguments], env=environ, input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return run


def made(grafana):
    return [(request.method, request.path.split("?")[0]) for request in grafana.asked if request.method != "GET"]


def test_it_makes_an_account_and_a_token_that_works(run, grafana, tmp_path):
    code, output = run()
    assert code == 0, output
    assert [(account["name"], account["role"]) for account in grafana.accounts.values()] == [
        ("mttx-exporter", "Editor")
    ]
    token = (tmp_path / "token").read_text().strip()
    assert grafana.tokens[token] == "Editor"
    assert "created" in output
    assert token not in output
    checked = CliRunner().invoke(
        main, ["grafana", "check"], env={"MTTX_GRAFANA_URL": grafana.url, "MTTX_GRAFANA_TOKEN_FILE": "token"}
    )
    assert checked.exit_code == 0, checked.output


def test_it_writes_the_token_for_its_owner_only_and_leaves_nothing_beside_it(run, tmp_path):
    assert run()[0] == 0
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["password", "token"]


def test_it_does_nothing_again_and_needs_no_password_for_that(run, grafana, tmp_path):
    assert run()[0] == 0
    before, requests = (tmp_path / "token").read_text(), len(made(grafana))
    code, output = run(password="not there")
    assert (code, (tmp_path / "token").read_text()) == (0, before)
    assert "works; nothing to do" in output
    assert [path for _, path in made(grafana)[requests:]] == ["/api/annotations"]  # asks whether it may; makes nothing
    assert grafana.annotations.seen_with("mttx") == []


def test_it_makes_a_new_token_where_the_old_one_was_taken_away(run, grafana, tmp_path):
    assert run()[0] == 0
    old = (tmp_path / "token").read_text().strip()
    grafana.delete_token(old)
    code, output = run()
    assert code == 0
    assert "exists" in output
    assert (tmp_path / "token").read_text().strip() != old
    assert len(grafana.accounts) == 1


def test_it_makes_a_viewer_an_editor(run, grafana):
    grafana.add_account("mttx-exporter", "Viewer")
    code, output = run()
    assert (code, grafana.accounts[1]["role"]) == (0, "Editor")
    assert "now has the role Editor" in output


def test_it_leaves_an_administrator_one(run, grafana):
    grafana.add_account("mttx-exporter", "Admin")
    assert run()[0] == 0
    assert grafana.accounts[1]["role"] == "Admin"


def test_it_does_not_take_an_account_whose_name_only_contains_ours(run, grafana):
    grafana.add_account("not-mttx-exporter", "Admin")
    assert run()[0] == 0
    assert {account["name"]: account["tokens"] for account in grafana.accounts.values()} == {
        "not-mttx-exporter": 0,
        "mttx-exporter": 1,
    }


def test_it_asks_a_person_for_the_password(run):
    code, output = run(password=None, stdin=f"{PASSWORD}\n")
    assert code == 0
    assert "Grafana's password of admin" in output
    assert PASSWORD not in output


def test_it_tells_scripts(run):
    _, output = run("--output", "json", "--name", "second exporter")
    printed = json.loads(output)
    assert printed["service_account"] == {"name": "second exporter", "action": "create"}
    assert printed["token"] == {"file": "token", "action": "create"}


def test_it_says_that_the_password_is_wrong(run, grafana, tmp_path):
    (tmp_path / "password").write_text("guess")
    code, output = run()
    assert code == 1
    assert "Invalid username or password); check the user's password" in output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["password"]


@pytest.mark.parametrize(("content", "word"), [("", "is empty"), (None, "cannot read the password")])
def test_it_says_that_there_is_no_password(run, tmp_path, content, word):
    (tmp_path / "password").unlink()
    if content is not None:
        (tmp_path / "password").write_text(content)
    code, output = run()
    assert code == 1
    assert word in output


def test_it_refuses_a_disabled_account(run, grafana):
    grafana.add_account("mttx-exporter", "Editor", disabled=True)
    code, output = run()
    assert code == 1
    assert "is disabled in Grafana; enable it there" in output
    assert grafana.accounts[1]["tokens"] == 0


def test_it_makes_no_token_that_it_cannot_keep(run, grafana):
    code, output = run("--token-file", "no/such/token")
    assert code == 1
    assert "create the folder" in output
    assert grafana.accounts == {}


def test_it_asks_where_the_token_goes(run):
    code, output = run(MTTX_GRAFANA_TOKEN_FILE="")
    assert code == 1
    assert "set grafana.token_file" in output


def test_it_says_so_where_grafana_is_not_there(run, grafana, tmp_path):
    (tmp_path / "token").write_text("glsa_old")
    grafana.fail_while(503)
    code, output = run()
    assert code == 1
    assert "answered 503" in output
    assert (tmp_path / "token").read_text() == "glsa_old"


@pytest.mark.parametrize(
    ("method", "answered"),
    [("GET", (200, {}, "[]")), ("POST", (200, {}, "[]")), ("POST", (200, {}, '{"id": 1}'))],
)
def test_it_says_so_where_it_is_no_grafana_that_answers(run, grafana, method, answered):
    if answered[2] != "[]":
        grafana.add_account("mttx-exporter", "Editor")
    grafana.fail_once(answered, method=method)
    code, output = run()
    assert code == 1
    assert "not Grafana's API" in output


def test_it_speaks_to_a_grafana_under_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").write_text(PASSWORD)
    with GrafanaWithAccounts(prefix="/grafana", version="9.4.0") as grafana:
        environ = {"MTTX_GRAFANA_URL": grafana.url, "MTTX_GRAFANA_TOKEN_FILE": "token"}
        result = CliRunner().invoke(main, ["grafana", "bootstrap", "--admin-password-file", "password"], env=environ)
        assert result.exit_code == 0, result.output
        assert len(grafana.accounts) == 1
