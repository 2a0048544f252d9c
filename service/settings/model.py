"""Every key of the configuration, its default and its meaning: the one table that the loader, the documents and
`mttx config` are made from. The defaults are the standard's. Nothing is read here.
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
    """What is written to stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important level that is logged."
    )
    access: bool = Field(False, description="Log one line for each HTTP request.")


class LimitSettings(SettingsSection):
    """How much one client may ask for; beyond it the answer is 413 or 503, and nothing is stored."""

    body_bytes: Count = Field(2 * 1024 * 1024, description="Size of a request body, in bytes.")
    alerts: Count = Field(1000, description="Alerts, or lifecycle events, in one body.")
    queue: Count = Field(
        1000, description="Requests that wait for the store; further ones are answered 503, try again."
    )
    series: Count = Field(200, description="Incidents that have series of their own on /metrics, for each such metric.")
    rate: Annotated[float, Field(gt=0, le=100_000)] | None = Field(
        None,
        description="Requests per second of one token, or of one address without a good token; further ones are "
        "answered 503, try again. null: as many as come.",
    )
    burst: Count = Field(100, description="Requests that may come at once before `limits.rate` counts.")
    labels: Count = Field(64, description="Labels, and annotations, of one alert.")
    label_length: Count = Field(4096, description="Length of the value of a label or annotation, in characters.")


class IgnoreSettings(SettingsSection):
    """Which alerts never become an incident."""

    alertnames: tuple[re.Pattern[str], ...] = Field(
        (re.compile("^Mttx"), re.compile("^Watchdog$"), re.compile("^InfoInhibitor$")),
        description="Regular expressions, searched in the alert's name. Keep `^Mttx`: ours would feed themselves.",
    )
    label: LabelName = Field(
        "mttx_ignore", description='An alert that carries this label with the value "true" is ignored.'
    )


class ResolveSettings(SettingsSection):
    """The indicator `resolve` (MTTR)."""

    from_: Literal["detected", "started"] = Field(
        "detected", alias="from", description="The milestone from which the time to resolve runs."
    )


class IndicatorSettings(SettingsSection):
    """What the indicators measure, where teams differ."""

    resolve: ResolveSettings = ResolveSettings()


class RetentionSettings(SettingsSection):
    """How long things are kept."""

    raw: PositiveDuration = Field(timedelta(days=90), description="How long webhook bodies are kept as evidence.")
    incidents: PositiveDuration | None = Field(
        None, description="How long `mttx db prune` keeps incidents after they are over; null: for ever."
    )


def _lower_keys(given: object) -> object:
    return {str(key).strip().lower(): value for key, value in given.items()} if isinstance(given, Mapping) else given


def _with_default_severities(given: object) -> object:
    lowered = _lower_keys(given)
    if not isinstance(lowered, Mapping):
        return SEVERITY_MAP if given is None else given
    return SEVERITY_MAP | {key: IGNORE if value is None else value for key, value in lowered.items()}


class Settings(SettingsSection):
    """The whole configuration. Keys are public: renaming one breaks every team's file."""

    listen: Address = Field(
        "127.0.0.1:9877", description="Address and port to serve HTTP on. Without `tokens_file`, loopback only."
    )
    database_url: DatabaseUrl = Field(
        "sqlite:///mttx.db",
        description="Where everything is kept, as an SQLAlchemy URL: an SQLite file, or PostgreSQL for replicas.",
    )
    database_password: SecretStr | None = Field(
        None, description="PostgreSQL's password, where `database_url` has none and no other way to sign in is set up."
    )
    tokens_file: Path | None = Field(
        None, description="YAML file with the tokens that may use the API. Without it there is no authentication."
    )
    metrics_auth: bool = Field(
        False, description="Ask for a token with the scope `read` on /metrics and the probes too."
    )
    display_timezone: Zone = Field(
        "Asia/Tokyo", validate_default=True, description="IANA time zone of times that people read."
    )
    public_url: PublicUrl | None = Field(
        None, description="The address that people open, for links; null: the address of the request."
    )
    threads: Annotated[int, Field(ge=1, le=512)] = Field(
        64, description="Requests that are worked on at the same time."
    )
    log: LogSettings = LogSettings()
    limits: LimitSettings = LimitSettings()
    severity_label: LabelName = Field("severity", description="The alert label that `severity_map` reads.")
    severity_map: Annotated[dict[str, SeverityOrIgnore], BeforeValidator(_with_default_severities)] = Field(
        SEVERITY_MAP,
        description="Alert severities, in any case, and ours; `ignore` (or null): such an alert opens no incident. "
        'Entries are added to the default. "" is an alert without a severity.',
    )
    unmapped_severity: SeverityOrIgnore = Field(
        "SEV-4",
        description="Severity of an alert whose severity `severity_map` lacks, or that has none; `ignore`: it opens no "
        "incident. Such alerts are counted and shown in any case.",
    )
    default_severity: Severity = Field(
        "SEV-3",
        description="Severity of an incident of which nobody said one (the standard, section 10: SEV-3 or 4).",
    )
    ignore: IgnoreSettings = IgnoreSettings()
    reopen_window: Duration = Field(
        timedelta(minutes=15), description="An alert group that fires again within this time goes on with its incident."
    )
    stale_after: PositiveDuration = Field(
        timedelta(hours=24), description="An open incident of which nothing was heard for this long is shown as stale."
    )
    close_stale: bool = Field(
        False, description="Resolve stale incidents; such a resolution is never a sample of the time to resolve."
    )
    indicators: IndicatorSettings = IndicatorSettings()
    windows: Windows = Field(
        (timedelta(days=7), timedelta(days=30), timedelta(days=90)),
        description="The stretches of the past over which the indicators are summed up; values of the label `window`.",
    )
    deadlines: DeadlineSettings = DeadlineSettings()
    weekly_review: WeeklyReviewSettings = WeeklyReviewSettings()
    updates: UpdateSettings = UpdateSettings()
    targets: TargetSettings = Field(
        TargetSettings(),
        description="What each indicator is held to: one statistic (mean, p50, p95, max) for all severities together, "
        "or under a severity. Lead times are held to the deadlines.",
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
    def _stay_at_home_without_tokens(self) -> Self:
        if self.tokens_file is None and not self.is_loopback:
            raise PydanticCustomError(
                "mttx_key",
                "without tokens_file anybody who reaches this address may change every incident: name a file with "
                "tokens (tokens_file or MTTX_TOKENS_FILE; docs/configuration.md, Tokens), or listen on 127.0.0.1",
                {"key": "listen", "value": self.listen},
            )
        return self

    @model_validator(mode="after")
    def _know_whom_to_ask(self) -> Self:
        needs = (
            ("onset.query", self.onset.query, self.prometheus.url, "prometheus.url"),
            ("reconcile.gaps", self.reconcile.gaps, self.prometheus.url, "prometheus.url"),
            ("evidence.metrics", bool(self.evidence.metrics), self.prometheus.url, "prometheus.url"),
        )
        for key, wish, address, needed in needs:
            if wish and not address:
                context = {"key": key, "value": wish}
                raise PydanticCustomError("mttx_key", f"needs {needed}: whom shall we ask?", context)
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
        """Say whether only this machine can reach the service."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None with PostgreSQL."""
        name = self.database_url.removeprefix("sqlite:///")
        return None if name == self.database_url else Path(name)

    @property
    def database(self) -> str:
        """The database's URL with its password. Never to be shown: that is what `database_url` is for."""
        if self.database_password is None or self.database_file is not None:
            return self.database_url
        parts = urlsplit(self.database_url)
        user, _, host = parts.netloc.rpartition("@")
        secret = quote(self.database_password.get_secret_value().strip(), safe="")
        return parts._replace(netloc=f"{user.partition(':')[0]}:{secret}@{host}").geturl()

    @property
    def database_shown(self) -> str:
        """The database's URL as it may be shown."""
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
