"""Bodies made worse: what JSON allows and nobody expects, then bytes that are no JSON. A number is an input."""

import json
import random
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from service.domain.events import EventKind
from tests.hostile.corpus import Seed

TIMES = (
    "2026-11-23T18:04:05Z",
    "2026-11-23T18:04:05.123456789+09:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00+14:00",
    "2026-02-30T00:00:00Z",
    "2026-11-23T24:00:00Z",
    "2016-12-31T23:59:60Z",
    "2026-11-23T18:04:05",
    "2026-11-23",
    "0000-00-00T00:00:00Z",
    "2198-12-31",
    "٢٠٢٦-11-23T18:04:05Z",
)
TEXTS = (
    "",
    " ",
    "\x00",
    "\ud800",
    "\udfff\ud800",
    "\r\nX-Injected: yes",
    "\u202eevil\u2066",
    "\ufeff",
    "🔥" * 60,
    "x" * 201,
    "x" * 501,
    "x" * 4097,
    "é" * 5_000,
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "[x](javascript:alert(1))",
    "{{ 7*7 }}{% raw %}",
    "%s%n%(a)s{0.__class__}",
    "'; DROP TABLE events; --",
    "%' OR '_' LIKE '\\",
    "INC-0",
    "INC-1",
    "INC-2",
    "INC-999999999999999999",
    "INC-9999999999999999999999",
    "../../etc/passwd",
    "$.alerts[0]",
    "__proto__",
    "NaN",
    "SEV-1",
    "SEV-9",
    "critical",
    "firing",
    "resolved",
    "true",
    "4",
    "1",
    "seed-note",
    "jira-42",
    "A-1",
)
NUMBERS = (0, -0.0, 1, -1, 0.1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**40, 10**400, 1e308, 5e-324)
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": ""}, {"a": {"a": {"a": {}}}})
KEYS = ("", "a" * 300, "$ref", "title", "alerts", "severity", "kind", "data", "labels", "\ud800", "started_at", "id")
PIECES = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud83d",
    b"\xff\xfe",
    b"\x00",
    b"\xc3",
    b"1e999",
)
PIECES = (
    *PIECES,
    b"NaN",
    b"-",
    b"null",
    b"\xef\xbb\xbf",
    b"//",
    b"'",
    b"\n" * 40,
    b"[" * 300,
    b'{"a":' * 300,
    b"9" * 5000,
)
LARGEST = 300_000


class Mutator:
    """Makes input `number` of a corpus, the same each time."""

    def __init__(self, seeds: Sequence[Seed]) -> None:
        self._seeds = seeds
        self._trees = [_tree(seed.body) for seed in seeds]
        self._parts = [json.dumps(holder[key]) for tree in self._trees for holder, key in places(tree)]

    def make(self, number: int) -> Seed:
        """Return an input: two in three are still JSON, so that they come further than the parser of JSON."""
        rng = random.Random(number)
        at = rng.randrange(len(self._seeds))
        seed, tree = self._seeds[at], self._trees[at]
        body = seed.body
        if tree is not None and rng.random() < 0.9:
            tree = json.loads(seed.body)
            for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5, 8))):
                tree = self._worse(tree, rng)
            body = serialized(tree, rng)
        if tree is None or rng.random() < 0.3:
            for _ in range(rng.choice((1, 1, 2, 4))):
                body = scrambled(body, rng, self._seeds)
        path = rng.choice(self._seeds).path if rng.random() < 0.02 else seed.path
        return Seed(path, body[:LARGEST], seed.media_type)

    def _worse(self, tree: Any, rng: random.Random) -> Any:
        """Change one place of a tree."""
        candidates = list(places(tree))
        if not candidates:
            return self._odd(rng, tree)
        holder, key = rng.choice(candidates)
        match rng.randrange(10):
            case 0:
                del holder[key]
            case 1:
                holder[key] = [holder[key]] * rng.choice((0, 2, 2, 3, 3, 70, 70, 70, 1001))
            case 2 if isinstance(holder, dict):
                holder[rng.choice(KEYS)] = holder.pop(key)
            case 2:
                holder.insert(key, json.loads(json.dumps(holder[key])))
            case 3:
                holder[key] = self._part(rng)
            case 4 if isinstance(holder[key], dict):
                holder[key] |= {f"l{n}": self._odd(rng, "") for n in range(rng.choice((1, 3, 65)))}
            case 5 if isinstance(holder[key], str):
                where = rng.randrange(len(holder[key]) + 1)
                holder[key] = holder[key][:where] + rng.choice(TEXTS) + holder[key][where:]
            case _:
                holder[key] = self._odd(rng, holder[key])
        return tree

    def _odd(self, rng: random.Random, old: Any) -> Any:
        """Return an odd value, mostly of the same type, so that it is not the type that stops it."""
        if isinstance(old, str) and rng.random() < 0.7:
            return rng.choice((*TEXTS, *TIMES, *(kind.value for kind in EventKind)))
        return deepcopy(rng.choice((*TEXTS, *TIMES, *NUMBERS, *OTHERS)))

    def _part(self, rng: random.Random) -> Any:
        """Return a part of another body."""
        return json.loads(rng.choice(self._parts)) if self._parts else None


def serialized(tree: Any, rng: random.Random) -> bytes:
    """Write a tree as JSON in one of the ways that there are."""
    try:
        return json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode(
            "utf-8", rng.choice(("replace", "surrogatepass"))
        )
    except ValueError:  # an integer that the standard library does not write
        return json.dumps(str(type(tree))).encode()


def scrambled(body: bytes, rng: random.Random, seeds: Sequence[Seed]) -> bytes:
    """Change bytes."""
    at = rng.randrange(len(body) + 1)
    end = min(len(body), at + rng.choice((1, 1, 2, 8, 100)))
    match rng.randrange(7):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + body[end:]
        case 2:
            return body[:at] + body[at:end] * rng.choice((2, 3, 50)) + body[end:]
        case 3:
            return body[:at] + bytes([rng.randrange(256)]) + body[end:]
        case 4:
            other = rng.choice(seeds).body
            return body[:at] + other[rng.randrange(len(other) + 1) :]
        case _:
            return body[:at] + rng.choice(PIECES) + body[at if rng.random() < 0.5 else end :]


def _tree(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Return every place of a tree as its holder and its key there."""
    places: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting and len(places) < 5000:
        holder = waiting.pop()
        keys = holder if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            places.append((holder, key))
            waiting.append(holder[key])
    return places
