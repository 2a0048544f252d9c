"""The loop that delivers the outbox of one receiver. Its network I/O happens outside every transaction.

It does not write through the recorder: two short transactions for a whole batch, serialised with the recorder's own
(`Store`), so that a webhook waits for one fsync at most, however slow the receiver is.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import SystemRandom

from service.background import BackgroundLoop
from service.clients.errors import Reason, RequestFailed
from service.delivery.backoff import backoff
from service.delivery.counters import DeliveryCounters
from service.delivery.receiver import LeaseLost, Receiver
from service.domain.incident_ids import public_id
from service.store import StoreUnavailable
from service.store.outbox import Outbox
from service.store.outbox_rows import Claim, Delivered, PlannedRow, Postponed, Result, Stopped

log = logging.getLogger(__name__)

BATCH_SIZE = 16
"""How many claims share their two transactions; all of different incidents, since those of each go in order."""
BATCH_TIME = timedelta(seconds=2)
"""After which a batch starts nothing new, so that a slow receiver does not hold rows that others could deliver."""
PROBE = timedelta(minutes=5)
"""How often a receiver that refuses us is tried again: the token may have been granted its permissions."""
MAX_ATTEMPTS = 12
"""After so many failures (about 25 minutes) a delivery is stopped, if others succeed meanwhile."""
RECENT = timedelta(minutes=30)
IDLE_SECONDS = 1.0
CLOCK_TOLERANCE = timedelta(seconds=1)
"""A clock that goes back by more than this was set back: what waits for an instant would wait for hours."""
STOP_SECONDS = 3.0
"""How long a stop waits for the delivery under way; one with an unknown result is searched for after the next start."""


@dataclass
class Dispatcher:
    """Delivers the rows of one receiver. `step` returns whether there was work; `start` runs steps in a thread.

    `lease` is the longest that a claim may take; `random` returns numbers from 0 to 1; `prepare` is called once, before
    the first step of the thread; `credential` returns the current credential, or raises OSError: if the receiver has
    refused one, another is tried at once.
    """

    outbox: Outbox
    receiver: Receiver
    counters: DeliveryCounters
    clock: Callable[[], datetime]
    lease: timedelta
    random: Callable[[], float] = SystemRandom().random
    prepare: Callable[[datetime], None] = lambda _: None
    credential: Callable[[], object] = lambda: None
    failures: int = field(init=False, default=0)
    """How many failures of the whole receiver came in a row; `last_error` is the last of them."""
    last_error: RequestFailed | None = field(init=False, default=None)
    _credential_before: object = field(init=False, default=None)
    _last_delivery_at: datetime | None = field(init=False, default=None)
    _paused_until: datetime | None = field(init=False, default=None)
    _last_step_at: datetime | None = field(init=False, default=None)
    _is_prepared: bool = field(init=False, default=False)
    _loop: BackgroundLoop = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the thread."""
        self._loop = BackgroundLoop(f"dispatcher-{self.receiver.name}", self._run, pause=IDLE_SECONDS)

    def start(self) -> None:
        """Retry stopped rows, and deliver until `stop`."""
        self._loop.start()

    def stop(self) -> None:
        """Stop after the delivery under way, or without it if it takes too long."""
        if self._loop.stop(STOP_SECONDS):
            self.receiver.close()

    def wake(self) -> None:
        """Look at once for what is due."""
        self._loop.wake()

    def step(self) -> bool:
        """Deliver what is due, at most one batch; False if nothing is, or the receiver is paused.

        Raises `StoreUnavailable`.
        """
        now = self.clock()
        if self._last_step_at is not None and now < self._last_step_at - CLOCK_TOLERANCE:
            log.warning("%s: the clock was set back from %s; retrying all", self.receiver.name, self._last_step_at)
            self.outbox.resume(self.receiver.name, now)
            self._paused_until = None
        self._last_step_at = now
        if self._is_paused(now):
            return False
        claims = self.outbox.claim(self.receiver.name, now, self.lease, 1 if self.failures else BATCH_SIZE)
        if not claims:
            return False
        results: list[Result] = []
        try:
            for claim in claims:
                results.append(self._process(claim, now))
        except StoreUnavailable:
            self.outbox.complete(results, self.clock())
            raise
        self.outbox.complete(results, self.clock())
        return True

    def _is_paused(self, now: datetime) -> bool:
        """Return whether it is too early for another attempt; after a refusal a new credential is tried at once."""
        before, self._credential_before = self._credential_before, self._current_credential()
        if self._paused_until is None or now >= self._paused_until:
            return False
        if self.last_error is None or not self.last_error.permanent or self._credential_before == before:
            return True
        log.info("%s: the credential changed; retrying", self.receiver.name)
        self.outbox.resume(self.receiver.name, now)
        self._paused_until = None
        return False

    def _current_credential(self) -> object:
        try:
            return self.credential()
        except (OSError, ValueError):
            return None

    def _process(self, claim: Claim, started_at: datetime) -> Result:
        """Deliver one claim, unless the batch is over; an unexpected error postpones this claim only."""
        now = self.clock()
        paused = self._paused_until is not None and now < self._paused_until
        over = not -CLOCK_TOLERANCE <= now - started_at <= BATCH_TIME
        if paused or self._loop.stopping.is_set() or over:
            return Postponed(claim, now, attempted=False)
        try:
            return self._deliver(claim, now)
        except StoreUnavailable:
            raise
        except Exception as error:
            log.exception(
                "%s: unexpected error in a delivery",
                self.receiver.name,
                extra={"incident": public_id(claim.key.incident_id)},
            )
            return self._failed(claim, RequestFailed(repr(error), Reason.UNEXPECTED), ())

    def _deliver(self, claim: Claim, now: datetime) -> Result:
        incident = self.outbox.incident(self.receiver.name, claim.key.incident_id)
        try:
            plan = self.receiver.plan(claim, incident, now)
        except RequestFailed as error:
            return self._failed(claim, error, ())
        if plan.not_before is not None and plan.not_before > now:
            return Postponed(claim, plan.not_before, attempted=False, planned=True)
        if plan.send is None or plan.digest == claim.digest:
            return Delivered(claim, plan.remote_id or claim.remote_id, plan.digest, plan.planned)
        try:
            remote_id = plan.send(lambda: self.clock() < claim.lease_until)
        except LeaseLost:
            return Postponed(claim, self.clock())
        except RequestFailed as error:
            return self._failed(claim, error, plan.planned)
        self.failures, self._paused_until, self.last_error, self._last_delivery_at = 0, None, None, now
        self.counters.delivered(self.receiver.name)
        return Delivered(claim, remote_id, plan.digest, plan.planned)

    def _failed(self, claim: Claim, error: RequestFailed, planned: Sequence[PlannedRow]) -> Result:
        now = self.clock()
        self.counters.failed(self.receiver.name, error.reason)
        incident = public_id(claim.key.incident_id)
        log.warning("%s: %s", self.receiver.name, error, extra={"reason": error.reason, "incident": incident})
        if not error.everything and error.permanent:
            return Stopped(claim, error.reason, planned)
        if not error.everything:
            if self._fails_alone(claim, now):
                log.error("%s: stopped after %d attempts: %s", self.receiver.name, claim.attempts + 1, error)
                return Stopped(claim, error.reason, planned)
            return Postponed(claim, now + backoff(claim.attempts + 1, error.retry_after, self.random))
        self.failures += 1
        self.last_error = error
        wait = PROBE if error.permanent else backoff(self.failures, error.retry_after, self.random)
        self._paused_until = now + wait
        return Postponed(claim, self._paused_until)

    def _fails_alone(self, claim: Claim, now: datetime) -> bool:
        """Return whether a delivery keeps failing while others succeed."""
        others = self._last_delivery_at is not None and now - self._last_delivery_at <= RECENT
        return others and claim.attempts + 1 >= MAX_ATTEMPTS

    # -- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> bool:
        try:
            if not self._is_prepared:
                self.outbox.resume(self.receiver.name, self.clock())
                self.prepare(self.clock())
                self._is_prepared = True
            return self.step()
        except StoreUnavailable as error:
            log.warning("%s: deliveries are waiting: %s", self.receiver.name, error)
            return False
