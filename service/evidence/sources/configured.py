"""From the configuration to the sources of logs, traces, audit records, configuration and changes."""

from contextlib import ExitStack
from pathlib import Path

from pydantic import SecretStr

from service.clients.grafana.annotations import Annotations
from service.clients.grafana.configured import connection_to
from service.clients.json_api import JsonApi
from service.evidence.clients.jaeger import Jaeger
from service.evidence.clients.loki import Loki
from service.evidence.clients.tempo import Tempo
from service.evidence.source import Source
from service.evidence.sources.audit import Audit
from service.evidence.sources.changes import Changes
from service.evidence.sources.configuration import Configuration
from service.evidence.sources.log_files import LogFiles, Reading
from service.evidence.sources.logs import Logs, LokiLogs, Part
from service.evidence.sources.traces import JaegerStore, Store, TempoStore, Traces
from service.settings import Settings
from service.settings.evidence_sources import EvidenceJaeger, EvidenceLoki, EvidenceTempo

MOST_BYTES = 32 * 1024 * 1024
"""What one answer may be: a page of Loki's lines, or a trace."""


def sources_of(settings: Settings, stack: ExitStack) -> list[Source]:
    """Return the sources that are configured, in the order in which they have to be asked; `stack` closes them."""
    keys = settings.evidence
    found: list[Source] = []
    if parts := _logs(settings, stack):
        found.append(Logs(parts))
    if stores := _stores(settings, stack):
        found.append(Traces(stores, keys.traces.limit))
    if keys.audit.files:
        found.append(Audit(keys.audit.files, keys.audit.roots, verbatim=keys.audit.verbatim))
    if keys.configuration.files:
        found.append(Configuration(keys.configuration.files, keys.configuration.roots))
    if changes := _changes(settings, stack):
        found.append(changes)
    return found


def _logs(settings: Settings, stack: ExitStack) -> list[Part]:
    keys = settings.evidence.logs
    parts: list[Part] = []
    if keys.files:
        keep = keys.untimed == "neighbours"
        reading = Reading(time_fields=keys.time_fields, zone=keys.time_zone, keep_untimed=keep)
        parts.append(LogFiles(keys.files, keys.roots, reading))
    if keys.loki.url and keys.loki.queries:
        parts.append(LokiLogs(Loki(_api(keys.loki, stack), keys.loki.page), keys.loki.queries))
    return parts


def _stores(settings: Settings, stack: ExitStack) -> list[Store]:
    keys = settings.evidence.traces
    stores: list[Store] = []
    if keys.tempo.url:
        stores.append(TempoStore(Tempo(_api(keys.tempo, stack)), keys.tempo.query, keys.correlation_attribute))
    if keys.jaeger.url:
        jaeger = Jaeger(_api(keys.jaeger, stack))
        stores.append(JaegerStore(jaeger, keys.jaeger.services, keys.correlation_attribute))
    return stores


def _changes(settings: Settings, stack: ExitStack) -> Changes | None:
    keys = settings.evidence.changes
    ask = None
    if settings.grafana.url is not None and keys.annotation_tags:
        connection = connection_to(settings.grafana)
        stack.callback(connection.close)
        ask = Annotations(connection).between
    if not keys.repositories and ask is None:
        return None
    repositories: tuple[Path, ...] = keys.repositories
    return Changes(repositories, keys.lookback, keys.annotation_tags, ask)


def _api(keys: EvidenceLoki | EvidenceTempo | EvidenceJaeger, stack: ExitStack) -> JsonApi:
    tenant = getattr(keys, "org_id", None)
    api = JsonApi(
        keys.url or "",
        token=_told(keys.token),
        ca_file=keys.ca_file,
        timeout=keys.timeout,
        max_bytes=MOST_BYTES,
        headers={"X-Scope-OrgID": tenant} if tenant else None,
    )
    stack.callback(api.close)
    return api


def _told(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
