"""What is polled from Prometheus and Alertmanager, outside every request: starts, silences, ends, missed alerts."""
