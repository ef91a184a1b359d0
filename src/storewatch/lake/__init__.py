"""The lake: every observation, in one Delta table."""

from storewatch.lake.lake import Lake
from storewatch.lake.optimizing import Optimized
from storewatch.lake.removing import Keys, Removed, TimeRange
from storewatch.lake.snapshot import Snapshot

__all__ = ["Keys", "Lake", "Optimized", "Removed", "Snapshot", "TimeRange"]
