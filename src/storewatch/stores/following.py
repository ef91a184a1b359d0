"""The catalog follows the lake: every store that was observed is registered."""

from datetime import datetime

from storewatch.catalog import Catalog
from storewatch.lake import Lake, Snapshot


def follow_lake(catalog: Catalog, lake: Lake, now: datetime) -> int:
    """Register the stores that the lake got since the catalog last followed it. Return how many were new.

    Other writers append to the lake, and an import may be killed between its commit to the lake and the one to the
    catalog.
    """
    known, snapshot = catalog.stores.lake_version_known(), lake.snapshot()
    if snapshot.version == known:
        return 0
    store_ids = snapshot.store_ids(since=known if 0 <= known < snapshot.version else None)
    return catalog.stores.register(store_ids, lake_version=snapshot.version, expected=known, now=now)


def followed_snapshot(catalog: Catalog, lake: Lake, now: datetime, version: int | None = None) -> Snapshot:
    """Return a snapshot of the lake whose stores are all registered in the catalog.

    The snapshot is taken before the catalog follows: a store that comes in between is registered too early, never late.
    """
    snapshot = lake.snapshot(version)
    follow_lake(catalog, lake, now)
    return snapshot
