"""Read the changes of hours and the reclassifications of stores, with labels resolved to stores (SEMANTICS 17-20)."""

from typing import Final

import polars as pl
from sqlalchemy import Connection, func, or_, select

from storewatch.catalog.db.rows import read_rows
from storewatch.catalog.db.schema import annotations, closures, hours_versions, special_hours, store_lives
from storewatch.catalog.targeting import read_targeted_rows, rows_of_stores, select_ids
from storewatch.domain.columns import CLOSURES, HOURS_VERSIONS, INSTANT, LIVES, RECLASSIFICATIONS, SPECIAL_HOURS
from storewatch.domain.enums import Reclassification, Status
from storewatch.engine.opening.changes import HoursChanges

_STATUS: Final = {
    Reclassification.DOWN: Status.DOWN,
    Reclassification.PLANNED: Status.PLANNED,
    Reclassification.UNKNOWN: Status.UNKNOWN,
    Reclassification.NOT_AN_OUTAGE: Status.UP,
}


def read_changes(connection: Connection, store_ids: pl.Series) -> HoursChanges:
    """Read the changes of the weekly hours of these stores."""
    return HoursChanges(
        versions=_read_versions(connection, store_ids),
        special=_read_special(connection, store_ids),
        closures=_read_closures(connection, store_ids),
        lives=_read_lives(connection, store_ids),
    )


def read_reclassifications(connection: Connection, store_ids: pl.Series) -> pl.DataFrame:
    """Read the reclassifications of these stores (columns.RECLASSIFICATIONS) in the order of creation."""
    counts_as = func.coalesce(annotations.c.reclassify_as, Reclassification.DOWN.value)
    query = select(annotations.c.store_id, annotations.c.start_at, annotations.c.end_at, counts_as)
    ids = select_ids(connection, store_ids)
    if ids is not None:
        query = query.where(annotations.c.store_id.in_(ids))
    found = read_rows(
        connection,
        query.order_by(annotations.c.created_at, annotations.c.annotation_id),
        pl.Schema({"store_id": pl.String(), "start_at": INSTANT, "end_at": INSTANT, "status": pl.String()}),
    )
    if found.is_empty():
        return RECLASSIFICATIONS.to_frame()
    return rows_of_stores(store_ids, found).with_columns(
        pl.col("status").replace_strict(
            {word.value: int(status) for word, status in _STATUS.items()}, return_dtype=RECLASSIFICATIONS["status"]
        )
    )


def _read_versions(connection: Connection, store_ids: pl.Series) -> pl.DataFrame:
    query = select(hours_versions.c.store_id, hours_versions.c.valid_from, hours_versions.c.weekly_hours_id)
    ids = select_ids(connection, store_ids)
    if ids is not None:
        query = query.where(hours_versions.c.store_id.in_(ids))
    return rows_of_stores(store_ids, read_rows(connection, query.order_by(*hours_versions.primary_key), HOURS_VERSIONS))


def _read_lives(connection: Connection, store_ids: pl.Series) -> pl.DataFrame:
    dates = store_lives.c.opened_on, store_lives.c.closed_on
    query = select(store_lives.c.store_id, *dates).where(or_(*(each.is_not(None) for each in dates)))
    ids = select_ids(connection, store_ids)
    if ids is not None:
        query = query.where(store_lives.c.store_id.in_(ids))
    return rows_of_stores(store_ids, read_rows(connection, query.order_by(store_lives.c.store_id), LIVES))


def _read_special(connection: Connection, store_ids: pl.Series) -> pl.DataFrame:
    """Read special hours: a store's own rows of a date replace those of its labels.

    Of several labels all open times count. A date is closed only where no label has a time.
    """
    columns = pl.Schema({name: dtype for name, dtype in SPECIAL_HOURS.items() if name != "store_id"})
    rows = read_targeted_rows(connection, special_hours, columns, store_ids)
    if rows.is_empty:
        return SPECIAL_HOURS.to_frame()
    open_somewhere = pl.col("start_s").is_not_null().any().over("store_id", "date")
    of_labels = (
        rows.of_labels.drop("label")
        .join(rows.of_stores, on=["store_id", "date"], how="anti")
        .unique()
        .filter(pl.col("start_s").is_not_null() | ~open_somewhere)
    )
    return pl.concat([frame.select(SPECIAL_HOURS.names()) for frame in (rows.of_stores, of_labels)])


def _read_closures(connection: Connection, store_ids: pl.Series) -> pl.DataFrame:
    columns = pl.Schema({name: dtype for name, dtype in CLOSURES.items() if name != "store_id"})
    rows = read_targeted_rows(connection, closures, columns, store_ids)
    if rows.is_empty:
        return CLOSURES.to_frame()
    of_all = rows.of_all.join(store_ids.rename("store_id").to_frame(), how="cross")
    found = (rows.of_stores, rows.of_labels, of_all)
    return pl.concat([frame.select(CLOSURES.names()) for frame in found]).unique()
