"""Reasons for rejecting or ignoring input: the closed sets of label values of the metrics."""

from enum import StrEnum


class Failure(StrEnum):
    """Why a request was rejected; all but the last five are permanent until the sender or a setting changes."""

    INVALID_JSON = "invalid_json"
    INVALID_PAYLOAD = "invalid_payload"
    WRONG_VERSION = "wrong_version"
    TOO_LARGE = "too_large"
    FUTURE = "future"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    UNKNOWN_INCIDENT = "unknown_incident"
    CONFLICT = "conflict"
    INCOMPLETE = "incomplete"
    RATE = "rate"
    BUSY = "busy"
    STORE = "store"
    INTERNAL = "internal"


class Ignored(StrEnum):
    """Why an alert never becomes an incident."""

    IGNORE_LABEL = "ignore_label"
    ALERTNAME = "alertname"
    SEVERITY = "severity"
    NO_DATA = "no_data"
    ERROR = "error"
    TEST = "test"


class Rejected(StrEnum):
    """Why one alert of a notification was not recorded while the others were."""

    INVALID_ALERT = "invalid_alert"
    TOO_MANY_LABELS = "too_many_labels"
    INVALID_START = "invalid_start"
    INVALID_END = "invalid_end"
    END_BEFORE_START = "end_before_start"
    FUTURE = "future"
