"""The words of the pages in every language: one catalogue of messages each, chosen by the browser or by `?lang=`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Request

LANGUAGES = {"en": "English", "ja": "日本語"}
DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """The messages of one language. A message that is missing is an error, never an English word in between."""

    language: str
    messages: Mapping[str, str]

    def __call__(self, key: str, **values: Any) -> str:
        """Return a message with its values filled in."""
        text = self.messages[key]
        return text.format(**values) if values else text

    def of(self, group: str, name: object) -> str:
        """Return the word for one of a closed set, such as a phase: the message `group.name`."""
        return self(f"{group}.{name}")


@cache
def words(language: str) -> Words:
    """Return the words of one of `LANGUAGES`."""
    text = files("service.web").joinpath("locales", f"{language}.json").read_text("utf-8")
    return Words(language, json.loads(text))


def language_of(request: Request) -> str:
    """Return the language of a request: what it asks for by `?lang=`, else what its browser prefers."""
    return chosen(request) or request.accept_languages.best_match(list(LANGUAGES)) or DEFAULT


def chosen(request: Request) -> str | None:
    """Return the language that the address names, None where it names none of ours."""
    asked = request.args.get("lang")
    return asked if asked in LANGUAGES else None
