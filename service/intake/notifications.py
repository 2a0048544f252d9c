"""A notification of alerts, as the parsers of monitoring systems return it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain.events import Alert
from service.intake.reasons import Ignored
from service.intake.wire import PayloadError


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFault:
    """A fault of one alert of a notification; `detail` describes what to change."""

    index: int
    fingerprint: str | None
    alertname: str | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmappedAlert:
    """An alert whose severity no rule maps; `severity` is the label's value, empty without the label."""

    source: str
    severity: str
    fingerprint: str
    alertname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """The content of one body: each alert is recorded (`alerts`), ignored or rejected, independently of the others.

    `truncated` counts alerts that the sender omitted. `warnings` are about alerts recorded without their `started_at`.
    Alerts in `unmapped` are recorded or ignored according to `SeverityRules.unmapped`. `retry` is the error that makes
    the sender retry: the time of one of the alerts is ahead of this service's clock.
    """

    alerts: tuple[Alert, ...]
    ignored: Mapping[Ignored, int] = field(default_factory=dict)
    truncated: int = 0
    rejected: tuple[AlertFault, ...] = ()
    warnings: tuple[AlertFault, ...] = ()
    unmapped: tuple[UnmappedAlert, ...] = ()
    retry: PayloadError | None = None

    @property
    def total(self) -> int:
        """The number of alerts in the body."""
        return len(self.alerts) + sum(self.ignored.values()) + len(self.rejected)
