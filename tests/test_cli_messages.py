"""`mttx messages`: seeing what is said before anybody else does."""

import json

import pytest
from click.testing import CliRunner

from service.cli import main
from service.domain.events import EventKind as K
from service.domain.policy import Severity
from tests.builders import event
from tests.house import House
from tests.messages.loopback import CHANNEL, TOKEN, Slack
from tests.messages.sockets import APP_TOKEN


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("MTTX_DATABASE_URL", f"sqlite:///{tmp_path / 'mttx.db'}")
    monkeypatch.chdir(tmp_path)
    return lambda *words, **environ: CliRunner().invoke(main, ["messages", *words], env=environ)


@pytest.fixture
def house(tmp_path):
    built = House(tmp_path / "mttx.db")
    yield built
    built.close()


def test_it_shows_what_is_said_and_sends_nothing(run, house):
    number = house.open(event(K.DETECTED, title="Checkout fails", severity=Severity.SEV_2))
    house.tell(number, K.NOTE, 3, data={"text": "rerouted"})
    shown = run("preview", "INC-1", "--language", "en")
    assert shown.exit_code == 0
    assert "── as it stands\n[SEV-2] Incident detected — Checkout fails\n" in shown.output
    assert house.rows("SELECT * FROM outbox") == []


def test_it_shows_the_reminders_that_are_set_with_their_times(run, house):
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    house.open(event(K.DETECTED, title="Checkout fails", severity=Severity.SEV_2, occurred_at=now, recorded_at=now))
    shown = json.loads(run("preview", "inc-1", "--output", "json").output)
    assert shown["incident"] == "INC-1"
    levels = [message["what"] for message in shown["messages"]]
    assert levels == ["as it stands", "update-due", "draft-soon", "draft-overdue", "final-soon", "final-overdue"]
    assert shown["messages"][1]["at"].startswith(f"{now:%Y-%m-}")
    assert "状況更新の期限" in shown["messages"][1]["text"]


def test_it_shows_the_end_as_a_program_gets_it(run, house):
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    number = house.open(event(K.DETECTED, title="a < b", severity=Severity.SEV_2, occurred_at=now, recorded_at=now))
    house.tell(number, K.RESOLVED, occurred_at=now, recorded_at=now)
    shown = run("preview", "1", "--to", "webhook", "--language", "en").output
    assert "── over\n[RESOLVED] a < b (SEV-2)\n" in shown


@pytest.mark.parametrize(
    ("incident", "code", "word"), [("INC-9", 1, "no incident"), ("nine", 2, "should be an incident")]
)
def test_it_says_so_where_there_is_no_such_incident(run, house, incident, code, word):
    shown = run("preview", incident)
    assert shown.exit_code == code
    assert word in shown.output


def test_it_says_so_where_there_is_no_database(run):
    shown = run("preview", "INC-1")
    assert shown.exit_code == 1
    assert "there is no database" in shown.output


def test_it_says_what_is_wrong_with_a_template_of_the_team(run, house, tmp_path):
    house.open(event(K.DETECTED))
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "report.txt.j2").write_text("{{ facts.nothing }}")
    shown = run("preview", "INC-1", MTTX_MESSAGES_TEMPLATES="words")
    assert shown.exit_code == 1
    assert "nothing" in shown.output
    (tmp_path / "words" / "report.txt.j2").write_text("{% if %}")
    assert "messages.templates" in run("preview", "INC-1", MTTX_MESSAGES_TEMPLATES="words").output
    assert "should be a folder" in run("preview", "INC-1", MTTX_MESSAGES_TEMPLATES="nowhere").output
    (tmp_path / "words" / "report.txt.j2").write_bytes(b"\xff")
    assert "cannot be read" in run("preview", "INC-1", MTTX_MESSAGES_TEMPLATES="words").output


def test_it_checks_whether_slack_lets_it_in(run):
    with Slack() as slack:
        where = {"MTTX_SLACK_API_URL": f"{slack.url}/api", "MTTX_SLACK_CHANNEL": CHANNEL}
        let_in = run("check", **where, MTTX_SLACK_TOKEN=TOKEN, MTTX_WEBHOOK_URL="https://example.com")
        assert (let_in.exit_code, let_in.output.splitlines()) == (
            0,
            [
                "slack: authenticated as mttx in Example",
                "slack channel C0123456789: the bot is a member",
                "webhook: configured; only sending a message shows whether it is accepted",
            ],
        )
        assert slack.messages == {}
        kept_out = run("check", **where, MTTX_SLACK_TOKEN="xoxb-wrong")
        assert kept_out.exit_code == 1
        assert "authentication failed (invalid_auth)" in kept_out.output


def test_it_checks_the_token_for_buttons(run):
    with Slack() as slack:
        where = {
            "MTTX_SLACK_API_URL": f"{slack.url}/api",
            "MTTX_SLACK_CHANNEL": CHANNEL,
            "MTTX_SLACK_TOKEN": TOKEN,
            "MTTX_SLACK_APP_TOKEN": APP_TOKEN,
        }
        checked = run("check", **where)
        assert (checked.exit_code, len(checked.output.splitlines())) == (0, 3)
        kept_out = run("check", **where | {"MTTX_SLACK_APP_TOKEN": "xapp-wrong"})
        assert kept_out.exit_code == 1
        assert "authentication failed (invalid_auth)" in kept_out.output.splitlines()[2]
        assert slack.sockets.links == []


def test_it_checks_every_channel(run):
    with Slack() as slack:
        environ = {
            "MTTX_SLACK_API_URL": f"{slack.url}/api",
            "MTTX_SLACK_CHANNEL": CHANNEL,
            "MTTX_SLACK_TOKEN": TOKEN,
            "MTTX_SLACK_CHANNELS": "team: {payments: C0PAYMENTS1, billing: C0PAYMENTS1, core: C0123456789}",
        }
        checked = run("check", **environ)
        assert (checked.exit_code, checked.output.splitlines()[:2]) == (
            1,
            ["slack: authenticated as mttx in Example", "slack channel C0123456789: the bot is a member"],
        )
        [shut] = checked.output.splitlines()[2:]
        assert shut.startswith("slack channel C0PAYMENTS1: ")
        assert "(not_in_channel)" in shut
        slack.channels.add("C0PAYMENTS1")
        receivers = json.loads(run("check", "--output", "json", **environ).output)["receivers"]
        assert [(r["channel"], r["ok"]) for r in receivers] == [(None, True), (CHANNEL, True), ("C0PAYMENTS1", True)]
        slack.scopes.remove("channels:history")
        unknown = run("check", **environ)
        assert unknown.exit_code == 0
        assert "slack channel C0PAYMENTS1: not checked; that takes the scope channels:history" in unknown.output
        assert slack.messages == {}


def test_it_shows_the_channel_of_each_message(run, house):
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    labels = {"team": "payments"}
    house.open(event(K.DETECTED, severity=Severity.SEV_2, occurred_at=now, recorded_at=now, labels=labels))
    environ = {"MTTX_SLACK_CHANNEL": CHANNEL, "MTTX_SLACK_CHANNELS": "team: {payments: C0PAYMENTS1}"}
    assert "── as it stands, channel C0PAYMENTS1\n" in run("preview", "INC-1", **environ).output
    shown = json.loads(run("preview", "INC-1", "--output", "json", **environ).output)
    assert {message["channel"] for message in shown["messages"]} == {"C0PAYMENTS1"}
    shown = json.loads(run("preview", "INC-1", "--to", "webhook", "--output", "json", **environ).output)
    assert {message["channel"] for message in shown["messages"]} == {None}


def test_it_says_that_nothing_is_sent(run):
    assert "No messages are sent" in run("check").output
