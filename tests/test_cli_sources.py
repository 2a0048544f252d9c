"""`mttx sources test`, and what `mttx config` says of declared sources."""

import json
import re
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from service.cli import main
from service.intake.alerts import AlertParseOptions
from service.intake.declared import parse
from service.intake.standard_webhooks import StandardWebhooks
from service.settings.errors import SettingsError
from service.settings.model import Settings
from service.wiring.intake import webhook_sources
from service.wiring.sources import declarations
from tests.declared import DECLARED

GOOD = Path(__file__).parent / "payloads" / "uptimekuma" / "good"
OWN = {"event": "what", "key": "id", "events": [{"kind": "detected", "is": "opened", "at": "at"}]}
SECRET = f"whsec_{b64encode(b'a secret of thirty-two characters').decode()}"


@pytest.fixture
def mttx(tmp_path, monkeypatch):
    """Give a function that runs the command with these sources in its configuration."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, sources=None, body=None):
        Path("mttx.yml").write_text(yaml.safe_dump({"sources": sources or {}, "display_timezone": "UTC"}))
        return CliRunner().invoke(main, arguments, input=body, prog_name="mttx")

    return run


def test_it_shows_what_a_body_would_record(mttx):
    result = mttx("sources", "test", "uptimekuma", str(GOOD / "down.json"))
    assert result.exit_code == 0
    _, line = result.output.splitlines()
    assert line.split() == ["firing", "2026-11-23", "18:04:05", "7", "SEV-3", "Checkout"]


def test_it_says_who_acted_and_what_could_not_be_read(mttx):
    own = {**OWN, "title": "name", "severity": "level"}
    own["events"] = [{"kind": "resolved", "is": "closed", "at": "at", "automated": "`true`"}]
    body = json.dumps({"what": "closed", "id": 1, "at": 1795457045, "level": "strange"})
    result = mttx("sources", "test", "own", "-", sources={"own": own}, body=body)
    assert "automated" in result.output.splitlines()[1]
    assert result.output.splitlines()[2:] == [
        "warning: `title` cannot be read; recorded without it",
        "warning: `severity` cannot be read; recorded without it",
    ]


def test_it_prints_json(mttx):
    shown = json.loads(mttx("sources", "test", "uptimekuma", str(GOOD / "up.json"), "--output", "json").output)
    (event,) = shown["events"]
    assert (event["kind"], event["at"], event["key"]) == ("resolved", "2026-11-23T18:40:05.871000+00:00", "7")
    own = {"own": OWN}
    body = json.dumps({"what": "opened", "id": "I-1", "at": 1795457045})
    (event,) = json.loads(mttx("sources", "test", "own", "-", "--output", "json", sources=own, body=body).output)[
        "events"
    ]
    assert (event["kind"], event["key"], event["data"]) == ("detected", "I-1", {"incident_key": "I-1"})


def test_it_says_that_a_body_is_of_no_interest_or_ignored(mttx):
    assert "of no interest" in mttx("sources", "test", "uptimekuma", str(GOOD / "test.json")).output
    body = json.loads((GOOD / "down.json").read_text())
    body["monitor"]["name"] = "Watchdog"
    result = mttx("sources", "test", "uptimekuma", "-", body=json.dumps(body))
    assert "ignored (alertname), 1" in result.output


def test_it_says_why_a_body_would_be_refused(mttx):
    result = mttx("sources", "test", "uptimekuma", "-", body="{}")
    assert result.exit_code == 1
    assert "refused (invalid_payload): `event` (heartbeat.status" in result.output


def test_it_says_that_a_body_is_too_large(mttx):
    result = mttx("sources", "test", "uptimekuma", "-", body=" " * (8 * 1024 * 1024 + 1))
    assert (result.exit_code, "larger than 8 MB" in result.output) == (1, True)


def test_it_knows_no_source_that_is_neither_declared_nor_shipped(mttx):
    result = mttx("sources", "test", "nosuch", "-", body="{}")
    assert result.exit_code == 1
    assert "sources.nosuch: requires event, key, events to be set: no declaration" in result.output
    assert "uptimekuma" in result.output


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ({"event": "a[", **{k: OWN[k] for k in ("key", "events")}}, "sources.own.event is 'a[': is not JMESPath"),
        ({**OWN, "key": "sum(a)"}, "sources.own.key is 'sum(a)': calls sum(); known are contains"),
        ({**OWN, "labels": {"team": "[a, b]"}}, "sources.own.labels.team is '[a, b]': uses what declarations do not"),
        (
            {**OWN, "events": [{"kind": "note", "at": "at", "text": "{a: b}"}]},
            "sources.own.events.0.text is '{a: b}': uses",
        ),
        ({**OWN, "events": [{"kind": "detected", "at": "a b"}]}, "sources.own.events.0.at is 'a b': is not JMESPath"),
        ({**OWN, "event": None}, "sources.own: requires event to be set"),
        ({**OWN, "events": [{"kind": "firing", "at": "a"}, {"kind": "note", "at": "a"}]}, "sources.own.events: either"),
        ({**OWN, "events": [{"kind": "opened", "at": "a"}]}, "sources.own.events.0.kind is 'opened': should be firing"),
        (
            {**OWN, "events": [{"kind": "detected", "is": True, "at": "a"}]},
            "sources.own.events.0.is is True: should be a",
        ),
        ({**OWN, "evnets": []}, "sources.own.evnets: unknown key; did you mean event"),
        ({**OWN, "timezone": "Mars"}, "sources.own.timezone is 'Mars': should be the name of an IANA time zone"),
        ({**OWN, "severities": {"a": "SEV-9"}}, "sources.own.severities.a is 'SEV-9': should be SEV-1"),
        (
            {**OWN, "secrets": "0123456789abcdef"},
            "sources.own.secrets: needs `auth: standard-webhooks`, or `auth: hmac`",
        ),
        ({**OWN, "secrets": "short"}, "sources.own.secrets: should have at least 16"),
        (
            {**OWN, "auth": "standard-webhooks", "secrets": "not base64 at all"},
            "sources.own.secrets: should be a secret of",
        ),
        ({**OWN, "secrets": SECRET, "secrets_file": "x"}, "sources.own.secrets_file: is set together with secrets"),
        ({**OWN, "secrets_file": "nosuch"}, "sources.own.secrets_file is 'nosuch': "),
        ([], "sources.own is []: should be keys and values"),
    ],
)
def test_config_check_finds_what_cannot_work(mttx, own, problem):
    result = mttx("config", "check", sources={"own": own})
    assert result.exit_code == 1
    assert result.output.startswith(problem), result.output
    assert "abcdef" not in result.output


@pytest.mark.parametrize("name", ["Own", "x" * 24, "1st", "own-er", "grafana", "api", "history"])
def test_config_check_finds_names_that_cannot_be(mttx, name):
    result = mttx("config", "check", sources={name: OWN})
    assert (result.exit_code, f"sources.{name}" in result.output) == (1, True)


def test_config_check_prints_the_problems_of_all_sources(mttx):
    result = mttx("config", "check", sources={"a": {**OWN, "key": "x["}, "b": {**OWN, "key": "y["}})
    assert [line.split(" ")[0] for line in result.output.splitlines()] == ["sources.a.key", "sources.b.key", "2"]


def test_config_check_warns_of_a_sender_that_signs_and_has_no_secret(mttx):
    result = mttx("config", "check", sources={"incident_io": None, "uptimekuma": None})
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "warning: sources.incident_io: its sender signs: without secrets or secrets_file its requests need a token "
        "with the scope ingest",
        "Configuration OK, 1 warning",
    ]
    assert "warning" not in mttx("config", "check", sources={"incident_io": {"secrets": SECRET}}).output


def test_config_show_prints_what_is_set_and_no_secret(mttx):
    own = {**OWN, "auth": "standard-webhooks", "secrets": SECRET}
    text = mttx("config", "show", sources={"uptimekuma": None, "own": own}).output
    (line,) = [line for line in text.splitlines() if line.startswith("sources:")]
    shown = yaml.safe_load(line)["sources"]
    assert shown["uptimekuma"] == {}
    assert shown["own"] == {
        **OWN,
        "auth": "standard-webhooks",
        "secrets": "**********",
        "events": shown["own"]["events"],
    }
    assert declarations(Settings(sources={"own": {**shown["own"], "secrets": SECRET}}))


def test_what_is_configured_replaces_what_is_shipped():
    (shipped,) = [declaration for declaration in DECLARED if declaration.source == "uptimekuma"]
    (changed,) = declarations(Settings(sources={"uptimekuma": {"title": "monitor.pathName"}}, default_severity="SEV-2"))
    assert (changed.title.text, changed.key) == ("monitor.pathName", shipped.key)
    assert changed.profile.severity == "SEV-2"


def test_the_secrets_of_a_source_may_be_in_a_file(tmp_path):
    file = tmp_path / "secrets"
    file.write_text(f"{SECRET},{SECRET}\n")
    own = {**OWN, "auth": "standard-webhooks", "secrets_file": str(file)}
    signing = webhook_sources(Settings(sources={"own": own})).signings["own"]
    assert isinstance(signing, StandardWebhooks)
    assert signing.secrets == (b"a secret of thirty-two characters",) * 2
    for content in (b"\xff", b"short"):
        file.write_bytes(content)
        with pytest.raises(SettingsError, match="secrets_file"):
            webhook_sources(Settings(sources={"own": own}))


def test_an_hmac_has_the_form_that_is_configured():
    own = {**OWN, "auth": "hmac", "header": "X-Sig", "prefix": "v1=", "timestamp_prefix": "t=", "separator": ""}
    signing = webhook_sources(Settings(sources={"own": {**own, "secrets": "0123456789abcdef"}})).signings["own"]
    assert (signing.header, signing.prefix, signing.timestamp_prefix, signing.separator) == ("X-Sig", "v1=", "t=", "")
    plain = {**OWN, "auth": "hmac", "header": "X-Sig", "secrets": "0123456789abcdef"}
    assert webhook_sources(Settings(sources={"own": plain})).signings["own"].prefix == ""


PAGES = sorted((Path(__file__).parents[1] / "docs" / "sources").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_pages_say_can_be_configured(page):
    text = page.read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.+?)```", text, re.DOTALL)]
    for block in blocks:
        if isinstance(block, dict) and "sources" in block:
            assert len(declarations(Settings(sources=block["sources"]))) == len(block["sources"])
    for key, value in re.findall(r'`(severity|events): "([^`]+)"`', text):
        assert declarations(Settings(sources={page.stem.replace("-", "_"): {key: value}}))


def test_the_example_of_the_page_does_what_it_says():
    page = next(page for page in PAGES if page.stem == "declared").read_text()
    sources = yaml.safe_load(re.search(r"```yaml\n(.+?)```", page, re.DOTALL)[1])["sources"]
    (own,) = [
        declaration for declaration in declarations(Settings(sources=sources)) if declaration.source == "deploybot"
    ]
    now = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
    about = {"deployment": {"id": 7}, "service": "shop", "impact": "Outage"}
    failed = {**about, "status": "failed", "failed_at": "2026-11-23T18:04:05Z"}
    back = {**about, "status": "rolled_back", "finished_at": 1795459205}
    events = [
        parse(json.dumps(body).encode(), own, AlertParseOptions(), now).content.events[0] for body in (failed, back)
    ]
    assert [(keyed.incident_key, keyed.event.kind, keyed.event.severity) for keyed in events] == [
        ("7", "detected", "SEV-1"),
        ("7", "resolved", "SEV-1"),
    ]
    assert events[0].event.title == "shop is rolled back"
    assert events[1].event.data["resolution_source"] == "alerts"
