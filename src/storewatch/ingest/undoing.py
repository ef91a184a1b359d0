"""Undoing imports: their polls leave the lake in one commit, and the catalog returns to what it was."""

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
    """What undoing changed. observations: taken out of the lake; restored: those that came back in their place.

    is_new: False when the imports were undone before and nothing was left to do.
    """

    observations: int
    restored: int
    lake_version: int | None
    is_new: bool


def import_key(at: datetime, name: str) -> int:
    """Return the key of an import's observations in the lake, the same for every attempt of the same import.

    at: when the import was accepted; name: what tells it from others of that millisecond.
    """
    digest = int.from_bytes(sha256(name.encode(errors="surrogateescape")).digest()[:4])
    return ((at - _EPOCH) // _MILLISECOND << _NAME_BITS) | (digest % (1 << _NAME_BITS))


def undo_imports(import_ids: Sequence[int], *, catalog: Catalog, lake: Lake, now: datetime) -> Undone:
    """Undo imports together. Killed half way, it can be called again and completes.

    The polls are taken out first, in one commit; then the catalog changes in one transaction. Raises
    UnknownImportError, ImportNotKeptError and ImportChangedError before anything is changed.
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
    """Delete what is kept in the lake for imports that cannot be undone any more; return how many files."""
    since = now - UNDO_KEPT
    # What an undone import had replaced is needed until the imports over it cannot be undone any more.
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
