"""Alertmanager's fingerprint of an alert, for senders that omit it and for alerts known only from Prometheus."""

from collections.abc import Mapping


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return FNV-1a (64 bits) of the sorted labels. Source: prometheus/common `model/signature.go`."""
    value = 0xCBF29CE484222325
    for name, text in sorted(labels.items()):
        for byte in (*name.encode(), 0xFF, *text.encode(), 0xFF):
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"
