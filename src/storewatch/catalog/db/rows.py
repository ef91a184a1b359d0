"""Write frames to SQL tables and read them, many rows at once."""

from datetime import datetime
from typing import Any, Final

import polars as pl
from sqlalchemy import JSON, Column, Connection, Select, Table, Text, cast, column, func, literal, select, true
from sqlalchemy.dialects import postgresql, sqlite

from storewatch.catalog.db.schema import without_nul

BATCH_ROWS: Final = 50_000
INSERTS: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def write_rows(
    connection: Connection, table: Table, rows: pl.DataFrame, *, replace: str | None = None, **constants: object
) -> int:
    """Insert `rows`, whose columns are named like the table's. Return how many rows were written.

    A row whose key exists already is left out. If `replace` names a column, the existing row gets the new value of this
    column where it differs. constants: values of further columns, the same for all rows. No two rows may have the same
    key.
    """
    # One JSON parameter a batch: 1 M rows in 0.8 s, where executemany through SQLAlchemy took 2.6 s.
    return sum(_write(connection, table, batch, replace, constants) for batch in rows.iter_slices(BATCH_ROWS))


def timed_id(connection: Connection, column: Column[int], at: datetime) -> int:
    """Return an id for a new row: the milliseconds of its creation, or one more than the newest id if that is not less.

    A caller can see from such an id when the row was created, but not how many rows others have created. The caller
    holds a lock on the table or on the stores.
    """
    newest: int | None = connection.execute(select(func.max(column))).scalar()
    return max(int(at.timestamp() * 1000), (newest or 0) + 1)


def _write(
    connection: Connection, table: Table, batch: pl.DataFrame, replace: str | None, constants: dict[str, object]
) -> int:
    fixed = [literal(value, table.c[name].type) for name, value in constants.items()]
    source = select_rows(connection, table, batch).add_columns(*fixed)
    insert = INSERTS[connection.dialect.name](table).from_select([*batch.columns, *constants], source)
    if replace is None:
        insert = insert.on_conflict_do_nothing()
    else:
        insert = insert.on_conflict_do_update(
            index_elements=list(table.primary_key),
            set_={replace: insert.excluded[replace]},
            where=table.c[replace].is_distinct_from(insert.excluded[replace]),
        )
    return connection.execute(insert, execution_options={"preserve_rowcount": True}).rowcount


def select_rows(connection: Connection, table: Table, batch: pl.DataFrame) -> Select[Any]:
    """Return a query for the rows of `batch`, whose columns are named like the table's: one parameter for all rows."""
    document = literal(_storable(batch).write_json(), Text)
    if connection.dialect.name == "sqlite":
        each = func.json_each(document).table_valued("value")
        values = [func.json_extract(each.c.value, f"$.{name}") for name in batch.columns]
        return select(*values).where(true())  # without WHERE, SQLite reads ON CONFLICT as the ON of a join
    typed = [column(name, table.c[name].type) for name in batch.columns]
    return select(*func.json_to_recordset(cast(document, JSON)).table_valued(*typed).render_derived(with_types=True).c)


def _storable(batch: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with their texts as StoredText stores them."""
    return batch.with_columns(pl.col(pl.String).str.replace_all("\0", without_nul("\0"), literal=True))


def read_rows(connection: Connection, query: Select[Any], schema: pl.Schema) -> pl.DataFrame:
    """Read the whole result of `query` as a frame."""
    is_text = {name: connection.dialect.name == "sqlite" and dtype.is_temporal() for name, dtype in schema.items()}
    found = pl.Schema({name: pl.String() if is_text[name] else dtype for name, dtype in schema.items()})
    batches = [found.to_frame()]
    # Straight from the driver's cursor: SQLAlchemy's row objects triple the time (1 M stores: 1.4 s, 0.5 s without).
    with connection.execute(query) as result:
        while rows := result.cursor.fetchmany(BATCH_ROWS):
            batches.append(pl.DataFrame(rows, schema=found, orient="row"))
    if len(batches) == 1:
        return schema.to_frame()
    return pl.concat(batches).with_columns(_from_text(name, dtype) for name, dtype in schema.items() if is_text[name])


def _from_text(name: str, dtype: pl.DataType) -> pl.Expr:
    text = pl.col(name).str
    if isinstance(dtype, pl.Date):
        return text.to_date("%Y-%m-%d")
    return text.to_datetime("%Y-%m-%d %H:%M:%S%.6f", time_unit="us", time_zone="UTC")
