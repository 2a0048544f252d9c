"""Parse query strings into models."""

from typing import TypeVar

from flask import Request
from pydantic import BaseModel, ValidationError

from service.intake.reasons import Failure
from service.intake.wire import PayloadError

Query = TypeVar("Query", bound=BaseModel)


def parsed(request: Request, model: type[Query], several: tuple[str, ...] = ()) -> Query:
    """Parse the query; the keys of `several` may be repeated or comma-separated. Raises PayloadError."""
    values_by_name = {
        key: [part for value in values for part in value.split(",")] if key in several else values[-1]
        for key, values in request.args.lists()
    }
    try:
        return model.model_validate(values_by_name)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False, include_context=False)
        problems = ((".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")) for error in errors)
        text = "; ".join(f"{name}: {message}" for name, message in problems)
        raise PayloadError(Failure.INVALID_PAYLOAD, f"The query cannot be read. {text}") from None
