"""One row of the table of endpoints, from which the OpenAPI document is generated."""

from dataclasses import dataclass

from pydantic import BaseModel

from service.web.auth import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path. `answer` is the model of a JSON response, or the media type of any other.

    `errors_as` is the media type of errors that are not problem documents.
    """

    method: str
    path: str
    summary: str
    answer: type[BaseModel] | str
    scope: Scope | None = None
    body: type[BaseModel] | None = None
    or_array: bool = False
    query: type[BaseModel] | None = None
    ok: tuple[int, ...] = (200,)
    errors: tuple[int, ...] = ()
    errors_as: str | None = None
