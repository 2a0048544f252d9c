"""The sources that the settings name, and a collection of them; for the command and for the route."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path

from service import __version__
from service.clients.grafana.annotations import Annotations
from service.clients.http import JsonApi
from service.clients.prometheus import PrometheusApi
from service.evidence.clients.jaeger import Jaeger
from service.evidence.clients.loki import Loki
from service.evidence.clients.tempo import Tempo
from service.evidence.collecting import Collected, CollectionProgress, CollectOptions, collect
from service.evidence.redaction import Redaction
from service.evidence.settings import evidence_settings
from service.evidence.source import EvidenceSource
from service.evidence.source_settings import EvidenceApi, EvidenceLogs, EvidenceTraces
from service.evidence.sources import metrics
from service.evidence.sources.audit import AuditSource
from service.evidence.sources.changes import ChangeSource
from service.evidence.sources.configuration import ConfigurationSource
from service.evidence.sources.log_files import LogFiles, LogParseOptions
from service.evidence.sources.logs import LogSource, LokiLogs
from service.evidence.sources.timeline import AnnotationQuery, IncidentData, TimelineSource
from service.evidence.sources.traces import JaegerStore, TempoStore, TraceSource, TraceStore
from service.evidence.window import EvidenceWindow
from service.settings.model import Settings
from service.wiring.clients import grafana_connection, json_api

LEAST_TIMEOUT = timedelta(seconds=30)
"""The shortest timeout of a request to Prometheus: a range query is slower than what is asked in the background."""
Watch = Callable[[Sequence[EvidenceSource]], AbstractContextManager[CollectionProgress]]
"""Follows a collection from these sources."""


def unwatched(_: Sequence[EvidenceSource]) -> AbstractContextManager[CollectionProgress]:
    """Show nothing."""
    return nullcontext(CollectionProgress())


class EvidenceCollector:
    """Collects as configured. Verbatim files are collected only if `allow_verbatim`: they are never sent over HTTP."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime], *, allow_verbatim: bool = False) -> None:
        self._settings = settings
        self._clock = clock
        keys = evidence_settings(settings)
        self.margin = keys.margin
        self.options = CollectOptions(
            version=__version__,
            redaction=Redaction(keys.redact),
            max_bytes=keys.max_bytes,
            bounds={str(name): most for name, most in keys.bounds.items()},
            allow_verbatim=allow_verbatim,
        )

    @contextmanager
    def sources(self, incident_data: IncidentData | None) -> Iterator[list[EvidenceSource]]:
        """Yield the configured sources in the order in which they must be asked, and close their connections."""
        with ExitStack() as stack:
            yield list(_sources(self._settings, incident_data, stack))

    def collect(
        self, window: EvidenceWindow, incident_data: IncidentData | None, target: Path, watch: Watch = unwatched
    ) -> Collected:
        """Write an archive. Raises NotCollected."""
        with self.sources(incident_data) as sources, watch(sources) as progress:
            return collect(window, sources, target, self.options, self._clock, progress)


def _sources(settings: Settings, incident_data: IncidentData | None, stack: ExitStack) -> Iterator[EvidenceSource]:
    keys, prometheus = evidence_settings(settings), settings.prometheus
    annotations = _annotations(settings, stack)
    yield TimelineSource(incident_data, annotations)
    if prometheus.url:
        api = json_api(prometheus, prometheus.url, least_timeout=LEAST_TIMEOUT, max_bytes=metrics.MAX_BYTES)
        stack.callback(api.close)
        yield metrics.MetricSource(PrometheusApi(api), keys.metrics)
    if readers := list(_log_readers(keys.logs, stack)):
        yield LogSource(readers)
    if stores := list(_trace_stores(keys.traces, stack)):
        yield TraceSource(stores, keys.traces.limit)
    if keys.audit.files:
        yield AuditSource(keys.audit.files, keys.audit.roots, verbatim=keys.audit.verbatim)
    if keys.configuration.files:
        yield ConfigurationSource(keys.configuration.files, keys.configuration.roots)
    changes = keys.changes
    if changes.repositories or (annotations and changes.annotation_tags):
        yield ChangeSource(changes.repositories, changes.lookback, changes.annotation_tags, annotations)


def _annotations(settings: Settings, stack: ExitStack) -> AnnotationQuery | None:
    if settings.grafana.url is None:
        return None
    connection = grafana_connection(settings.grafana)
    stack.callback(connection.close)
    return Annotations(connection).between


def _log_readers(keys: EvidenceLogs, stack: ExitStack) -> Iterator[LogFiles | LokiLogs]:
    if keys.files:
        keep = keys.untimed == "neighbours"
        options = LogParseOptions(time_fields=keys.time_fields, zone=keys.time_zone, keep_untimed=keep)
        yield LogFiles(keys.files, keys.roots, options)
    if keys.loki.url and keys.loki.queries:
        headers = {"X-Scope-OrgID": keys.loki.org_id} if keys.loki.org_id else None
        yield LokiLogs(Loki(_api(keys.loki, keys.loki.url, stack, headers), keys.loki.page), keys.loki.queries)


def _trace_stores(keys: EvidenceTraces, stack: ExitStack) -> Iterator[TraceStore]:
    if keys.tempo.url:
        tempo = Tempo(_api(keys.tempo, keys.tempo.url, stack))
        yield TempoStore(tempo, keys.tempo.query, keys.correlation_attribute)
    if keys.jaeger.url:
        jaeger = Jaeger(_api(keys.jaeger, keys.jaeger.url, stack))
        yield JaegerStore(jaeger, keys.jaeger.services, keys.correlation_attribute)


def _api(keys: EvidenceApi, url: str, stack: ExitStack, headers: Mapping[str, str] | None = None) -> JsonApi:
    api = json_api(keys, url, headers=headers)
    stack.callback(api.close)
    return api
