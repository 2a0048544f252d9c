"""What every webhook source owes, declared ones too. A failure says what to add: the checklist of CONTRIBUTING."""

import importlib
import json
import re
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from service.intake.alertmanager_events import RecordedEvents
from service.intake.alerts import AlertParseOptions
from service.intake.keyed_events import KeyedEvents
from service.intake.lifecycle import EventParseOptions
from service.intake.notifications import Notification
from service.intake.reasons import Failure
from service.intake.sources import PROFILES, WEBHOOK_SOURCES, webhook_path
from service.intake.wire import PayloadError
from service.web.webhooks import webhooks_of
from tests.declared import DECLARED, SOURCES
from tests.hostile.corpus import Seed, bodies
from tests.hostile.mutations import Mutator, places
from tests.web.fakes import NOW, TOKYO, World

ROOT = Path(__file__).parents[1]
PAYLOADS = ROOT / "tests" / "payloads"
GOLDEN = PAYLOADS / "golden"
PAGES = ROOT / "docs" / "sources"
INDEX = (PAGES / "README.md").read_text()
LATER = NOW.replace(month=12)
"""After every body in `good`, and before every time in `bad` that is in the future."""
SERVICES = World(events=EventParseOptions(zone=TOKYO, new_id=lambda: "new"), sources=SOURCES).services
ROWS = {row.source: row for row in webhooks_of(SERVICES)}
BUILT_IN = tuple(source.value for source in WEBHOOK_SOURCES)
EVERY = (*BUILT_IN, *(declaration.source for declaration in DECLARED))
PROFILES_OF_ALL = SERVICES.sources.profiles

every_source = pytest.mark.parametrize("source", EVERY)
built_in = pytest.mark.parametrize("source", BUILT_IN)


def checklist(source):
    """Return what a source owes, each as what to add, and whether it is there."""
    page, folder, path = page_of(source), f"tests/payloads/{source}", webhook_path(source)
    text = page.read_text() if page.is_file() else ""
    parser = f"service/intake/{source}.py"
    code = {
        "its profile in PROFILES (service/intake/sources.py): how its senders behave": source in PROFILES,
        f"its parser, {parser}: bytes to a Notification of alerts, or to KeyedEvents": (ROOT / parser).is_file(),
        "its row in WEBHOOKS (service/web/webhooks.py): its route, and its part of openapi.json": source in ROWS,
    }
    return (code if source in BUILT_IN else {}) | {
        f"bodies as it really sends them: {folder}/good/<what>.json": payloads(source, "good"),
        f"bodies that are refused: {folder}/bad/<reason>--<what>.json (Failure has the reasons)": payloads(
            source, "bad"
        ),
        f"a golden story, tests/payloads/golden/{source}_<what happens>.yaml, with a request to {path}": any(
            bodies_in(story, source) for story in GOLDEN.glob(f"{source}_*.yaml")
        ),
        f"its page, docs/sources/{page.name}, with its address {path}": path in text,
        "`## Responses` on that page: what is answered, and what the sender does then": "\n## Responses\n" in text,
        f"its line in docs/sources/README.md, with a link to {page.name} and `POST {path}`": any(
            f"]({page.name})" in line and f"`POST {path}`" in line for line in INDEX.splitlines()
        ),
    }


def bodies_in(story, source):
    """The bodies that a golden story sends to a source."""
    requests = yaml.safe_load(story.read_text())["requests"]
    return [json.dumps(request["body"]).encode() for request in requests if request["path"] == webhook_path(source)]


def page_of(source):
    return PAGES / f"{webhook_path(source).rpartition('/')[2]}.md"


def payloads(source, kind):
    return sorted((PAYLOADS / source / kind).glob("*.json"))


def parse(source, raw):
    if source not in ROWS:
        pytest.skip(f"{source} has no webhook yet")
    return ROWS[source].parse(raw, SERVICES, LATER, "")


def faults(parsed):
    return parsed.rejected if isinstance(parsed, Notification) else parsed.unreadable


@every_source
def test_it_has_all_that_a_source_owes(source):
    if missing := [f"  - {what}" for what, is_there in checklist(source).items() if not is_there]:
        pytest.fail("\n".join([f"The source {source!r} still needs", *missing]), pytrace=False)


@built_in
def test_its_models_are_strict(source):
    if source not in ROWS:
        pytest.skip(f"{source} has no webhook yet")
    module = importlib.import_module(f"service.intake.{source}")
    models = [member for member in vars(module).values() if isinstance(member, type) and issubclass(member, BaseModel)]
    lax = [model.__name__ for model in models if not model.model_config.get("strict") and model is not BaseModel]
    assert not lax, f"service/intake/{source}.py: derive {', '.join(lax)} from service.intake.wire.WireModel"


@every_source
def test_its_parser_returns_what_its_profile_says(source):
    types = {"alerts": Notification, "keyed events": KeyedEvents, "ends and silences": RecordedEvents}
    for file in payloads(source, "good"):
        assert isinstance(parse(source, file.read_bytes()), types[PROFILES_OF_ALL[source].sends])


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


@pytest.mark.parametrize("source", [source for source in EVERY if PROFILES_OF_ALL[source].sends == "alerts"])
@pytest.mark.parametrize("story", sorted(GOLDEN.glob("*.yaml")), ids=lambda story: story.stem)
def test_its_ends_have_the_fingerprints_of_its_firings(source, story):
    alerts = [alert for body in bodies_in(story, source) for alert in parse(source, body).alerts]
    firing, ended = (
        {alert.observation.fingerprint for alert in alerts if (alert.observation.ends_at is None) is fires}
        for fires in (True, False)
    )
    assert not firing or ended <= firing, (
        f"golden/{story.name}: no firing has the fingerprint of the end {sorted(ended - firing)}: "
        "the labels of both must be equal, or the parser sets `fingerprint`"
    )


@pytest.mark.no_cover
@every_source
def test_its_parser_raises_nothing_but_its_own_error_for_any_bytes(source):
    files = [*payloads(source, "good"), *payloads(source, "bad")]
    mutator = Mutator(
        [Seed(webhook_path(source), file.read_bytes()) for file in files] or [Seed(webhook_path(source), b"{}")]
    )

    @settings(max_examples=300, deadline=None)  # the machine may be busy
    @given(st.binary() | st.integers(0, 10**9).map(lambda number: mutator.make(number).body))
    def check(raw):
        refusal(source, raw)

    check()


@built_in
def test_it_takes_no_boolean_for_a_number_and_no_number_for_a_boolean(source):
    """Python's True equals 1: what has the wrong type is treated as any other wrong type is."""
    for file in payloads(source, "good"):
        body = json.loads(file.read_bytes())
        for number, (holder, key) in enumerate(places(body)):
            value = holder[key]
            if isinstance(value, bool | int | float):
                swapped, wrong = (replaced(body, number, other) for other in (swap(value), ["wrong"]))
                assert outcome(source, swapped) == outcome(source, wrong), (
                    f"{file.name}: {key!r} takes {swap(value)!r} for {value!r}. Literal[0, 1] does: declare an int"
                )


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


def world_of(source):
    return World(clock=lambda: LATER, sources=SOURCES)


@every_source
def test_its_webhook_answers_as_described_and_counts(source):
    operation = world_of(source).get("/openapi.json").get_json()["paths"].get(webhook_path(source), {}).get("post", {})
    for file in payloads(source, "good"):
        world = world_of(source)
        response = world.post(webhook_path(source), data=file.read_bytes())
        assert str(response.status_code) in operation["responses"], (file.name, response.get_data(as_text=True))
        assert response.status_code in (200, 202), file.name
        assert (world.counters["request", source], world.counters["received", source]) == (1, LATER)


@every_source
def test_its_bodies_are_in_the_hostile_corpus(source):
    sent = {seed.body for seed in bodies() if seed.path == webhook_path(source)}
    assert {file.read_bytes() for kind in ("good", "bad") for file in payloads(source, kind)} <= sent


@pytest.mark.parametrize("readme", ["README.md", "README.ja.md"])
def test_the_readmes_lead_to_the_index(readme):
    assert "(docs/sources/README.md)" in (ROOT / readme).read_text()


def test_the_example_in_contributing_is_a_parser():
    """A monitor that goes down fires, and one that comes up has only an end."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    code = re.search(r'```python\n("""Webhooks of a heartbeat monitor.+?)```', page, re.DOTALL)[1]
    namespace = {"__name__": "heartbeat"}
    exec(code.replace("Source.HEARTBEAT", "Source.GRAFANA"), namespace)
    beat = '{"monitor": "backup", "name": "%s", "status": "%s", "since": %s}'
    down, up, wrong = (
        (beat % what).encode() for what in (("A", "down", 1795456800), ("B", "up", 1795456800), ("B", "up", "true"))
    )
    (fires,), (ends,) = (namespace["parse"](body, AlertParseOptions(), LATER).alerts for body in (down, up))
    assert (fires.observation.starts_at.hour, fires.observation.ends_at) == (18, None)
    assert ends.observation.is_end_only
    assert ends.observation.fingerprint == fires.observation.fingerprint
    with pytest.raises(PayloadError):
        namespace["parse"](wrong, AlertParseOptions(), LATER)
