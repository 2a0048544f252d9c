"""Parameter types of options and arguments, and the options that many commands share."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from service.settings.durations import parse_duration

_INCIDENT_ID = re.compile(r"(?:INC-)?([1-9][0-9]{0,17})", re.IGNORECASE)


class Instant(click.ParamType[datetime]):
    """A time with its zone, or how long ago it was. Without a zone the instant would depend on the machine."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the instant in UTC."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            return datetime.now(UTC) - parse_duration(text.removesuffix("ago").strip())
        except (ValueError, OverflowError):
            pass
        try:
            at = datetime.fromisoformat(text)
            if at.tzinfo is not None:
                return at.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        return self.fail(
            f"{text!r} should be a time with a zone, such as 2026-11-23T18:04:05+09:00, or an age such as 10m",
            param,
            ctx,
        )


class IncidentId(click.ParamType[str]):
    """`INC-7`, `inc-7` or `7`; returns the id as the service writes it."""

    name = "incident"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `INC-7`."""
        match = _INCIDENT_ID.fullmatch(str(value))
        return f"INC-{match[1]}" if match else self.fail(f"{value!r} should be an incident such as INC-7", param, ctx)


class Duration(click.ParamType[timedelta]):
    """A duration such as 15m or 400d; `whole_seconds`: at least one, and no fractions."""

    name = "duration"

    def __init__(self, *, whole_seconds: bool = False) -> None:
        self._whole_seconds = whole_seconds

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the duration."""
        if isinstance(value, timedelta):
            return value
        try:
            duration = parse_duration(str(value))
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)
        second = timedelta(seconds=1)
        if self._whole_seconds and (duration < second or duration % second):
            self.fail(f"{value!r} should be a whole number of seconds, at least one", param, ctx)
        return duration


class Zone(click.ParamType[ZoneInfo]):
    """An IANA time zone."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        """Return the zone."""
        try:
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is not a time zone such as Asia/Tokyo or UTC", param, ctx)


class Pair(click.ParamType[tuple[str, str]]):
    """`NAME=VALUE`, split at the first `=`; `at_last`: at the last one, and the value may not be empty."""

    name = "pair"

    def __init__(self, form: str = "NAME=VALUE", *, at_last: bool = False) -> None:
        self._form = form
        self._at_last = at_last

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return both sides."""
        if isinstance(value, tuple):
            return value
        name, equals, content = str(value).rpartition("=") if self._at_last else str(value).partition("=")
        if not name or not equals or (self._at_last and not content):
            self.fail(f"{value!r} should be {self._form}", param, ctx)
        return name.strip(), content.strip()


def label_option(meaning: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option `--label NAME=VALUE`, which can be repeated; `labels` are its pairs."""
    return click.option("--label", "labels", metavar="NAME=VALUE", type=Pair(), multiple=True, help=meaning)


def choice(values: type[StrEnum]) -> click.Choice[str]:
    """Accept the values of an enumeration, in either case."""
    return click.Choice([value.value for value in values], case_sensitive=False)


config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="Configuration file. Default: MTTX_CONFIG, else mttx.yml if it exists.",
)
output_option = click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="json: for scripts."
)
incident_argument = click.argument("incident_id", metavar="INCIDENT", type=IncidentId())
