"""From the settings to the sources and options of a collection."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from service import __version__
from service.clients.grafana.annotations import Annotations
from service.clients.http import JsonApi
from service.clients.prometheus import PrometheusApi
from service.evidence.clients.jaeger import Jaeger
from service.evidence.clients.loki import Loki
from service.evidence.clients.tempo import Tempo
from service.evidence.collecting import CollectOptions
from service.evidence.redaction import Redaction
from service.evidence.settings import evidence_settings
from service.evidence.source import EvidenceSource
from service.evidence.source_settings import EvidenceApi
from service.evidence.sources import metrics
from service.evidence.sources.audit import AuditSource
from service.evidence.sources.changes import ChangeSource
from service.evidence.sources.configuration import ConfigurationSource
from service.evidence.sources.log_files import LogFiles, LogParseOptions
from service.evidence.sources.logs import LogSource, LokiLogs
from service.evidence.sources.timeline import AnnotationQuery, IncidentData, TimelineSource
from service.evidence.sources.traces import JaegerStore, TempoStore, TraceSource, TraceStore
from service.settings import Settings
from service.wiring.clients import grafana_connection, json_api

LEAST_TIMEOUT = timedelta(seconds=30)
"""The shortest timeout of a request to Prometheus: a range query is slower than what is asked in the background."""


@contextmanager
def open_sources(settings: Settings, incident_data: IncidentData | None) -> Iterator[list[EvidenceSource]]:
    """Yield the configured sources in the order in which they must be asked, and close their connections."""
    with ExitStack() as stack:
        sources: list[EvidenceSource] = [TimelineSource(incident_data, _annotations(settings, stack))]
        sources += _metric_sources(settings, stack)
        sources += _log_sources(settings, stack)
        sources += _trace_sources(settings, stack)
        keys = evidence_settings(settings)
        if keys.audit.files:
            sources.append(AuditSource(keys.audit.files, keys.audit.roots, verbatim=keys.audit.verbatim))
        if keys.configuration.files:
            sources.append(ConfigurationSource(keys.configuration.files, keys.configuration.roots))
        sources += _change_sources(settings, stack)
        yield sources


def collect_options(settings: Settings, *, allow_verbatim: bool) -> CollectOptions:
    """Return the options of a collection."""
    keys = evidence_settings(settings)
    return CollectOptions(
        version=__version__,
        redaction=Redaction(keys.redact),
        max_bytes=keys.max_bytes,
        bounds={str(name): most for name, most in keys.bounds.items()},
        allow_verbatim=allow_verbatim,
    )


def _annotations(settings: Settings, stack: ExitStack) -> AnnotationQuery | None:
    if settings.grafana.url is None:
        return None
    connection = grafana_connection(settings.grafana)
    stack.callback(connection.close)
    return Annotations(connection).between


def _metric_sources(settings: Settings, stack: ExitStack) -> list[EvidenceSource]:
    keys = settings.prometheus
    if keys.url is None:
        return []
    api = json_api(keys, keys.url, least_timeout=LEAST_TIMEOUT, max_bytes=metrics.MOST_BYTES)
    stack.callback(api.close)
    return [metrics.MetricSource(PrometheusApi(api), evidence_settings(settings).metrics)]


def _log_sources(settings: Settings, stack: ExitStack) -> list[EvidenceSource]:
    keys = evidence_settings(settings).logs
    readers: list[LogFiles | LokiLogs] = []
    if keys.files:
        keep = keys.untimed == "neighbours"
        options = LogParseOptions(time_fields=keys.time_fields, zone=keys.time_zone, keep_untimed=keep)
        readers.append(LogFiles(keys.files, keys.roots, options))
    if keys.loki.url and keys.loki.queries:
        readers.append(LokiLogs(Loki(_api(keys.loki, stack), keys.loki.page), keys.loki.queries))
    return [LogSource(readers)] if readers else []


def _trace_sources(settings: Settings, stack: ExitStack) -> list[EvidenceSource]:
    keys = evidence_settings(settings).traces
    stores: list[TraceStore] = []
    if keys.tempo.url:
        stores.append(TempoStore(Tempo(_api(keys.tempo, stack)), keys.tempo.query, keys.correlation_attribute))
    if keys.jaeger.url:
        jaeger = Jaeger(_api(keys.jaeger, stack))
        stores.append(JaegerStore(jaeger, keys.jaeger.services, keys.correlation_attribute))
    return [TraceSource(stores, keys.limit)] if stores else []


def _change_sources(settings: Settings, stack: ExitStack) -> list[EvidenceSource]:
    keys = evidence_settings(settings).changes
    annotations = _annotations(settings, stack) if keys.annotation_tags else None
    if not keys.repositories and annotations is None:
        return []
    return [ChangeSource(keys.repositories, keys.lookback, keys.annotation_tags, annotations)]


def _api(keys: EvidenceApi, stack: ExitStack) -> JsonApi:
    tenant = getattr(keys, "org_id", None)
    api = json_api(keys, keys.url or "", headers={"X-Scope-OrgID": tenant} if tenant else None)
    stack.callback(api.close)
    return api
