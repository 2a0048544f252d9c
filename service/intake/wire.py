"""From bytes to a validated model, for all JSON sources. Defines the only error that leaves this package."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Never, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from service.intake.reasons import Failure

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_SECONDS = 10**9
"""September 2001. A smaller number is a duration or a count, not a time."""
CLOCK_SKEW = timedelta(minutes=5)
_MAX_FAULTS = 10
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?P<zone>[Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class WireModel(BaseModel):
    """A part of a body. Strict: the text "1" and `true` are not taken for 1.

    Only `Literal[0, 1]` takes `true`, so declare an int instead. A default list or dict is a `Field(default=[])`.
    """

    model_config = ConfigDict(strict=True)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its location (a JSON pointer) and a description."""

    pointer: str
    detail: str


class PayloadError(Exception):
    """The body cannot be accepted; the text says what to change and may name keys, never values."""

    def __init__(self, reason: Failure, detail: str, faults: Iterable[Fault] = ()) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.faults = tuple(faults)


def invalid(detail: str, *path: str | int) -> PayloadError:
    """Return the error for one fault at `path`."""
    pointer = to_pointer(path)
    return PayloadError(Failure.INVALID_PAYLOAD, f"{pointer}: {detail}", [Fault(pointer, detail)])


def to_pointer(path: Iterable[str | int]) -> str:
    """Format a path as a JSON pointer in a URI fragment (RFC 6901, section 6), without percent-encoding."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def read_json(adapter: TypeAdapter[T], body: bytes) -> T:
    """Parse a body into the adapter's type.

    Raises PayloadError, also for duplicate keys (undefined which one counts), NUL characters (databases do not store
    them in text), NaN and infinities.
    """
    try:
        value = adapter.validate_json(body)
    except ValidationError as error:
        raise from_pydantic(error) from None
    _refuse_ambiguous(body)
    return value


@dataclass(frozen=True, slots=True)
class RepeatedKey:
    """Replaces an object with a duplicate key. No model accepts it, so only the part with the object fails."""

    key: str


def read_json_in_parts(adapter: TypeAdapter[T], body: bytes) -> T:
    """Parse a body whose parts are validated separately, so that a fault in one does not reject the others.

    An object with a duplicate key becomes a `RepeatedKey`, a NUL character becomes U+FFFD (databases do not store NUL
    in text). Raises PayloadError for invalid JSON, and if the adapter rejects the value.
    """
    text = _NUL.sub(rb"\1\\ufffd", body) if b"\\u0000" in body else body
    try:
        from_json(text)
    except ValueError as error:
        raise PayloadError(Failure.INVALID_JSON, f"The body is no valid JSON. {error}") from None
    value = _IN_PARTS.decode(text.decode())
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise from_pydantic(error) from None


def from_pydantic(error: ValidationError, *path: str | int) -> PayloadError:
    """Convert a pydantic error, without the input values; `path` is that of the validated value."""
    errors = error.errors(include_url=False, include_context=False)
    if errors[0]["type"] == "json_invalid":
        return PayloadError(Failure.INVALID_JSON, f"The body is no valid JSON. {errors[0]['msg']}")
    faults = [Fault(to_pointer((*path, *each["loc"])), _detail(each)) for each in errors[:_MAX_FAULTS]]
    text = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults)
    return PayloadError(Failure.INVALID_PAYLOAD, text, faults)


def _detail(error: ErrorDetails) -> str:
    value = error["input"]
    return f"has the key {value.key[:100]!r} twice" if isinstance(value, RepeatedKey) else error["msg"]


def checked(model: type[Model], data: Any, *path: str | int) -> Model:
    """Validate an already parsed part as pydantic would validate it in JSON."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise from_pydantic(error, *path) from None


def _refuse_ambiguous(body: bytes) -> None:
    if b"\\u0000" in body and _NUL.search(body):
        raise PayloadError(Failure.INVALID_PAYLOAD, "The body contains a NUL character (\\u0000); remove it.")
    _SECOND_READING.decode(body.decode())


def _no_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise PayloadError(Failure.INVALID_PAYLOAD, f"The key {_repeated(pairs)[:100]!r} occurs twice in one object.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | RepeatedKey:
    value = dict(pairs)
    return value if len(value) == len(pairs) else RepeatedKey(_repeated(pairs))


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    return next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)


def _no_number(_: str) -> Never:
    raise PayloadError(Failure.INVALID_JSON, "The body is no valid JSON. NaN and Infinity are not JSON numbers.")


def _finite(text: str) -> None:
    if abs(float(text)) == float("inf"):
        raise PayloadError(Failure.INVALID_PAYLOAD, "The body contains a number that is out of range.")


# The standard library's parser reports every pair of an object, pydantic's only the last of each key. The body has
# already passed pydantic, which bounds nesting and the length of integers.
_SECOND_READING = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_number, parse_float=_finite)
_IN_PARTS = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_number)


def instant(text: str, now: datetime, *path: str | int) -> datetime:
    """Parse an RFC 3339 time into UTC; fractions are truncated to microseconds.

    Raises PayloadError for a time without a zone, before 1970, or more than `CLOCK_SKEW` ahead (reason `future`).
    """
    at = zoned(text, *path)
    if at.year < EARLIEST.year or at < EARLIEST:
        raise invalid("is before 1970; send the real time or leave it out", *path)
    if at > now + CLOCK_SKEW:
        raise _ahead("check the sender's clock", *path)
    return at.astimezone(UTC)


def unix_instant(seconds: float, now: datetime, *path: str | int) -> datetime:
    """Convert Unix seconds. Raises PayloadError for a number that is no time, and as `instant` for the future."""
    if seconds < EARLIEST_SECONDS:
        raise invalid("is a number but no time: Unix seconds are expected", *path)
    if seconds > (now + CLOCK_SKEW).timestamp():
        raise _ahead("check the sender's clock, and that these are seconds, not milliseconds", *path)
    return datetime.fromtimestamp(seconds, UTC)


def _ahead(advice: str, *path: str | int) -> PayloadError:
    pointer, minutes = to_pointer(path), int(CLOCK_SKEW.total_seconds() // 60)
    detail = f"lies in the future (more than {minutes} minutes from now); {advice}"
    return PayloadError(Failure.FUTURE, f"{pointer}: {detail}", [Fault(pointer, detail)])


def zoned(text: str, *path: str | int) -> datetime:
    """Parse an RFC 3339 time, keeping its zone; lower case, and a space for `T`, are accepted (section 5.6).

    Years 1 and 9999 are accepted: compare before converting.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise invalid("is not an RFC 3339 time such as 2026-11-23T18:04:05Z", *path)
    if match["zone"] is None:
        raise invalid("has no time zone; append Z or an offset such as +09:00", *path)
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        raise invalid("is not a time that exists", *path) from None
