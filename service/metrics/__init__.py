"""The store as Prometheus metrics."""
