"""The stores, their weekly hours and their time zones."""

from datetime import datetime
from hashlib import sha256
from typing import Final

import polars as pl
from sqlalchemy import Connection, select, update

from storewatch.catalog.database import Database
from storewatch.catalog.rows import read_rows, write_rows
from storewatch.catalog.schema import catalog_state, stores, weekly_hours

INTERVALS: Final = pl.List(pl.Struct({"start_s": pl.Int32, "end_s": pl.Int32}))

# A null weekly_hours_id or timezone is the default of SEMANTICS 2 and 3.
STORES: Final = pl.Schema({"store_id": pl.String, "weekly_hours_id": pl.Int64, "timezone": pl.String})
PATTERNS: Final = pl.Schema({"weekly_hours_id": pl.Int64(), "intervals": INTERVALS})


class Stores(Database):
    """What the catalog knows of stores."""

    def version(self) -> int:
        """The version of stores, hours and zones together: one more with every commit that changed any of them."""
        with self.reading() as connection:
            return _read_version(connection)

    def stores(self) -> pl.DataFrame:
        """All stores (STORES) in the bytewise order of store_id."""
        with self.reading() as connection:
            return _read_stores(connection)

    def weekly_hours(self) -> pl.DataFrame:
        """The weekly patterns (PATTERNS) that `weekly_hours_id` of the stores points to, and perhaps disused ones."""
        with self.reading() as connection:
            return _read_patterns(connection)

    def read_stores(self) -> tuple[int, pl.DataFrame, pl.DataFrame]:
        """`version()`, `stores()` and `weekly_hours()` of one moment."""
        with self.reading() as connection:
            return _read_version(connection), _read_stores(connection), _read_patterns(connection)

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


def change_stores(
    connection: Connection,
    *,
    hours: pl.DataFrame | None = None,
    zones: pl.DataFrame | None = None,
    store_ids: pl.Series | None = None,
    lake_version: int | None = None,
    expected: int | None = None,
    now: datetime,
) -> int:
    """Replace the hours and zones of the stores named, add the missing stores; return how many stores changed.

    hours: the output of `weekly_intervals`; zones: columns.TIMEZONES, of a store's rows the last counts. The version
    moves only if something changed, so that a finished report stays good when the same file comes again.
    lake_version, expected: as in `register_stores`.
    """
    connection.execute(select(catalog_state.c.id).with_for_update())
    changed = 0
    if hours is not None:
        changed += _replace_hours(connection, hours, now)
    if zones is not None:
        latest = zones.select("store_id", "timezone").unique("store_id", keep="last").sort("store_id")
        changed += write_rows(connection, stores, latest, replace="timezone", registered_at=now)
    if store_ids is not None:
        # Sorted, because that is the order of the table: 1 M ids in 0.8 s, in random order 4.5 s.
        ids = store_ids.rename("store_id").unique().sort().to_frame()
        changed += write_rows(connection, stores, ids, registered_at=now)
    if changed:
        connection.execute(update(catalog_state).values(version=catalog_state.c.version + 1))
    if lake_version is not None:
        known = catalog_state.c.lake_version_known
        connection.execute(update(catalog_state).where(known == expected).values(lake_version_known=lake_version))
    return changed


def _replace_hours(connection: Connection, hours: pl.DataFrame, now: datetime) -> int:
    intervals = pl.col("intervals").list.eval(pl.element().struct.json_encode()).list.join(",")
    texts = hours.select("store_id", intervals=pl.concat_str(pl.lit("["), intervals, pl.lit("]"))).sort("store_id")
    patterns = texts.select(pl.col("intervals").unique().sort()).with_columns(
        digest=pl.col("intervals").map_elements(lambda text: sha256(text.encode()).hexdigest(), return_dtype=pl.String)
    )
    write_rows(connection, weekly_hours, patterns)
    ids = read_rows(
        connection,
        select(weekly_hours.c.digest, weekly_hours.c.weekly_hours_id),
        pl.Schema({"digest": pl.String, "weekly_hours_id": pl.Int64}),
    )
    of_stores = texts.join(patterns, on="intervals").join(ids, on="digest").sort("store_id")
    return write_rows(
        connection,
        stores,
        of_stores.select("store_id", "weekly_hours_id"),
        replace="weekly_hours_id",
        registered_at=now,
    )


def _read_version(connection: Connection) -> int:
    version: int = connection.execute(select(catalog_state.c.version)).scalar_one()
    return version


def _read_stores(connection: Connection) -> pl.DataFrame:
    query = select(stores.c.store_id, stores.c.weekly_hours_id, stores.c.timezone).order_by(stores.c.store_id)
    return read_rows(connection, query, STORES)


def _read_patterns(connection: Connection) -> pl.DataFrame:
    query = select(weekly_hours.c.weekly_hours_id, weekly_hours.c.intervals).order_by(weekly_hours.c.weekly_hours_id)
    texts = read_rows(connection, query, pl.Schema({"weekly_hours_id": pl.Int64, "intervals": pl.String}))
    return texts.with_columns(pl.col("intervals").str.json_decode(INTERVALS))
