"""Responses in JSON."""

from flask import Response
from pydantic import BaseModel


def json_response(model: BaseModel, status: int = 200) -> Response:
    """Return a response of this model."""
    return Response(model.model_dump_json(by_alias=True), status, mimetype="application/json")
