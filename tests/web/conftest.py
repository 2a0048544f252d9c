import json

import pytest

from tests.real.http import request
from tests.web.browsing import TOKEN, Service
from tests.web.fakes import World


@pytest.fixture
def world():
    return World()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    server = Service(tmp_path_factory.mktemp("service"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def chromium(require):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = require("chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, service):
    """Give a function that opens a tab of its own person; what its console complains of fails the test."""
    contexts, complaints = [], []

    def visit(token=TOKEN, **options):
        options = {"locale": "en", "viewport": {"width": 1280, "height": 900}, **options}
        context = chromium.new_context(http_credentials={"username": "me", "password": token}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(service.url)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def opened(service):
    """Give a function that opens an incident and returns its id."""

    def opened(title="Orders wait", **fields):
        body = json.dumps({"title": title, "severity": "SEV-1", **fields}).encode()
        answer = request("POST", f"{service.url}/api/v1/incidents", body, {"Authorization": f"Bearer {TOKEN}"})
        return json.loads(answer.body)["id"]

    return opened
