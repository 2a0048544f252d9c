"""What every webhook source owes. A failure says what to add: together they are the checklist of CONTRIBUTING."""

import importlib
import json
from copy import deepcopy
from itertools import chain
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from service.intake.keyed_events import KeyedEvents
from service.intake.lifecycle import EventParseOptions
from service.intake.notifications import Notification
from service.intake.reasons import Failure
from service.intake.sources import PROFILES, WEBHOOK_SOURCES
from service.intake.wire import PayloadError
from service.web.openapi import document
from service.web.webhooks import WEBHOOKS
from tests.hostile.corpus import Seed, bodies
from tests.hostile.mutations import Mutator, places
from tests.web.fakes import NOW, TOKYO, World

ROOT = Path(__file__).parents[1]
PAYLOADS = ROOT / "tests" / "payloads"
GOLDEN = PAYLOADS / "golden"
PAGES = ROOT / "docs" / "sources"
LATER = NOW.replace(month=12)
"""After every body in `good`, and before every time in `bad` that is in the future."""
SERVICES = World(events=EventParseOptions(zone=TOKYO, new_id=lambda: "new")).services

every_source = pytest.mark.parametrize("source", WEBHOOK_SOURCES, ids=lambda source: source.value)


def webhook(source):
    row = next((row for row in WEBHOOKS if row.source is source), None)
    assert row, f"Source '{source}' has no webhook: add a row to WEBHOOKS in service/web/webhooks.py"
    return row


def payloads(source, kind):
    files = sorted((PAYLOADS / source / kind).glob("*.json"))
    assert files, f"Source '{source}' has no {kind} bodies: add real ones to tests/payloads/{source}/{kind}/" + (
        "<what>.json" if kind == "good" else "<reason>--<what>.json, where the reason is one of Failure"
    )
    return files


def parse(source, raw):
    return webhook(source).parse(raw, SERVICES, LATER, "")


def faults(parsed):
    return parsed.rejected if isinstance(parsed, Notification) else parsed.unreadable


def page(source):
    return PAGES / f"{source.path.rpartition('/')[2]}.md"


@every_source
def test_its_senders_are_described(source):
    assert source in PROFILES, f"Source '{source}' has no profile: add it to PROFILES in service/intake/sources.py"


@every_source
def test_it_has_a_parser_of_its_own_whose_models_are_strict(source):
    try:
        module = importlib.import_module(f"service.intake.{source}")
    except ModuleNotFoundError:
        pytest.fail(f"Source '{source}' has no parser: add service/intake/{source}.py")
    models = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, BaseModel)]
    lax = [model.__name__ for model in models if not model.model_config.get("strict") and model is not BaseModel]
    assert not lax, f"service/intake/{source}.py: derive {', '.join(lax)} from service.intake.wire.WireModel"


@every_source
def test_its_parser_returns_what_its_profile_says(source):
    expected = {"alerts": Notification, "keyed events": KeyedEvents}.get(PROFILES[source].sends)
    for file in payloads(source, "good"):
        parsed = parse(source, file.read_bytes())
        assert expected is None or isinstance(parsed, expected), (
            f"Source '{source}' sends {PROFILES[source].sends} by its profile (service/intake/sources.py), "
            f"but its parser returns {type(parsed).__name__}"
        )


@every_source
def test_it_reads_its_good_bodies_whole(source):
    for file in payloads(source, "good"):
        assert not faults(parse(source, file.read_bytes())), file.name


@every_source
def test_it_refuses_its_bad_bodies_for_their_reasons(source):
    for file in payloads(source, "bad"):
        reason = file.name.partition("--")[0]
        assert reason in list(Failure), f"{file.name}: name it <reason>--<what>.json; {reason!r} is no Failure"
        assert refusal(source, file.read_bytes()) == reason, file.name


def refusal(source, raw):
    """The reason for which a body is refused, or of the first of its parts that is; None where it is taken."""
    try:
        parsed = parse(source, raw)
    except PayloadError as error:
        return error.reason
    return next((fault.reason for fault in faults(parsed)), None)


@every_source
def test_its_parser_raises_nothing_but_its_own_error_for_any_bytes(source):
    files = chain(payloads(source, "good"), payloads(source, "bad"))
    mutator = Mutator([Seed(source.path, file.read_bytes()) for file in files])

    @settings(max_examples=300, deadline=None)  # the machine may be busy
    @given(st.binary() | st.integers(0, 10**9).map(lambda number: mutator.make(number).body))
    def check(raw):
        refusal(source, raw)

    check()


@every_source
def test_it_takes_no_boolean_for_a_number_and_no_number_for_a_boolean(source):
    """Python's True equals 1: what has the wrong type is treated as any other wrong type is."""
    for file in payloads(source, "good"):
        body = json.loads(file.read_bytes())
        for number, (holder, key) in enumerate(places(body)):
            value = holder[key]
            if isinstance(value, bool | int | float):
                swapped, wrong = (replaced(body, number, other) for other in (swap(value), ["wrong"]))
                assert outcome(source, swapped) == outcome(source, wrong), f"{file.name}: {key}"


def swap(value):
    return int(value) if isinstance(value, bool) else True


def replaced(body, number, value):
    copy = deepcopy(body)
    holder, key = list(places(copy))[number]
    holder[key] = value
    return json.dumps(copy).encode()


def outcome(source, raw):
    try:
        parsed = parse(source, raw)
    except PayloadError:
        return "refused"
    match parsed:
        case Notification():
            return parsed.alerts, parsed.ignored, parsed.truncated, len(parsed.rejected)
        case KeyedEvents():
            return parsed.events, len(parsed.unreadable)
        case _:
            return parsed.ends, parsed.silences, len(parsed.unreadable)


@every_source
def test_it_is_in_the_hostile_corpus(source):
    assert any(seed.path == source.path for seed in bodies())


@every_source
def test_it_has_a_golden_story(source):
    stories = [yaml.safe_load(file.read_text()) for file in GOLDEN.glob("*.yaml")]
    assert any(request["path"] == source.path for story in stories for request in story["requests"]), (
        f"Source '{source}' has no golden story: add tests/payloads/golden/{source}_<what happens>.yaml, a sequence of "
        "its bodies and the incidents that come of it (tests/payloads/golden/README.md)"
    )


@every_source
def test_its_webhook_answers_and_counts(source):
    webhook(source)
    for file in payloads(source, "good"):
        world = World(clock=lambda: LATER)
        response = world.post(source.path, data=file.read_bytes())
        assert response.status_code in (200, 202), (file.name, response.get_data(as_text=True))
        assert (world.counters["request", source], world.counters["received", source]) == (1, LATER)


@every_source
def test_the_openapi_document_describes_its_body(source):
    operation = document()["paths"][webhook(source).source.path]["post"]
    assert operation["summary"]
    assert operation["requestBody"]


@every_source
def test_it_has_a_page_and_a_line_in_the_index(source):
    file, index = page(source), PAGES / "README.md"
    assert file.is_file(), f"Source '{source}' has no page: add docs/sources/{file.name}"
    text = file.read_text()
    assert source.path in text, f"docs/sources/{file.name} does not show the address {source.path}"
    assert "\n## Responses\n" in text, (
        f"docs/sources/{file.name} has no section '## Responses': which status means what, and what the sender does"
    )
    line = next((line for line in index.read_text().splitlines() if f"`POST {source.path}`" in line), "")
    assert f"]({file.name})" in line, (
        f"Source '{source}' is not in the index: add a line with [its name]({file.name}) and `POST {source.path}` to "
        "docs/sources/README.md"
    )


@pytest.mark.parametrize("readme", ["README.md", "README.ja.md"])
def test_the_readmes_lead_to_the_index(readme):
    assert "(docs/sources/README.md)" in (ROOT / readme).read_text()
