"""The loop that empties the outbox of one target. Its network I/O happens outside every transaction.

It writes for itself, not through the recorder: two short transactions for a whole batch, in line with the recorder's
own (`Store`), so that a webhook waits for one fsync at most, however slow the far side is.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import SystemRandom

from service.clients.delivery import DeliveryError, Reason
from service.delivery.patience import wait_after
from service.delivery.target import LeaseLost, Queue, Tally, Target
from service.store import StoreUnavailable
from service.store.outbox_rows import Claim, Delivered, Planned, Postponed, Result, Stopped

log = logging.getLogger(__name__)

BATCH = 16
"""How many claims share their two transactions; all of different incidents, since each incident goes in order."""
BATCH_TIME = timedelta(seconds=2)
"""After which a batch begins nothing new, so that a slow target does not hold rows that others could deliver."""
PROBE = timedelta(minutes=5)
"""How often a target that refuses us is asked again: somebody may have given the token its rights."""
MOST_ATTEMPTS = 12
"""After so many failures (about 25 minutes) of one delivery alone it rests, where others get through meanwhile."""
MEANWHILE = timedelta(minutes=30)
IDLE_SECONDS = 1.0
SET_BACK = timedelta(seconds=1)
"""A clock that is behind itself by more than this was set back: what waits for an instant would wait for hours."""
_RANDOM = SystemRandom().random
STOP_SECONDS = 3.0
"""How long a stop waits for what is under way; what it does not see the end of is looked up at the next start."""


class Dispatcher:
    """Delivers what waits for one target. `step` says whether it found work; `start` runs steps in a thread.

    `lease` is how long a claim may take at the most; `random` gives numbers from 0 to 1; `prepare` is called once,
    before the first step of the thread; `credential` returns what we get in with, or raises OSError: where the target
    has refused it, another one is tried at once.
    """

    def __init__(
        self,
        queue: Queue,
        target: Target,
        tally: Tally,
        clock: Callable[[], datetime],
        *,
        lease: timedelta,
        random: Callable[[], float] = _RANDOM,
        prepare: Callable[[datetime], None] = lambda _: None,
        credential: Callable[[], object] = lambda: None,
    ) -> None:
        self._queue = queue
        self._target = target
        self._tally = tally
        self._clock = clock
        self._lease = lease
        self._random = random
        self._prepare = prepare
        self._credential = credential
        self._used: object = None  # the credential as it was when the last step began
        self._delivered_at: datetime | None = None
        self._failures = 0
        self._paused_until: datetime | None = None
        self._last: datetime | None = None  # the time of the last step
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"dispatcher-{target.name}", daemon=True)
        self.trouble: DeliveryError | None = None

    def start(self) -> None:
        """Try again what was given up, and deliver until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the delivery under way, or without it where it takes too long."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        if not self._thread.is_alive():
            self._target.close()

    def step(self) -> bool:
        """Deliver what is due, at most one batch; False where nothing was, or the target rests. Raises
        `StoreUnavailable`.
        """
        now = self._clock()
        if self._last is not None and now < self._last - SET_BACK:
            log.warning("%s: the clock was set back from %s; trying all again", self._target.name, self._last)
            self._queue.resume(self._target.name, now)
            self._paused_until = None
        self._last = now
        if self._rests(now):
            return False
        claims = self._queue.claim(self._target.name, now, self._lease, 1 if self._failures else BATCH)
        if not claims:
            return False
        results: list[Result] = []
        try:
            for claim in claims:
                results.append(self._work_on(claim, now))
        except StoreUnavailable:
            self._queue.settle(results, self._clock())
            raise
        self._queue.settle(results, self._clock())
        return True

    def _rests(self, now: datetime) -> bool:
        """Say whether it is too early to ask the target again; after a refusal another credential is tried at once."""
        before, self._used = self._used, self._current_credential()
        if self._paused_until is None or now >= self._paused_until:
            return False
        if self.trouble is None or not self.trouble.permanent or self._used == before:
            return True
        log.info("%s: there is another credential; trying again", self._target.name)
        self._queue.resume(self._target.name, now)
        self._paused_until = None
        return False

    def _current_credential(self) -> object:
        try:
            return self._credential()
        except (OSError, ValueError):
            return None

    @property
    def failures(self) -> int:
        """How many failures that concern the whole target came one after the other; `trouble` is the last of them."""
        return self._failures

    def _work_on(self, claim: Claim, began: datetime) -> Result:
        """Deliver one claim, unless the batch is over; what nobody foresaw costs this claim its turn and no other."""
        now = self._clock()
        paused = self._paused_until is not None and now < self._paused_until
        over = not -SET_BACK <= now - began <= BATCH_TIME
        if paused or self._stop.is_set() or over:
            return Postponed(claim, now, begun=False)
        try:
            return self._deliver(claim, now)
        except StoreUnavailable:
            raise
        except Exception as error:
            log.exception("%s: a delivery failed", self._target.name, extra={"incident": f"INC-{claim.incident_id}"})
            return self._failed(claim, DeliveryError(Reason.UNEXPECTED, repr(error)), ())

    def _deliver(self, claim: Claim, now: datetime) -> Result:
        story = self._queue.story(self._target.name, claim.incident_id)
        try:
            plan = self._target.plan(claim, story, now)
        except DeliveryError as error:
            return self._failed(claim, error, ())
        if plan.not_before is not None and plan.not_before > now:
            return Postponed(claim, plan.not_before, begun=False)
        if plan.send is None or plan.digest == claim.digest:
            return Delivered(claim, claim.remote_id, plan.digest, plan.planned)
        try:
            remote_id = plan.send(lambda: self._clock() < claim.until)
        except LeaseLost:
            return Postponed(claim, self._clock())
        except DeliveryError as error:
            return self._failed(claim, error, plan.planned)
        self._failures, self._paused_until, self.trouble, self._delivered_at = 0, None, None, now
        self._tally.delivered(self._target.name)
        return Delivered(claim, remote_id, plan.digest, plan.planned)

    def _failed(self, claim: Claim, error: DeliveryError, planned: Sequence[Planned]) -> Result:
        now = self._clock()
        self._tally.failed(self._target.name, error.reason)
        log.warning(
            "%s: %s", self._target.name, error, extra={"reason": error.reason, "incident": f"INC-{claim.incident_id}"}
        )
        if not error.everything and error.permanent:
            return Stopped(claim, error.reason, planned)
        if not error.everything:
            if self._keeps_failing(claim, now):
                log.error("%s: given up after %d attempts: %s", self._target.name, claim.attempts + 1, error)
                return Stopped(claim, error.reason, planned)
            return Postponed(claim, now + wait_after(claim.attempts + 1, error.retry_after, self._random))
        self._failures += 1
        self.trouble = error
        wait = PROBE if error.permanent else wait_after(self._failures, error.retry_after, self._random)
        self._paused_until = now + wait
        return Postponed(claim, self._paused_until)

    def _keeps_failing(self, claim: Claim, now: datetime) -> bool:
        """Say whether a delivery fails by itself: again and again, while others get through."""
        others = self._delivered_at is not None and now - self._delivered_at <= MEANWHILE
        return others and claim.attempts + 1 >= MOST_ATTEMPTS

    # -- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        resumed = False
        while not self._stop.is_set():
            busy = False
            try:
                if not resumed:
                    self._queue.resume(self._target.name, self._clock())
                    self._prepare(self._clock())
                    resumed = True
                busy = self.step()
            except StoreUnavailable as error:
                log.warning("%s waits: %s", self._target.name, error)
            except Exception:  # the loop outlives what nobody foresaw; its claims come back when their lease is over
                log.exception("%s waits", self._target.name)
            if not busy:
                self._stop.wait(IDLE_SECONDS)
