"""Lists of stores: searched, filtered, sorted, page by page; and what the catalog knows of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select, tuple_

from storewatch.catalog.changes import read_changes, read_reclassifications
from storewatch.catalog.database import Database
from storewatch.catalog.labels import NAME, read_labels
from storewatch.catalog.rows import BATCH_ROWS, read_rows, select_rows
from storewatch.catalog.schema import store_labels, stores, weekly_hours
from storewatch.catalog.state import read_version
from storewatch.catalog.stores import STORES, read_patterns, read_stores
from storewatch.catalog.targeting import TARGET, ids_carrying
from storewatch.domain.enums import StoreOrder
from storewatch.domain.labels import ALL_STORES, Label, Scope
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.opening.changes import HoursChanges

Place = tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class StoreFilter:
    """Which stores: all of these conditions hold.

    labels: pairs of label and value that the store carries; a caller's scope is one more of them. search: a part of
    the id or the name, upper and lower case alike. zone: by its name, the default included.
    """

    labels: tuple[Label, ...] = ()
    search: str | None = None
    prefix: str | None = None
    zone: str | None = None


@dataclass(frozen=True, kw_only=True)
class StoreRows:
    """Some stores at one moment, in the order asked for.

    frame: STORES; patterns: PATTERNS, those that a weekly_hours_id points to; labels: of the stores that have any, but
    none where all stores are read. changes: what changes their hours, reclassifications: and their down time, both of
    these stores only.
    """

    catalog_version: int
    frame: pl.DataFrame
    patterns: pl.DataFrame
    labels: dict[str, dict[str, str]]
    changes: HoursChanges
    reclassifications: pl.DataFrame


class StoreLists(Database):
    """What the catalog tells of stores. Queries are as many for one store as for a page of them."""

    def read_stores(self) -> StoreRows:
        """Read all stores in the bytewise order of store_id, without their labels."""
        with self.reading() as connection:
            return _read_rows(connection, read_stores(connection), whole=True)

    def list_stores(
        self, where: StoreFilter, *, order: StoreOrder = StoreOrder.ID, after: Place = (), limit: int
    ) -> StoreRows:
        """Read the first stores after a place: (store_id,), in an order by name (name or None, store_id)."""
        with self.reading() as connection:
            return _read_rows(connection, _in_order(connection, where, order, after, limit))

    def select_stores(self, store_ids: Sequence[str], scope: Scope = ALL_STORES) -> StoreRows:
        """Read the stores with these ids that are in the scope, in the order of the ids."""
        query, _ = _matching(StoreFilter(labels=scope.labels))
        with self.reading() as connection:
            found = read_rows(connection, query.where(stores.c.store_id.in_(store_ids)), STORES)
            asked = pl.DataFrame({"store_id": store_ids}, schema={"store_id": pl.String})
            return _read_rows(connection, asked.join(found, on="store_id", maintain_order="left"))

    def find_store(self, store_id: str, scope: Scope = ALL_STORES) -> StoreRows | None:
        """Read one store, None when there is none with this id in the scope."""
        # PostgreSQL refuses to compare text with NUL in it.
        rows = None if "\0" in store_id else self.select_stores([store_id], scope)
        return rows if rows is not None and rows.frame.height else None

    def store_ids(self, where: StoreFilter, *, order: StoreOrder = StoreOrder.ID, after: Place = ()) -> pl.Series:
        """Read the ids of all stores of the filter after a place, which is that of `list_stores`."""
        with self.reading() as connection:
            return _in_order(connection, where, order, after, None)["store_id"]

    def labels_of(self, label: str) -> pl.DataFrame:
        """Read who carries a label, and its value: store_id and value, by store_id."""
        with self.reading() as connection:
            query = select(store_labels.c.store_id, store_labels.c.value).where(store_labels.c.label == label)
            return read_rows(
                connection,
                query.order_by(store_labels.c.store_id),
                pl.Schema(dict.fromkeys(("store_id", "value"), pl.String)),
            )

    def has_label(self, label: str, scope: Scope = ALL_STORES) -> bool:
        """Whether any store of the scope has a label of this name."""
        query = select(1).where(store_labels.c.label == label, *_of_stores(scope)).limit(1)
        with self.reading() as connection:
            return "\0" not in label and connection.execute(query).first() is not None

    def label_names(self, scope: Scope = ALL_STORES) -> list[str]:
        """List the names of the labels of the stores of a scope."""
        label = store_labels.c.label
        with self.reading() as connection:
            found = connection.execute(select(label).where(*_of_stores(scope)).distinct().order_by(label))
            return list(found.scalars())

    def label_values(self) -> pl.DataFrame:
        """Read all labels of all stores: store_id, label and value, in this order."""
        with self.reading() as connection:
            query = select(store_labels.c.store_id, store_labels.c.label, store_labels.c.value)
            return read_rows(connection, query.order_by(*store_labels.primary_key), TARGET)

    def visible_ids(self, store_ids: pl.Series, scope: Scope) -> pl.Series:
        """Return those of these ids that are stores of a limited scope."""
        carried = select(store_labels.c.store_id).where(store_labels.c.store_id.in_(ids_carrying(scope.labels)))
        with self.reading() as connection:
            found = [
                read_rows(
                    connection,
                    carried.where(store_labels.c.store_id.in_(select_rows(connection, store_labels, batch))),
                    pl.Schema({"store_id": pl.String}),
                )
                for batch in store_ids.rename("store_id").to_frame().iter_slices(BATCH_ROWS)
            ]
        return pl.concat([pl.Series("store_id", dtype=pl.String), *(batch["store_id"] for batch in found)])


def _read_rows(connection: Connection, frame: pl.DataFrame, *, whole: bool = False) -> StoreRows:
    """whole: `frame` is all stores."""
    ids = frame["store_id"]
    changes = read_changes(connection, ids)
    hours_ids = pl.concat([frame["weekly_hours_id"], changes.versions["weekly_hours_id"]]).drop_nulls().unique()
    wanted = [] if whole else [weekly_hours.c.weekly_hours_id.in_(hours_ids.to_list())]
    return StoreRows(
        catalog_version=read_version(connection),
        frame=frame,
        patterns=read_patterns(connection, *wanted),
        labels={} if whole else read_labels(connection, ids.to_list()),
        changes=changes,
        reclassifications=read_reclassifications(connection, ids),
    )


def _matching(where: StoreFilter) -> tuple[Select[Any], ColumnElement[str]]:
    """Select STORES of the filter, and the column of their ids to sort by.

    With a label it is the label index's own column, in whose order the rows are found without sorting.
    """
    query = select(stores.c.store_id, stores.c.weekly_hours_id, stores.c.timezone).select_from(stores)
    key: ColumnElement[str] = stores.c.store_id
    for number, (label, value) in enumerate(where.labels):
        carried = store_labels.alias(f"carried_{number}")
        query = query.join(carried, carried.c.store_id == stores.c.store_id)
        query = query.where(carried.c.label == label, carried.c.value == value)
        key = key if number else carried.c.store_id
    if where.prefix:
        query = query.where(key >= where.prefix, key < _after_prefix(where.prefix))
    if where.search:
        query = query.where(or_(_contains(stores.c.store_id, where.search), _has_name(where.search)))
    if where.zone:
        given = stores.c.timezone == where.zone
        query = query.where(or_(given, stores.c.timezone.is_(None)) if where.zone == DEFAULT_TIMEZONE else given)
    return query, key


def _of_stores(scope: Scope) -> list[ColumnElement[bool]]:
    return [store_labels.c.store_id.in_(ids_carrying(scope.labels))] if scope.is_limited else []


def _after_prefix(prefix: str) -> str:
    """The end of the range of texts that begin with `prefix`, by their UTF-8 bytes."""
    return prefix + chr(0x10FFFF)


def _has_name(part: str) -> ColumnElement[bool]:
    name = store_labels.alias("searched_name")
    named = and_(name.c.store_id == stores.c.store_id, name.c.label == NAME, _contains(name.c.value, part))
    return exists(select(1).select_from(name).where(named))


def _contains(column: ColumnElement[str], part: str) -> ColumnElement[bool]:
    # Both databases fold only A to Z by themselves.
    spellings = dict.fromkeys((part, part.lower(), part.upper(), part.title()))
    return or_(*(column.icontains(spelling, autoescape=True) for spelling in spellings))


def _in_order(
    connection: Connection, where: StoreFilter, order: StoreOrder, after: Place, limit: int | None
) -> pl.DataFrame:
    """Read STORES of the filter after a place."""
    query, store_id = _matching(where)
    down = order in (StoreOrder.ID_DOWN, StoreOrder.NAME_DOWN)
    if order in (StoreOrder.NAME, StoreOrder.NAME_DOWN):
        return _by_name(connection, query, store_id, down, after, limit)
    if after:
        query = query.where(store_id < after[0] if down else store_id > after[0])
    return read_rows(connection, query.order_by(store_id.desc() if down else store_id).limit(limit), STORES)


def _by_name(
    connection: Connection,
    query: Select[Any],
    store_id: ColumnElement[str],
    down: bool,
    after: Place,
    limit: int | None,
) -> pl.DataFrame:
    """Read the stores with a name in the order of the index of names, then those without."""
    name = store_labels.alias("sorted_name")
    columns = name.c.value, name.c.store_id
    named = STORES.to_frame()
    if not after or after[0] is not None:
        with_name = query.join(name, name.c.store_id == stores.c.store_id).where(name.c.label == NAME)
        if after:
            place = tuple_(*columns)
            with_name = with_name.where(place < tuple_(*after) if down else place > tuple_(*after))
        sorting = [column.desc() for column in columns] if down else columns
        named = read_rows(connection, with_name.order_by(*sorting).limit(limit), STORES)
        after = ()
    if named.height == limit:
        return named
    nameless = query.where(~exists(select(1).where(name.c.store_id == stores.c.store_id, name.c.label == NAME)))
    if after:
        nameless = nameless.where(store_id > after[1])
    rest = nameless.order_by(store_id).limit(None if limit is None else limit - named.height)
    return pl.concat([named, read_rows(connection, rest, STORES)])
