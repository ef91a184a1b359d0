"""Queries of stores: search, filter, sort, page, and read everything that reports need about stores."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select, tuple_

from storewatch.catalog.changes import read_changes, read_reclassifications
from storewatch.catalog.db.rows import read_rows
from storewatch.catalog.db.schema import store_labels, store_lives, stores, weekly_hours
from storewatch.catalog.db.state import read_version
from storewatch.catalog.fallbacks import read_fallbacks
from storewatch.catalog.labels import NAME, read_labels
from storewatch.domain.columns import INTERVALS, STORES
from storewatch.domain.enums import StoreOrder
from storewatch.domain.labels import Label
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.opening.changes import HoursChanges

# The sort key of the last store of a page: (store_id,), or (name or None, store_id) in an order by name.
Place = tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class StoreFilter:
    """Conditions on stores; all of them must hold.

    labels: pairs of label and value that the store carries; a caller's scope is one more of them. search: a part of
    the id or the name, upper and lower case alike. zone: by its name, the default included. in_business_on: a date on
    which the store is in business.
    """

    labels: tuple[Label, ...] = ()
    search: str | None = None
    prefix: str | None = None
    zone: str | None = None
    in_business_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class StoreRows:
    """Some stores at one moment, in the requested order.

    frame: STORES. patterns: PATTERNS of every weekly_hours_id used. labels: by store_id; empty if all stores are read.
    changes: changes of their hours. reclassifications: RECLASSIFICATIONS of their down time.
    fallbacks: FALLBACKS of these stores.
    """

    catalog_version: int
    frame: pl.DataFrame
    patterns: pl.DataFrame
    labels: dict[str, dict[str, str]]
    changes: HoursChanges
    reclassifications: pl.DataFrame
    fallbacks: pl.DataFrame


def read_store_rows(connection: Connection, frame: pl.DataFrame, *, whole: bool = False) -> StoreRows:
    """Read everything about the stores of `frame` (STORES). whole: `frame` holds all stores."""
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
        fallbacks=read_fallbacks(connection, None if whole else ids),
    )


def matching(where: StoreFilter) -> tuple[Select[Any], ColumnElement[str]]:
    """Select STORES of the filter. Also return the column of store_id to sort by.

    With a label this is the column of the label index: in its order the rows are found without sorting.
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
    if where.in_business_on is not None:
        day = where.in_business_on
        is_out = or_(store_lives.c.opened_on > day, store_lives.c.closed_on <= day)
        query = query.where(stores.c.store_id.not_in(select(store_lives.c.store_id).where(is_out)))
    return query, key


def _after_prefix(prefix: str) -> str:
    """Return the end of the range of texts that begin with `prefix`, by their UTF-8 bytes."""
    return prefix + chr(0x10FFFF)


def _has_name(part: str) -> ColumnElement[bool]:
    name = store_labels.alias("searched_name")
    named = and_(name.c.store_id == stores.c.store_id, name.c.label == NAME, _contains(name.c.value, part))
    return exists(select(1).select_from(name).where(named))


def _contains(column: ColumnElement[str], part: str) -> ColumnElement[bool]:
    # Without help both databases ignore the case of A to Z only.
    spellings = dict.fromkeys((part, part.lower(), part.upper(), part.title()))
    return or_(*(column.icontains(spelling, autoescape=True) for spelling in spellings))


def read_in_order(
    connection: Connection, where: StoreFilter, order: StoreOrder, after: Place, limit: int | None
) -> pl.DataFrame:
    """Read STORES of the filter after a place."""
    query, store_id = matching(where)
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


def read_stores(connection: Connection) -> pl.DataFrame:
    """Read all stores (STORES) by store_id."""
    query = select(stores.c.store_id, stores.c.weekly_hours_id, stores.c.timezone).order_by(stores.c.store_id)
    return read_rows(connection, query, STORES)


def read_patterns(connection: Connection, *where: ColumnElement[bool]) -> pl.DataFrame:
    """Read the weekly hours (PATTERNS) that satisfy the conditions, by weekly_hours_id."""
    columns = weekly_hours.c.weekly_hours_id, weekly_hours.c.intervals
    query = select(*columns).where(*where).order_by(weekly_hours.c.weekly_hours_id)
    texts = read_rows(connection, query, pl.Schema({"weekly_hours_id": pl.Int64, "intervals": pl.String}))
    return texts.with_columns(pl.col("intervals").str.json_decode(INTERVALS))
