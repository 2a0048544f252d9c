"""The keys of the section `grafana`, and the connection that is made from them."""

from pathlib import Path

import pytest

from service.settings.errors import SettingsError
from service.settings.grafana import GrafanaSettings
from service.settings.model import Settings
from service.settings.sources import load
from service.wiring.clients import grafana_connection

SECRET = "glsa_very-secret"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(text, **environ):
    Path("given.yml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(Path("given.yml"), environ)
    return [str(problem) for problem in caught.value.problems]


def test_nothing_is_sent_anywhere_by_default():
    assert not Settings().grafana.is_annotated
    assert GrafanaSettings(url="http://g").is_annotated
    assert not GrafanaSettings(url="http://g", annotations=False).is_annotated


def test_it_takes_the_token_or_its_file_from_the_environment(tmp_path):
    (tmp_path / "token").write_text(f"{SECRET}\n")
    by_name = load(None, {"MTTX_GRAFANA_TOKEN": SECRET}).grafana
    by_file = load(None, {"MTTX_GRAFANA_TOKEN_FILE": str(tmp_path / "token")}).grafana
    assert by_name.read_token() == by_file.read_token() == SECRET
    assert by_file.token is None
    assert GrafanaSettings().read_token() is None


def test_it_refuses_two_tokens_and_tells_neither():
    (problem,) = refused(f"grafana: {{token: {SECRET}, token_file: /run/token}}")
    assert problem == "grafana.token_file: is set together with token; set only one of them"


@pytest.mark.parametrize("url", ["grafana.example.com", "ftp://g", "https://user:pw@g", "https://g/?orgId=1"])
def test_it_wants_an_address(url):
    (problem,) = refused(f"grafana: {{url: '{url}'}}")
    assert "should be an http:// or https:// URL" in problem


def test_it_says_what_is_wrong_in_a_list_of_dashboards():
    problems = refused(
        "grafana: {dashboards: [{uid: a, sverities: [SEV-1]}, {uid: 'a b'}, {uid: c, severities: [P1]}]}"
    )
    assert problems[0] == "grafana.dashboards.0.sverities: unknown key; did you mean severities?"
    assert problems[1] == "grafana.dashboards.1.uid is 'a b': should match ^[a-zA-Z0-9_-]{1,40}$"
    assert problems[2].startswith("grafana.dashboards.2.severities.0 is 'P1': ")


def test_it_trusts_whom_it_is_told_to():
    def verified(**keys):
        return grafana_connection(GrafanaSettings(url="https://g", **keys))._verify

    assert verified() is True
    assert verified(tls_ca_file="/etc/ca.pem") == "/etc/ca.pem"
    assert verified(tls_verify=False, tls_ca_file="/etc/ca.pem") is False


def test_it_connects_to_nothing_without_an_address():
    with pytest.raises(ValueError, match="is not configured"):
        grafana_connection(GrafanaSettings())
