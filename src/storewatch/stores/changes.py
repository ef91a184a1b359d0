"""Create, change, rename, merge and delete a store."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final

import polars as pl

from storewatch.catalog import Catalog, StoreChanges, labels_frame
from storewatch.domain.errors import (
    InvalidParameterError,
    LakeConflictError,
    StoreExistsError,
    StoreInUseError,
    UnknownStoreError,
)
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.lake import Lake
from storewatch.stores.following import follow_lake

DELETE_ATTEMPTS: Final = 5
MOVE_ATTEMPTS: Final = 5
_ALL_TIME_US: Final = (-(2**62), 2**62)


@dataclass(frozen=True, kw_only=True)
class StoreFields:
    """Checked fields of one store; None where a field is left as it is.

    hours: rows as of `weekly_intervals`; hours_from: the local date from which they apply. zones: columns.TIMEZONES.
    lives: as in StoreChanges. labels: the value of each label to set; None removes the label.
    """

    hours: pl.DataFrame | None = None
    hours_from: date | None = None
    zones: pl.DataFrame | None = None
    lives: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    labels: Mapping[str, str | None] | None = None

    @property
    def changes(self) -> StoreChanges:
        """The changes of hours, time zone and dates in business."""
        return StoreChanges(hours=self.hours, hours_from=self.hours_from, zones=self.zones, lives=self.lives)


def create_store(store_id: str, fields: StoreFields, *, catalog: Catalog, now: datetime) -> None:
    """Create a store. Raises StoreExistsError."""
    labels = {label: value for label, value in (fields.labels or {}).items() if value is not None}
    changes = replace(fields.changes, labels=labels_frame({store_id: labels}))
    created = catalog.stores.create(store_id, changes, now=now)
    if not created:
        raise StoreExistsError(store_id)


def change_store(
    store_id: str, fields: StoreFields, *, catalog: Catalog, scope: Scope = ALL_STORES, now: datetime
) -> None:
    """Change the fields of a store. Raises UnknownStoreError when the scope has no store with this id."""
    changed = catalog.stores.update(store_id, fields.changes, labels=fields.labels, scope=scope, now=now)
    if not changed:
        raise UnknownStoreError(store_id)


def delete_store(store_id: str, *, catalog: Catalog, lake: Lake, scope: Scope = ALL_STORES, now: datetime) -> None:
    """Delete a store that was never observed, with its hours, zone and labels.

    Raises UnknownStoreError, StoreInUseError if the lake has observations of the store, LakeConflictError if other
    writers added observations during every search.
    """
    for _ in range(DELETE_ATTEMPTS):
        # The catalog refuses to delete when it knows a lake version later than the one that was searched.
        follow_lake(catalog, lake, now)
        snapshot = lake.snapshot()
        if catalog.stores.find(store_id, scope) is None:
            raise UnknownStoreError(store_id)
        if snapshot.read(*_ALL_TIME_US, stores=[store_id]).height:
            raise StoreInUseError(store_id)
        if catalog.stores.delete(store_id, lake_version=snapshot.version):
            return
    raise LakeConflictError("New polls arrived at every attempt to delete the store. Nothing was changed; try again.")


def merge_stores(store_id: str, into: str, *, catalog: Catalog, lake: Lake, now: datetime) -> int:
    """Move the polls and all other data of a store to another store, delete the store, and return how many polls moved.

    If both stores have a poll at one instant, the poll that was loaded later stays. After a failure between the lake
    and the catalog, a second call completes the merge. Raises UnknownStoreError, StoreMergeError if the stores have
    different hours, zones, labels or entries, LakeConflictError if new polls of the store arrived at every attempt.
    """
    if store_id == into:
        raise InvalidParameterError("into", "A store cannot be merged into itself; name another one.")
    catalog.stores.check_merge(store_id, into)
    return _move(store_id, into, catalog=catalog, lake=lake, now=now)


def rename_store(store_id: str, new_id: str, *, catalog: Catalog, lake: Lake, now: datetime) -> int:
    """Change the id of a store and of its polls. Return how many polls were moved.

    Raises UnknownStoreError, StoreExistsError if a store has the new id, LakeConflictError as in `merge_stores`.
    """
    catalog.stores.check_rename(store_id, new_id)
    return _move(store_id, new_id, catalog=catalog, lake=lake, now=now)


def _move(store_id: str, into: str, *, catalog: Catalog, lake: Lake, now: datetime) -> int:
    moved = 0
    for _ in range(MOVE_ATTEMPTS):
        moved += lake.move_store(store_id, into)
        # As in delete_store: the catalog refuses when it knows a later lake version than the one that was searched.
        follow_lake(catalog, lake, now)
        snapshot = lake.snapshot()
        if snapshot.read(*_ALL_TIME_US, stores=[store_id]).height:
            continue
        if catalog.stores.merge(store_id, into, lake_version=snapshot.version, now=now):
            return moved
    raise LakeConflictError(
        "New polls of the store arrived at every attempt. Older polls have the new id already; try again."
    )
