"""The sections about polling Prometheus and Alertmanager in the background."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from service.settings.http_api import HttpApiAccess, HttpApiSettings
from service.settings.placeholders import checked_query
from service.settings.section import SettingsSection
from service.settings.values import HttpUrl, PositiveDuration, SenderName


class PrometheusSettings(HttpApiSettings):
    """The Prometheus whose rules fire the alerts; read only."""


class OnsetSettings(SettingsSection):
    """When the impact started, according to Prometheus: when the alert became pending, or the result of a query."""

    query: Annotated[str, AfterValidator(checked_query)] | None = Field(
        None,
        description="PromQL query whose value is the Unix time at which the impact started, evaluated at the alert's "
        "start; `{{ $labels.NAME }}` stands for a label of the alert, within double quotes. null: "
        "ALERTS_FOR_STATE.",
    )
    lookback: PositiveDuration = Field(
        timedelta(days=1), description="Only incidents detected within this time are looked up."
    )


class AlertmanagerSettings(HttpApiAccess):
    """The Alertmanagers that notify us; read only."""

    urls: tuple[HttpUrl, ...] = Field(
        (), description="URLs of all Alertmanagers of the cluster. Without them Alertmanager is not polled."
    )
    sender: SenderName | None = Field(
        None,
        description="Sender whose alerts are looked up in these Alertmanagers and in Prometheus: the value of `sender` "
        "in their notifications. null: alerts without a sender.",
    )


class SilenceSettings(SettingsSection):
    """Silences as acknowledgements."""

    acknowledge: bool = Field(
        False, description="Count a silence that a person creates while an alert fires as its acknowledgement."
    )
    authors: re.Pattern[str] = Field(
        re.compile("."),
        description="Regular expression searched in the author of a silence: only authors that match are people.",
    )
    machines: re.Pattern[str] | None = Field(
        None,
        description="Regular expression searched in the author of a silence: authors that match are not people. null: "
        "no such authors.",
    )


class ReconcileSettings(SettingsSection):
    """Alerts that Alertmanager never reported, read from Prometheus."""

    gaps: bool = Field(
        False,
        description="After an outage of the service, or of every Alertmanager, read from Prometheus which alerts "
        "fired and resolved in the meantime.",
    )
    patience: PositiveDuration = Field(
        timedelta(minutes=10), description="How long Alertmanager has to report them itself before Prometheus is read."
    )
    lookback: PositiveDuration = Field(timedelta(days=1), description="Longest gap that is read.")


class PollingSettings(SettingsSection):
    """The background polling."""

    interval: PositiveDuration = Field(
        timedelta(seconds=15), description="Interval at which Prometheus and Alertmanager are polled."
    )
