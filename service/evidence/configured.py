"""From the configuration to sources and terms."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from service import __version__
from service.clients.grafana.annotations import Annotations
from service.clients.grafana.configured import connection_to
from service.clients.json_api import JsonApi
from service.clients.prometheus import PrometheusApi
from service.evidence.collecting import Terms
from service.evidence.redaction import Redaction
from service.evidence.source import Source
from service.evidence.sources import configured as others
from service.evidence.sources.metrics import MOST_BYTES, Metrics, Query
from service.evidence.sources.timeline import AskAnnotations, Story, Timeline
from service.settings import Settings

PATIENCE = timedelta(seconds=30)
"""The least that one request may take: a range query is slower than what is asked in the background."""


@contextmanager
def open_sources(settings: Settings, story: Story | None) -> Iterator[list[Source]]:
    """Give the sources that are configured, in the order in which they are asked; their connections are closed then."""
    with ExitStack() as stack:
        found: list[Source] = [Timeline(story, _annotations(settings, stack))]
        if settings.prometheus.url is not None:
            found.append(Metrics(_prometheus(settings, stack), _queries(settings)))
        found += others.sources_of(settings, stack)
        yield found


def terms_of(settings: Settings, *, allow_verbatim: bool) -> Terms:
    """Return how it is collected."""
    keys = settings.evidence
    return Terms(
        version=__version__,
        redaction=Redaction(keys.redact),
        max_bytes=keys.max_bytes,
        bounds={str(name): most for name, most in keys.bounds.items()},
        allow_verbatim=allow_verbatim,
    )


def _annotations(settings: Settings, stack: ExitStack) -> AskAnnotations | None:
    if settings.grafana.url is None:
        return None
    connection = connection_to(settings.grafana)
    stack.callback(connection.close)
    return Annotations(connection).between


def _prometheus(settings: Settings, stack: ExitStack) -> PrometheusApi:
    keys = settings.prometheus
    token = keys.token.get_secret_value() if keys.token else None
    timeout = max(keys.timeout, PATIENCE)
    api = JsonApi(keys.url or "", token=token, ca_file=keys.ca_file, timeout=timeout, max_bytes=MOST_BYTES)
    stack.callback(api.close)
    return PrometheusApi(api)


def _queries(settings: Settings) -> list[Query]:
    return [Query(one.name, one.query, one.unit, one.step) for one in settings.evidence.metrics]
