"""What was seen: every observation, in one Delta table."""

from storewatch.lake.lake import Lake
from storewatch.lake.optimizing import Optimized
from storewatch.lake.snapshot import Snapshot

__all__ = ["Lake", "Optimized", "Snapshot"]
