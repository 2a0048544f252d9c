"""The running exporter: every room, put together from the settings."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from service import __version__, companions
from service.clients.errors import Reason
from service.delivery.counters import DeliveryCounters
from service.intake.declaration import DeclaredField
from service.intake.reasons import Failure, Ignored, Rejected
from service.metrics.collectors import (
    DeliveryCollector,
    IncidentCollector,
    OutboxCollector,
    ProcessCollector,
    StoreCollector,
    registry,
)
from service.metrics.exposition import Exposition
from service.metrics.measurements import Measuring
from service.metrics.process_counters import ProcessCounters
from service.recorder.commands import CloseStale, Command, PruneBodies, Settle
from service.recorder.upkeep import Upkeep
from service.recorder.writer import Recorder
from service.settings.model import Settings
from service.settings.slo import slos_of
from service.settings.tokens import load_tokens
from service.settings.web_config import WebConfig
from service.store import Store
from service.store.bodies import last_received
from service.store.outbox_rows import Backlog
from service.web.rate import Rate
from service.web.services import Services, Sources
from service.web.users import Users
from service.wiring import delivery, intake, polling, slack

UPKEEP_SECONDS = 10.0


class Exporter:
    """The parts that run: the store, the recorder and the background threads, and `services` for the web.

    Raises `SettingsError` or `StoreRefused`.
    """

    def __init__(self, settings: Settings, web_config: WebConfig, clock: Callable[[], datetime]) -> None:
        tokens = load_tokens(settings.tokens_file) if settings.tokens_file else ()
        policy = settings.policy()
        receivers = delivery.receiver_names(settings)
        store = Store.open(settings.database, policy, receivers)
        recorder = Recorder(store, policy, queue_limit=settings.limits.queue, at_once=settings.threads)
        measuring = Measuring(
            store, policy, settings.window_lengths, settings.limits.series, lambda: recorder.stats.commits
        )
        sources = intake.webhook_sources(settings)
        counters = _counters(store, sources)
        deliveries = DeliveryCounters(receivers, list(Reason))
        incidents = IncidentCollector(measuring, policy, clock, slos_of(settings.slo))
        shared: list[StoreCollector] = [incidents, *_outbox_collectors(receivers, store, clock)]
        process = ProcessCollector(counters, recorder, incidents, __version__)
        own = registry([process, *([DeliveryCollector(deliveries)] if receivers else [])])
        self._store = store
        self._recorder = recorder
        self._dispatchers = delivery.build_dispatchers(
            settings, store, policy, deliveries, lambda: store.time.now(clock())
        )
        self._slack = slack.slack_responder(
            settings, recorder, store, policy, counters=counters, on_recorded=self._wake
        )
        self._socket = slack.slack_socket(settings, self._slack, counters, clock) if self._slack else None
        self._poller = polling.build_poller(settings, store, recorder, clock)
        self._upkeep = Upkeep(recorder, store, lambda at: due_commands(settings, at), clock, UPKEEP_SECONDS)
        self.services = Services(
            recorder=recorder,
            store=store,
            indicators=measuring.table,
            breakdowns=measuring.breakdowns,
            select=measuring.select,
            exposition=Exposition(shared, own, store.version, clock),
            counters=counters,
            clock=clock,
            alerts=intake.alert_options(settings),
            sources=sources,
            extensions=tuple(routes.extension(settings, clock) for routes in companions.modules("routes")),
            events=intake.event_options(settings),
            policy=policy,
            zone=settings.display_timezone,
            tokens=tokens,
            users=Users(web_config.basic_auth_users),
            metrics_auth=settings.metrics_auth,
            windows=settings.window_lengths,
            grafana_url=settings.grafana.url,
            max_bytes=settings.limits.body_bytes,
            rate=Rate(settings.limits.rate, settings.limits.burst) if settings.limits.rate else None,
            slack=self._slack.answer if self._slack else None,
        )

    def start(self) -> None:
        """Start the background threads."""
        self._upkeep.start()
        for dispatcher in self._dispatchers:
            dispatcher.start()
        self._poller.start()
        if self._socket is not None:
            self._socket.start()

    def close(self) -> None:
        """Stop the threads, commit what is waiting, and close the store."""
        if self._socket is not None:
            self._socket.stop()
        if self._slack is not None:
            self._slack.close()
        self._poller.stop()
        for dispatcher in self._dispatchers:
            dispatcher.stop()
        self._upkeep.stop()
        self._recorder.close()
        self._store.close()

    def _wake(self) -> None:
        """Have what was just recorded delivered at once: someone is waiting in the chat."""
        for dispatcher in self._dispatchers:
            dispatcher.wake()


def due_commands(settings: Settings, at: datetime) -> Iterable[Command]:
    """Yield the commands of the periodic upkeep."""
    yield Settle(at)
    if settings.close_stale:
        yield CloseStale(at)
    yield PruneBodies(at - settings.retention.raw)


def _counters(store: Store, sources: Sources) -> ProcessCounters:
    """Return the counters of this process; the service's own polling is no webhook source."""
    received = {source: at for source, at in store.read(last_received).items() if source in sources.profiles}
    return ProcessCounters(
        list(sources.profiles),
        list(Failure),
        list(Ignored),
        received,
        alert_sources=[source for source, profile in sources.profiles.items() if profile.sends == "alerts"],
        reject_reasons=list(Rejected),
        declared=([declaration.source for declaration in sources.declared], list(DeclaredField)),
    )


def _outbox_collectors(receivers: Sequence[str], store: Store, clock: Callable[[], datetime]) -> list[OutboxCollector]:
    def backlog(receiver: str) -> Backlog:
        return store.outbox.backlog(receiver, store.time.of(clock()))

    return [OutboxCollector(receivers, backlog)] if receivers else []
