"""The scrape: the store's families are collected and encoded once for all scrapers while nothing changes.

The process's own families are few and encoded per scrape, at most once a second. Both parts form one text, in the
format and compression that the scraper asks for.
"""

import gzip
import struct
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain

from prometheus_client import CollectorRegistry
from prometheus_client import Metric as Family
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.openmetrics.exposition import ALLOWUTF8, UNDERSCORES

from service.metrics.collectors import StoreCollector
from service.metrics.kept import Kept
from service.metrics.parts import equal_as_same
from service.store import StoreUnavailable

KEEP_SECONDS = 60.0
"""How long a reading is served while nothing is written; the statistics' windows lag by at most this much."""
PAGE_SECONDS = 1.0
"""Maximum age of the process's own numbers."""
SPACING = 4
"""Under constant writes, reading takes one part of the time and leaves this many to other work."""
MAX_WAIT_SECONDS = 0.5
TURN_SECONDS = 5.0
"""How long a scrape waits for another's reading; if the store hangs, it is answered without incidents."""
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_END = b"# EOF\n"
Encode = Callable[["_Collected"], bytes]


@dataclass(frozen=True, slots=True)
class _Collected:
    """Families, in the shape that prometheus_client encodes."""

    families: Sequence[Family] = ()

    def collect(self) -> Sequence[Family]:
        return self.families


@dataclass(frozen=True, slots=True)
class _Text:
    """A piece of text, plain and compressed, so that another piece can follow in the same gzip member."""

    plain: bytes
    deflated: bytes
    checksum: int

    @classmethod
    def of(cls, plain: bytes) -> "_Text":
        squeeze = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        return cls(plain, squeeze.compress(plain) + squeeze.flush(zlib.Z_FULL_FLUSH), zlib.crc32(plain))

    def gzip_with(self, rest: bytes) -> bytes:
        squeeze = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        size = (len(self.plain) + len(rest)) & 0xFFFFFFFF
        trailer = struct.pack("<LL", zlib.crc32(rest, self.checksum), size)
        return b"".join((_GZIP_HEADER, self.deflated, squeeze.compress(rest), squeeze.flush(), trailer))


class _Encoded:
    """The families of the last scrape in one format: the parts that are the same objects are not encoded again."""

    def __init__(self) -> None:
        self._parts: Kept[int, Family, tuple[bytes, bytes]] = Kept()

    def text(self, parts: Iterable[Family], encode: Encode) -> bytes:
        def head_and_samples(_: int, part: Family) -> tuple[bytes, bytes]:
            help_, type_, samples = encode(_Collected([part])).removesuffix(_END).split(b"\n", 2)
            return b"%b\n%b\n" % (help_, type_), samples

        parts = list(parts)
        texts = self._parts.all_of(((id(part), part) for part in parts), head_and_samples)
        families: dict[str, list[bytes]] = {}
        for part in parts:
            head, samples = texts[id(part)]
            families.setdefault(part.name, [head]).append(samples)
        return b"".join(chain.from_iterable(families.values()))


@dataclass(slots=True)
class _Reading:
    """A reading of the store at `version`; `began` and `seconds` are of the monotonic clock."""

    began: float
    version: Hashable
    read_at: datetime
    changes_at: datetime | None
    families: Sequence[Family]
    seconds: float = 0.0
    texts: dict[str, _Text] = field(default_factory=dict)
    """By content type."""

    def holds(self, version: Hashable, now: datetime) -> bool:
        """Return whether it is still current; a clock step in either direction invalidates it."""
        age = (now - self.read_at).total_seconds()
        passed = self.changes_at is not None and now > self.changes_at
        return self.version == version and not passed and 0 <= age < KEEP_SECONDS


@dataclass(slots=True)
class _Page:
    """A complete response: a reading, and the process's own families as of `began`."""

    began: float
    reading: _Reading
    text: _Text
    rest: bytes
    gzip: bytes = b""

    def body(self, compressed: bool) -> bytes:
        if not compressed:
            return self.text.plain + self.rest
        self.gzip = self.gzip or self.text.gzip_with(self.rest)
        return self.gzip


class Exposition:
    """Answers scrapes from any thread, one at a time; a waiting scrape reuses a reading begun since it arrived.

    `version` is equal until something is written to the store, and raises `StoreUnavailable`.
    """

    def __init__(
        self,
        shared: Sequence[StoreCollector],
        own: CollectorRegistry,
        version: Callable[[], Hashable],
        clock: Callable[[], datetime],
    ) -> None:
        self._shared = shared
        self._own = own
        self._version = version
        self._clock = clock
        self._turn = threading.Lock()
        self._pause = threading.Event()  # never set: waiting for it times out regardless of clock changes
        self._reading: _Reading | None = None
        self._pages: dict[str, _Page] = {}
        self._encoded: dict[str, _Encoded] = defaultdict(_Encoded)
        self._own_families: Kept[str, Family, Family] = Kept()
        self._own_encoded: dict[str, _Encoded] = defaultdict(_Encoded)

    def __call__(
        self, accept: str | None, accept_encoding: str | None, asked_at: float | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """Return a scrape's body and headers, with everything committed before `asked_at` (monotonic)."""
        encode, content_type = choose_encoder(accept or "")
        if isinstance(encode, partial) and encode.keywords.get("escaping") == UNDERSCORES:
            encode = partial(encode, escaping=ALLOWUTF8)  # the same for our names, without a look at each character
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        compressed = gzip_accepted(accept_encoding or "")
        if compressed:
            headers["Content-Encoding"] = "gzip"
        asked_at = time.monotonic() if asked_at is None else asked_at
        if not self._turn.acquire(timeout=TURN_SECONDS):
            body = encode(self._own)
            return gzip.compress(body, 1) if compressed else body, headers
        try:
            return self._page(content_type, encode, asked_at).body(compressed), headers
        finally:
            self._turn.release()

    def _page(self, content_type: str, encode: Encode, asked_at: float) -> _Page:
        page = self._pages.get(content_type)
        if page is not None and page.began >= asked_at:
            return page
        began = time.monotonic()
        reading = self._current(asked_at)
        if page is None or page.reading is not reading or began - page.began >= PAGE_SECONDS:
            page = _Page(began, reading, self._text(reading, content_type, encode), self._rest(content_type, encode))
            reading.seconds = max(reading.seconds, time.monotonic() - reading.began)
            self._pages[content_type] = page
        return page

    def _text(self, reading: _Reading, content_type: str, encode: Encode) -> _Text:
        if content_type not in reading.texts:
            reading.texts[content_type] = _Text.of(self._encoded[content_type].text(reading.families, encode))
        return reading.texts[content_type]

    def _rest(self, content_type: str, encode: Encode) -> bytes:
        """Return the process's own families, and the end."""
        families = equal_as_same(self._own_families, self._own.collect())
        return self._own_encoded[content_type].text(families, encode) + encode(_Collected())

    def _current(self, asked_at: float) -> _Reading:
        """Return a reading begun since `asked_at`, or one that is still current, or a new one."""
        kept = self._reading
        if kept is not None:
            if kept.began >= asked_at or kept.holds(self._versioned(), self._clock()):
                return kept
            wait = kept.began + (1 + SPACING) * kept.seconds - time.monotonic()
            self._pause.wait(max(0.0, min(MAX_WAIT_SECONDS, wait)))
        self._reading = self._read()
        return self._reading

    def _read(self) -> _Reading:
        began, version, now = time.monotonic(), self._versioned(), self._clock()
        families = [family for collector in self._shared for family in collector.collect()]
        if not all(collector.whole for collector in self._shared):
            version = None
        passing = [at for collector in self._shared if (at := collector.changes_at) is not None]
        reading = _Reading(began, version, now, min(passing, default=None), families)
        reading.seconds = time.monotonic() - began
        return reading

    def _versioned(self) -> Hashable:
        """Return the version of the store; if it fails, one that equals no other."""
        try:
            return self._version()
        except StoreUnavailable:
            return object()
