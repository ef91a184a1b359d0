"""List the observations of a store as they were sent, and delete wrong observations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

import polars as pl

from storewatch.domain.instants import instant_of
from storewatch.lake import Lake, Snapshot
from storewatch.lake.overwritten import counting
from storewatch.lake.removing import Choice, find


@dataclass(frozen=True, kw_only=True)
class StoredObservation:
    """One observation of the lake. reason, source: as they were sent, None without."""

    observed_at: datetime
    active: bool
    reason: str | None
    source: str | None


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """Observations that were deleted, or that would be. lake_version: of the commit, None if there is no commit."""

    observations: int
    stores: int
    first_observed_at: datetime | None
    last_observed_at: datetime | None
    lake_version: int | None = None

    @classmethod
    def of(cls, found: pl.DataFrame, lake_version: int | None = None) -> Self:
        """Count observations of different stores and instants."""
        instants = found["observed_at"].to_physical()
        first, last = (int(each) if isinstance(each, int) else None for each in (instants.min(), instants.max()))
        return cls(
            observations=found.height,
            stores=found["store_id"].n_unique(),
            first_observed_at=None if first is None else instant_of(first),
            last_observed_at=None if last is None else instant_of(last),
            lake_version=lake_version,
        )


def read_observations(
    snapshot: Snapshot, store_id: str, from_us: int, to_us: int, limit: int | None = None
) -> list[StoredObservation]:
    """List the first observations (None: all) of a store in `[from_us, to_us)`; one that counts for each instant."""
    rows = counting(snapshot.read(from_us, to_us - 1, stores=[store_id], detailed=True))
    return [
        StoredObservation(**row)
        for row in rows.select("observed_at", "active", "reason", "source")[:limit].iter_rows(named=True)
    ]


def preview_deletion(lake: Lake, choice: Choice) -> Deletion:
    """Count what `delete_observations` would delete at this moment, and change nothing."""
    return Deletion.of(find(lake.snapshot(), choice))


def delete_observations(lake: Lake, choice: Choice) -> Deletion:
    """Delete the chosen observations, also repeated ones, in one commit of the lake.

    Older versions of the lake have the observations until retention deletes these versions.
    """
    found = find(lake.snapshot(), choice)
    return Deletion.of(found, lake.delete(choice).version)
