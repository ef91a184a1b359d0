"""Changes of stores, their weekly hours, their time zones and their labels, within a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256

import polars as pl
from sqlalchemy import Connection, delete, select, update

from storewatch.catalog.db.rows import BATCH_ROWS, read_rows, select_rows, write_rows
from storewatch.catalog.db.schema import catalog_state, hours_versions, store_lives, stores, weekly_hours
from storewatch.catalog.db.state import lock_stores, move_version
from storewatch.catalog.entries import write_entries
from storewatch.catalog.fallbacks import write_fallbacks
from storewatch.catalog.labels import replace_labels
from storewatch.domain.enums import EntryKind, Setting


@dataclass(frozen=True, kw_only=True)
class StoreChanges:
    """What to write for the stores named in these tables. None changes nothing.

    hours: the rows of `weekly_intervals`. hours_from: the local date from which they hold, earlier hours being kept;
    None replaces all hours, dated ones too. zones: columns.TIMEZONES. A null in hours or zones is the default again.
    lives: new dates of stores, by the column of LIVES (opened_on or closed_on); a null removes the date. The other date
    stays.
    labels: LABELS, all labels of each store. label_updates: names of labels and LABELS; of each store only the labels
    of these names are replaced, after `labels`. entries: the rows of each kind as in `write_entries`. store_ids: stores
    to add where they are missing. Of several rows of a store in zones or labels the last counts.

    lake_version: every store polled up to this lake version is known after the change. It is noted only if the version
    noted before is `expected`, and never if `expected` is None.

    rejected: store_id, reason of the first and number (rejected_rows) of the rows of weekly hours or time zones that
    were rejected, one row a store; those stores that are not in `hours` or `zones` are noted as fallbacks.
    """

    hours: pl.DataFrame | None = None
    hours_from: date | None = None
    zones: pl.DataFrame | None = None
    lives: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    labels: pl.DataFrame | None = None
    label_updates: tuple[tuple[tuple[str, ...], pl.DataFrame], ...] = ()
    entries: Mapping[EntryKind, pl.DataFrame] = field(default_factory=dict)
    rejected: Mapping[Setting, pl.DataFrame] = field(default_factory=dict)
    store_ids: pl.Series | None = None
    lake_version: int | None = None
    expected: int | None = None


def change_stores(connection: Connection, changes: StoreChanges, now: datetime) -> int:
    """Write the changes and add the stores that are missing. Return how many rows changed.

    The catalog's version moves only if a row changed, so that a finished report stays valid when the same file is
    imported again.
    """
    lock_stores(connection)
    changed = 0
    if changes.hours is not None:
        changed += _replace_hours(connection, changes.hours, changes.hours_from, now)
    if changes.zones is not None:
        latest = changes.zones.select("store_id", "timezone").unique("store_id", keep="last").sort("store_id")
        changed += write_rows(connection, stores, latest, replace="timezone", registered_at=now)
    for setting, given in ((Setting.WEEKLY_HOURS, changes.hours), (Setting.TIMEZONE, changes.zones)):
        changed += write_fallbacks(connection, setting, given, changes.rejected.get(setting), now)
    for column, dates in changes.lives.items():
        latest = dates.select("store_id", column).unique("store_id", keep="last").sort("store_id")
        changed += write_rows(connection, stores, latest.select("store_id"), registered_at=now)
        changed += write_rows(connection, store_lives, latest, replace=column)
    if changes.labels is not None:
        changed += replace_labels(connection, changes.labels, now)
    for names, labels in changes.label_updates:
        changed += replace_labels(connection, labels, now, names)
    for kind, rows in changes.entries.items():
        changed += write_entries(connection, kind, rows, now)
    if changes.store_ids is not None:
        # Sorted, because that is the order of the table: 1 M ids in 0.8 s, in random order 4.5 s.
        ids = changes.store_ids.rename("store_id").unique().sort().to_frame()
        changed += write_rows(connection, stores, ids, registered_at=now)
    if changed:
        move_version(connection)
    if changes.lake_version is not None:
        is_expected = catalog_state.c.lake_version_known == changes.expected
        connection.execute(update(catalog_state).where(is_expected).values(lake_version_known=changes.lake_version))
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
