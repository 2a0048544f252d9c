"""Notices about webhooks on the first page: tests received, and alerts whose severity no rule maps.

Each is stored as a delivery from a source of its own, so that replicas agree and it expires with `retention.raw`.
"""

import json
import zlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from service.store import tables as t

TEST = "grafana_test"
UNMAPPED = "unmapped_severity"
MAX_ALERTS = 1000
"""How many alerts are read at most; a severity made of a measured value would give any number of them."""


@dataclass(frozen=True, slots=True)
class Notices:
    """When the last test was received, and the severity of each alert whose severity was not mapped on receipt."""

    test_at: datetime | None = None
    unmapped: tuple[str, ...] = ()


def unmapped_body(source: str, fingerprint: str, severity: str) -> bytes:
    """Return the delivery by which an alert is remembered: the same alert gives the same bytes."""
    return json.dumps({"fingerprint": fingerprint, "severity": severity, "source": source}, sort_keys=True).encode()


def notices_since(connection: Connection, since: datetime) -> Notices:
    """Return the tests received, and the severities not mapped, after `since`."""
    c = t.deliveries.c
    last_test = select(func.max(c.last_received_at)).where(c.source == TEST, c.last_received_at > since)
    bodies = select(c.body).where(c.source == UNMAPPED, c.last_received_at > since)
    rows = connection.scalars(bodies.order_by(c.last_received_at.desc()).limit(MAX_ALERTS))
    unmapped = tuple(str(json.loads(zlib.decompress(body))["severity"]) for body in rows)
    return Notices(connection.scalars(last_test).one(), unmapped)
