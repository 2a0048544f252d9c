"""Every parser of something that others wrote, as a function of bytes, and the one error that it may raise."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from service.evidence.sources.log_lines import parsed, time_of
from service.evidence.verify import verify
from service.history.importing.imported import ImportOptions
from service.history.importing.parsing import Format, parse
from service.intake import lifecycle
from service.intake.expressions import BadExpression, Evaluation, TooExpensive, expression
from service.intake.signatures import BadSignature, Signing, Verifier
from service.intake.standard_webhooks import StandardWebhooks
from service.intake.times import read_instant
from service.intake.wire import PayloadError
from service.postmortems.reading import read
from service.postmortems.sensitive import redact
from service.postmortems.suppressions import read_suppressions
from service.postmortems.times import offset, read_times
from service.settings.durations import parse_duration
from service.settings.yaml_text import NotYaml, parse_yaml
from service.web.pages import times
from service.web.pages.dimensions import dimension_filters
from service.web.pages.queries import search_of
from service.web.webhooks import WebhookRoute, webhooks_of
from tests.builders import policy
from tests.declared import SOURCES
from tests.web.fakes import World

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
EVENTS = lifecycle.EventParseOptions(zone=TOKYO, new_id=lambda: "new")
SIGNING = Signing(secrets=(b"secret",), header="S", prefix="v1=")
TIMED = Signing(secrets=(b"secret",), header="S", timestamp_header="T")
STANDARD = StandardWebhooks(secrets=(b"secret",))
SERVICES = World(events=EVENTS, sources=SOURCES).services
EXPRESSIONS = (
    b"a[?b=='x'].c[0] | [0]",
    b"join('-', [a[0].b, lower('X')])",
    b"!d.e && contains(keys(@), 'a') || `1` < `2`",
)
TIMES = (b"2026-11-23 18:04:05.123 +0900", b"Mon, 23 Nov 2026 18:04:05 GMT", b"1795456800123", b"20261123T180405Z")

HISTORIES = {
    form: tuple(
        path.read_bytes()
        for path in sorted((Path(__file__).parents[1] / "payloads/history").glob(f"{form.name.lower()}*"))
    )
    for form in Format
}


@dataclass(frozen=True, slots=True)
class Parser:
    """`seeds` are inputs that it takes."""

    run: Callable[[bytes], object]
    errors: tuple[type[Exception], ...] = ()
    seeds: tuple[bytes, ...] = ()

    def __call__(self, raw: bytes) -> None:
        """Run it; whatever is not its own error comes out."""
        with suppress(*self.errors):
            self.run(raw)


def _text(run: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda raw: run(raw.decode("utf-8", "replace"))


def _webhook(webhook: WebhookRoute) -> Callable[[bytes], object]:
    return lambda raw: webhook.parse(raw, SERVICES, NOW, "")


def _expression(text: str) -> None:
    Evaluation({"a": [{"b": text, "c": [1, "x"]}], "d": {"e": None}}).value(expression(text))


def _history(form: Format) -> Callable[[bytes], object]:
    columns = (
        ("data.a", "title"),
        ("labels[name=a].value", "severity"),
        ("title[key=1]", "resolved_at"),
        ("note", "-"),
    )
    plainly = ImportOptions(policy=policy(), zone=TOKYO)
    mapped = ImportOptions(policy=policy(), zone=TOKYO, columns=columns, time_formats=("epoch", "%d/%m/%Y"), fold=True)
    return lambda raw: [parse([("file", raw)], form, reading, NOW) for reading in (plainly, mapped)]


def _document(text: str) -> None:
    read_suppressions(read("INC-1.md", text))


def _log_line(raw: bytes) -> None:
    if fields := parsed(raw):
        time_of(fields, ("time", "ts", "a.b"), TOKYO)


def _signed(signing: Verifier) -> Callable[[bytes], object]:
    return lambda raw: signing.check(b"{}", lambda _: raw.decode("latin-1"), NOW)


def _archive(raw: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(raw)
        verify(Path(file.name))


def _search(text: str) -> None:
    arguments = MultiDict([tuple(part.split("=", 1)) for part in text.split("&") if "=" in part])
    filters = dimension_filters(World().services, arguments)
    windows = [] if arguments.get("window") else ["7d"]
    search_of(arguments, windows, filters).filter({}, NOW)


PARSERS = {
    **{str(webhook.source): Parser(_webhook(webhook), (PayloadError,)) for webhook in webhooks_of(SERVICES)},
    "expression": Parser(_text(_expression), (BadExpression, TooExpensive), EXPRESSIONS),
    "instant": Parser(_text(lambda t: read_instant(t, TOKYO, NOW)), (PayloadError,), TIMES),
    "event": Parser(lambda raw: lifecycle.parse_event(raw, EVENTS, NOW), (PayloadError,)),
    "opening": Parser(lambda raw: lifecycle.parse_opening(raw, EVENTS, NOW), (PayloadError,)),
    "signature": Parser(_signed(SIGNING), (BadSignature,), (b"v1=00,v1=ff",)),
    "signature_timed": Parser(_signed(TIMED), (BadSignature,), (b"1764000000",)),
    "signature_standard": Parser(_signed(STANDARD), (BadSignature,), (b"v1,AA== v1a,AA==", b"1764000000")),
    **{f"history_{form.name.lower()}": Parser(_history(form), (), HISTORIES[form]) for form in Format},
    "yaml": Parser(_text(parse_yaml), (NotYaml,), (b"a: [1, 2]\nb: {c: 2026-01-01}\n", b"? &a [*a]\n: !!float 1\n")),
    "duration": Parser(_text(parse_duration), (ValueError,), (b"1h30m", b"PT15M", b"P1DT2H")),
    "document": Parser(_text(_document), (), (b"# T\n\n- **Severity**: SEV-1\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",)),
    "document_times": Parser(_text(lambda t: (read_times(t, TOKYO), offset(t))), (), (b"2026-11-24 10:00 JST T+5m",)),
    "redaction": Parser(_text(redact), (), (b"password=abc AKIAABCDEFGHIJKLMNOP 4111 1111 1111 1111",)),
    "log_line": Parser(_log_line, (), (b'{"time": "2026-11-24T10:00:00Z", "a": {"b": 1764000000000}}',)),
    "archive": Parser(_archive, (), (b"PK\x05\x06" + bytes(18) + bytes(64),)),
    "form_time": Parser(_text(lambda t: times.read(t, TOKYO)), (times.UnclearTime,), (b"2026-11-24T10:00",)),
    "search": Parser(_text(_search), (), (b"state=open&severity=SEV-1&q=INC-1&before=5",)),
}
