"""Exponential backoff with jitter."""

from collections.abc import Callable
from datetime import timedelta

FIRST = timedelta(seconds=1)
LONGEST = timedelta(minutes=5)


def backoff(failures: int, retry_after: timedelta | None, random: Callable[[], float]) -> timedelta:
    """Return how long to wait after so many failures in a row (at least 1, any number).

    `random` returns a number from 0 to 1: the wait is between half and the whole of what doubles each time, so that
    replicas do not retry together. A longer `retry_after` takes precedence.
    """
    doubled = FIRST * (1 << min(failures - 1, 20))
    wait = min(doubled, LONGEST) * (0.5 + random() / 2)
    return max(wait, retry_after or timedelta(0))
