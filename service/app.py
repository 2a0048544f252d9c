"""The composition root: wires settings, store, recorder, metrics and blueprints together."""

import atexit
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from flask import Flask

from service import __version__, companions, logs, web
from service.clients.delivery import Reason
from service.delivery.configured import dispatchers_of, targets_of
from service.domain.policy import (
    DueRule,
    Indicator,
    Milestone,
    Policy,
    Severity,
    Stage,
    Statistic,
    Target,
    WeeklyReview,
)
from service.intake import alertmanager, lifecycle
from service.intake.reasons import Failure, Ignored, Rejected, Source
from service.intake.severities import SeverityRules
from service.metrics.collector import IncidentCollector, ProcessCollector
from service.metrics.exposition import Exposition, registry
from service.metrics.measurements import Measuring
from service.metrics.outbox import DeliveryCollector, DeliveryTally, OutboxCollector
from service.metrics.process_counters import ProcessCounters
from service.polling.configured import poller_of
from service.recorder.commands import CloseStale, Command, PruneDeliveries, Settle
from service.recorder.upkeep import Upkeep
from service.recorder.writer import Recorder
from service.settings import Settings, load, load_tokens
from service.store import Store
from service.web.configured import sources_of
from service.web.rate import Rate
from service.web.services import Services

UPKEEP_SECONDS = 10.0


def now() -> datetime:
    """Return the current time; the only clock below the command line."""
    return datetime.now(UTC)


def create_app(settings: Settings | None = None) -> Flask:
    """Build the service; settings default to `mttx.yml` and the environment.

    Any WSGI server can run it, in one process for each database file. Raises `SettingsError` or `StoreRefused`.
    """
    settings = settings or load(None, os.environ)
    logs.configure(settings.log.level)
    tokens = load_tokens(settings.tokens_file) if settings.tokens_file else ()
    policy = policy_of(settings)
    targets = targets_of(settings)
    store = Store.open(settings.database, policy, targets)
    recorder = Recorder(store, policy, queue_limit=settings.limits.queue, at_once=settings.threads)
    measuring = Measuring(
        store, policy, settings.window_lengths, settings.limits.series, lambda: recorder.stats.commits
    )

    def shared_now() -> datetime:
        return store.time.now(now())

    counters = ProcessCounters(
        list(Source),
        list(Failure),
        list(Ignored),
        _last_received(store),
        alert_sources=[Source.ALERTMANAGER, Source.GRAFANA],
        reject_reasons=list(Rejected),
    )
    incidents = IncidentCollector(measuring, policy, now)
    process = ProcessCollector(counters, recorder.stats, lambda: recorder.queue_length, incidents, __version__)
    deliveries = DeliveryTally(targets, list(Reason))
    outbox = (
        [OutboxCollector(targets, lambda target: store.outbox.backlog(target, store.time.of(now())))] if targets else []
    )
    delivered = [DeliveryCollector(deliveries)] if targets else []
    dispatchers = dispatchers_of(settings, store, policy, deliveries, shared_now)
    poller = poller_of(settings, store, recorder, parse_options_of(settings), now)
    upkeep = Upkeep(recorder, store, lambda at: _due(settings, at), now, UPKEEP_SECONDS)
    app = Flask("mttx-exporter", static_folder=None)
    web.install(
        app,
        Services(
            recorder=recorder,
            store=store,
            indicators=measuring.table,
            exposition=Exposition([incidents, *outbox], registry([process, *delivered]), store.version, now),
            counters=counters,
            clock=now,
            alerts=parse_options_of(settings),
            sources=sources_of(settings, parse_options_of(settings)),
            extensions=tuple(routes.extension(settings, now) for routes in companions.modules("routes")),
            events=lifecycle.EventParseOptions(
                zone=settings.display_timezone, new_id=lambda: str(uuid4()), most_events=settings.limits.alerts
            ),
            policy=policy,
            zone=settings.display_timezone,
            tokens=tokens,
            metrics_auth=settings.metrics_auth,
            windows=settings.window_lengths,
            grafana_url=settings.grafana.url,
            most_bytes=settings.limits.body_bytes,
            rate=Rate(settings.limits.rate, settings.limits.burst) if settings.limits.rate else None,
        ),
    )

    for dispatcher in dispatchers:
        dispatcher.start()
    poller.start()

    def shut_down() -> None:
        poller.stop()
        for dispatcher in dispatchers:
            dispatcher.stop()
        upkeep.stop()
        recorder.close()
        store.close()

    atexit.register(shut_down)
    app.extensions["mttx.shut_down"] = shut_down
    return app


def _last_received(store: Store) -> dict[str, datetime]:
    """Return when each webhook last received something, without the service's own polling."""
    return {source: at for source, at in store.last_received().items() if source in set(Source)}


def _due(settings: Settings, at: datetime) -> Iterable[Command]:
    yield Settle(at)
    if settings.close_stale:
        yield CloseStale(at)
    yield PruneDeliveries(at - settings.retention.raw)


def policy_of(settings: Settings) -> Policy:
    """Return the team's policy; the targets of lead times are their deadlines."""
    review = WeeklyReview(settings.review_weekday, settings.weekly_review.time, settings.review_zone)
    deadlines: dict[Severity, dict[Stage, DueRule]] = {}
    for severity, owed in settings.deadlines.by_severity().items():
        rules = ((Stage.DRAFT, owed.draft), (Stage.FINAL, owed.final))
        deadlines[Severity(severity)] = {
            stage: rule if isinstance(rule, timedelta) else review for stage, rule in rules if rule is not None
        }
    return Policy(
        deadlines=deadlines,
        targets=(*_promised(settings), *_lead_times(deadlines)),
        resolve_from=Milestone(settings.indicators.resolve.from_),
        default_severity=Severity(settings.default_severity),
        reopen_window=settings.reopen_window,
        stale_after=settings.stale_after,
        updates={Severity(severity): every for severity, every in settings.updates.by_severity().items()},
    )


def _promised(settings: Settings) -> Iterable[Target]:
    for target in settings.targets.each():
        severity = Severity(target.severity) if target.severity else None
        yield Target(Indicator(target.indicator), Statistic(target.statistic), target.limit, severity)


def _lead_times(deadlines: dict[Severity, dict[Stage, DueRule]]) -> Iterable[Target]:
    indicators = {Stage.DRAFT: Indicator.DRAFT, Stage.FINAL: Indicator.FINALIZE}
    for severity, stages in deadlines.items():
        for stage, rule in stages.items():
            if isinstance(rule, timedelta):
                yield Target(indicators[stage], Statistic.MAX, rule, severity)


def severity_rules_of(settings: Settings) -> SeverityRules:
    """Return the rules that map severities; `ignore` becomes None."""
    return SeverityRules(
        by_name={name: _severity(severity) for name, severity in settings.severity_map.items()},
        label=settings.severity_label,
        unmapped=_severity(settings.unmapped_severity),
    )


def _severity(name: str) -> Severity | None:
    return None if name == "ignore" else Severity(name)


def parse_options_of(settings: Settings) -> alertmanager.AlertParseOptions:
    """Return the options for parsing alerts."""
    return alertmanager.AlertParseOptions(
        severities=severity_rules_of(settings),
        ignore_label=settings.ignore.label,
        ignored_alertnames=settings.ignore.alertnames,
        most_alerts=settings.limits.alerts,
        most_labels=settings.limits.labels,
        most_text=settings.limits.label_length,
        by_group_key=settings.correlation.group_key,
        correlation_label=settings.correlation.label,
    )
