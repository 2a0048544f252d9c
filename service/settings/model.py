"""Every key of the configuration with its default and its description: the single source for the loader, the
documentation and `mttx config`. The defaults are the standard's. Reads no file.
"""

import re
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, model_validator

from service.domain.indicators import lead_time_targets
from service.domain.policy import DueRule, Milestone, Policy, Severity, Stage, WeeklyReview
from service.domain.severity_rules import SEVERITY_MAP, SeverityRules
from service.settings.breakdown import BREAKDOWN, Breakdown, dimensions_of
from service.settings.declared import DeclaredSources
from service.settings.durations import format_window
from service.settings.errors import without_password
from service.settings.goals import (
    DEADLINES,
    UPDATES,
    DeadlinesByStage,
    TargetSettings,
    UpdateIntervals,
    WeeklyReviewSettings,
)
from service.settings.grafana import GrafanaSettings
from service.settings.inbound import CDEventsSettings, CorrelationSettings, GrafanaAlertSettings, PagerDutySettings
from service.settings.messages import MessageSettings, SlackSettings, WebhookSettings
from service.settings.polling import (
    AlertmanagerSettings,
    OnsetSettings,
    PollingSettings,
    PrometheusSettings,
    ReconcileSettings,
    SilenceSettings,
)
from service.settings.section import SettingsSection, problem_at
from service.settings.slo import Objectives
from service.settings.values import (
    Address,
    Count,
    DatabaseUrl,
    Duration,
    HttpUrl,
    LabelName,
    PositiveDuration,
    SeverityOrIgnore,
    SeverityOrNull,
    Windows,
    Zone,
    added_to,
)


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

    from_: Literal[Milestone.DETECTED, Milestone.STARTED] = Field(
        Milestone.DETECTED, alias="from", description="Milestone from which the time to resolve is measured."
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


class Settings(SettingsSection):
    """The configuration of the exporter. Keys are public: renaming one breaks every team's file.

    A companion adds its section with a subclass; `WholeSettings` has them all.
    """

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
    web_config_file: Path | None = Field(
        None, description="File with TLS and users in the format of Prometheus' exporters (docs/configuration.md, TLS)."
    )
    metrics_auth: bool = Field(
        False, description="Require a token with the scope `read` for /metrics and the probes too."
    )
    display_timezone: Zone = Field(
        "Asia/Tokyo", validate_default=True, description="IANA time zone in which times are shown to people."
    )
    public_url: HttpUrl | None = Field(
        None, description="URL at which people open the pages, for links; null: the address of the request."
    )
    threads: Annotated[int, Field(ge=1, le=512)] = Field(
        64, description="Number of threads that may wait for the store."
    )
    log: LogSettings = LogSettings()
    limits: LimitSettings = LimitSettings()
    severity_label: LabelName = Field("severity", description="Alert label that `severity_map` reads.")
    severity_map: Annotated[dict[str, SeverityOrNull], added_to(SEVERITY_MAP, in_any_case=True)] = Field(
        SEVERITY_MAP,
        description="Maps the severities of alerts, in any case, to those of incidents; `ignore` (or null): the alert "
        'opens no incident. Entries are added to the default. "" stands for an alert without a severity.',
    )
    unmapped_severity: SeverityOrIgnore = Field(
        Severity.SEV_4,
        description="Severity for alerts whose severity is missing or not in `severity_map`; `ignore`: they open no "
        "incident. Such alerts are counted and shown in any case.",
    )
    default_severity: Severity = Field(
        Severity.SEV_3,
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
    breakdown: Breakdown = Field(
        BREAKDOWN,
        description="Labels by which incidents are broken down, each with the number of its values that metrics name; "
        "the rest is counted together as `other`.",
    )
    slo: Objectives = Field(
        (),
        description="Objectives whose error budget is measured for each incident: `name`, `query` (PromQL with "
        "`{{ start }}`, `{{ end }}` and `{{ range }}`), and the `severities` and `labels` of the incidents concerned.",
    )
    deadlines: DeadlinesByStage = Field(
        DEADLINES,
        description="When this stage is due, counted from the start of the incident: a duration, `weekly_review`, or "
        "null (never).",
    )
    weekly_review: WeeklyReviewSettings = WeeklyReviewSettings()
    updates: UpdateIntervals = Field(
        UPDATES, description="Interval of updates during such an incident; null: no updates."
    )
    targets: TargetSettings = Field(
        TargetSettings(),
        description="Targets of the indicators: one statistic (mean, p50, p95, max) for all severities together, or "
        "per severity. Lead times are compared with the deadlines instead.",
    )
    retention: RetentionSettings = RetentionSettings()
    grafana: GrafanaSettings = GrafanaSettings()
    grafana_alerts: GrafanaAlertSettings = GrafanaAlertSettings()
    pagerduty: PagerDutySettings = PagerDutySettings()
    cdevents: CDEventsSettings = CDEventsSettings()
    sources: DeclaredSources = Field(
        {},
        description="Declared sources by name (docs/sources/declared.md); a name alone takes the shipped declaration.",
    )
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

    @model_validator(mode="after")
    def _require_tokens_beyond_loopback(self) -> Self:
        if self.tokens_file is None and not self.is_loopback:
            raise problem_at(
                "listen",
                "without tokens_file anyone who reaches this address can change every incident: set tokens_file or "
                "MTTX_TOKENS_FILE (docs/configuration.md, Tokens), or listen on 127.0.0.1",
                self.listen,
            )
        return self

    @model_validator(mode="after")
    def _require_prometheus(self) -> Self:
        dependents = {
            "onset.query": self.onset.query,
            "reconcile.gaps": self.reconcile.gaps,
            "slo": [o.name for o in self.slo],
        }
        for key, value in dependents.items():
            if value and not self.prometheus.url:
                raise problem_at(key, "requires prometheus.url to be set", value)
        return self

    @model_validator(mode="after")
    def _require_dimensions(self) -> Self:
        labels = [dimension.label for dimension in self.breakdown]
        for label in self.slack.channels:
            if label not in labels:
                raise problem_at(
                    f"slack.channels.{label}", f"should be a label of `breakdown` ({', '.join(labels) or 'empty'})"
                )
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
    def review(self) -> WeeklyReview:
        """The weekly review, in its own zone or else the one that people read."""
        keys = self.weekly_review
        return WeeklyReview(keys.weekday, keys.time, keys.timezone or self.display_timezone)

    def policy(self) -> Policy:
        """Return the team's policy."""
        deadlines: dict[Severity, dict[Stage, DueRule]] = {
            severity: {
                stage: due if isinstance(due, timedelta) else self.review
                for stage, due in stages.items()
                if due is not None
            }
            for severity, stages in self.deadlines.items()
        }
        return Policy(
            deadlines=deadlines,
            targets=(*self.targets.each(), *lead_time_targets(deadlines)),
            resolve_from=self.indicators.resolve.from_,
            default_severity=self.default_severity,
            reopen_window=self.reopen_window,
            stale_after=self.stale_after,
            breakdown=dimensions_of(self.breakdown),
            updates={severity: interval for severity, interval in self.updates.items() if interval is not None},
        )

    def severity_rules(self) -> SeverityRules:
        """Return the rules that map the severities of alerts."""
        return SeverityRules(by_name=self.severity_map, label=self.severity_label, unmapped=self.unmapped_severity)
