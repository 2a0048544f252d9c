"""The runbook as a page: what an alert's `runbook_url` leads to at night."""

import re

import pytest

from service.web.pages import runbook
from tests.test_alert_rules import ALERTS
from tests.web.fakes import World


@pytest.fixture(scope="module")
def page():
    return World().get("/runbook").get_data(as_text=True)


@pytest.mark.parametrize("name", sorted({rule["alert"] for _, rule in ALERTS}))
def test_every_alert_has_its_place_and_is_listed(page, name):
    assert f'<h2 id="{name.lower()}">{name}</h2>' in page
    assert f'<a href="#{name.lower()}">{name}</a>' in page


def test_every_link_within_it_leads_somewhere(page):
    ids = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= ids
    documents = set(re.findall(r'href="([^"#]*\.md)', page))
    assert documents
    assert all(link.startswith("https://github.com/mttx-exporter/mttx-exporter/blob/main/") for link in documents)


def test_its_text_is_no_html_of_its_own(monkeypatch):
    text = "# A\n\n## B c\n\n<script>1</script> [x](faults.md) [y](javascript:1)\n"
    monkeypatch.setattr(runbook, "runbook", lambda: text)
    html = runbook.runbook_page.__wrapped__().html
    assert "&lt;script&gt;" in html
    assert 'id="b-c"' in html
    assert "docs/faults.md" in html
    assert 'href="javascript' not in html


def test_without_it_there_is_no_such_page(monkeypatch):
    def missing():
        raise FileNotFoundError("not installed")

    monkeypatch.setattr(runbook, "runbook_page", missing)
    assert World().get("/runbook").status_code == 404
