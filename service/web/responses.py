"""Responses in JSON."""

from flask import Response
from pydantic import BaseModel

JSON = "application/json"


def json_of(model: BaseModel) -> bytes:
    """Return the body of a response of this model."""
    return model.model_dump_json(by_alias=True).encode()


def json_response(model: BaseModel, status: int = 200) -> Response:
    """Return a response of this model."""
    return Response(json_of(model), status, mimetype=JSON)
