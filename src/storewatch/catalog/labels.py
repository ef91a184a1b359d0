"""The labels of stores: key=value pairs by which reports, lists and scopes choose stores."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import polars as pl
from sqlalchemy import Connection, Select, Table, delete, select, tuple_

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import read_rows, select_rows, write_rows
from storewatch.catalog.db.schema import store_labels, stores
from storewatch.domain.columns import LABELS, TARGET_KEY

NAME: Final = "name"  # the label that lists search and sort by

_STORES_AT_ONCE: Final = 10_000


class LabelRepository(Repository):
    """The labels of all stores."""

    def read_values(self, label: str) -> pl.DataFrame:
        """Read the stores that carry a label: store_id and value, by store_id."""
        with self._database.reading() as connection:
            query = select(store_labels.c.store_id, store_labels.c.value).where(store_labels.c.label == label)
            return read_rows(
                connection,
                query.order_by(store_labels.c.store_id),
                pl.Schema(dict.fromkeys(("store_id", "value"), pl.String)),
            )

    def read_all(self) -> pl.DataFrame:
        """Read all labels of all stores: store_id, label and value, in this order."""
        with self._database.reading() as connection:
            query = select(store_labels.c.store_id, store_labels.c.label, store_labels.c.value)
            return read_rows(connection, query.order_by(*store_labels.primary_key), TARGET_KEY)


def labels_frame(of_stores: dict[str, dict[str, str]]) -> pl.DataFrame:
    """Return labels, by store_id and then by label, as a frame of LABELS."""
    rows = [
        (store_id, [{"label": label, "value": value} for label, value in sorted(labels.items())])
        for store_id, labels in of_stores.items()
    ]
    return pl.DataFrame(rows, schema=LABELS, orient="row")


def replace_labels(
    connection: Connection, labels: pl.DataFrame, now: datetime, names: tuple[str, ...] | None = None
) -> int:
    """Replace the labels (LABELS) of stores and add the missing stores. Return how many rows changed.

    names: replace only labels with these names; None: all labels.
    """
    latest = labels.unique("store_id", keep="last").sort("store_id")
    changed = write_rows(connection, stores, latest.select("store_id"), registered_at=now)
    for batch in latest.iter_slices(_STORES_AT_ONCE):
        ids = batch.select("store_id")
        wanted = (
            batch.explode("labels", empty_as_null=False, keep_nulls=False).unnest("labels").sort("store_id", "label")
        )
        known = read_rows(connection, _known(connection, ids), TARGET_KEY)
        gone = known.join(wanted, on=["store_id", "label"], how="anti").select("store_id", "label")
        if names is not None:
            gone = gone.filter(pl.col("label").is_in(names))
        changed += _delete(connection, store_labels, gone)
        changed += write_rows(connection, store_labels, wanted, replace="value")
    return changed


def read_labels(connection: Connection, store_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Read the labels of a page of stores, by store_id and label. A store without labels is left out."""
    found: dict[str, dict[str, str]] = {}
    query = (
        select(store_labels.c.store_id, store_labels.c.label, store_labels.c.value)
        .where(store_labels.c.store_id.in_(store_ids))
        .order_by(store_labels.c.store_id, store_labels.c.label)
    )
    for store_id, label, value in connection.execute(query):
        found.setdefault(store_id, {})[label] = value
    return found


def _known(connection: Connection, ids: pl.DataFrame) -> Select[tuple[str, str, str]]:
    query = select(store_labels.c.store_id, store_labels.c.label, store_labels.c.value)
    return query.where(store_labels.c.store_id.in_(select_rows(connection, store_labels, ids)))


def _delete(connection: Connection, table: Table, keys: pl.DataFrame) -> int:
    if keys.is_empty():
        return 0
    columns = tuple_(*(table.c[name] for name in keys.columns))
    return connection.execute(delete(table).where(columns.in_(select_rows(connection, table, keys)))).rowcount
