"""Undo imports: the states of the catalog before each import are kept for UNDO_KEPT."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from typing import Final

import polars as pl
from sqlalchemy import ColumnElement, Connection, Table, delete, exists, insert, select, update

from storewatch.catalog.db.database import Repository
from storewatch.catalog.db.rows import BATCH_ROWS, select_rows
from storewatch.catalog.db.schema import audit, catalog_state, fallbacks, import_states, imports, metadata, stores
from storewatch.catalog.db.state import lock_stores, move_version
from storewatch.catalog.import_states import (
    NEW_STORES,
    SUBJECTS,
    changed_keys,
    missing_stores,
    store_ids_of,
    store_of,
)
from storewatch.catalog.store_changes import StoreChanges, change_stores
from storewatch.domain.errors import ImportChangedError, ImportNotKeptError, UnknownImportError

# How long an import can be undone. After that the data needed for it are deleted.
UNDO_KEPT: Final = timedelta(days=30)
# The name of the states of fallbacks. A later change of them never forbids an undo.
_FALLBACKS: Final = "fallbacks"
_FALLBACK: Final = ("store_id", "setting", "reason", "rejected_rows", "noted_at")
_STATES: Final = pl.Schema({"key": pl.String, "before": pl.String, "after": pl.String})


def change_undoably(connection: Connection, import_id: int, changes: StoreChanges, now: datetime) -> int:
    """Write the changes of an import as `change_stores` does, and keep what is needed to undo them."""
    lock_stores(connection)
    keys = {subject: each for subject, each in changed_keys(changes).items() if each}
    before = {subject: SUBJECTS[subject].read(connection, each) for subject, each in keys.items()}
    new_stores = missing_stores(connection, store_ids_of(changes))
    noted = _read_fallback_states(connection)
    changed = change_stores(connection, changes, now)
    _write_states(
        connection, import_id, _FALLBACKS, _fallback_states(noted, _read_fallback_states(connection), changes)
    )
    for subject, each in keys.items():
        after = SUBJECTS[subject].read(connection, each)
        rows = {"key": each, "before": [before[subject][key] for key in each], "after": [after[key] for key in each]}
        _write_states(connection, import_id, subject, pl.DataFrame(rows, schema=_STATES))
    # Written even without new stores: this row shows that the import can be undone.
    added = pl.DataFrame({"key": new_stores}, schema={"key": pl.String})
    _write_states(connection, import_id, NEW_STORES, added.with_columns(before=pl.lit(""), after=pl.lit("")))
    _delete_old_states(connection, now)
    return changed


class UndoRepository(Repository):
    """Undo imports in the catalog."""

    def check(self, import_ids: Sequence[int]) -> None:
        """Check that these imports can be undone.

        Raises UnknownImportError, ImportNotKeptError, and ImportChangedError, which names the later change.
        """
        with self._database.reading() as connection:
            for import_id in import_ids:
                _states_to_restore(connection, import_id, import_ids)

    def undo(
        self, import_ids: Sequence[int], *, polled: Callable[[pl.Series], pl.Series], lake_version: int, now: datetime
    ) -> bool:
        """Restore the states of the catalog before these imports, the last import first, and mark them as undone.

        Stores that the imports added are deleted where nothing else names them. polled: returns which of some ids have
        observations in this version of the lake. Returns False and changes nothing when the catalog has registered a
        later version of the lake. Raises the errors of `check`.
        """
        with self._database.writing() as connection:
            lock_stores(connection)
            if connection.execute(select(catalog_state.c.lake_version_known)).scalar_one() > lake_version:
                return False
            for import_id in sorted(import_ids, reverse=True):
                states = _states_to_restore(connection, import_id, import_ids)
                for subject, changed in states.items():
                    SUBJECTS[subject].write(connection, changed, now)
                _remove_stores(connection, import_id, polled)
                _restore_fallbacks(connection, import_id)
                connection.execute(delete(import_states).where(import_states.c.import_id == import_id))
                connection.execute(update(imports).where(imports.c.import_id == import_id).values(undone_at=now))
            move_version(connection)
            return True

    def keys_undone_since(self, since: datetime) -> set[int]:
        """Return the keys of the imports that were undone after an instant."""
        query = select(imports.c.import_key).where(imports.c.import_key.is_not(None), imports.c.undone_at >= since)
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def is_undone(self, import_key: int) -> bool:
        """Return whether the import with this key was undone, or never finished."""
        query = select(imports.c.undone_at).where(imports.c.import_key == import_key)
        with self._database.reading() as connection:
            found = connection.execute(query).first()
            return found is None or found[0] is not None


def _write_states(connection: Connection, import_id: int, subject: str, states: pl.DataFrame) -> None:
    connection.execute(insert(import_states).values(import_id=import_id, subject=subject, data=_parquet(states)))


def _parquet(states: pl.DataFrame) -> bytes:
    data = BytesIO()
    states.write_parquet(data, compression="zstd")
    return data.getvalue()


def _read_states(connection: Connection, import_id: int) -> dict[str, pl.DataFrame]:
    query = select(import_states.c.subject, import_states.c.data).where(import_states.c.import_id == import_id)
    return {subject: pl.read_parquet(BytesIO(data)) for subject, data in connection.execute(query)}


def _delete_old_states(connection: Connection, now: datetime) -> None:
    old = select(imports.c.import_id).where(imports.c.imported_at < now - UNDO_KEPT)
    connection.execute(delete(import_states).where(import_states.c.import_id.in_(old)))


def _states_to_restore(connection: Connection, import_id: int, together: Sequence[int]) -> dict[str, dict[str, str]]:
    """Return the states that an import changed, as they were before it, by subject.

    together: imports that are undone with this one.
    """
    row = connection.execute(select(imports).where(imports.c.import_id == import_id)).mappings().first()
    if row is None:
        raise UnknownImportError(str(import_id))
    if row["undone_at"] is not None:
        return {}
    kept = _read_states(connection, import_id)
    if row["accepted"] and not kept:
        raise ImportNotKeptError
    restored = {}
    for subject, states in kept.items():
        if subject in SUBJECTS:
            _check_later_imports(connection, import_id, subject, states, together)
            _check_present(connection, row["imported_at"], subject, states)
            changed = states.filter(pl.col("before") != pl.col("after"))
            restored[subject] = dict(zip(changed["key"], changed["before"], strict=True))
    return {subject: states for subject, states in restored.items() if states}


def _check_later_imports(
    connection: Connection, import_id: int, subject: str, states: pl.DataFrame, together: Sequence[int]
) -> None:
    query = (
        select(import_states.c.import_id, import_states.c.data)
        .where(import_states.c.subject == subject, import_states.c.import_id > import_id)
        .order_by(import_states.c.import_id.desc())
    )
    for later, data in connection.execute(query):
        same = states.join(pl.read_parquet(BytesIO(data)), on="key", how="semi")
        if same.height and later not in together:
            change = f"import {later}; undo that import first"
            raise ImportChangedError(import_id, subject, store_of(same["key"][0]), same.height, change)


def _check_present(connection: Connection, imported_at: datetime, subject: str, states: pl.DataFrame) -> None:
    now = SUBJECTS[subject].read(connection, states["key"].to_list())
    after = dict(zip(states["key"], states["after"], strict=True))
    other = [key for key, value in now.items() if value != after[key]]
    if other:
        store_id = store_of(other[0])
        raise ImportChangedError(None, subject, store_id, len(other), _last_change(connection, store_id, imported_at))


def _last_change(connection: Connection, object_id: str, since: datetime) -> str:
    """Return in words the last action of the audit log on an object after an instant."""
    query = (
        select(audit.c.action, audit.c.actor_name, audit.c.at)
        .where(audit.c.object_id == object_id, audit.c.at >= since)
        .order_by(audit.c.audit_id.desc())
        .limit(1)
    )
    found = connection.execute(query).first()
    return "another change" if found is None else f"{found[0]} of {found[1]} at {found[2]:%Y-%m-%d %H:%M:%S} UTC"


def _remove_stores(connection: Connection, import_id: int, polled: Callable[[pl.Series], pl.Series]) -> None:
    """Delete the stores that an import added and that have no other data and no polls."""
    added = _read_states(connection, import_id).get(NEW_STORES)
    if added is None:
        return
    ids = added["key"].rename("store_id")
    unpolled = ids.filter(~ids.is_in(polled(ids).implode())).to_frame()
    has_no_data: list[ColumnElement[bool]] = [
        column.is_(None) for column in stores.c if column.name not in ("store_id", "registered_at")
    ]
    has_no_data += [~exists().where(table.c.store_id == stores.c.store_id) for table in _tables_of_stores()]
    for batch in unpolled.iter_slices(BATCH_ROWS):
        is_added = stores.c.store_id.in_(select_rows(connection, stores, batch))
        connection.execute(delete(stores).where(is_added, *has_no_data))


def _read_fallback_states(connection: Connection) -> dict[str, str]:
    """Return the state of every fallback by its key: the JSON of its columns, and of the store and the setting."""
    found = connection.execute(select(*(fallbacks.c[name] for name in _FALLBACK)))
    return {
        json.dumps([store_id, setting]): json.dumps([store_id, setting, *values, noted_at.isoformat()])
        for store_id, setting, *values, noted_at in found
    }


def _fallback_states(before: dict[str, str], after: dict[str, str], changes: StoreChanges) -> pl.DataFrame:
    """Return _STATES of the fallbacks that an import changed, and of those that it would have added."""
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    rejected = {
        json.dumps([store_id, setting.value])
        for setting, stores_of in changes.rejected.items()
        for store_id in stores_of["store_id"]
    }
    keys = sorted(changed | (rejected & after.keys()))
    rows = {"key": keys, "before": [before.get(key, "") for key in keys], "after": [after.get(key, "") for key in keys]}
    return pl.DataFrame(rows, schema=_STATES)


def _restore_fallbacks(connection: Connection, import_id: int) -> None:
    """Restore the fallbacks that nothing has changed since the import.

    A later import that found the state after this import will restore the state before this import when it is undone.
    """
    # Imports of earlier versions have no states of fallbacks.
    states = _read_states(connection, import_id).get(_FALLBACKS, pl.DataFrame(schema=_STATES))
    is_later = import_states.c.subject == _FALLBACKS, import_states.c.import_id > import_id
    later = select(import_states.c.import_id, import_states.c.data).where(*is_later).order_by(import_states.c.import_id)
    for later_id, data in connection.execute(later).all():
        theirs = pl.read_parquet(BytesIO(data))
        joined = theirs.join(states, on="key", how="left", suffix="_here", maintain_order="left")
        found_ours = pl.col("before") == pl.col("after_here")
        relinked = joined.with_columns(before=pl.when(found_ours).then("before_here").otherwise("before"))
        of_later = import_states.c.import_id == later_id, import_states.c.subject == _FALLBACKS
        connection.execute(
            update(import_states).where(*of_later).values(data=_parquet(relinked.select(theirs.columns)))
        )
        states = states.join(theirs, on="key", how="anti")
    now = _read_fallback_states(connection)
    for key, before, after in states.iter_rows():
        if now.get(key, "") == after:
            store_id, setting = json.loads(key)
            is_key = fallbacks.c.store_id == store_id, fallbacks.c.setting == setting
            connection.execute(delete(fallbacks).where(*is_key))
            if before:
                *values, noted_at = json.loads(before)
                row = dict(zip(_FALLBACK, (*values, datetime.fromisoformat(noted_at)), strict=True))
                connection.execute(insert(fallbacks).values(row))


def _tables_of_stores() -> list[Table]:
    """Return the tables whose rows belong to a store."""
    return [
        table
        for table in metadata.sorted_tables
        if any(key.column is stores.c.store_id for key in table.foreign_keys) and "store_id" in table.c
    ]
