"""Rate limits: a token bucket for each token, and for each address without a valid one."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from flask import Request

from service.settings.tokens import Token
from service.web.auth import presented_token

MAX_SENDERS = 10_000
"""Maximum number of buckets; the least recently used is dropped first, and its sender starts with a full one."""
FREE = frozenset({"probes", "assets", "openapi"})
"""Blueprints without a limit: a rejected scrape or probe would look like a dead service."""


class TooOften(Exception):
    """The sender exceeded its rate limit; retry after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"a sender is beyond limits.rate; it may try again in {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Rate:
    """The sustained requests per second, and the burst."""

    per_second: float
    burst: int


class Limiter:
    """Applies rate limits, from any thread; each replica counts separately."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def check(self, sender: tuple[str, str]) -> None:
        """Count one request of a sender, or raise TooOften; a rejected request takes nothing from the bucket."""
        with self._lock:
            now = self._clock()
            left, at = self._buckets.pop(sender, (float(self._rate.burst), now))
            left = min(float(self._rate.burst), left + (now - at) * self._rate.per_second)
            passes = left >= 1
            self._buckets[sender] = (left - 1 if passes else left, now)
            if len(self._buckets) > MAX_SENDERS:
                self._buckets.popitem(last=False)
        if not passes:
            raise TooOften(max(1, ceil((1 - left) / self._rate.per_second)))


def sender_of(request: Request, tokens: tuple[Token, ...]) -> tuple[str, str]:
    """Return the sender: the name of a valid token, else the peer address. Proxy headers are not trusted."""
    token = presented_token(request, tokens)
    return ("token", token.name) if token else ("address", request.remote_addr or "")
