"""Group commit: many requests, one writer, and one transaction and one fsync for everything queued."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.domain.policy import Policy
from service.domain.totals import bucket_bounds_of
from service.recorder.apply import apply, keys_of, record
from service.recorder.batch import Batch
from service.recorder.commands import Busy, CloseStale, Command, Outcome, PruneBodies, Settle
from service.store import Store, StoreRejected, StoreUnavailable
from service.store.loaded import BatchKeys

BATCH = 64
"""The most commands in one transaction: enough to share an fsync, few enough to respond soon."""
GATHER_SECONDS = 0.003
"""How long a commit waits at most for the senders of the last one: one shared commit costs less than taking turns."""
COMMIT_TIMEOUT_SECONDS = 30.0
"""How long a request waits for its commit; a sender that is asked to retry loses nothing."""
SLOT_TIMEOUT_SECONDS = 2.0
"""How long a request waits for a slot if all are taken; a commit takes far less."""
FAILING_SECONDS = 30.0
"""How long the recorder counts as failing after a failed commit, unless one succeeds: senders that stop sending
because of it must retry at some time."""
STALL_SECONDS = 2.0
"""After this long a commit counts as stalled; requests that find no slot then do not wait for one."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Stats:
    """Counters of the writer since the process started."""

    commits: int = 0
    commit_seconds: float = 0.0
    errors: int = 0


class Ticket:
    """One command in the queue. `done` gets the ticket once it is committed or has failed, in the writer's thread."""

    __slots__ = ("command", "committed", "done", "error", "outcomes")

    def __init__(self, command: Command, done: "Callable[[Ticket], None]") -> None:
        self.command = command
        self.done = done
        self.outcomes: tuple[Outcome, ...] = ()
        self.error: Exception | None = None
        self.committed = False


def not_committed() -> StoreUnavailable:
    """Return the error for a command whose commit took longer than `COMMIT_TIMEOUT_SECONDS`."""
    return StoreUnavailable(f"the store did not commit within {COMMIT_TIMEOUT_SECONDS:.0f} s")


class Recorder:
    """Takes commands from any thread and commits them on its own thread.

    `submit` returns after the commit, `enqueue` at once. A command that is refused or that the database rejects fails
    alone. At most `at_once` threads wait for commits, so that a stalled disk leaves threads to readers.
    """

    def __init__(self, store: Store, policy: Policy, *, queue_limit: int = 1000, at_once: int = 512) -> None:
        self._store = store
        self._policy = policy
        self._bounds = bucket_bounds_of(policy)
        self._queue_limit = queue_limit
        self._at_once = at_once
        self._slots = threading.Semaphore(at_once)
        self._began: float | None = None  # when the current commit began
        self._failed_at: float | None = None  # when the last commit failed; none has succeeded since
        self._queue: deque[Ticket] = deque()
        self._arrived = threading.Condition()
        self._closing = False
        self._last_size = 1  # how many requests were pending when the last commit ended
        self._wake_at = 1  # how many must be queued before the writer is woken
        self.stats = Stats()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def submit(self, command: Command) -> tuple[Outcome, ...]:
        """Record a command durably.

        Raises `Refused` (never acceptable as it is), `Busy` (queue full or shutting down) or `StoreUnavailable`. In all
        three cases nothing of the command was stored, except that a command that timed out may have been.
        """
        if not self._slots.acquire(timeout=0 if self.stalled else SLOT_TIMEOUT_SECONDS):
            raise _slow()
        done = threading.Lock()
        done.acquire()
        ticket = Ticket(command, lambda _: done.release())
        try:
            self._append(ticket)
            if not done.acquire(timeout=COMMIT_TIMEOUT_SECONDS):
                raise not_committed()
        finally:
            self._slots.release()
        if ticket.error is not None:
            raise ticket.error
        return ticket.outcomes

    def enqueue(self, command: Command, done: Callable[[Ticket], None]) -> None:
        """Queue a command without waiting for anything; `done` must neither block nor raise.

        Raises `Busy` if the queue is full or the service shuts down, or while a commit stalls and others wait already.
        """
        if len(self._queue) >= self._at_once and self.stalled:
            raise _slow()
        self._append(Ticket(command, done))

    def _append(self, ticket: Ticket) -> None:
        with self._arrived:
            if self._closing or len(self._queue) >= self._queue_limit:
                msg = "shutting down" if self._closing else f"{self._queue_limit} requests are waiting already"
                raise Busy(msg)
            self._queue.append(ticket)
            if len(self._queue) >= self._wake_at:
                self._arrived.notify()

    @property
    def queue_length(self) -> int:
        """Number of waiting commands."""
        return len(self._queue)

    @property
    def has_room(self) -> bool:
        """Whether less than half the queue is taken."""
        return 2 * len(self._queue) < self._queue_limit

    @property
    def stalled(self) -> bool:
        """Whether the current commit takes much longer than it should."""
        began = self._began
        return began is not None and time.monotonic() - began > STALL_SECONDS

    @property
    def alive(self) -> bool:
        """Whether the writer's thread is running."""
        return self._thread.is_alive()

    def check_ready(self) -> None:
        """Raise `Busy` if a command would not be accepted now, or `StoreUnavailable` if commits fail."""
        if not self.alive or self._closing or len(self._queue) >= self._queue_limit:
            msg = "shutting down" if self._closing else f"{len(self._queue)} requests are waiting already"
            raise Busy(msg)
        failed_at = self._failed_at
        if failed_at is not None and time.monotonic() - failed_at < FAILING_SECONDS:
            msg = "the last commit failed"
            raise StoreUnavailable(msg)

    def close(self) -> None:
        """Refuse new commands, commit the waiting ones, and stop."""
        with self._arrived:
            self._closing = True
            self._arrived.notify()
        self._thread.join()

    # -- the writer's own thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        while tickets := self._take():
            self._began = time.monotonic()
            try:
                self._record(tickets)
            except BaseException as error:  # this thread must continue, and no request may wait for ever
                log.critical("the recorder broke, and goes on", exc_info=True)
                _fail(tickets, error)
            self._began = None
            self._last_size = min(BATCH, len(tickets) + len(self._queue))
            for ticket in tickets:
                ticket.done(ticket)

    def _take(self) -> list[Ticket]:
        """Wait for commands and return up to `BATCH` of them; an empty list once closing and all are done.

        It waits briefly for the senders that shared the last commit; otherwise they split into two halves that take
        turns: one arrives while the other commits. A single sender waits for none.
        """
        with self._arrived:
            self._wake_at = 1
            while not self._queue and not self._closing:
                self._arrived.wait()
            self._wake_at = self._last_size
            end = time.monotonic() + GATHER_SECONDS
            while len(self._queue) < self._last_size and not self._closing and (left := end - time.monotonic()) > 0:
                self._arrived.wait(left)
            return [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]

    def _record(self, tickets: Sequence[Ticket]) -> None:
        """Commit the tickets together; if one of them makes that fail, commit each on its own."""
        try:
            self._commit(tickets)
        except Exception as error:
            for_all = isinstance(error, StoreUnavailable) and not isinstance(error, StoreRejected)
            if len(tickets) > 1 and not for_all:
                for ticket in tickets:
                    self._record([ticket])
                return
            self.stats.errors += 1
            self._failed_at = time.monotonic() if isinstance(error, StoreUnavailable) and for_all else self._failed_at
            log.error("commit failed: %s", error if isinstance(error, StoreUnavailable) else repr(error))
            for ticket in tickets:
                ticket.error = ticket.error or error

    def _commit(self, tickets: Sequence[Ticket]) -> None:
        """Apply all commands in one transaction; refused ones fail alone."""
        began = time.perf_counter()
        with self._store.transaction() as transaction:
            refused = record(transaction, self._policy, self._bounds, tickets, keys_of=_keys_of, apply=_apply)
        for ticket, error in refused:
            ticket.error = error
        committed = [ticket for ticket in tickets if ticket.error is None]
        if not committed:
            return
        for ticket in committed:
            ticket.committed = True
        # A batch that wrote nothing does not prove that the disk works.
        if not all(isinstance(ticket.command, CloseStale | Settle | PruneBodies) for ticket in committed):
            self._failed_at = None
        self.stats.commits += 1
        self.stats.commit_seconds += time.perf_counter() - began


def _slow() -> Busy:
    return Busy("the store is slow, and the maximum number of requests is waiting for it")


def _keys_of(tickets: Sequence[Ticket]) -> BatchKeys:
    return keys_of(ticket.command for ticket in tickets)


def _apply(batch: Batch, ticket: Ticket) -> None:
    ticket.outcomes = apply(batch, ticket.command)


def _fail(tickets: Sequence[Ticket], error: BaseException) -> None:
    for ticket in tickets:
        if not ticket.committed:
            ticket.error = ticket.error or RuntimeError(f"the recorder failed: {type(error).__name__}")
