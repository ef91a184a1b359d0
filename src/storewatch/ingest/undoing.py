"""Undo imports: take their polls out of the lake in one commit, and restore the rows of the catalog."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

import polars as pl

from storewatch.catalog import UNDO_KEPT, Catalog, FinishedImport
from storewatch.domain.errors import LakeConflictError, UnknownImportError
from storewatch.lake import Lake
from storewatch.stores.following import follow_lake

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_NAME_BITS: Final = 20
_ATTEMPTS: Final = 5


@dataclass(frozen=True, kw_only=True)
class Undone:
    """The result of an undo.

    observations: number of polls taken out of the lake. restored: number of polls that the import had replaced and that
    are back. lake_version: the version after the undo; None if the lake did not change. is_new: False if the imports
    were already undone.
    """

    observations: int
    restored: int
    lake_version: int | None
    is_new: bool


def import_key(at: datetime, name: str) -> int:
    """Return the key of an import's observations in the lake, the same for every attempt of the same import.

    at: when the import was accepted. name: distinguishes it from other imports in the same millisecond.
    """
    digest = int.from_bytes(sha256(name.encode(errors="surrogateescape")).digest()[:4])
    return ((at - _EPOCH) // _MILLISECOND << _NAME_BITS) | (digest % (1 << _NAME_BITS))


def undo_imports(import_ids: Sequence[int], *, catalog: Catalog, lake: Lake, now: datetime) -> Undone:
    """Undo imports together. After a crash, another call completes the undo.

    First the polls are taken out of the lake, in one commit. Then the catalog changes, in one transaction. Raises
    UnknownImportError, ImportNotKeptError and ImportChangedError before any change, and LakeConflictError when other
    writers commit too often.
    """
    found = [_find(catalog, import_id) for import_id in import_ids]
    catalog.undos.check(import_ids)
    removed = [lake.undo(each.import_key, catalog.undos.is_undone) for each in found if each.import_key is not None]
    versions = [each.version for each in removed if each.version is not None]
    waiting = [each.import_id for each in found if each.undone_at is None]
    if waiting:
        _undo_in_catalog(waiting, catalog, lake, now)
    return Undone(
        observations=sum(each.observations for each in removed),
        restored=sum(each.restored for each in removed),
        lake_version=max(versions, default=None),
        is_new=bool(waiting or versions),
    )


def forget_old_imports(catalog: Catalog, lake: Lake, now: datetime) -> int:
    """Delete the kept files of imports that can no longer be undone. Return the number of deleted files."""
    since = now - UNDO_KEPT
    # The files of an undone import are needed while later imports of the same polls can be undone.
    kept = catalog.undos.keys_undone_since(since)
    oldest = import_key(since, "") >> _NAME_BITS
    # An import that the catalog does not know may be running.
    return lake.forget_overwritten(lambda key: key >> _NAME_BITS >= oldest or key in kept)


def _find(catalog: Catalog, import_id: int) -> FinishedImport:
    found = catalog.imports.find(import_id)
    if found is None:
        raise UnknownImportError(str(import_id))
    return found


def _undo_in_catalog(import_ids: Sequence[int], catalog: Catalog, lake: Lake, now: datetime) -> None:
    for _ in range(_ATTEMPTS):
        follow_lake(catalog, lake, now)
        snapshot = lake.snapshot()

        def polled(store_ids: pl.Series) -> pl.Series:
            return store_ids.filter(store_ids.is_in(snapshot.store_ids().implode()))  # noqa: B023 - called at once

        if catalog.undos.undo(import_ids, polled=polled, lake_version=snapshot.version, now=now):
            return
    raise LakeConflictError("Other writers kept adding stores. Try again.")
