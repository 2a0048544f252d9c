"""The scrape: a registry of our own, in the format and encoding that the scraper asks for."""

import gzip
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.registry import Collector


def registry(collectors: Iterable[Collector]) -> CollectorRegistry:
    """Return a registry with the collectors, in their order, and those of the process and of Python."""
    made = CollectorRegistry()
    for collector in collectors:
        made.register(collector)
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    GCCollector(registry=made)
    return made


def exposition(of: CollectorRegistry) -> Callable[[str | None, str | None], tuple[bytes, dict[str, str]]]:
    """Return a function from the Accept and Accept-Encoding headers to the scrape's body and headers."""

    def expose(accept: str | None, accept_encoding: str | None) -> tuple[bytes, dict[str, str]]:
        encode, content_type = choose_encoder(accept or "")
        body = encode(of)
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if gzip_accepted(accept_encoding or ""):
            return gzip.compress(body, compresslevel=1, mtime=0), {**headers, "Content-Encoding": "gzip"}
        return body, headers

    return expose
