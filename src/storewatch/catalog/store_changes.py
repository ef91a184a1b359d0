"""Changes of stores, their weekly hours, their time zones and their labels, within a transaction."""

from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256

import polars as pl
from sqlalchemy import Connection, delete, select, update

from storewatch.catalog.entries import write_entries
from storewatch.catalog.labels import replace_labels
from storewatch.catalog.rows import BATCH_ROWS, read_rows, select_rows, write_rows
from storewatch.catalog.schema import catalog_state, hours_versions, stores, weekly_hours
from storewatch.catalog.state import lock_stores, move_version
from storewatch.domain.enums import EntryKind


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
