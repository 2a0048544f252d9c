"""What the dispatcher needs of a target, and what it tells of its work; each target is a module beside this one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from service.store.outbox_rows import Claim, Planned, Result, Waiting
from service.store.stories import Story


@dataclass(frozen=True, slots=True)
class Plan:
    """What a claim is to become. `digest` names its content; `planned` are the rows that the incident needs besides;
    `send` puts it over there and returns its id, asking before it creates something whether the claim still holds;
    None: there is nothing to send. `not_before`: it is not due until then.
    """

    digest: bytes
    planned: Sequence[Planned] = ()
    send: Callable[[Callable[[], bool]], int | None] | None = None
    not_before: datetime | None = None


class LeaseLost(Exception):
    """The claim ran out before something was created; somebody else may be at it."""


class Target(Protocol):
    """A system to deliver to."""

    name: str

    def plan(self, claim: Claim, story: Story | None, now: datetime) -> Plan:
        """Say what a claim is to become, without asking the far side; `story` None: it concerns no single incident."""

    @property
    def close(self) -> Callable[[], None]:
        """Let go of the connections."""


class Queue(Protocol):
    """The outbox; every method raises `StoreUnavailable`."""

    def claim(self, target: str, now: datetime, lease: timedelta, limit: int) -> list[Claim]:
        """Take rows that are due."""

    def story(self, target: str, incident_id: int) -> Story | None:
        """Return what there is to tell."""

    def settle(self, results: Sequence[Result], now: datetime) -> None:
        """Write what became of claims."""

    def resume(self, target: str, now: datetime) -> None:
        """Try again what was given up."""

    def waiting(self, target: str, now: datetime) -> Waiting:
        """Count what waits."""


class Tally(Protocol):
    """Counts this process's own deliveries."""

    def delivered(self, target: str) -> None:
        """Count a delivery."""

    def failed(self, target: str, reason: str) -> None:
        """Count a failure."""
