"""The stores: list, find, create, change, merge and delete them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, case, delete, exists, func, or_, select

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import BATCH_ROWS, read_rows, select_rows
from storewatch.catalog.db.schema import catalog_state, fallbacks, hours_versions, store_labels, store_lives, stores
from storewatch.catalog.db.state import lock_stores, move_version
from storewatch.catalog.labels import labels_frame, read_labels
from storewatch.catalog.names import require_store
from storewatch.catalog.store_changes import StoreChanges, change_stores
from storewatch.catalog.store_moves import merge_conflicts, move_store
from storewatch.catalog.store_queries import (
    Place,
    StoreFilter,
    StoreRows,
    matching,
    read_in_order,
    read_store_rows,
    read_stores,
)
from storewatch.catalog.targeting import known_id
from storewatch.catalog.visibility import visible_stores
from storewatch.domain.columns import LIVES, STORES
from storewatch.domain.enums import StoreOrder
from storewatch.domain.errors import InvalidParameterError, StoreExistsError, StoreMergeError
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.domain.texts import clean_id


class StoreRepository(Repository):
    """List, find, create, change, merge and delete stores."""

    def count(self) -> int:
        with self._database.reading() as connection:
            return connection.execute(select(func.count()).select_from(stores)).scalar_one()

    def read_inputs(self) -> pl.DataFrame:
        """Read which inputs name a store: store_id, has_hours, and is_named (in hours, zones or labels)."""
        is_dated = exists(select(1).where(hours_versions.c.store_id == stores.c.store_id))
        is_labelled = exists(select(1).where(store_labels.c.store_id == stores.c.store_id))
        has_hours = or_(stores.c.weekly_hours_id.is_not(None), is_dated)
        is_named = or_(has_hours, stores.c.timezone.is_not(None), is_labelled)
        flags = (case((condition, 1), else_=0) for condition in (has_hours, is_named))
        query = select(stores.c.store_id, *flags).order_by(stores.c.store_id)
        schema = pl.Schema({"store_id": pl.String, "has_hours": pl.Int64, "is_named": pl.Int64})
        with self._database.reading() as connection:
            return read_rows(connection, query, schema).with_columns(pl.col("has_hours", "is_named").cast(pl.Boolean))

    def has_lives(self) -> bool:
        """Return whether any store has a date on which it opened or closed for good."""
        with self._database.reading() as connection:
            return connection.execute(select(1).select_from(store_lives).limit(1)).first() is not None

    def read_lives(self) -> pl.DataFrame:
        """Read LIVES of all stores that have a date on which they opened or closed for good."""
        with self._database.reading() as connection:
            return read_rows(connection, select(*(store_lives.c[name] for name in LIVES)), LIVES)

    def lake_version_known(self) -> int:
        """Return the lake version up to which every polled store is registered; -1 at first."""
        with self._database.reading() as connection:
            known: int = connection.execute(select(catalog_state.c.lake_version_known)).scalar_one()
            return known

    def read_all(self) -> StoreRows:
        """Read all stores in the bytewise order of store_id, without their labels."""
        with self._database.reading() as connection:
            return read_store_rows(connection, read_stores(connection), whole=True)

    def list_(
        self, where: StoreFilter, *, order: StoreOrder = StoreOrder.ID, after: Place = (), limit: int
    ) -> StoreRows:
        """Read the first stores after a place (`store_queries.Place`)."""
        with self._database.reading() as connection:
            return read_store_rows(connection, read_in_order(connection, where, order, after, limit))

    def select(self, store_ids: Sequence[str], scope: Scope = ALL_STORES) -> StoreRows:
        """Read the stores with these ids that are in the scope, in the order of the ids."""
        query, _ = matching(StoreFilter(labels=scope.labels))
        with self._database.reading() as connection:
            found = read_rows(connection, query.where(stores.c.store_id.in_(store_ids)), STORES)
            wanted = pl.DataFrame({"store_id": store_ids}, schema={"store_id": pl.String})
            return read_store_rows(connection, wanted.join(found, on="store_id", maintain_order="left"))

    def known_ids(self, store_ids: Sequence[str], scope: Scope = ALL_STORES) -> list[str]:
        """Return the ids of the stores that these texts name to a caller, whether these exist or not (`known_id`)."""
        if all(clean_id(store_id) == store_id for store_id in store_ids):
            return [*store_ids]
        with self._database.reading() as connection:
            return [known_id(connection, store_id, scope) for store_id in store_ids]

    def find(self, store_id: str, scope: Scope = ALL_STORES) -> StoreRows | None:
        """Read one store. Return None when the scope has no store with this id."""
        rows = self.select([store_id], scope)
        return rows if rows.frame.height else None

    def list_ids(self, where: StoreFilter, *, order: StoreOrder = StoreOrder.ID, after: Place = ()) -> pl.Series:
        """Read the ids of all stores of the filter after a place, as in `list_`."""
        with self._database.reading() as connection:
            return read_in_order(connection, where, order, after, None)["store_id"]

    def filter_ids(self, store_ids: pl.Series, scope: Scope) -> pl.Series:
        """Return the ids that belong to stores of the scope."""
        in_scope = visible_stores(scope)
        with self._database.reading() as connection:
            found = [
                read_rows(
                    connection,
                    in_scope.where(stores.c.store_id.in_(select_rows(connection, stores, batch))),
                    pl.Schema({"store_id": pl.String}),
                )
                for batch in store_ids.rename("store_id").to_frame().iter_slices(BATCH_ROWS)
            ]
        return pl.concat([pl.Series("store_id", dtype=pl.String), *(batch["store_id"] for batch in found)])

    def register(
        self, store_ids: pl.Series, *, lake_version: int | None = None, expected: int | None = None, now: datetime
    ) -> int:
        """Add the missing stores. Return how many were added. lake_version, expected: as in StoreChanges."""
        changes = StoreChanges(store_ids=store_ids, lake_version=lake_version, expected=expected)
        with self._database.recording() as connection:
            return change_stores(connection, changes, now)

    def replace(self, changes: StoreChanges, *, now: datetime) -> int:
        """Write changes of any stores and add the missing stores. Return how many rows changed."""
        with self._database.writing() as connection:
            return change_stores(connection, changes, now)

    def create(self, store_id: str, changes: StoreChanges | None = None, *, now: datetime) -> bool:
        """Add a store with its data. Return False and change nothing when the store exists.

        changes: of this store only.
        """
        ids = pl.Series("store_id", [store_id], dtype=pl.String)
        with self._database.writing() as connection:
            if not change_stores(connection, StoreChanges(store_ids=ids), now):
                return False
            change_stores(connection, changes or StoreChanges(), now)
            _check_life(connection, store_id)
            return True

    def update(
        self,
        store_id: str,
        changes: StoreChanges | None = None,
        *,
        labels: Mapping[str, str | None] | None = None,
        scope: Scope = ALL_STORES,
        now: datetime,
    ) -> bool:
        """Change the data of a store. Return False when the scope has no store with this id.

        changes: of this store only, without labels. labels: the labels to set, or to remove where the value is None;
        the store keeps its other labels. Raises InvalidParameterError where the store would close before it opens.
        """
        with self._database.writing() as connection:
            lock_stores(connection)
            known = read_labels(connection, [store_id]).get(store_id, {})
            found = connection.execute(select(stores.c.store_id).where(stores.c.store_id == store_id)).first()
            if found is None or not set(scope.labels) <= known.items():
                return False
            merged = {label: value for label, value in {**known, **(labels or {})}.items() if value is not None}
            changes = replace(changes or StoreChanges(), labels=labels_frame({store_id: merged}))
            change_stores(connection, changes, now)
            _check_life(connection, store_id)
            return True

    def check_merge(self, store_id: str, into: str) -> None:
        """Raise UnknownStoreError, or StoreMergeError where both have different hours, zones, labels or entries."""
        with self._database.reading() as connection:
            for each in (store_id, into):
                require_store(connection, each, ALL_STORES)
            if conflicts := merge_conflicts(connection, store_id, into):
                raise StoreMergeError(store_id, into, conflicts)

    def check_rename(self, store_id: str, new_id: str) -> None:
        """Raise UnknownStoreError, or StoreExistsError where there is a store with the new id."""
        with self._database.reading() as connection:
            require_store(connection, store_id, ALL_STORES)
            if connection.execute(select(1).where(stores.c.store_id == new_id)).first() is not None:
                raise StoreExistsError(new_id)

    def merge(self, store_id: str, into: str, *, lake_version: int, now: datetime) -> bool:
        """Move all data of a store to another store, which is added where it is missing.

        lake_version: a version of the lake without polls of the store. Returns False and changes nothing when the
        catalog has registered a later version: it may hold new polls of the store. Raises the errors of `check_merge`.
        """
        with self._database.writing() as connection:
            lock_stores(connection)
            if connection.execute(select(catalog_state.c.lake_version_known)).scalar_one() > lake_version:
                return False
            require_store(connection, store_id, ALL_STORES)
            change_stores(connection, StoreChanges(store_ids=pl.Series("store_id", [into], pl.String)), now)
            if conflicts := merge_conflicts(connection, store_id, into):
                raise StoreMergeError(store_id, into, conflicts)
            move_store(connection, store_id, into)
            move_version(connection)
            return True

    def delete(self, store_id: str, *, lake_version: int) -> bool:
        """Delete a store with its hours, zone and labels.

        lake_version: a version of the lake without polls of the store. Returns False and changes nothing when the
        catalog has registered a later version: it may hold polls of the store.
        """
        with self._database.writing() as connection:
            lock_stores(connection)
            if connection.execute(select(catalog_state.c.lake_version_known)).scalar_one() > lake_version:
                return False
            connection.execute(delete(fallbacks).where(fallbacks.c.store_id == store_id))
            if connection.execute(delete(stores).where(stores.c.store_id == store_id)).rowcount:
                move_version(connection)
            return True


def _check_life(connection: Connection, store_id: str) -> None:
    is_reversed = store_lives.c.closed_on <= store_lives.c.opened_on
    if connection.execute(select(1).where(store_lives.c.store_id == store_id, is_reversed)).first() is not None:
        raise InvalidParameterError("closed_on", "closed_on must be a date after opened_on.")
