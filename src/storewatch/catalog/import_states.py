"""Read and write the states of what imports change in the catalog: before the import, after it, and now.

A state is a frame of `key` (a JSON list: a store_id; or store_id, label, value and for special hours the date) and
`value` (JSON). A key without any row has the value of a store or target without any data.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from json.encoder import encode_basestring as _quoted
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, Table, delete, select, tuple_

from storewatch.catalog.db.rows import BATCH_ROWS, read_rows, select_rows, write_rows
from storewatch.catalog.db.schema import hours_versions, store_lives, stores
from storewatch.catalog.entries import FORMS, write_entries
from storewatch.catalog.labels import labels_frame, read_labels, replace_labels
from storewatch.catalog.store_changes import StoreChanges
from storewatch.domain.columns import ENTRIES, HOURS_VERSIONS, LIVES, TARGET_KEY, TIMEZONES
from storewatch.domain.enums import EntryKind, ImportTable

STATE: Final = pl.Schema({"key": pl.String, "value": pl.String})
NEW_STORES: Final = "new_stores"
_LABELS_AT_ONCE: Final = 10_000

State = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A part of the catalog that imports write.

    read: return the states of some keys. write: set keys to these states. Both run within a transaction.
    """

    read: Callable[[Connection, list[str]], State]
    write: Callable[[Connection, State, datetime], None]


def changed_keys(changes: StoreChanges) -> Mapping[str, list[str]]:
    """Return the keys that a change writes, by subject."""
    written = {
        ImportTable.WEEKLY_HOURS.value: changes.hours,
        ImportTable.TIMEZONES.value: changes.zones,
        ImportTable.STORES.value: changes.labels,
    }
    found = {
        subject: _keys(frame["store_id"].unique(maintain_order=True))
        for subject, frame in written.items()
        if frame is not None
    }
    found |= {column: _keys(dates["store_id"].unique(maintain_order=True)) for column, dates in changes.lives.items()}
    updated = [labels["store_id"] for _, labels in changes.label_updates]
    if updated:
        labelled = pl.concat(updated).unique(maintain_order=True)
        found[ImportTable.STORES.value] = list(dict.fromkeys([*found.get("stores", []), *_keys(labelled)]))
    for kind, rows in changes.entries.items():
        targets = rows.select(_entry_key(kind)).unique(maintain_order=True)
        found[kind.value] = [_key(*row) for row in targets.rows()]
    return found


def store_ids_of(changes: StoreChanges) -> pl.Series:
    """Return the ids of all stores that a change adds where they are missing."""
    named = [frame["store_id"] for frame in (changes.hours, changes.zones, changes.labels) if frame is not None]
    named += [dates["store_id"] for dates in changes.lives.values()]
    named += [rows["store_id"].drop_nulls() for rows in changes.entries.values()]
    named += [labels["store_id"] for _, labels in changes.label_updates]
    named += [changes.store_ids] if changes.store_ids is not None else []
    ids = [pl.Series("store_id", dtype=pl.String), *(each.rename("store_id") for each in named)]
    return pl.concat(ids).unique().sort()


def missing_stores(connection: Connection, store_ids: pl.Series) -> list[str]:
    """Return the ids that belong to no store."""
    known: set[str] = set()
    for batch in store_ids.rename("store_id").to_frame().iter_slices(BATCH_ROWS):
        found = select(stores.c.store_id).where(stores.c.store_id.in_(select_rows(connection, stores, batch)))
        known.update(connection.execute(found).scalars())
    return [each for each in store_ids if each not in known]


def store_of(key: str) -> str:
    """Return the store_id, or the label=value, of a key, as people read it."""
    parts = [part for part in json.loads(key)[:3] if part is not None]
    return parts[0] if len(parts) == 1 else "=".join(parts)


def _key(*parts: object) -> str:
    return json.dumps([None if part is None else str(part) for part in parts], ensure_ascii=False)


def _keys(store_ids: Iterable[str]) -> list[str]:
    """Return the keys of stores: those of `_key`, which takes 6 µs each, in 0.2 µs each."""
    return [f"[{_quoted(each)}]" for each in store_ids]


def _parsed(texts: Iterable[str]) -> list[Any]:
    """Return what each of many texts of JSON holds; parsed at once, because each call takes 5 µs."""
    values: list[Any] = json.loads(f"[{','.join(texts)}]")
    return values


def _ids(keys: Iterable[str]) -> pl.DataFrame:
    return pl.DataFrame({"store_id": [parts[0] for parts in _parsed(keys)]}, schema={"store_id": pl.String})


def _read_hours(connection: Connection, keys: list[str]) -> State:
    ids = _ids(keys)
    hours = read_rows_of(connection, stores, ids, pl.Schema({"store_id": pl.String, "weekly_hours_id": pl.Int64}))
    versions = read_rows_of(connection, hours_versions, ids, HOURS_VERSIONS)
    found = dict.fromkeys(keys, _hours_state(None))
    found |= {key: _hours_state(hours_id) for key, hours_id in zip(_keys(hours["store_id"]), hours[:, 1], strict=True)}
    for (store_id,), rows in versions.sort("store_id", "valid_from").partition_by("store_id", as_dict=True).items():
        key = _key(store_id)
        dated = [[valid_from.isoformat(), hours_id] for _, valid_from, hours_id in rows.rows()]
        found[key] = json.dumps(json.loads(found[key]) | {"versions": dated})
    return found


def _hours_state(hours_id: int | None) -> str:
    """Return the JSON of weekly hours without dated versions."""
    return f'{{"hours": {"null" if hours_id is None else hours_id}, "versions": []}}'


def _write_hours(connection: Connection, states: State, now: datetime) -> None:
    ids, values = _ids(states), _parsed(states.values())
    hours = ids.with_columns(weekly_hours_id=pl.Series([value["hours"] for value in values], dtype=pl.Int64))
    write_rows(connection, stores, hours.sort("store_id"), replace="weekly_hours_id", registered_at=now)
    for batch in ids.iter_slices(BATCH_ROWS):
        connection.execute(
            delete(hours_versions).where(hours_versions.c.store_id.in_(select_rows(connection, hours_versions, batch)))
        )
    rows = [
        (store_id, valid_from, hours_id)
        for store_id, value in zip(ids["store_id"], values, strict=True)
        for valid_from, hours_id in value["versions"]
    ]
    versions = pl.DataFrame(rows, schema={**HOURS_VERSIONS, "valid_from": pl.String()}, orient="row")
    write_rows(connection, hours_versions, versions.with_columns(pl.col("valid_from").str.to_date()))


def _read_zones(connection: Connection, keys: list[str]) -> State:
    found = read_rows_of(connection, stores, _ids(keys), TIMEZONES)
    zones = ["null" if zone is None else _quoted(zone) for zone in found["timezone"]]
    return dict.fromkeys(keys, "null") | dict(zip(_keys(found["store_id"]), zones, strict=True))


def _write_zones(connection: Connection, states: State, now: datetime) -> None:
    zones = _ids(states).with_columns(timezone=pl.Series(_parsed(states.values()), dtype=pl.String))
    write_rows(connection, stores, zones.sort("store_id"), replace="timezone", registered_at=now)


def _read_dates(connection: Connection, keys: list[str], column: str) -> State:
    schema = pl.Schema({"store_id": pl.String(), column: LIVES[column]})
    found = read_rows_of(connection, store_lives, _ids(keys), schema)
    dates = [json.dumps(_text(date)) for date in found[column]]
    return dict.fromkeys(keys, "null") | dict(zip(_keys(found["store_id"]), dates, strict=True))


def _write_dates(connection: Connection, states: State, now: datetime, column: str) -> None:
    dates = _ids(states).with_columns(pl.Series(column, _parsed(states.values()), pl.String).str.to_date())
    write_rows(connection, stores, dates.select("store_id").sort("store_id"), registered_at=now)
    write_rows(connection, store_lives, dates.sort("store_id"), replace=column)
    has_no_date = store_lives.c.opened_on.is_(None), store_lives.c.closed_on.is_(None)
    connection.execute(delete(store_lives).where(*has_no_date))


def _read_label_states(connection: Connection, keys: list[str]) -> State:
    found: State = {}
    for first in range(0, len(keys), _LABELS_AT_ONCE):
        some = keys[first : first + _LABELS_AT_ONCE]
        store_ids = _ids(some)["store_id"].to_list()
        labels = read_labels(connection, store_ids)
        found |= {
            key: json.dumps(labels.get(store_id, {}), ensure_ascii=False, sort_keys=True)
            for key, store_id in zip(some, store_ids, strict=True)
        }
    return found


def _write_labels(connection: Connection, states: State, now: datetime) -> None:
    labels = dict(zip(_ids(states)["store_id"], _parsed(states.values()), strict=True))
    replace_labels(connection, labels_frame(labels), now)


def _entry_key(kind: EntryKind) -> list[str]:
    return [*TARGET_KEY, *(["date"] if FORMS[kind].dated else [])]


def _read_entries(connection: Connection, keys: list[str], kind: EntryKind) -> State:
    names = _entry_key(kind)
    found: dict[str, list[str]] = {key: [] for key in keys}
    for row in _entries(connection, keys, kind).iter_rows(named=True):
        values = [_text(value) for name, value in row.items() if name not in names]
        found[_key(*(row[name] for name in names))].append(json.dumps(values))
    return {key: json.dumps(sorted(rows)) for key, rows in found.items()}


def _entries(connection: Connection, keys: list[str], kind: EntryKind) -> pl.DataFrame:
    form = FORMS[kind]
    frames = [form.schema.to_frame()]
    for target, batch in _targets(keys, kind):
        query = select(*(form.table.c[name] for name in form.schema)).where(
            tuple_(*(form.table.c[name] for name in target)).in_(select_rows(connection, form.table, batch))
        )
        frames.append(read_rows(connection, query, form.schema))
    return pl.concat(frames)


def _write_entry_states(connection: Connection, states: State, now: datetime, kind: EntryKind) -> None:
    form, names = FORMS[kind], _entry_key(kind)
    for target, batch in _targets(list(states), kind):
        columns = tuple_(*(form.table.c[name] for name in target))
        connection.execute(delete(form.table).where(columns.in_(select_rows(connection, form.table, batch))))
    others = [name for name in form.schema if name not in names]
    rows = [
        dict(zip(names, json.loads(key), strict=True)) | dict(zip(others, json.loads(row), strict=True))
        for key, value in states.items()
        for row in json.loads(value)
    ]
    text = pl.DataFrame(rows, schema=dict.fromkeys(form.schema, pl.String))
    dated = text.with_columns(pl.col(name).str.to_date() for name in names if name == "date")
    write_entries(connection, kind, dated.cast(pl.Schema(ENTRIES[kind])), now)


def _targets(keys: list[str], kind: EntryKind) -> list[tuple[list[str], pl.DataFrame]]:
    """Return the columns and the values of these keys in batches: first keys of stores, then keys of labels."""
    names = _entry_key(kind)
    frame = pl.DataFrame(_parsed(keys), schema=dict.fromkeys(names, pl.String), orient="row")
    dated = [name for name in names if name not in TARGET_KEY]
    targets = (["store_id", *dated], ["label", "value", *dated])
    return [
        (target, batch)
        for target in targets
        for batch in frame.filter(pl.col(target[0]).is_not_null()).select(target).iter_slices(BATCH_ROWS)
        if batch.height
    ]


def _text(value: object) -> str | None:
    return None if value is None else repr(value) if isinstance(value, float) else str(value)


def read_rows_of(connection: Connection, table: Table, ids: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Read the columns of `schema` from the rows of some stores. ids: one column, store_id."""
    query = select(*(table.c[name] for name in schema))
    batches = ids.iter_slices(BATCH_ROWS)
    found = [
        read_rows(connection, query.where(table.c.store_id.in_(select_rows(connection, table, batch))), schema)
        for batch in batches
    ]
    return pl.concat([schema.to_frame(), *found])


SUBJECTS: Final[dict[str, Subject]] = {
    ImportTable.WEEKLY_HOURS.value: Subject(read=_read_hours, write=_write_hours),
    ImportTable.TIMEZONES.value: Subject(read=_read_zones, write=_write_zones),
    ImportTable.STORES.value: Subject(read=_read_label_states, write=_write_labels),
    **{
        column: Subject(read=partial(_read_dates, column=column), write=partial(_write_dates, column=column))
        for column in (ImportTable.OPENED_ON.value, ImportTable.CLOSED_ON.value)
    },
    **{
        kind.value: Subject(read=partial(_read_entries, kind=kind), write=partial(_write_entry_states, kind=kind))
        for kind in EntryKind
    },
}
