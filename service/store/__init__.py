"""The only package with SQL: tables, migrations, queries."""

from service.store.engine import StoreRefused, StoreRejected, StoreUnavailable
from service.store.store import Store

__all__ = ["Store", "StoreRefused", "StoreRejected", "StoreUnavailable"]
