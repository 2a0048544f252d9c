"""The one door to grafana-client: what we ask of Grafana 9 to 13, and what its answers mean."""

from service.clients.grafana.annotations import Annotations, Stored, Unordered, digest_of
from service.clients.grafana.connection import Access, Connection

__all__ = ["Access", "Annotations", "Connection", "Stored", "Unordered", "digest_of"]
