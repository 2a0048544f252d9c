"""How instants and structures lie in the database: the same on every engine, sortable, never naive."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NEVER = 2**62
"""What stands for "has not ended" in an index, so that what still goes on sorts behind everything that ended."""
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # `json.dumps` would make one for each value


def to_microseconds(instant: datetime) -> int:
    """Return whole microseconds since 1970."""
    return (instant - EPOCH) // MICROSECOND


def from_microseconds(value: int) -> datetime:
    """Return the instant, in UTC."""
    return EPOCH + timedelta(microseconds=value)


class Instant(TypeDecorator[datetime]):
    """An aware datetime as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's
        """To the database."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else from_microseconds(value)


class End(TypeDecorator[datetime]):
    """The end of something, or None while it goes on; never NULL in the database, so that unique keys hold it."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int:  # noqa: ARG002
        """To the database."""
        return NEVER if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return None if value is None or value == NEVER else from_microseconds(value)


class Json(TypeDecorator[Mapping[str, Any]]):
    """A JSON object as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, Any] | None, dialect: Dialect) -> str:  # noqa: ARG002
        """To the database."""
        return _COMPACT.encode(value or {})

    def process_result_value(self, value: str | None, dialect: Dialect) -> Mapping[str, Any]:  # noqa: ARG002
        """From the database."""
        return json.loads(value) if value else {}


class JsonList(TypeDecorator[Sequence[Any]]):
    """A list as JSON text, which `json_each` takes apart."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> str:  # noqa: ARG002
        """To the database."""
        return _COMPACT.encode(value or [])
