"""Parse query strings into models."""

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time
from typing import TypeVar
from zoneinfo import ZoneInfo

from flask import Request
from pydantic import BaseModel, ValidationError

from service.domain.breakdown import dimension_value
from service.domain.policy import Policy
from service.intake.reasons import Failure
from service.intake.wire import PayloadError, invalid, zoned

Query = TypeVar("Query", bound=BaseModel)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parsed(request: Request, model: type[Query], several: tuple[str, ...] = (), besides: Collection[str] = ()) -> Query:
    """Parse the query without the keys in `besides`. Those in `several` may be repeated or comma-separated.

    Raises PayloadError.
    """
    values_by_name = {
        key: [part for value in values for part in value.split(",")] if key in several else values[-1]
        for key, values in request.args.lists()
        if key not in besides
    }
    try:
        return model.model_validate(values_by_name)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False, include_context=False)
        problems = ((".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")) for error in errors)
        text = "; ".join(f"{name}: {message}" for name, message in problems)
        raise PayloadError(Failure.INVALID_PAYLOAD, f"The query cannot be read. {text}") from None


def dimensions_of(request: Request, policy: Policy) -> dict[str, str]:
    """Return the values of dimensions that the query names; an empty one means the incidents without a value."""
    labels = (dimension.label for dimension in policy.breakdown)
    return {label: dimension_value(request.args[label]) for label in labels if label in request.args}


def instant_of(name: str, text: str | None, zone: ZoneInfo) -> datetime | None:
    """Parse a time in UTC, or a date as the start of that day in `zone`. Raises PayloadError."""
    if text is None:
        return None
    if not _DATE.fullmatch(text):
        return zoned(text, name).astimezone(UTC)
    try:
        return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
    except ValueError:
        raise invalid("is not a date that exists", name) from None
