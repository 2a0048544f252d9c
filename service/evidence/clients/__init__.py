"""What evidence is read from besides Prometheus and Grafana: Loki, Tempo, Jaeger."""
