"""The keys of what we ask by ourselves, in the background: Prometheus and Alertmanager."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from service.settings.durations import PositiveDuration
from service.settings.placeholders import checked_query
from service.settings.section import SettingsSection


def _address(written: str) -> str:
    parts = urlsplit(written)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in written:
        raise ValueError("should be the address of an HTTP API, such as http://prometheus.example:9090")
    return written.rstrip("/")


ApiUrl = Annotated[str, AfterValidator(_address)]


class PrometheusSettings(SettingsSection):
    """The Prometheus whose rules fire the alerts; read only."""

    url: ApiUrl | None = Field(None, description="Prometheus' address, with its prefix. Without it nothing is asked.")
    token: SecretStr | None = Field(None, description="Bearer token for Prometheus' API.")
    ca_file: Path | None = Field(
        None, description="PEM file of the authority that signed Prometheus' certificate; null: the usual ones."
    )
    timeout: PositiveDuration = Field(timedelta(seconds=10), description="How long one request may take.")


class OnsetSettings(SettingsSection):
    """When the impact began, by Prometheus: since when the alert was pending, unless a query says it better."""

    query: Annotated[str, AfterValidator(checked_query)] | None = Field(
        None,
        description="A query whose value is the Unix time at which the impact began, evaluated at the alert's start; "
        "{{ $labels.NAME }} stands for a label of the alert, within double quotes. null: ALERTS_FOR_STATE.",
    )
    lookback: PositiveDuration = Field(
        timedelta(days=1), description="Of which incidents it is asked: those detected within this time."
    )


class AlertmanagerSettings(SettingsSection):
    """The Alertmanagers that notify us; read only."""

    urls: tuple[ApiUrl, ...] = Field(
        (), description="Addresses of every Alertmanager of the cluster. Without any nothing is asked."
    )
    token: SecretStr | None = Field(None, description="Bearer token for Alertmanager's API.")
    ca_file: Path | None = Field(
        None, description="PEM file of the authority that signed Alertmanager's certificate; null: the usual ones."
    )
    timeout: PositiveDuration = Field(timedelta(seconds=10), description="How long one request may take.")


class SilenceSettings(SettingsSection):
    """Silences as acknowledgements."""

    acknowledge: bool = Field(
        False, description="Take a silence that a person makes while an alert fires for its acknowledgement."
    )
    authors: re.Pattern[str] = Field(
        re.compile("."), description="Regular expression, searched in the silence's author: only these are people."
    )
    machines: re.Pattern[str] | None = Field(
        None, description="Regular expression, searched in the silence's author: these are none. null: nobody."
    )


class ReconcileSettings(SettingsSection):
    """What Alertmanager never told, read from Prometheus."""

    gaps: bool = Field(
        False,
        description="After the service, or every Alertmanager, was down: read from Prometheus which alerts fired and "
        "resolved meanwhile.",
    )
    patience: PositiveDuration = Field(
        timedelta(minutes=10), description="How long Alertmanager is given to tell it itself before that."
    )
    lookback: PositiveDuration = Field(timedelta(days=1), description="The longest gap that is read.")


class PollingSettings(SettingsSection):
    """The background thread that asks."""

    interval: PositiveDuration = Field(timedelta(seconds=15), description="How often it looks for what to ask.")
