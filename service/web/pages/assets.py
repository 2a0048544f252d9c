"""Style sheet and script, at addresses that change with their content, so that they can be cached."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

_TYPES = {"pages.css": "text/css", "pages.js": "text/javascript", "icon.svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"


@cache
def contents() -> Mapping[str, bytes]:
    """Return the content of every file by name."""
    folder = files("service.web").joinpath("assets")
    return {name: folder.joinpath(name).read_bytes() for name in _TYPES}


def digest(name: str) -> str:
    """Return the digest that a file's address must contain."""
    return sha256(contents()[name]).hexdigest()[:16]


def address(name: str) -> str:
    """Return the path of a file."""
    return f"/assets/{digest(name)}/{name}"


def blueprint() -> Blueprint:
    """Return the blueprint of the files; they have no incident data and need no authentication."""
    bp = Blueprint("assets", __name__)

    @bp.get("/assets/<digest>/<name>")
    def show(digest: str, name: str) -> Response:
        if name not in _TYPES or address(name) != f"/assets/{digest}/{name}":
            raise NotFound("There is no such file; load the page again.")
        headers = {"Cache-Control": _FOREVER, "Cross-Origin-Resource-Policy": "same-origin"}
        return Response(contents()[name], headers=headers, mimetype=_TYPES[name])

    return bp
