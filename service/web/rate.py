"""How often one sender may ask: a token bucket for each token, and for each address that shows no good one."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from flask import Request

from service.settings.tokens import Token
from service.web.auth import presented_token

MOST_SENDERS = 10_000
"""Buckets that are kept; whoever was not heard of for longest is forgotten first, and so has a full one again."""
FREE = frozenset({"probes", "assets", "openapi"})
"""Blueprints that are never limited: a scrape or a probe that is refused would look like a dead service."""


class TooOften(Exception):
    """This sender asked too often; `seconds` is when to try again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"a sender is beyond limits.rate; it may try again in {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests per second that go on for ever, and how many may come at once before that."""

    per_second: float
    burst: int


class Limiter:
    """Lets requests pass or not, from any thread; each replica counts for itself."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def check(self, sender: tuple[str, str]) -> None:
        """Take one request of a sender in, or raise TooOften; what is refused takes nothing from the bucket."""
        with self._lock:
            now = self._clock()
            left, at = self._buckets.pop(sender, (float(self._rate.burst), now))
            left = min(float(self._rate.burst), left + (now - at) * self._rate.per_second)
            passes = left >= 1
            self._buckets[sender] = (left - 1 if passes else left, now)
            if len(self._buckets) > MOST_SENDERS:
                self._buckets.popitem(last=False)
        if not passes:
            raise TooOften(max(1, ceil((1 - left) / self._rate.per_second)))


def sender_of(request: Request, tokens: tuple[Token, ...]) -> tuple[str, str]:
    """Return who asks: the name of a good token, else the address. Addresses that a proxy tells are not believed."""
    token = presented_token(request, tokens)
    return ("token", token.name) if token else ("address", request.remote_addr or "")
