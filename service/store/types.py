"""Column types for instants and structures: the same on every engine, sortable, never naive."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic_core import from_json, to_json
from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NEVER = 2**62
"""Represents "has not ended" in an index, so that open episodes sort after all ended ones."""


class Stored(TypeDecorator[T]):
    """Base of our types. `store` converts values to be written and `read` converts them back, on every engine.

    SQLAlchemy would call `process_bind_param` and its twin through two functions of its own for each value.
    """

    @staticmethod
    def store(value: Any) -> Any:
        """Convert for the database."""
        raise NotImplementedError

    @staticmethod
    def read(value: Any) -> Any:
        """Convert from the database."""
        raise NotImplementedError

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:  # noqa: ARG002 - SQLAlchemy's
        """Convert for the database."""
        return self.store

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002 - SQLAlchemy's
        """Convert from the database."""
        return self.read


class InstantColumn(Stored[datetime]):
    """An aware datetime as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    @staticmethod
    def store(value: datetime | None) -> int | None:
        """Convert for the database."""
        if value is None:
            return None
        since = value - EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

    @staticmethod
    def read(value: int | None) -> datetime | None:
        """Convert from the database."""
        return None if value is None else EPOCH + value * MICROSECOND


class End(Stored[datetime]):
    """The end of something, or None while it is ongoing; never NULL in the database, so that unique keys apply."""

    impl = BigInteger
    cache_ok = True

    @staticmethod
    def store(value: datetime | None) -> int:
        """Convert for the database."""
        microseconds = InstantColumn.store(value)
        return NEVER if microseconds is None else microseconds

    @staticmethod
    def read(value: int | None) -> datetime | None:
        """Convert from the database."""
        return None if value is None or value == NEVER else EPOCH + value * MICROSECOND


class Json(Stored[Mapping[str, Any]]):
    """A JSON object as text."""

    impl = Text
    cache_ok = True

    @staticmethod
    def store(value: Mapping[str, Any] | None) -> str:
        """Convert for the database."""
        return to_json(value or {}).decode()

    @staticmethod
    def read(value: str | None) -> Mapping[str, Any]:
        """Convert from the database."""
        return from_json(value) if value else {}


class JsonList(Stored[Sequence[Any]]):
    """A list as JSON text, which `json_each` expands."""

    impl = Text
    cache_ok = True

    @staticmethod
    def store(value: Sequence[Any] | None) -> str:
        """Convert for the database."""
        return to_json(value or []).decode()
