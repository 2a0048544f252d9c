"""The messages of the pages: one catalogue per language, selected by the browser or by `?lang=`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Request
from markupsafe import Markup

LANGUAGES = {"en": "English", "ja": "日本語"}
DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """The messages of one language. A missing message is an error; there is no fallback to English."""

    language: str
    messages: Mapping[str, str]

    def __call__(self, key: str, **values: Any) -> str:
        """Return a message with its values filled in; with one that is markup, the message is too."""
        text = self.messages[key]
        if any(isinstance(value, Markup) for value in values.values()):
            return Markup("{}").format(text).format(**values)
        return text.format(**values) if values else text

    def dimension(self, label: str) -> str:
        """Return the name of a dimension: a message for the usual ones, else the label itself, as words."""
        return self.messages.get(f"dimension.{label}") or label.replace("_", " ")

    def of(self, group: str, name: object) -> str:
        """Return the message `group.name` for a member of a closed set, such as a phase."""
        return self(f"{group}.{name}")


@cache
def words(language: str) -> Words:
    """Return the messages of one of `LANGUAGES`."""
    text = files("service.web").joinpath("locales", f"{language}.json").read_text("utf-8")
    return Words(language, json.loads(text))


def language_of(request: Request) -> str:
    """Return the language of a request: that of `?lang=`, else the browser's preference."""
    return chosen(request) or request.accept_languages.best_match(list(LANGUAGES)) or DEFAULT


def chosen(request: Request) -> str | None:
    """Return the language of `?lang=`, None if missing or unsupported."""
    asked = request.args.get("lang")
    return asked if asked in LANGUAGES else None
