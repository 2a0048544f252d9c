"""Every key of the configuration with its default and its description: the single source for the loader, the
documentation and `mttx config`. The defaults are the standard's. Reads no file.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self, get_args
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from service.settings.durations import Duration, PositiveDuration, format_window
from service.settings.evidence import EvidenceSettings
from service.settings.goals import DeadlineSettings, TargetSettings, WeeklyReviewSettings
from service.settings.grafana import GrafanaSettings
from service.settings.inbound import CorrelationSettings, GrafanaAlertSettings, PagerDutySettings
from service.settings.messages import MessageSettings, SlackSettings, UpdateSettings, WebhookSettings
from service.settings.polling import (
    AlertmanagerSettings,
    OnsetSettings,
    PollingSettings,
    PrometheusSettings,
    ReconcileSettings,
    SilenceSettings,
)
from service.settings.postmortems import PostmortemSettings
from service.settings.section import SettingsSection
from service.settings.values import (
    IGNORE,
    Address,
    Count,
    DatabaseUrl,
    LabelName,
    PublicUrl,
    Severity,
    SeverityOrIgnore,
    Weekday,
    Windows,
    Zone,
    without_password,
)

_SEVERITY_NAMES: dict[SeverityOrIgnore, str] = {
    "SEV-1": "sev-1 sev1 p1 emergency disaster fatal",
    "SEV-2": "sev-2 sev2 p2 critical page",
    "SEV-3": "sev-3 sev3 p3 high error major",
    "SEV-4": "sev-4 sev4 p4 p5 warning warn medium minor low",
    IGNORE: "info none debug ok",
}
SEVERITY_MAP = {name: severity for severity, names in _SEVERITY_NAMES.items() for name in names.split()}


class LogSettings(SettingsSection):
    """What is logged to stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level that is logged."
    )
    access: bool = Field(False, description="Log one line per HTTP request.")


class LimitSettings(SettingsSection):
    """Limits of one client; requests beyond them are answered 413 or 503, and nothing is stored."""

    body_bytes: Count = Field(2 * 1024 * 1024, description="Maximum size of a request body, in bytes.")
    alerts: Count = Field(1000, description="Maximum number of alerts, or lifecycle events, in one body.")
    queue: Count = Field(
        1000, description="Maximum number of requests waiting for the store; further ones are answered 503 (try again)."
    )
    series: Count = Field(
        200, description="Maximum number of incidents with series of their own on /metrics, per metric."
    )
    rate: Annotated[float, Field(gt=0, le=100_000)] | None = Field(
        None,
        description="Requests per second per token, or per address without a valid token; further ones are answered "
        "503 (try again). null: unlimited.",
    )
    burst: Count = Field(100, description="Requests accepted at once before `limits.rate` applies.")
    labels: Count = Field(64, description="Maximum number of labels, and of annotations, per alert.")
    label_length: Count = Field(
        4096, description="Maximum length of the value of a label or annotation, in characters."
    )


class IgnoreSettings(SettingsSection):
    """Alerts that never open an incident."""

    alertnames: tuple[re.Pattern[str], ...] = Field(
        (re.compile("^Mttx"), re.compile("^Watchdog$"), re.compile("^InfoInhibitor$")),
        description="Regular expressions searched in the alert name; matching alerts open no incident. Keep `^Mttx`: "
        "otherwise the exporter's own alerts would open incidents.",
    )
    label: LabelName = Field("mttx_ignore", description='Alerts with this label set to "true" are ignored.')


class ResolveSettings(SettingsSection):
    """The indicator `resolve` (MTTR)."""

    from_: Literal["detected", "started"] = Field(
        "detected", alias="from", description="Milestone from which the time to resolve is measured."
    )


class IndicatorSettings(SettingsSection):
    """What the indicators measure, where teams differ."""

    resolve: ResolveSettings = ResolveSettings()


class RetentionSettings(SettingsSection):
    """How long data is kept."""

    raw: PositiveDuration = Field(timedelta(days=90), description="How long webhook bodies are kept.")
    incidents: PositiveDuration | None = Field(
        None, description="How long `mttx db prune` keeps incidents after they are over; null: forever."
    )


def _with_default_severities(value: object) -> object:
    if not isinstance(value, Mapping):
        return SEVERITY_MAP if value is None else value
    lowered = {str(key).strip().lower(): severity for key, severity in value.items()}
    return SEVERITY_MAP | {key: IGNORE if severity is None else severity for key, severity in lowered.items()}


class Settings(SettingsSection):
    """The whole configuration. Keys are public: renaming one breaks every team's file."""

    listen: Address = Field(
        "127.0.0.1:9877", description="Address and port to serve HTTP on. Without `tokens_file`, loopback only."
    )
    database_url: DatabaseUrl = Field(
        "sqlite:///mttx.db",
        description="Database, as an SQLAlchemy URL: an SQLite file, or PostgreSQL for several replicas.",
    )
    database_password: SecretStr | None = Field(
        None, description="PostgreSQL password, if `database_url` has none and no other authentication is set up."
    )
    tokens_file: Path | None = Field(
        None, description="YAML file with the tokens for the API. Without it there is no authentication."
    )
    metrics_auth: bool = Field(
        False, description="Require a token with the scope `read` for /metrics and the probes too."
    )
    display_timezone: Zone = Field(
        "Asia/Tokyo", validate_default=True, description="IANA time zone in which times are shown to people."
    )
    public_url: PublicUrl | None = Field(
        None, description="URL at which people open the pages, for links; null: the address of the request."
    )
    threads: Annotated[int, Field(ge=1, le=512)] = Field(64, description="Number of requests handled at the same time.")
    log: LogSettings = LogSettings()
    limits: LimitSettings = LimitSettings()
    severity_label: LabelName = Field("severity", description="Alert label that `severity_map` reads.")
    severity_map: Annotated[dict[str, SeverityOrIgnore], BeforeValidator(_with_default_severities)] = Field(
        SEVERITY_MAP,
        description="Maps the severities of alerts, in any case, to those of incidents; `ignore` (or null): the alert "
        'opens no incident. Entries are added to the default. "" stands for an alert without a severity.',
    )
    unmapped_severity: SeverityOrIgnore = Field(
        "SEV-4",
        description="Severity for alerts whose severity is missing or not in `severity_map`; `ignore`: they open no "
        "incident. Such alerts are counted and shown in any case.",
    )
    default_severity: Severity = Field(
        "SEV-3",
        description="Severity of an incident that is opened without one (the standard, section 10: SEV-3 or 4).",
    )
    ignore: IgnoreSettings = IgnoreSettings()
    reopen_window: Duration = Field(
        timedelta(minutes=15), description="An alert group that fires again within this time continues its incident."
    )
    stale_after: PositiveDuration = Field(
        timedelta(hours=24), description="An open incident is shown as stale after this long without any report."
    )
    close_stale: bool = Field(
        False, description="Resolve stale incidents; such a resolution is never a sample of the time to resolve."
    )
    indicators: IndicatorSettings = IndicatorSettings()
    windows: Windows = Field(
        (timedelta(days=7), timedelta(days=30), timedelta(days=90)),
        description="Windows of time over which the indicators are computed; values of the label `window`.",
    )
    deadlines: DeadlineSettings = DeadlineSettings()
    weekly_review: WeeklyReviewSettings = WeeklyReviewSettings()
    updates: UpdateSettings = UpdateSettings()
    targets: TargetSettings = Field(
        TargetSettings(),
        description="Targets of the indicators: one statistic (mean, p50, p95, max) for all severities together, or "
        "per severity. Lead times are compared with the deadlines instead.",
    )
    retention: RetentionSettings = RetentionSettings()
    postmortems: PostmortemSettings = PostmortemSettings()
    grafana: GrafanaSettings = GrafanaSettings()
    grafana_alerts: GrafanaAlertSettings = GrafanaAlertSettings()
    pagerduty: PagerDutySettings = PagerDutySettings()
    messages: MessageSettings = MessageSettings()
    slack: SlackSettings = SlackSettings()
    webhook: WebhookSettings = WebhookSettings()
    correlation: CorrelationSettings = CorrelationSettings()
    prometheus: PrometheusSettings = PrometheusSettings()
    onset: OnsetSettings = OnsetSettings()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    silences: SilenceSettings = SilenceSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    inquiry: PollingSettings = PollingSettings()
    evidence: EvidenceSettings = Field(default_factory=EvidenceSettings)

    @model_validator(mode="after")
    def _require_tokens_beyond_loopback(self) -> Self:
        if self.tokens_file is None and not self.is_loopback:
            raise PydanticCustomError(
                "mttx_key",
                "without tokens_file anyone who reaches this address can change every incident: set tokens_file or "
                "MTTX_TOKENS_FILE (docs/configuration.md, Tokens), or listen on 127.0.0.1",
                {"key": "listen", "value": self.listen},
            )
        return self

    @model_validator(mode="after")
    def _require_prometheus(self) -> Self:
        dependents = {
            "onset.query": self.onset.query,
            "reconcile.gaps": self.reconcile.gaps,
            "evidence.metrics": bool(self.evidence.metrics),
        }
        for key, value in dependents.items():
            if value and not self.prometheus.url:
                context = {"key": key, "value": value}
                raise PydanticCustomError("mttx_key", "requires prometheus.url to be set", context)
        return self

    @property
    def host(self) -> str:
        """The address to listen on, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on."""
        return int(self.listen.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None for PostgreSQL."""
        name = self.database_url.removeprefix("sqlite:///")
        return None if name == self.database_url else Path(name)

    @property
    def database(self) -> str:
        """The database URL with its password. Never shown; `database_shown` is."""
        if self.database_password is None or self.database_file is not None:
            return self.database_url
        parts = urlsplit(self.database_url)
        user, _, host = parts.netloc.rpartition("@")
        secret = quote(self.database_password.get_secret_value().strip(), safe="")
        return parts._replace(netloc=f"{user.partition(':')[0]}:{secret}@{host}").geturl()

    @property
    def database_shown(self) -> str:
        """The database URL without its password."""
        return without_password(self.database_url)

    @property
    def window_lengths(self) -> dict[str, timedelta]:
        """The windows by the value of their label, the shortest first."""
        return {format_window(window): window for window in self.windows}

    @property
    def review_weekday(self) -> int:
        """The day of the weekly review, counted from Monday = 0."""
        return get_args(Weekday).index(self.weekly_review.weekday)

    @property
    def review_zone(self) -> ZoneInfo:
        """The zone of the weekly review."""
        return self.weekly_review.timezone or self.display_timezone
