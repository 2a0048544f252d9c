"""The configuration: its defaults are the standard's, every key is documented, and what is wrong is said in full."""

import json
import pickle
import re
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.domain.policy import Indicator, Severity, Statistic, Target, Weekday, WeeklyReview
from service.settings.durations import format_duration, format_window, parse_duration
from service.settings.errors import SettingsError, without_password
from service.settings.goals import WeeklyReviewSettings
from service.settings.model import Settings
from service.settings.sources import load
from service.settings.table import dumped, rows
from service.settings.tokens import Token, find_token, load_tokens
from service.settings.whole import WholeSettings
from service.settings.yaml_text import NotYaml, parse_yaml, write_yaml

HOURS = timedelta(hours=1)
SECRET = "0123456789abcdef-very-secret"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Stand in an empty folder, so that no mttx.yml of a developer is read."""
    monkeypatch.chdir(tmp_path)


def configured(text="", **environ):
    """Load a configuration file with this text, and this environment."""
    path = Path("given.yml")
    path.write_text(text)
    return load(path, environ)


def refused(text="", **environ):
    """Return the problems of a configuration that cannot be used, one text per problem."""
    with pytest.raises(SettingsError) as caught:
        configured(text, **environ)
    return [str(problem) for problem in caught.value.problems]


# --- defaults -------------------------------------------------------------------------------------------------------


def test_it_has_the_deadlines_of_the_standard():
    deadlines = load(None, {}).deadlines
    assert {severity: (stages["draft"], stages["final"]) for severity, stages in deadlines.items()} == {
        "SEV-1": (12 * HOURS, 48 * HOURS),
        "SEV-2": (24 * HOURS, 72 * HOURS),
        "SEV-3": (48 * HOURS, timedelta(days=5)),
        "SEV-4": (None, "weekly_review"),
    }


def test_it_has_the_targets_of_the_standard():
    assert list(load(None, {}).targets.each()) == [
        Target(Indicator.DETECT, Statistic.P95, timedelta(minutes=5)),
        Target(Indicator.ACKNOWLEDGE, Statistic.P95, timedelta(minutes=10)),
        Target(Indicator.RESOLVE, Statistic.MEAN, 2 * HOURS, Severity.SEV_1),
        Target(Indicator.RESOLVE, Statistic.MEAN, 6 * HOURS, Severity.SEV_2),
    ]


def test_it_reviews_on_mondays_in_the_zone_that_people_read():
    settings = load(None, {"MTTX_DISPLAY_TIMEZONE": "Europe/Berlin"})
    assert settings.review == WeeklyReview(Weekday.MONDAY, time(10, 0), ZoneInfo("Europe/Berlin"))


def test_it_ignores_alerts_of_our_own_and_those_that_only_show_that_alerting_works():
    patterns = load(None, {}).ignore.alertnames
    names = ("MttxDown", "Watchdog", "InfoInhibitor", "WatchdogDown", "NotMttx")
    ignored = [name for name in names if any(pattern.search(name) for pattern in patterns)]
    assert ignored == ["MttxDown", "Watchdog", "InfoInhibitor"]


# --- the file -------------------------------------------------------------------------------------------------------


def test_it_reads_the_file_that_is_named():
    assert configured("threads: 3").threads == 3


def test_it_reads_the_file_that_the_environment_names(tmp_path):
    Path("other.yml").write_text("threads: 3")
    assert load(None, {"MTTX_CONFIG": str(tmp_path / "other.yml")}).threads == 3


def test_it_reads_mttx_yml_in_the_working_directory():
    Path("mttx.yml").write_text("threads: 3")
    assert load(None, {}).threads == 3


def test_it_refuses_to_start_without_a_file_that_was_named():
    with pytest.raises(SettingsError, match=r"nowhere\.yml: cannot be read: No such file"):
        load(Path("nowhere.yml"), {})


@pytest.mark.parametrize(
    "text",
    ["", "# nothing yet\n", "log:\nlimits:\n", "targets:\ndeadlines:\nseverity_map:\nindicators:\n  resolve:\n"],
)
def test_it_ignores_empty_sections(text):
    assert configured(text) == WholeSettings()


def test_it_keeps_the_deadlines_that_are_not_set():
    stages = configured("deadlines: {SEV-2: {draft: 1h}}").deadlines
    assert stages["SEV-2"] == {"draft": HOURS, "final": 72 * HOURS}
    assert stages["SEV-1"]["draft"] == 12 * HOURS


def test_it_takes_away_a_deadline_that_is_null():
    stages = configured("deadlines: {SEV-2: {draft: null}, SEV-3: null}").deadlines
    assert stages["SEV-2"] == {"draft": None, "final": 72 * HOURS}
    assert stages["SEV-3"] == {"draft": None, "final": None}


def test_it_lets_any_stage_wait_for_the_weekly_review():
    assert configured("deadlines: {SEV-3: {final: weekly_review}}").deadlines["SEV-3"]["final"] == "weekly_review"


def test_it_replaces_a_target_as_a_whole():
    targets = configured("targets: {detect: {mean: 2m}}").targets.each()
    assert [t for t in targets if t.indicator == "detect"] == [
        Target(Indicator.DETECT, Statistic.MEAN, timedelta(minutes=2))
    ]


def test_it_keeps_the_targets_of_other_severities_and_takes_away_what_is_null():
    targets = configured("targets: {resolve: {SEV-1: null, SEV-3: {p50: 1d}}, detect: null}").targets.each()
    assert [(t.indicator, t.severity, t.statistic) for t in targets] == [
        ("acknowledge", None, "p95"),
        ("resolve", "SEV-2", "mean"),
        ("resolve", "SEV-3", "p50"),
    ]


def test_it_adds_to_the_severity_map_in_any_case():
    severities = configured("severity_map: {PAGE: SEV-1, High: null}").severity_map
    assert (severities["page"], severities["high"], severities["critical"]) == ("SEV-1", None, "SEV-2")


def test_it_maps_alerts_without_a_severity_and_takes_ignore():
    settings = configured('severity_map: {"": SEV-3, urgent: ignore}\nunmapped_severity: ignore')
    assert (settings.severity_map[""], settings.severity_map["urgent"]) == ("SEV-3", None)
    assert settings.unmapped_severity is None


def test_it_reads_a_time_of_day_without_quotes():
    assert configured("weekly_review: {time: 9:30, weekday: friday, timezone: UTC}").weekly_review.time == time(9, 30)


def test_it_puts_windows_in_order():
    assert list(configured("windows: [90d, 1d]").window_lengths) == ["1d", "90d"]


# --- the environment ------------------------------------------------------------------------------------------------


def test_it_lets_the_environment_override_the_file():
    settings = configured(
        "log: {level: debug, access: true}\nreopen_window: 1h",
        MTTX_LOG_LEVEL="error",
        MTTX_REOPEN_WINDOW="2h",
        MTTX_RETENTION_RAW="5d",
        MTTX_INDICATORS_RESOLVE_FROM="started",
    )
    assert (settings.log.level, settings.log.access, settings.reopen_window) == ("error", True, 2 * HOURS)
    assert (settings.retention.raw, settings.indicators.resolve.from_) == (timedelta(days=5), "started")


def test_it_reads_lists_and_mappings_of_the_environment_as_yaml():
    settings = configured(
        "severity_map: {page: SEV-1, sms: SEV-4}",
        MTTX_WINDOWS="[1d]",
        MTTX_TARGETS='{"detect": {"p95": "3m"}}',
        MTTX_SEVERITY_MAP="{page: SEV-2}",
    )
    assert settings.windows == (24 * HOURS,)
    assert settings.targets.detect.p95 == timedelta(minutes=3)
    assert (settings.severity_map["page"], settings.severity_map["sms"]) == ("SEV-2", "SEV-4")


def test_it_sets_one_deadline_from_the_environment():
    settings = configured(
        "deadlines: {SEV-2: {final: 4d}}", MTTX_DEADLINES_SEV_2_DRAFT="30s", MTTX_DEADLINES_SEV_4_FINAL="null"
    )
    assert settings.deadlines["SEV-2"] == {"draft": timedelta(seconds=30), "final": timedelta(days=4)}
    assert settings.deadlines["SEV-4"]["final"] is None


def test_the_environment_sets_keys_of_an_empty_section():
    assert configured("log:\n", MTTX_LOG_ACCESS="true").log.access is True


def test_it_reports_an_invalid_section_in_spite_of_a_valid_variable():
    assert refused("log: 3", MTTX_LOG_ACCESS="true") == ["log is 3: should be keys and values"]


def test_it_refuses_a_variable_that_it_does_not_know_and_says_which_was_meant():
    (problem,) = refused(MTTX_REOPN_WINDOW="15m")
    assert problem == "MTTX_REOPN_WINDOW: unknown variable; did you mean MTTX_REOPEN_WINDOW?"


def test_it_refuses_a_variable_like_no_other():
    assert refused(MTTX_Q="1") == ["MTTX_Q: unknown variable"]


def test_it_refuses_an_empty_variable():
    assert refused(MTTX_TOKENS_FILE="") == ["MTTX_TOKENS_FILE: is empty; set a value or unset it"]


@pytest.mark.parametrize(
    "environ",
    [
        {"MTTX_URL": "http://x", "MTTX_TOKEN": SECRET, "MTTX_REQUIRE_ALL": "1", "MTTX_TORTURE": "1"},
        {"MTTX_SERVICE_HOST": "10.0.0.1", "MTTX_SERVICE_PORT": "9877", "MTTX_SERVICE_PORT_HTTP": "9877"},
        {"MTTX_PORT": "tcp://10.0.0.1:9877", "MTTX_PORT_9877_TCP_PROTO": "tcp", "MTTX_PORT_9877_TCP_PORT": "9877"},
        {"MTTX_EXPORTER_SERVICE_HOST": "10.0.0.1", "MTTX_EXPORTER_PORT": "tcp://10.0.0.1:9877"},
        {"HOME": "/", "mttx_threads": "x"},
    ],
)
def test_it_leaves_the_variables_of_others_alone(environ):
    assert load(None, environ) == WholeSettings()


def test_a_worker_that_is_spawned_gets_the_sections_of_the_companions_too():
    settings = configured("evidence: {margin: 1m}")
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_it_gives_every_key_a_variable_of_its_own():
    names = [row.env for row in rows(WholeSettings)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"MTTX_[A-Z0-9_]+", name) for name in names)


# --- secrets --------------------------------------------------------------------------------------------------------


def test_it_reads_a_secret_from_a_file_that_the_environment_names():
    Path("secret").write_text(SECRET + "\n")
    assert load(None, {"MTTX_DATABASE_PASSWORD_FILE": "secret"}).database_password.get_secret_value() == SECRET


def test_it_refuses_a_secret_that_is_given_twice():
    with pytest.raises(SettingsError, match="is set together with MTTX_DATABASE_PASSWORD; set only one of them"):
        load(None, {"MTTX_DATABASE_PASSWORD_FILE": "secret", "MTTX_DATABASE_PASSWORD": SECRET})


def test_it_refuses_an_empty_secret():
    Path("secret").write_text("\n")
    with pytest.raises(SettingsError, match="MTTX_DATABASE_PASSWORD_FILE: is empty"):
        load(None, {"MTTX_DATABASE_PASSWORD_FILE": "secret"})


def test_it_names_no_secret_in_an_error():
    for problem in refused(f"database_password: [{SECRET}]\ndatabase_pasword: {SECRET}\n"):
        assert SECRET not in problem


def test_it_prints_no_secret():
    assert SECRET not in json.dumps(dumped(load(None, {"MTTX_DATABASE_PASSWORD": SECRET})))


def test_it_prints_no_password_of_an_address():
    assert "hunter2" not in "".join(refused("public_url: https://me:hunter2@example.com"))


# --- errors ---------------------------------------------------------------------------------------------------------


def test_it_reports_all_problems_at_once():
    problems = refused("threads: many\nlog: {levl: info}\nreopen_windw: 15m\n", MTTX_LOG_LEVEL="loud")
    assert sorted(problems) == [
        "log.level (MTTX_LOG_LEVEL) is 'loud': should be debug, info, warning or error",
        "log.levl: unknown key; did you mean level?",
        "reopen_windw: unknown key; did you mean reopen_window?",
        "threads is 'many': should be a whole number",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reopen_window: 900", "should be a duration such as 30s, 15m, 1h30m or 5d, with its unit"),
        ("stale_after: 0s", "should be longer than 0s"),
        ("stale_after: yes", "should be a duration"),
        ("reopen_window: -5m", "should be a duration"),
        ("reopen_window: 101y", "or longer than 100 years"),
        ("reopen_window: 99999999999999d", "should be a duration"),
        ("deadlines: {SEV-1: {draft: soon}}", "5d, or weekly_review"),
        ("deadlines: {SEV-1: {draft: 0s}}", "should be longer than 0s"),
        ("deadlines: {SEV-1: 12h}", "should be keys and values"),
        ("deadlines: 12h", "should be keys and values"),
        ("deadlines: {SEV-5: {draft: 1h}}", "did you mean SEV-"),
        ("display_timezone: Asia/Tokio", "did you mean Asia/Tokyo?"),
        ("display_timezone: JSTT+9:99", "should be the name of an IANA time zone"),
        ("display_timezone: ../../etc/passwd", "should be the name of an IANA time zone"),
        ("weekly_review: {time: 25:00}", "should be a time of day such as 10:00"),
        ("weekly_review: {weekday: funday}", "should be monday, tuesday"),
        ("listen: localhost", "should be an address and a port"),
        ("listen: 127.0.0.1:0", "should be an address and a port"),
        ("listen: '::1:9877'", "should be an address and a port"),
        ("listen: 9877", "should be a string; put it in quotes"),
        ("database_url: mysql://x", "should be the URL of an SQLite file"),
        ("database_url: 'sqlite:///:memory:'", "should be the URL of an SQLite file"),
        ("database_url: postgresql+psycopg://db.example.com", "PostgreSQL database"),
        ("database_url: postgresql+psycopg2://db.example.com/mttx", "PostgreSQL database"),
        ("public_url: example.com", "should be an http:// or https:// URL"),
        ("ignore: {alertnames: ['(']}", "should be a regular expression"),
        ("ignore: {alertnames: Watchdog}", "should be a list"),
        ("ignore: {label: a-b}", "should be a label name"),
        ("windows: []", "should be one or more different durations"),
        ("windows: [1d, 24h]", "should be one or more different durations"),
        ("deadlines: {SEV-2: {draft: 4d}}", "deadlines.SEV-2.draft is '4d': is later than SEV-2.final (72h)"),
        ("deadlines: {SEV-1: {final: 6h}}", "deadlines.SEV-1.draft is '12h': is later than SEV-1.final (6h)"),
        (
            "deadlines: {SEV-4: {draft: 10d}}",
            "deadlines.SEV-4.draft is '10d': is later than SEV-4.final (weekly_review)",
        ),
        ("deadlines: {SEV-1: {draft: weekly_review}}", "deadlines.SEV-1.draft is 'weekly_review': is later than"),
        ("severity_map: {a: SEV-9}", "should be SEV-1, SEV-2, SEV-3, SEV-4 or ignore"),
        ("severity_map: [a]", "should be keys and values"),
        ("targets: {detect: {p95: 5m, mean: 1m}}", "should name one statistic"),
        ("targets: {detct: {p95: 5m}}", "did you mean detect?"),
        ("targets: 5m", "should be keys and values"),
        ("targets: {detect: 5m}", "should be keys and values"),
        ("limits: {alerts: 0}", "should be at least 1"),
        ("threads: 1000", "should be at most 512"),
        ("metrics_auth: ja", "should be true or false"),
        ("tokens_file: [a]", "should be the path of a file"),
        ("log: {level: {a: b}}", "should be debug"),
        ("nothing_like_it_at_all: 1", "unknown key"),
        ("log: {nothing: {deep: 1}}", "known are level, access"),
        ("- a\n", "should be keys and values"),
        ("threads: 1\nthreads: 2\n", "duplicate key threads in line 2"),
        ("log: {level: info, level: debug}", "duplicate key level"),
        ("threads: [", "should be YAML"),
        ("threads: \0", "should be YAML"),
        ("? [a]\n: b\n", "should be YAML"),
    ],
)
def test_it_says_what_would_be_right(text, message):
    (problem,) = refused(text)
    assert message in problem


def test_it_shortens_what_it_quotes():
    (problem,) = refused(f"listen: {'x' * 500}")
    assert len(problem) < 250


def test_it_refuses_a_file_that_is_no_text():
    Path("binary.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="should be UTF-8 text"):
        load(Path("binary.yml"), {})


# --- who may reach it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listen", ["0.0.0.0:9877", ":9877", "[::]:9877", "10.0.0.1:80", "mttx.example.com:80"])
def test_it_requires_tokens_beyond_loopback(listen):
    (problem,) = refused(f"listen: '{listen}'")
    assert problem.startswith("listen is ")
    assert "set tokens_file" in problem


@pytest.mark.parametrize("listen", ["127.0.0.1:9877", "[::1]:9877", "localhost:80", "127.9.9.9:1"])
def test_it_serves_its_own_machine_without_tokens(listen):
    assert configured(f"listen: '{listen}'").is_loopback


def test_it_listens_on_every_address_with_tokens():
    settings = configured("listen: ':9877'\ntokens_file: tokens.yml")
    assert (settings.listen, settings.host, settings.port) == ("0.0.0.0:9877", "0.0.0.0", 9877)


def test_it_takes_a_public_address_without_its_last_slash():
    assert configured("public_url: https://example.com/mttx/").public_url == "https://example.com/mttx"


def test_it_takes_values_that_are_read_already():
    settings = Settings(
        display_timezone=ZoneInfo("UTC"),
        reopen_window=HOURS,
        weekly_review=WeeklyReviewSettings(time=time(9), weekday="friday"),
    )
    assert settings.reopen_window == HOURS
    assert settings.review == WeeklyReview(Weekday.FRIDAY, time(9), ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("url", "file"), [("sqlite:///mttx.db", "mttx.db"), ("sqlite:////data/mttx.db", "/data/mttx.db")]
)
def test_it_finds_the_file_of_the_database(url, file):
    assert configured(f"database_url: {url}").database_file == Path(file)


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("postgresql://mttx@db.example.com/mttx", "postgresql://mttx:p%40ss%2Fw@db.example.com/mttx"),
        (
            "postgresql+psycopg://mttx:old@db/mttx?sslmode=require",
            "postgresql+psycopg://mttx:p%40ss%2Fw@db/mttx?sslmode=require",
        ),
        ("sqlite:///mttx.db", "sqlite:///mttx.db"),
    ],
)
def test_it_signs_in_to_the_database_with_the_password_that_was_given_apart(url, whole):
    settings = configured(f"{{database_url: '{url}', database_password: p@ss/w}}")
    assert settings.database == whole


@pytest.mark.parametrize(
    "url", ["postgresql://mttx:hunter22@db/mttx", "postgresql+psycopg://db/mttx?user=a&password=hunter22"]
)
def test_it_never_shows_the_password_of_the_database(url):
    settings = configured(f"database_url: '{url}'")
    assert settings.database_file is None
    assert settings.database == url
    assert "hunter22" not in settings.database_shown + str(dumped(settings))
    with pytest.raises(SettingsError) as caught:
        configured(f"database_url: '{url.replace('postgresql', 'postgres')}'")
    assert "hunter22" not in str(caught.value)


def test_it_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        load(None, {}).threads = 2


# --- durations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15m", 900),
        ("1h30m", 5400),
        ("5d", 432_000),
        ("1w", 604_800),
        ("1y", 31_536_000),
        ("90s", 90),
        ("250ms", 0.25),
        ("0s", 0),
        ("PT15M", 900),
        (" 5m ", 300),
    ],
)
def test_it_reads_durations_as_prometheus_writes_them(text, seconds):
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 m", "1.5h", "30m1h", "5m5m", "-5m", "5M", "٥m", "P", 5, 5.0, True, None, []]
)
def test_it_reads_nothing_else_as_a_duration(text):
    with pytest.raises(ValueError, match="should be a duration"):
        parse_duration(text)


@given(st.integers(0, 10**13))
def test_it_reads_a_duration_as_it_writes_it(milliseconds):
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == parse_duration(format_window(duration)) == duration


def test_it_writes_hours_as_the_standard_does():
    assert [format_duration(n * HOURS) for n in (0, 12, 48, 72, 120)] == ["0s", "12h", "48h", "72h", "5d"]


# --- YAML -----------------------------------------------------------------------------------------------------------


@given(st.text())
def test_invalid_yaml_raises_only_not_yaml(text):
    try:
        parse_yaml(text)
    except NotYaml as error:
        assert str(error).startswith("should be YAML")  # noqa: PT017 - most texts are YAML


def test_it_survives_yaml_that_is_nested_without_end():
    with pytest.raises(NotYaml):
        parse_yaml("[" * 100_000)


PRINTED = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]))
YAML_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | PRINTED,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=5,
)


@given(YAML_VALUES)
def test_it_reads_yaml_as_it_writes_it(value):
    assert parse_yaml(write_yaml(value)) == value


# --- tokens ---------------------------------------------------------------------------------------------------------


def tokens_of(text):
    path = Path("tokens.yml")
    path.write_text(text)
    return load_tokens(path)


def entry(name="alertmanager", token=SECRET, scopes="[ingest]", more=""):
    return f"- {{name: {name}, token: '{token}', scopes: {scopes}{more}}}\n"


def test_it_keeps_the_name_the_scopes_and_no_token():
    (token,) = tokens_of(entry(scopes="[ingest, read]"))
    assert (token.name, token.scopes) == ("alertmanager", {"ingest", "read"})
    assert SECRET not in repr(token)
    assert SECRET.encode() not in token.digest


def test_a_token_may_name_the_sender_whose_webhooks_carry_it():
    named, unnamed = tokens_of(entry("eu", more=", sender: eu-1") + entry("other", SECRET + "2"))
    assert (named.sender, unnamed.sender) == ("eu-1", "")


def test_it_asks_the_alertmanagers_of_one_sender():
    assert Settings().alertmanager.sender is None
    assert configured("alertmanager: {sender: eu}").alertmanager.sender == "eu"
    with pytest.raises(SettingsError, match=r"alertmanager\.sender is 'EU': should consist of 1 to 40 characters"):
        configured("alertmanager: {sender: EU}")


def test_it_finds_the_token_that_is_presented():
    tokens = tokens_of(entry() + entry("people", SECRET + "2", "[write]"))
    assert find_token(tokens, SECRET + "2").name == "people"


@pytest.mark.parametrize("presented", ["", " ", SECRET + " ", SECRET[:-1], SECRET.upper(), "\udcff", "日本語"])
def test_it_finds_no_token_for_anything_else(presented):
    assert find_token(tokens_of(entry()), presented) is None


def test_nothing_is_valid_without_tokens():
    assert find_token((), "") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("[]", "is empty"),
        ("# none yet", "is empty"),
        ("{name: a}", "should be a list of entries"),
        ("- just-a-token-0123456789", "entry 1: should be a list of entries"),
        (entry(token=""), "entry 1: token should be at least 16 characters"),
        (entry(token="tooshort"), "token should be at least 16 characters"),
        (entry(token="has a space in the middle"), "without spaces"),
        (entry(token="日本語日本語日本語日本語日本語日本語"), "ASCII characters"),
        ("- {name: a, token: 1234567890123456, scopes: [read]}", "token should be a string"),
        ("- {name: a, scopes: [read]}", "has no token"),
        ("- {token: 0123456789abcdef, scopes: [read]}", "has no name"),
        ("- {name: a, token: 0123456789abcdefg}", "has no scopes"),
        (entry(name="''"), "name should be a string"),
        (entry(name="7"), "name should be a string"),
        (entry(scopes="[]"), "one or more of ingest, write, read"),
        (entry(scopes="[admin]"), "one or more of ingest, write, read"),
        (entry(scopes="read"), "one or more of ingest, write, read"),
        (entry(scopes="[[read]]"), "one or more of ingest, write, read"),
        (entry(more=", sender: EU"), "entry 1: sender should consist of 1 to 40 characters from a-z, 0-9 and -"),
        (entry(more=", sender: ''"), "sender should consist of 1 to 40"),
        (entry(more=", sender: 7"), "sender should consist of 1 to 40"),
        (entry() + entry(token=SECRET + "2"), "entry 2: the name alertmanager is used twice"),
        (entry() + entry("other"), "entry 2: has the same token"),
        (f"- {{name: a, tokn: {SECRET}, token: {SECRET}, scopes: [read]}}", "has an unknown key;"),
        (f"- {{name: a, token: {SECRET}, token: {SECRET}, scopes: [read]}}", "duplicate key token"),
        (f"- {{name: a, token: {SECRET}", "should be YAML"),
    ],
)
def test_it_refuses_a_tokens_file_without_quoting_a_token(text, message):
    with pytest.raises(SettingsError) as caught:
        tokens_of(text)
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)


def test_it_refuses_a_tokens_file_that_is_not_there():
    with pytest.raises(SettingsError, match="cannot be read"):
        load_tokens(Path("nowhere"))


def test_it_compares_digests_only():
    assert Token("a", frozenset({"read"}), b"").matches("") is False


# --- messages --------------------------------------------------------------------------------------------------------


def test_it_sends_nothing_without_a_destination():
    settings = load(None, {})
    assert (settings.slack.is_used, settings.webhook.is_used) == (False, False)


def test_it_owes_updates_as_the_standard_says():
    assert load(None, {}).policy().updates == {"SEV-1": HOURS / 2, "SEV-2": HOURS / 2}
    assert configured("updates: {SEV-1: null, SEV-3: 2h}").policy().updates == {
        "SEV-2": HOURS / 2,
        "SEV-3": 2 * HOURS,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slack: {token: xoxb-secret-1}", "slack.channel: is required with slack.token"),
        ("slack: {token: xoxb-secret-1, channel: '#ops'}", "slack.channel is '#ops': should be a channel id"),
        (
            "slack: {token: xoxb-secret-1, channel: C0123456789, webhook_url: 'https://x/secret'}",
            "is set together with webhook_url; set only one of them",
        ),
        (
            "slack: {token: xoxb-secret-1, channel: C0123456789, channels: {squad: {a: C0456789012}}}",
            "slack.channels.squad: should be a label of `breakdown` (team, service)",
        ),
        (
            "breakdown: []\nslack: {channels: {team: {a: C0456789012}}}",
            "slack.channels.team: should be a label of `breakdown` (empty)",
        ),
        (
            "slack: {token: xoxb-secret-1, channel: C0123456789, channels: {team: {a: '#payments'}}}",
            "slack.channels.team.a is '#payments': should be a channel id",
        ),
        (
            "slack: {channels: {team: {' ': C0456789012}}}",
            "slack.channels.team is {' ': 'C0456789012'}: should name values; incidents without one",
        ),
        (
            "slack: {webhook_url: 'https://x/secret', channels: {team: {a: C0456789012}}}",
            "slack.channels: requires slack.token",
        ),
        ("slack: {app_token: xapp-secret-1}", "slack.app_token: requires slack.token"),
        ("slack: {app_token: xoxb-secret}", "slack.app_token: should be an app-level token"),
        ("slack: {team_id: example}", "slack.team_id is 'example'"),
        ("slack: {webhook_url: secret}", "slack.webhook_url: should be a URL that starts with https://"),
        ("slack: {api_url: slack.com}", "slack.api_url is 'slack.com': should be an http:// or https:// URL"),
        ("webhook: {url: 'https://x/secret', url_file: a}", "webhook.url_file: is set together with url;"),
        ("webhook: {url: 'https://x', token: secret, token_file: a}", "webhook.token_file"),
        ("messages: {language: fr}", "messages.language"),
        ("updates: {SEV-1: 0s}", "updates.SEV-1"),
    ],
)
def test_it_reports_problems_of_messages_without_secrets(text, message):
    [problem] = refused(text)
    assert message in problem
    assert "secret" not in problem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slack: {signing_secret: 0123456789abcdef}", "slack.signing_secret: requires slack.token"),
        ("slack: {signing_secret: abcdefgh}", "slack.signing_secret: should have at least"),
    ],
)
def test_it_asks_for_what_buttons_need(text, message):
    [problem] = refused(text)
    assert message in problem
    assert "abcdef" not in problem


def test_it_reads_secrets_of_messages_from_files_each_time():
    Path("token").write_text("xoxb-1\n")
    Path("address").write_text("https://hooks.slack.com/services/1\n")
    bot = configured("slack: {token_file: token, channel: C0123456789}").slack
    hook = configured("slack: {webhook_url_file: address}").slack
    generic = configured("webhook: {url_file: address, token_file: token}").webhook
    assert (bot.read_token(), hook.read_webhook_url(), generic.read_url()) == (
        "xoxb-1",
        "https://hooks.slack.com/services/1",
        "https://hooks.slack.com/services/1",
    )
    assert generic.token_reader() == "xoxb-1"
    Path("token").write_text("xoxb-2")
    assert (bot.read_token(), generic.token_reader()) == ("xoxb-2", "xoxb-2")


# --- what it must not say, and what it must not swallow --------------------------------------------------------------


@pytest.mark.parametrize("password", ["hunter22", "p@ss@w0rd", "p/ss@w0rd", "p:ss"])
def test_no_part_of_a_password_in_a_url_is_shown(password):
    good = Settings(database_url="postgresql://mttx:hunter22@db.example/mttx")
    assert "hunter22" not in good.database_shown
    (problem,) = refused(MTTX_DATABASE_URL=f"mysql://mttx:{password}@db.example/mttx")
    shown_elsewhere = refused(f"prometheus: {{url: 'http://mttx:{password}@prometheus.example'}}")
    for text in (problem, *shown_elsewhere, repr(without_password(f"postgresql://u:{password}@db/x"))):
        assert not any(part in text for part in (password, *password.split("@")) if len(part) > 2)


@pytest.mark.parametrize("environ", [{"MTTX_CONFIG": "/dev/zero"}, {"MTTX_PAGERDUTY_SECRETS_FILE": "/dev/zero"}])
def test_an_endless_file_is_refused(environ):
    with pytest.raises(SettingsError, match="larger than 8 MB"):
        load(None, environ)


def test_an_endless_tokens_file_is_refused():
    with pytest.raises(SettingsError, match="larger than 8 MB"):
        load_tokens(Path("/dev/zero"))
