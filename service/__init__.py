"""mttx-exporter: measures how well incidents are handled, from the alerts a team already has."""

__version__ = "0.2.0"
