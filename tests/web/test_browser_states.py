"""The pages in a real browser: an empty install, one cut off, a storm, a quarter; and the report as it is printed."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from service.domain.events import Alert, Observation, ReceivedWebhook
from service.domain.policy import Severity
from service.history.demo.playing import play
from service.history.demo.quarter import quarter
from service.recorder.commands import RecordAlerts
from service.recorder.writer import Recorder
from service.settings.model import Settings
from service.store import Store
from tests.real.http import request as send
from tests.web.browsing import TOKEN, Service, grave_violations, overhang

pytestmark = pytest.mark.real
POLICY = Settings().policy()
A4_PIXELS = 703
"""The width of an A4 page between its margins of 12 mm, at 96 pixels an inch."""


def nothing(store):
    """Leave the database empty."""


def demo(store):
    """Record the demo's quarter."""
    play(store, POLICY, quarter(datetime.now(UTC)))


def silence(store):
    """Record a webhook that came days ago, and none since."""
    at = datetime.now(UTC) - timedelta(days=5)
    recorder = Recorder(store, POLICY)
    firing = {"fingerprint": "f1", "group_key": "g1", "starts_at": at, "ends_at": at + timedelta(hours=1)}
    observation = Observation(source="alertmanager", **firing)
    alert = Alert(observation=observation, name="Slow", severity=Severity.SEV_3, labels={}, annotations={})
    recorder.submit(RecordAlerts((alert,), ReceivedWebhook("alertmanager", b"{}", at + timedelta(hours=1))))
    recorder.close()


@pytest.fixture
def service(request, tmp_path):
    """The service on a database that `request.param` prepares."""
    server = Service(tmp_path)
    store = Store.open(f"sqlite:///{server.database}", POLICY)
    request.param(store)
    store.close()
    server.start()
    yield server
    server.stop()


def prepared(prepare):
    return pytest.mark.parametrize("service", [prepare], indirect=True, ids=[prepare.__name__])


@prepared(nothing)
def test_two_grave_incidents_are_seen_among_two_hundred(service, visit, opened):
    for number in range(198):
        opened(f"Minor {number}", severity="SEV-4", labels={"team": "payments" if number < 5 else "search"})
    grave = {opened(f"Grave {n}", severity="SEV-1", labels={"team": "payments"}) for n in range(2)}
    desk, phone = visit(), visit(viewport={"width": 360, "height": 740}, color_scheme="dark", locale="ja")
    for page in (desk, phone):
        assert page.locator("#open .count").inner_text() == "200"
        rows = page.locator("[data-testid=open-table] tbody tr")
        assert rows.count() == 200
        assert {rows.nth(n).locator(".id").inner_text() for n in range(2)} == grave
        assert rows.nth(1).bounding_box()["y"] < 2 * page.viewport_size["height"]
        assert overhang(page) <= 0
        page.goto(f"{service.url}/?team=payments")
        cards = page.locator(".cards article")
        assert cards.count() == 7
        assert {cards.nth(n).locator(".id").inner_text() for n in range(2)} == grave
        assert overhang(page) <= 0


@prepared(nothing)
def test_an_empty_install_says_what_to_configure_and_that_connects_it(service, visit):
    page = visit(viewport={"width": 360, "height": 740})
    shown = page.get_by_test_id("nothing-arrived")
    assert shown.is_visible()
    assert overhang(page) <= 0
    (receiver,) = yaml.safe_load(shown.locator("pre").inner_text())["receivers"]
    (webhook,) = receiver["webhook_configs"]
    assert webhook["url"].startswith(service.url)
    assert webhook["http_config"]["authorization"]["credentials"]
    alert = {"status": "firing", "labels": {"alertname": "Down", "severity": "critical"}, "annotations": {}}
    alert |= {"startsAt": datetime.now(UTC).isoformat(), "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "f1"}
    body = {"version": "4", "groupKey": "g", "status": "firing", "receiver": "mttx", "alerts": [alert]}
    body |= {"truncatedAlerts": 0, "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": ""}
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    assert send("POST", webhook["url"], json.dumps(body).encode(), headers).status == 200
    page.goto(service.url)
    assert page.get_by_test_id("nothing-arrived").count() == 0
    assert "alertmanager" in page.get_by_test_id("last-webhook").inner_text()
    assert page.locator(".cards article").count() == 1


@prepared(silence)
def test_a_connection_that_went_silent_does_not_look_like_an_empty_install(service, visit):
    page = visit()
    assert page.get_by_test_id("nothing-arrived").count() == 0
    assert "4 d" in page.get_by_test_id("last-webhook").inner_text()
    assert page.get_by_test_id("silent").is_visible()
    page.get_by_test_id("last-webhook").get_by_role("link").click()
    anchor = page.url.partition("#")[2]
    assert page.locator(f"[id='{anchor}']").is_visible()


@prepared(demo)
def test_a_quarter_fits_every_window_and_its_charts_are_accessible(service, visit):
    page = visit(color_scheme="dark", viewport={"width": 360, "height": 740}, bypass_csp=True)
    for path in ("/trends", "/trends?by=week&severity=SEV-2", "/reports"):
        page.goto(service.url + path)
        assert page.locator("table").count() >= 3
        assert grave_violations(page) == [], path
    page.goto(f"{service.url}/trends")
    assert all(chart.evaluate("c => c.scrollWidth <= c.clientWidth") for chart in page.locator(".picture").all())
    for path in ("/", "/incidents", "/postmortems", "/trends?by=week", "/reports", "/incidents/INC-100"):
        page.goto(service.url + path)
        for width in (360, 720, 1000, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert overhang(page) <= 0, (path, width)


@prepared(demo)
def test_a_column_stays_sorted_when_the_page_is_loaded_again(service, visit):
    page = visit()
    page.goto(f"{service.url}/incidents")
    assert page.get_by_test_id("sorting").is_visible()
    first = page.locator("tbody tr").first.locator("td").first
    for _ in range(2):
        page.locator("thead th").first.get_by_role("button").click()
    assert first.inner_text() == "SEV-4"
    page.reload()
    assert first.inner_text() == "SEV-4"
    assert page.locator("thead th").first.get_attribute("aria-sort") == "descending"


@prepared(demo)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_report_prints_on_a4_without_cutting_a_column(service, visit, language):
    page = visit(locale=language, viewport={"width": A4_PIXELS, "height": 1000}, color_scheme="dark")
    page.goto(f"{service.url}/reports")
    page.emulate_media(media="print")
    assert not page.locator("nav").first.is_visible()
    right = page.evaluate(
        "Math.max(...[...document.querySelectorAll('td, th')].map(c => c.getBoundingClientRect().right))"
    )
    assert right <= A4_PIXELS
    assert page.evaluate("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
