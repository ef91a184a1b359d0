"""Delete observations: replace files by their remaining observations, in one commit."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol
from uuid import uuid4

import polars as pl
from deltalake.transaction import AddAction

from storewatch.domain.columns import DETAILED_OBSERVATIONS
from storewatch.domain.errors import LakeConflictError
from storewatch.lake.files import Run, write_run
from storewatch.lake.overwritten import KEY, counting
from storewatch.lake.snapshot import Snapshot, files_within, may_hold
from storewatch.lake.storage import Storage, listing

_ATTEMPTS: Final = 5


class Choice(Protocol):
    """A choice of observations: the files that may hold them, and a condition on rows."""

    def files(self, files: pl.DataFrame) -> pl.DataFrame:
        """Return the files of a listing that may hold chosen observations."""

    def rows(self, observations: pl.DataFrame) -> pl.Series:
        """Return for each observation whether it is chosen: Boolean[N]."""


@dataclass(frozen=True, kw_only=True)
class TimeRange:
    """The observations of some stores (None: all) with from_us <= observed_at < to_us."""

    store_ids: tuple[str, ...] | None
    from_us: int
    to_us: int

    def files(self, files: pl.DataFrame) -> pl.DataFrame:
        return _within(files, self.from_us, self.to_us - 1, self.store_ids)

    def rows(self, observations: pl.DataFrame) -> pl.Series:
        instant = pl.col("observed_at").to_physical()
        chosen = (instant >= self.from_us) & (instant < self.to_us)
        if self.store_ids is not None:
            chosen &= pl.col("store_id").is_in(list(self.store_ids))
        return observations.select(chosen.alias("chosen")).to_series()


@dataclass(frozen=True, kw_only=True, eq=False)
class Keys:
    """The observations of these keys: store_id and observed_at, no pair twice."""

    keys: pl.DataFrame

    def files(self, files: pl.DataFrame) -> pl.DataFrame:
        if self.keys.is_empty():
            return files.clear()
        instants = self.keys["observed_at"].to_physical()
        first, last = int(instants.min()), int(instants.max())  # type: ignore[arg-type]
        days = self.keys["observed_at"].dt.date().unique()
        return _within(files.filter(pl.col("day").is_in(days.implode())), first, last, tuple(self.keys["store_id"]))

    def rows(self, observations: pl.DataFrame) -> pl.Series:
        marked = self.keys.select(KEY).with_columns(chosen=pl.lit(value=True))
        return (
            observations.select(KEY)
            .join(marked, on=KEY, how="left", maintain_order="left")["chosen"]
            .fill_null(value=False)
        )


@dataclass(frozen=True, kw_only=True)
class OfImport:
    """The observations that an import loaded."""

    import_key: int

    def files(self, files: pl.DataFrame) -> pl.DataFrame:
        return files.filter(pl.lit(self.import_key).is_between(pl.col("first_import"), pl.col("last_import")))

    def rows(self, observations: pl.DataFrame) -> pl.Series:
        return (observations["import_key"] == self.import_key).fill_null(value=False)


@dataclass(frozen=True, kw_only=True)
class Removed:
    """How many observations were deleted, and restored in their place. version: of the commit, None without one."""

    version: int | None
    observations: int
    restored: int = 0


# One day of a snapshot, and the rows deleted from it (DETAILED_OBSERVATIONS), repeats included -> the number of
# observations that take their place, and those of them that must be written.
Restoring = Callable[[Snapshot, pl.DataFrame], tuple[int, pl.DataFrame]]


def find(snapshot: Snapshot, choice: Choice) -> pl.DataFrame:
    """Read the chosen observations as DETAILED_OBSERVATIONS by store and instant; of repeats the one that counts."""
    found = [
        rows.filter(choice.rows(rows))
        for file in choice.files(snapshot.listing).iter_slices(1)
        for rows in [snapshot.collect(snapshot.scan(file, detailed=True))]
    ]
    return counting(pl.concat([DETAILED_OBSERVATIONS.to_frame(), *found]))


def remove(storage: Storage, choice: Choice, restoring: Restoring | None = None) -> Removed:
    """Delete the chosen observations, and repeated loads of them, in one commit.

    The commit is durable when this returns; after an error nothing has changed. Raises LakeConflictError.
    """
    for _ in range(_ATTEMPTS):
        table = storage.open()
        snapshot = Snapshot(version=table.version(), storage=storage, listing=listing(table))
        changes = _Changes(snapshot, restoring)
        for day in choice.files(snapshot.listing).partition_by("day", maintain_order=True):
            changes.add_day(day, choice)
        if not changes.replaced:
            return Removed(version=None, observations=0)
        version = storage.commit(table, changes.added, pl.concat(changes.replaced), deleting=True, in_place=False)
        if version is not None:
            return Removed(version=version, observations=changes.removed, restored=changes.restored)
        # The written files are left to the vacuum: a commit whose answer was lost may have made them part of the table.
    raise LakeConflictError("Other processes kept rewriting the same days of the lake. Try again.")


class _Changes:
    """The files that one commit adds and replaces."""

    def __init__(self, snapshot: Snapshot, restoring: Restoring | None) -> None:
        self._snapshot, self._restoring, self._write = snapshot, restoring, uuid4().hex
        self.added: list[AddAction] = []
        self.replaced: list[pl.DataFrame] = []
        self.removed = self.restored = 0  # observations, repeats not counted
        newest = snapshot.listing["order"].max()
        self._next_order = newest + 1 if isinstance(newest, int) else 0

    def add_day(self, files: pl.DataFrame, choice: Choice) -> None:
        """Write the remaining observations of some files of a day, and each restored one for the deleted ones once."""
        taken = [gone for file in files.iter_slices(1) if not (gone := self._take(file, choice)).is_empty()]
        if not taken:
            return
        gone = pl.concat(taken)
        self.removed += gone.select(KEY).n_unique()
        if self._restoring is not None:
            listed = self._snapshot.listing.filter(pl.col("day") == files["day"][0])
            restored, back = self._restoring(replace(self._snapshot, listing=listed), gone)
            self.restored += restored
            # Repeats of one instant are ordered by loaded_at; only equal loaded_at are ordered by the order of files.
            self._write_run(back, self._next_order)

    def _take(self, file: pl.DataFrame, choice: Choice) -> pl.DataFrame:
        """Write the remaining observations of a file, unless all remain. Return the deleted ones."""
        rows = self._snapshot.collect(self._snapshot.scan(file, detailed=True))
        chosen = choice.rows(rows)
        if chosen.any():
            self.replaced.append(file)
            self._write_run(rows.filter(~chosen), int(file["order"].item()))
        return rows.filter(chosen)

    def _write_run(self, rows: pl.DataFrame, order: int) -> None:
        if rows.is_empty():
            return
        run = Run(write=self._write, number=len(self.added))
        written = write_run(self._snapshot.storage, run, rows)
        self.added += [replace(each, modification_time=order) for each in written]


def _within(files: pl.DataFrame, first_us: int, last_us: int, store_ids: tuple[str, ...] | None) -> pl.DataFrame:
    """Return the files that may hold observations of some stores in a range, both ends included."""
    inside = files_within(files, first_us, last_us)
    if store_ids is None:
        return inside
    if not store_ids:
        return files.clear()
    return inside.filter(
        may_hold(pl.col("last_store") >= min(store_ids, key=str.encode)),
        may_hold(pl.col("first_store") <= max(store_ids, key=str.encode)),
    )
