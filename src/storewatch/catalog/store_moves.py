"""Move the data of a store in the catalog to another store, for renaming and merging stores."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, select, update

from storewatch.catalog.db.schema import (
    annotations,
    closures,
    fallbacks,
    hours_versions,
    sales,
    special_hours,
    store_labels,
    store_lives,
    stores,
    targets,
)
from storewatch.domain.enums import Setting

# Tables whose rows of one store form entries by these columns. An entry that both stores have must be equal.
_ENTRIES: Final[dict[str, tuple[Table, tuple[str, ...]]]] = {
    "label": (store_labels, ("label",)),
    "opened_on and closed_on": (store_lives, ()),
    "special hours of": (special_hours, ("date",)),
    "target": (targets, ()),
    "sales": (sales, ()),
}
# Tables whose rows may overlap: the rows of both stores are kept.
_OVERLAPPING: Final = (closures, annotations)
_HOURS: Final = "weekly_hours_id"

_Rows = dict[tuple[Any, ...], set[tuple[Any, ...]]]


def merge_conflicts(connection: Connection, source: str, target: str) -> list[str]:
    """Return the names of the values in which two stores differ, as people read them."""
    return list(_conflicts(connection, source, target))


def move_store(connection: Connection, source: str, target: str) -> None:
    """Move all data of a store to another store, and delete the store. There must be no conflicts."""
    of_source, of_target = (_fields(connection, store_id) for store_id in (source, target))
    _move_fallbacks(connection, source, target)
    missing = {name: value for name, value in of_source.items() if of_target[name] is None and value is not None}
    if missing:
        connection.execute(update(stores).where(stores.c.store_id == target).values(missing))
    for table, key in (*_ENTRIES.values(), (hours_versions, ("valid_from",))):
        _move_entries(connection, table, key, source, target)
    for table in _OVERLAPPING:
        connection.execute(update(table).where(table.c.store_id == source).values(store_id=target))
    connection.execute(delete(stores).where(stores.c.store_id == source))  # and the rows that both stores had


def _conflicts(connection: Connection, source: str, target: str) -> Iterator[str]:
    of_source, of_target = (_fields(connection, store_id) for store_id in (source, target))
    zones = of_source["timezone"], of_target["timezone"]
    if None not in zones and zones[0] != zones[1]:
        yield "timezone"
    hours = [
        (fields[_HOURS], _rows(connection, hours_versions, ("valid_from",), store_id))
        for fields, store_id in ((of_source, source), (of_target, target))
    ]
    if (None, {}) not in hours and hours[0] != hours[1]:
        yield "weekly hours"
    for what, (table, key) in _ENTRIES.items():
        rows, others = (_rows(connection, table, key, store_id) for store_id in (source, target))
        yield from (
            " ".join([what, *map(str, entry)]) for entry in rows if entry in others and rows[entry] != others[entry]
        )


def _move_entries(connection: Connection, table: Table, key: tuple[str, ...], source: str, target: str) -> None:
    of_target = _rows(connection, table, key, target)
    for entry in _rows(connection, table, key, source):
        if entry not in of_target:
            is_entry = (table.c[name] == value for name, value in zip(key, entry, strict=True))
            connection.execute(update(table).where(table.c.store_id == source, *is_entry).values(store_id=target))


def _move_fallbacks(connection: Connection, source: str, target: str) -> None:
    """Move the fallbacks of a store. A fallback ends where the setting of the other store was written after it."""
    is_source, is_target = fallbacks.c.store_id == source, fallbacks.c.store_id == target
    for setting in Setting:
        is_of = fallbacks.c.setting == setting.value
        noted = set(connection.execute(select(fallbacks.c.store_id).where(is_of, is_source | is_target)).scalars())
        has_value = {each for each in (source, target) if _has_value(connection, each, setting)}
        if noted == {source} and target not in has_value:
            connection.execute(update(fallbacks).where(is_of, is_source).values(store_id=target))
        elif noted == {target} and source in has_value:
            connection.execute(delete(fallbacks).where(is_of, is_target))
    connection.execute(delete(fallbacks).where(is_source))


def _has_value(connection: Connection, store_id: str, setting: Setting) -> bool:
    fields = _fields(connection, store_id)
    if setting is Setting.TIMEZONE:
        return fields["timezone"] is not None
    return fields[_HOURS] is not None or bool(_rows(connection, hours_versions, ("valid_from",), store_id))


def _fields(connection: Connection, store_id: str) -> dict[str, Any]:
    found = connection.execute(
        select(stores.c.weekly_hours_id, stores.c.timezone).where(stores.c.store_id == store_id)
    ).mappings()
    return dict(found.one())


def _rows(connection: Connection, table: Table, key: tuple[str, ...], store_id: str) -> _Rows:
    """Return the rows of a store by entry, without the store_id and the number of the row."""
    columns = [column.name for column in table.columns if column.name not in ("store_id", *_ids(table))]
    found: _Rows = defaultdict(set)
    for row in connection.execute(select(table).where(table.c.store_id == store_id)).mappings():
        found[tuple(row[name] for name in key)].add(tuple(row[name] for name in columns))
    return dict(found)


def _ids(table: Table) -> list[str]:
    """Return the name of the column that only numbers the rows of a table."""
    return [column.name for column in table.primary_key if column.name.endswith("_id") and column.name != "store_id"]
