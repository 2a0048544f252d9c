"""From the configuration to sources: the example of the document, and what is refused."""

import re
from pathlib import Path

import pytest
import requests

from service.evidence.wiring import open_sources
from service.settings import Settings, SettingsError, load

DOCUMENT = Path(__file__).parents[2] / "docs" / "evidence-sources.md"


def configured(folder, text, **environ):
    path = folder / "given.yml"
    path.write_text(text)
    return load(path, environ)


def sources(settings):
    with open_sources(settings, None) as opened:
        return {source.name: source for source in opened if source.name != "timeline"}


def test_nothing_is_asked_unless_it_is_configured():
    assert sources(Settings()) == {}


def test_the_example_of_the_document_is_understood(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    settings = configured(tmp_path, example)
    assert list(sources(settings)) == ["logs", "traces", "audit", "configuration", "changes"]
    assert settings.evidence.logs.loki.queries["router"] == '{app="router", env="{{ $labels.env }}"}'


def test_tokens_may_come_from_files(tmp_path):
    (tmp_path / "token").write_text("abc\n")
    settings = configured(tmp_path, "", MTTX_EVIDENCE_LOGS_LOKI_TOKEN_FILE=str(tmp_path / "token"))
    assert settings.evidence.logs.loki.token.get_secret_value() == "abc"


def test_tenant_and_token_are_sent(tmp_path):
    text = "evidence: {logs: {loki: {url: 'http://127.0.0.1:9', token: abc, org_id: team, queries: {a: '{}'}}}}"
    session = sources(configured(tmp_path, text))["logs"]._readers[0]._loki._api._session
    request = session.prepare_request(requests.Request("GET", "http://127.0.0.1:9"))
    assert (request.headers["X-Scope-OrgID"], request.headers["Authorization"]) == ("team", "Bearer abc")


def test_grafana_tells_of_deploys_without_any_repository(tmp_path):
    text = "grafana: {url: 'http://127.0.0.1:9', token: abc}"
    assert list(sources(configured(tmp_path, text))) == ["changes"]
    assert sources(configured(tmp_path, text + "\nevidence: {changes: {annotation_tags: []}}")) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("logs: {files: [app.log]}", "absolute path without .."),
        ("logs: {files: [/var/../etc/*]}", "absolute path without .."),
        ("logs: {files: [/*/x]}", "begin with a folder without wildcards"),
        ("logs: {files: [/]}", "begin with a folder without wildcards"),
        ("audit: {files: ['/data/{day}/x']}", "the unknown placeholder {day}"),
        ("logs: {roots: [logs]}", "absolute path"),
        ("logs: {time_fields: []}", "at least one field"),
        ("logs: {untimed: maybe}", "neighbours or drop"),
        ("logs: {time_zone: Nowhere/City}", "IANA time zone"),
        ("logs: {loki: {url: loki}}", "URL of an HTTP API"),
        ("logs: {loki: {queries: {a/b: '{}'}}}", "usable as a file name"),
        ("logs: {loki: {page: 1}}", "at least 2"),
    ],
)
def test_it_says_what_would_be_right(tmp_path, text, said):
    with pytest.raises(SettingsError) as caught:
        configured(tmp_path, f"evidence: {{{text}}}")
    assert said in str(caught.value)
