"""Rows that apply to a store, to the stores with a label, or to all stores: they have the columns of Target."""

from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, or_, select, tuple_

from storewatch.catalog.db.rows import read_rows, select_rows
from storewatch.catalog.db.schema import store_labels, stores
from storewatch.catalog.visibility import is_visible_entry, visible_stores
from storewatch.domain.columns import TARGET_KEY
from storewatch.domain.labels import Scope
from storewatch.domain.texts import clean_id

# Up to so many stores are selected by their ids. For more, the rows of all stores are read.
MAX_SELECTED_IDS: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Target:
    """The stores that a row applies to: one store, the stores with label=value, or all where all fields are None."""

    store_id: str | None = None
    label: str | None = None
    value: str | None = None


@dataclass(frozen=True, kw_only=True)
class TargetedRows:
    """The rows of a table that apply to some stores, each with the table's own columns.

    of_stores: also store_id; of_labels: also store_id and label, one row for each store that carries it; of_all: no
    further column.
    """

    of_stores: pl.DataFrame
    of_labels: pl.DataFrame
    of_all: pl.DataFrame

    @property
    def is_empty(self) -> bool:
        return self.of_stores.is_empty() and self.of_labels.is_empty() and self.of_all.is_empty()


def select_ids(connection: Connection, store_ids: pl.Series) -> Select[Any] | None:
    """Select these ids, with one parameter for all. Return None when reading all stores is faster."""
    if store_ids.len() > MAX_SELECTED_IDS:
        return None
    return select_rows(connection, stores, store_ids.rename("store_id").to_frame())


def rows_of_stores(store_ids: pl.Series, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of these stores."""
    if rows.is_empty():  # the usual case: hashing 1 M ids would take 0.1 s
        return rows
    return rows.join(store_ids.rename("store_id").to_frame(), on="store_id", how="semi", maintain_order="left")


def known_id(connection: Connection, store_id: str, scope: Scope) -> str:
    """Return the id of the store that a text names: the text where a store has exactly this id, else the cleaned text.

    Ids stored by earlier releases may have characters that are removed now. A store that the caller does not see is
    treated as one that does not exist.
    """
    cleaned = clean_id(store_id)
    if cleaned == store_id:
        return store_id
    exact = connection.execute(visible_stores(scope).where(stores.c.store_id == store_id)).first()
    return cleaned if exact is None else store_id


def applies_to(table: Table, ids: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that a row of `table` applies to any of these stores."""
    carried = select(store_labels.c.label, store_labels.c.value).where(store_labels.c.store_id.in_(ids))
    return or_(
        table.c.store_id.in_(ids),
        tuple_(table.c.label, table.c.value).in_(carried),
        and_(table.c.store_id.is_(None), table.c.label.is_(None)),
    )


def visible_entries(table: Table, scope: Scope, store_id: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions for a row that the caller sees and that applies to this store; None: to any store."""
    conditions = [is_visible_entry(table, scope)]
    if store_id is not None:
        named = visible_stores(scope).where(stores.c.store_id.in_([store_id, clean_id(store_id)]))
        conditions.append(applies_to(table, named))
    return conditions


def read_targeted_rows(connection: Connection, table: Table, columns: pl.Schema, store_ids: pl.Series) -> TargetedRows:
    """Read these columns of the rows of `table` that apply to these stores."""
    ids = select_ids(connection, store_ids)
    found = select(*(table.c[name] for name in (*TARGET_KEY, *columns))).order_by(*table.primary_key)
    if ids is not None:
        found = found.where(applies_to(table, ids))
    rows = read_rows(connection, found, pl.Schema({**TARGET_KEY, **columns}))
    if rows.is_empty():  # the usual case: a millisecond less for a single store
        return TargetedRows(
            of_stores=rows.drop("label", "value"), of_labels=rows.drop("value"), of_all=rows.drop(list(TARGET_KEY))
        )
    is_of_store, is_of_label = pl.col("store_id").is_not_null(), pl.col("label").is_not_null()
    of_labels = rows.filter(is_of_label).drop("store_id")
    carriers = _read_carriers(connection, table, ids) if of_labels.height else TARGET_KEY.to_frame()
    return TargetedRows(
        of_stores=rows_of_stores(store_ids, rows.filter(is_of_store).drop("label", "value")),
        of_labels=rows_of_stores(store_ids, carriers)
        .join(of_labels, on=["label", "value"], maintain_order="right")
        .drop("value"),
        of_all=rows.filter(~is_of_store & ~is_of_label).drop(list(TARGET_KEY)),
    )


def _read_carriers(connection: Connection, table: Table, ids: Select[Any] | None) -> pl.DataFrame:
    """Read the stores that carry labels named in `table`: store_id, label and value (TARGET_KEY)."""
    named = select(table.c.label, table.c.value).where(table.c.label.is_not(None)).distinct()
    query = select(store_labels.c.store_id, store_labels.c.label, store_labels.c.value)
    query = query.where(tuple_(store_labels.c.label, store_labels.c.value).in_(named))
    return read_rows(connection, query if ids is None else query.where(store_labels.c.store_id.in_(ids)), TARGET_KEY)
