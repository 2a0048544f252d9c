"""From the configuration to sources: the example of the document, and what is refused."""

import re
from pathlib import Path

import requests

from service.app import now
from service.evidence.collector import EvidenceCollector
from service.settings.sources import load

DOCUMENT = Path(__file__).parents[2] / "docs" / "evidence-sources.md"


def configured(folder, text, **environ):
    path = folder / "given.yml"
    path.write_text(text)
    return load(path, environ)


def sources(settings):
    with EvidenceCollector(settings, now).sources(None) as opened:
        return {source.name: source for source in opened if source.name != "timeline"}


def test_the_example_of_the_document_is_understood(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    settings = configured(tmp_path, example)
    assert list(sources(settings)) == ["logs", "traces", "audit", "configuration", "changes"]
    assert settings.evidence.logs.loki.queries["router"] == '{app="router", env="{{ $labels.env }}"}'


def test_tenant_and_token_are_sent(tmp_path):
    text = "evidence: {logs: {loki: {url: 'http://127.0.0.1:9', token: abc, org_id: team, queries: {a: '{}'}}}}"
    session = sources(configured(tmp_path, text))["logs"]._readers[0]._loki._api._http._session
    request = session.prepare_request(requests.Request("GET", "http://127.0.0.1:9"))
    assert (request.headers["X-Scope-OrgID"], request.headers["Authorization"]) == ("team", "Bearer abc")


def test_grafana_tells_of_deploys_without_any_repository(tmp_path):
    text = "grafana: {url: 'http://127.0.0.1:9', token: abc}"
    assert list(sources(configured(tmp_path, text))) == ["changes"]
    assert sources(configured(tmp_path, text + "\nevidence: {changes: {annotation_tags: []}}")) == {}
