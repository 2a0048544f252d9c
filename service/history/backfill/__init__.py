"""The metrics of the past, as they would have been scraped: for Prometheus' backfill."""
