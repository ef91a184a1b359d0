"""The stores, their weekly hours and their time zones."""

from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256
from typing import Final

import polars as pl
from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from storewatch.catalog.database import Database
from storewatch.catalog.entries import write_entries
from storewatch.catalog.labels import labels_frame, read_labels, replace_labels
from storewatch.catalog.rows import BATCH_ROWS, read_rows, select_rows, write_rows
from storewatch.catalog.schema import catalog_state, hours_versions, stores, weekly_hours
from storewatch.catalog.state import lock_stores, move_version, read_version
from storewatch.domain.enums import EntryKind
from storewatch.domain.labels import ALL_STORES, Scope

INTERVALS: Final = pl.List(pl.Struct({"start_s": pl.Int32, "end_s": pl.Int32}))

# A null weekly_hours_id or timezone is the default of SEMANTICS 2 and 3.
STORES: Final = pl.Schema({"store_id": pl.String, "weekly_hours_id": pl.Int64, "timezone": pl.String})
PATTERNS: Final = pl.Schema({"weekly_hours_id": pl.Int64(), "intervals": INTERVALS})


class Stores(Database):
    """What the catalog knows of stores."""

    def version(self) -> int:
        """The version of all that figures are made of but polls: one more with every commit that changed any of it."""
        with self.reading() as connection:
            return read_version(connection)

    def count_stores(self) -> int:
        with self.reading() as connection:
            return connection.execute(select(func.count()).select_from(stores)).scalar_one()

    def stores(self) -> pl.DataFrame:
        """All stores (STORES) in the bytewise order of store_id."""
        with self.reading() as connection:
            return read_stores(connection)

    def weekly_hours(self) -> pl.DataFrame:
        """The weekly patterns (PATTERNS) that `weekly_hours_id` of the stores points to, and perhaps disused ones."""
        with self.reading() as connection:
            return read_patterns(connection)

    def lake_version_known(self) -> int:
        """The lake version up to which every polled store is registered; -1 at first."""
        with self.reading() as connection:
            known: int = connection.execute(select(catalog_state.c.lake_version_known)).scalar_one()
            return known

    def register_stores(
        self, store_ids: pl.Series, *, lake_version: int | None = None, expected: int | None = None, now: datetime
    ) -> int:
        """Add the stores that are missing and return how many were.

        Given `lake_version`, also move `lake_version_known` there if it still is `expected` (never if that is None).
        """
        with self.writing() as connection:
            return change_stores(connection, store_ids=store_ids, lake_version=lake_version, expected=expected, now=now)

    def replace_stores(
        self,
        *,
        hours: pl.DataFrame | None = None,
        hours_from: date | None = None,
        zones: pl.DataFrame | None = None,
        labels: pl.DataFrame | None = None,
        now: datetime,
    ) -> int:
        """Replace the hours, zones and labels of the stores named; the arguments are those of `change_stores`."""
        with self.writing() as connection:
            return change_stores(connection, hours=hours, hours_from=hours_from, zones=zones, labels=labels, now=now)

    def create_store(
        self,
        store_id: str,
        *,
        hours: pl.DataFrame | None = None,
        hours_from: date | None = None,
        zones: pl.DataFrame | None = None,
        labels: pl.DataFrame | None = None,
        now: datetime,
    ) -> bool:
        """Add a store with what is known of it; False, and nothing changed, when it is there already.

        hours, hours_from, zones and labels: as in `change_stores`, of no other store.
        """
        ids = pl.Series("store_id", [store_id], dtype=pl.String)
        with self.writing() as connection:
            if not change_stores(connection, store_ids=ids, now=now):
                return False
            change_stores(connection, hours=hours, hours_from=hours_from, zones=zones, labels=labels, now=now)
            return True

    def change_store(
        self,
        store_id: str,
        scope: Scope = ALL_STORES,
        *,
        hours: pl.DataFrame | None = None,
        hours_from: date | None = None,
        zones: pl.DataFrame | None = None,
        labels: Mapping[str, str | None] | None = None,
        now: datetime,
    ) -> bool:
        """Change what is known of a store; False when there is none with this id that carries these labels.

        hours, hours_from, zones: as in `change_stores`, of no other store. labels: the ones to set, or to
        remove where None.
        """
        with self.writing() as connection:
            lock_stores(connection)
            known = read_labels(connection, [store_id]).get(store_id, {})
            found = connection.execute(select(stores.c.store_id).where(stores.c.store_id == store_id)).first()
            if found is None or not set(scope.labels) <= known.items():
                return False
            merged = {label: value for label, value in {**known, **(labels or {})}.items() if value is not None}
            change_stores(
                connection,
                hours=hours,
                hours_from=hours_from,
                zones=zones,
                labels=labels_frame({store_id: merged}),
                now=now,
            )
            return True

    def delete_store(self, store_id: str, *, lake_version: int) -> bool:
        """Forget a store with its hours, zone and labels.

        lake_version: where nothing was seen of it. False, and nothing changed, when the catalog knows of a later one:
        then it may have been seen meanwhile.
        """
        with self.writing() as connection:
            lock_stores(connection)
            if connection.execute(select(catalog_state.c.lake_version_known)).scalar_one() > lake_version:
                return False
            if connection.execute(delete(stores).where(stores.c.store_id == store_id)).rowcount:
                move_version(connection)
            return True


def change_stores(
    connection: Connection,
    *,
    hours: pl.DataFrame | None = None,
    hours_from: date | None = None,
    zones: pl.DataFrame | None = None,
    labels: pl.DataFrame | None = None,
    entries: Mapping[EntryKind, pl.DataFrame] | None = None,
    store_ids: pl.Series | None = None,
    lake_version: int | None = None,
    expected: int | None = None,
    now: datetime,
) -> int:
    """Replace what is named of the stores named, add the missing stores; return how many rows changed.

    hours: the output of `weekly_intervals`; zones: columns.TIMEZONES; a null in them is the default again. hours_from:
    the local date from which the hours hold, where earlier ones are kept; None: they hold for ever, and dated ones go.
    labels: labels.LABELS. entries: rows as `write_entries` takes them. Of a store's rows of zones or labels the last
    counts. The version moves only if something changed, so that a finished report stays good when the same file comes
    again. lake_version, expected: as in `register_stores`.
    """
    lock_stores(connection)
    changed = 0
    if hours is not None:
        changed += _replace_hours(connection, hours, hours_from, now)
    if zones is not None:
        latest = zones.select("store_id", "timezone").unique("store_id", keep="last").sort("store_id")
        changed += write_rows(connection, stores, latest, replace="timezone", registered_at=now)
    if labels is not None:
        changed += replace_labels(connection, labels, now)
    for kind, rows in (entries or {}).items():
        changed += write_entries(connection, kind, rows, now)
    if store_ids is not None:
        # Sorted, because that is the order of the table: 1 M ids in 0.8 s, in random order 4.5 s.
        ids = store_ids.rename("store_id").unique().sort().to_frame()
        changed += write_rows(connection, stores, ids, registered_at=now)
    if changed:
        move_version(connection)
    if lake_version is not None:
        known = catalog_state.c.lake_version_known
        connection.execute(update(catalog_state).where(known == expected).values(lake_version_known=lake_version))
    return changed


def _replace_hours(connection: Connection, hours: pl.DataFrame, hours_from: date | None, now: datetime) -> int:
    intervals = pl.col("intervals").list.eval(pl.element().struct.json_encode()).list.join(",")
    texts = hours.select("store_id", intervals=pl.concat_str(pl.lit("["), intervals, pl.lit("]"))).sort("store_id")
    patterns = texts.select(pl.col("intervals").drop_nulls().unique().sort()).with_columns(
        digest=pl.col("intervals").map_elements(lambda text: sha256(text.encode()).hexdigest(), return_dtype=pl.String)
    )
    write_rows(connection, weekly_hours, patterns)
    ids = read_rows(
        connection,
        select(weekly_hours.c.digest, weekly_hours.c.weekly_hours_id),
        pl.Schema({"digest": pl.String, "weekly_hours_id": pl.Int64}),
    )
    of_stores = texts.join(patterns, on="intervals", how="left").join(ids, on="digest", how="left").sort("store_id")
    rows = of_stores.select("store_id", "weekly_hours_id")
    if hours_from is None:
        gone = sum(_delete_versions(connection, batch) for batch in rows.iter_slices(BATCH_ROWS))
        return gone + write_rows(connection, stores, rows, replace="weekly_hours_id", registered_at=now)
    new = write_rows(connection, stores, rows.select("store_id"), registered_at=now)
    return new + write_rows(connection, hours_versions, rows, replace="weekly_hours_id", valid_from=hours_from)


def _delete_versions(connection: Connection, rows: pl.DataFrame) -> int:
    ids = select_rows(connection, hours_versions, rows.select("store_id"))
    return connection.execute(delete(hours_versions).where(hours_versions.c.store_id.in_(ids))).rowcount


def read_stores(connection: Connection) -> pl.DataFrame:
    query = select(stores.c.store_id, stores.c.weekly_hours_id, stores.c.timezone).order_by(stores.c.store_id)
    return read_rows(connection, query, STORES)


def read_patterns(connection: Connection, *where: ColumnElement[bool]) -> pl.DataFrame:
    columns = weekly_hours.c.weekly_hours_id, weekly_hours.c.intervals
    query = select(*columns).where(*where).order_by(weekly_hours.c.weekly_hours_id)
    texts = read_rows(connection, query, pl.Schema({"weekly_hours_id": pl.Int64, "intervals": pl.String}))
    return texts.with_columns(pl.col("intervals").str.json_decode(INTERVALS))
