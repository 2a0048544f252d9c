"""Incidents of the past: brought in from other tools, and written for Prometheus as it would have seen them."""
