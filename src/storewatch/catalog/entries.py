"""Special hours, targets and sales of a store or label. A new entry replaces the whole earlier one."""

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Final

import polars as pl
from sqlalchemy import Connection, Table, delete, select, tuple_

from storewatch.catalog.db import schema
from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import BATCH_ROWS, read_rows, select_rows, write_rows
from storewatch.catalog.db.state import lock_stores, move_version
from storewatch.catalog.targeting import Target, known_id, read_targeted_rows, visible_entries
from storewatch.domain.columns import SALES, SPECIAL_ROWS, TARGET_KEY, TARGETS
from storewatch.domain.enums import EntryKind
from storewatch.domain.labels import ALL_STORES, Scope


@dataclass(frozen=True, kw_only=True)
class EntryForm:
    """How entries of one kind are stored.

    dated: an entry is the rows of a target for one date, otherwise all rows of the target. distinct: of the rows of an
    entry that are equal in these columns the last counts.
    """

    table: Table
    schema: pl.Schema
    dated: bool
    distinct: tuple[str, ...]

    @property
    def row_id(self) -> str:
        """The name of the column that numbers the rows."""
        return str(next(iter(self.table.primary_key)).name)


FORMS: Final = {
    EntryKind.SPECIAL_HOURS: EntryForm(
        table=schema.special_hours, schema=SPECIAL_ROWS, dated=True, distinct=("date", "start_s", "end_s")
    ),
    EntryKind.TARGETS: EntryForm(table=schema.targets, schema=TARGETS, dated=False, distinct=()),
    EntryKind.SALES: EntryForm(table=schema.sales, schema=SALES, dated=False, distinct=("weekday", "hour")),
}


class EntryRepository(Repository):
    """Special hours, targets and sales of stores and labels.

    Rows name a store_id, or a label and its value.
    """

    def replace(self, kind: EntryKind, rows: pl.DataFrame, now: datetime) -> int:
        """Replace the entries of each target that `rows` name; special hours are replaced by target and date.

        rows: ENTRIES[kind]; times as in columns.SPECIAL_HOURS, 0 < objective <= 1, amount_per_hour >= 0. A missing
        store is added. Returns how many rows changed.
        """
        with self._database.writing() as connection:
            lock_stores(connection)
            if changed := write_entries(connection, kind, rows, now):
                move_version(connection)
            return changed

    def list_(
        self,
        kind: EntryKind,
        *,
        scope: Scope = ALL_STORES,
        store_id: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> pl.DataFrame:
        """Return a page of ENTRIES[kind], before them the place of each row, which is `after` for the next page.

        The place is the id of the row. In a limited scope it is the number of the row among those of the list, because
        ids count the rows of others too.
        """
        form = FORMS[kind]
        row_id = form.table.c[form.row_id]
        query = select(row_id.label("place"), *(form.table.c[name] for name in form.schema))
        query = query.where(*visible_entries(form.table, scope, store_id)).order_by(row_id).limit(limit)
        query = query.offset(after) if scope.is_limited else query.where(row_id > after)
        with self._database.reading() as connection:
            rows = read_rows(connection, query, pl.Schema({"place": pl.Int64(), **form.schema}))
        if scope.is_limited and rows.height:
            rows = rows.with_columns(place=pl.int_range(after + 1, after + 1 + rows.height, dtype=pl.Int64))
        return rows

    def delete(self, kind: EntryKind, target: Target, *, first: date = date.min, last: date = date.max) -> int:
        """Delete the entries of a target. Return how many rows were deleted.

        first, last: delete only the special hours of these dates, both included.
        """
        form = FORMS[kind]
        with self._database.writing() as connection:
            lock_stores(connection)
            if target.store_id is not None:
                target = replace(target, store_id=known_id(connection, target.store_id, ALL_STORES))
            removing = delete(form.table).where(
                *(form.table.c[name].is_not_distinct_from(value) for name, value in asdict(target).items())
            )
            if form.dated:
                removing = removing.where(form.table.c.date.between(first, last))
            if removed := connection.execute(removing).rowcount:
                move_version(connection)
            return removed

    def read_targets(self, store_ids: pl.Series) -> pl.DataFrame:
        """Return store_id and objective of the stores that have a target.

        A store's own target wins over those of its labels; of these the highest counts.
        """
        with self._database.reading() as connection:
            rows = read_targeted_rows(connection, schema.targets, pl.Schema({"objective": pl.Float64}), store_ids)
        highest = rows.of_labels.group_by("store_id").agg(pl.col("objective").max())
        return pl.concat([rows.of_stores, highest.join(rows.of_stores, on="store_id", how="anti")])

    def read_sales(self, store_ids: pl.Series) -> pl.DataFrame:
        """Return store_id, weekday, hour and amount_per_hour of the stores that have sales; a null holds for all.

        A store's own rows win over those of its labels; of these the rows of the first label by name count.
        """
        columns = pl.Schema({name: dtype for name, dtype in SALES.items() if name not in TARGET_KEY})
        with self._database.reading() as connection:
            rows = read_targeted_rows(connection, schema.sales, columns, store_ids)
        first = rows.of_labels.filter(pl.col("label") == pl.col("label").min().over("store_id")).drop("label")
        return pl.concat([rows.of_stores, first.join(rows.of_stores, on="store_id", how="anti")])


def write_entries(connection: Connection, kind: EntryKind, rows: pl.DataFrame, now: datetime) -> int:
    """Replace the entries that `rows` name and add the missing stores. Return how many rows changed."""
    form = FORMS[kind]
    latest = rows.select(form.schema.names()).unique([*TARGET_KEY, *form.distinct], keep="last", maintain_order=True)
    named = latest.select(pl.col("store_id").drop_nulls().unique().sort())
    changed = write_rows(connection, schema.stores, named, registered_at=now)
    for target in (["store_id"], ["label", "value"]):
        key = [*target, *(["date"] if form.dated else [])]
        of_kind = latest.filter(pl.col(target[0]).is_not_null()).sort(key, maintain_order=True)
        for batch in _whole_entries(of_kind, key):
            changed += _replace_batch(connection, form, key, batch)
    return changed


def _whole_entries(rows: pl.DataFrame, key: list[str]) -> list[pl.DataFrame]:
    """Cut rows, sorted by `key`, into batches of at least BATCH_ROWS that hold whole entries."""
    begins = rows.select(pl.struct(key).rle_id().diff().fill_null(1) != 0).to_series().arg_true()
    batches, first = [], 0
    while first < rows.height:
        after = begins.search_sorted(first + BATCH_ROWS)
        end = int(begins[after]) if after < begins.len() else rows.height
        batches.append(rows[first:end])
        first = end
    return batches


def _replace_batch(connection: Connection, form: EntryForm, key: list[str], batch: pl.DataFrame) -> int:
    table, columns = form.table, form.schema.names()
    keys = select_rows(connection, table, batch.select(key).unique())
    known = read_rows(
        connection,
        select(table.c[form.row_id], *(table.c[name] for name in columns)).where(
            tuple_(*(table.c[name] for name in key)).in_(keys)
        ),
        pl.Schema({form.row_id: pl.Int64(), **form.schema}),
    )
    gone = known.join(batch, on=columns, how="anti", nulls_equal=True).select(form.row_id)
    if gone.height:
        connection.execute(delete(table).where(table.c[form.row_id].in_(select_rows(connection, table, gone))))
    new = batch.join(known, on=columns, how="anti", nulls_equal=True, maintain_order="left")
    return gone.height + write_rows(connection, table, new)
