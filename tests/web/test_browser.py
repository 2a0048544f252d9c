"""The pages in a real browser: clicking through an incident, strangers' forms, two people, phones, and axe-core."""

from contextlib import contextmanager

import pytest

from service.domain.events import EventKind
from tests.real.http import request
from tests.web.browsing import READER, TOKEN, grave_violations, overhang

pytestmark = pytest.mark.real
PAGES = (
    "/",
    "/incidents",
    "/incidents/INC-1",
    "/incidents/INC-1/resolve",
    "/incidents/INC-1/retract",
    "/postmortems?all=yes",
    "/incidents/INC-99",
    "/runbook",
    "/trends?by=week",
    "/reports",
    "/nowhere",
)
HOSTILE = '<img src=x onerror="document.title=1">'


@contextmanager
def confirmed(page):
    """Expect the page to have gone somewhere else and to say that it is done."""
    yield
    page.wait_for_selector("[role=status]")


def submit(page, action):
    page.locator(f"form[action$='/{action}'] button").click()


def kinds(service, incident):
    import json

    answer = request("GET", f"{service.url}/api/v1/incidents/{incident}", None, {"Authorization": f"Bearer {TOKEN}"})
    return [event["kind"] for event in json.loads(answer.body)["events"]]


@pytest.mark.parametrize("script", [True, False])
def test_an_incident_is_clicked_through_to_its_end(visit, service, opened, script):
    incident = opened(f"Clicked, script {script}")
    page = visit(java_script_enabled=script)
    page.get_by_role("link", name=f"Clicked, script {script}").first.click()
    for action in ("acknowledge", "mitigated"):
        with confirmed(page):
            submit(page, action)
    page.locator("a.button[href$='/resolve']").click()
    with confirmed(page):
        submit(page, "resolve")
    assert page.locator(".phase.resolved").count() == 1
    assert kinds(service, incident) == [
        EventKind.DETECTED,
        EventKind.ACKNOWLEDGED,
        EventKind.MITIGATED,
        EventKind.RESOLVED,
    ]


def test_clocks_run_and_what_was_done_is_said_once(visit, service, opened):
    page = visit()
    page.goto(f"{service.url}/incidents/{opened()}?said=note")
    assert "said" not in page.url
    clock = page.locator("[data-clock]").first
    before = clock.inner_text()
    page.wait_for_function("before => document.querySelector('[data-clock]').textContent !== before", arg=before)


def test_a_wrong_token_shows_nothing(chromium, service):
    context = chromium.new_context(http_credentials={"username": "me", "password": "wrong"})
    answer = context.new_page().goto(f"{service.url}/incidents")
    assert answer.status == 401
    context.close()


def test_a_reader_is_offered_no_button(visit, service, opened):
    page = visit(READER)
    page.goto(f"{service.url}/incidents/{opened()}")
    assert page.locator("main button").count() == 0


def test_a_page_of_another_origin_cannot_send_a_form(visit, service, opened):
    incident = opened()
    page = visit()
    foreign = service.url.replace("127.0.0.1", "localhost")
    page.route(
        f"{foreign}/attack",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f'<form method="post" action="{service.url}/incidents/{incident}/acknowledge">'
            "<button>win</button></form>",
        ),
    )
    page.goto(f"{foreign}/attack")
    with page.expect_response(lambda answer: answer.url.endswith("/acknowledge")) as answered:
        page.get_by_role("button").click()
    assert answered.value.status == 403
    assert kinds(service, incident) == [EventKind.DETECTED]


def test_two_people_click_and_the_second_gets_an_alert(visit, service, opened):
    incident = opened()
    first, second = visit(), visit()
    for page in (first, second):
        page.goto(f"{service.url}/incidents/{incident}")
    with confirmed(first):
        submit(first, "acknowledge")
    submit(second, "acknowledge")
    assert second.get_by_role("alert").get_attribute("data-testid") == "trouble.stale"
    assert second.get_by_test_id("later-events").get_by_role("listitem").count() == 1
    assert kinds(service, incident) == [EventKind.DETECTED, EventKind.ACKNOWLEDGED]


def test_what_was_typed_comes_back(visit, service, opened):
    page = visit()
    page.goto(f"{service.url}/incidents/{opened()}")
    page.locator("details:has(textarea[name=text]) summary").click()
    page.locator("details[open] textarea[name=text]").fill("Restarted the queue")
    page.locator("details[open] input[name=at]").fill("2026-03-29T02:30:00")
    submit(page, "note")
    assert page.get_by_test_id("error.time_skipped").count() == 1
    assert page.locator("textarea[name=text]").input_value() == "Restarted the queue"


def test_the_worst_of_many_come_first_and_a_click_sorts_the_lines(visit, service, opened):
    opened("Major")
    for number in range(14):
        opened(f"Minor {number}", severity="SEV-4")
    page = visit()
    severities = page.locator("[data-testid=open-table] tbody td:first-child")
    assert severities.first.inner_text() == "SEV-1"
    head = page.locator("[data-testid=open-table] thead th").first
    for order, first in (("ascending", "SEV-1"), ("descending", "SEV-4")):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == order
        assert severities.first.inner_text() == first


def test_the_keyboard_filters_by_team(visit, opened):
    ours = opened("Ours", labels={"team": "payments"})
    opened("Theirs", labels={"team": "search"})
    page = visit()
    page.goto(f"{page.url}incidents")
    page.get_by_label("Team").focus()
    page.keyboard.type("pay")
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.tagName") != "BUTTON":
        page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "team=payments" in page.url
    assert [link.split()[0] for link in page.locator("tbody th a").all_inner_texts()] == [ours]
    with page.expect_navigation():
        page.get_by_role("link", name="Status").click()


def test_a_link_to_a_filtered_page_survives_signing_in(chromium, service, opened):
    ours = opened("Linked", labels={"team": "link"})
    address = f"{service.url}/incidents?team=link"
    assert request("GET", address).status == 401
    context = chromium.new_context(http_credentials={"username": "me", "password": READER})
    page = context.new_page()
    assert page.goto(address).status == 200
    assert page.url == address
    assert page.locator("tbody th a").all_inner_texts()[0].startswith(ours)
    context.close()


def test_the_team_of_an_incident_is_changed_on_its_page(visit, service, opened):
    incident = opened("Whose", labels={"team": "payments"})
    page = visit()
    page.goto(f"{service.url}/incidents/{incident}")
    page.get_by_text("Change team, type or domain").click()
    page.get_by_label("Team").fill("search")
    page.get_by_label("Add a type").select_option("data")
    with confirmed(page):
        submit(page, "describe")
    assert {"search", "Data"} <= {text.split()[-1] for text in page.locator(".tags .tag").all_inner_texts()}


def test_hostile_texts_stay_texts(visit, service, opened):
    incident = opened(HOSTILE, labels={"runbook": "javascript:alert(1)"})
    page = visit()
    page.goto(f"{service.url}/incidents/{incident}")
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.locator("a[href^=javascript]").count() == 0


def test_the_keyboard_reaches_the_content_first(visit, service, opened):
    page = visit()
    page.goto(f"{service.url}/incidents/{opened()}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("light", 1280), ("dark", 360), ("dark", 1280)])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_axe_finds_nothing_serious_and_nothing_scrolls_sideways(  # noqa: PLR0917 - what the fixtures and cases are
    visit, service, opened, language, scheme, width
):
    opened("A" * 120)
    page = visit(locale=language, color_scheme=scheme, viewport={"width": width, "height": 740}, bypass_csp=True)
    for path in PAGES:
        page.goto(service.url + path)
        assert page.locator("html").get_attribute("lang") == language
        assert overhang(page) <= 0, path
        assert grave_violations(page) == [], path
