"""The only user of grafana-client: requests to Grafana 9 to 13, and what its responses mean."""

from service.clients.grafana.annotations import Annotations, GrafanaAnnotation, PagingIncomplete, digest_of
from service.clients.grafana.connection import Connection

__all__ = ["Annotations", "Connection", "GrafanaAnnotation", "PagingIncomplete", "digest_of"]
