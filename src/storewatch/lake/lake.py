"""The lake: append, read, optimize and delete observations."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Final
from uuid import uuid4

import polars as pl
from deltalake.transaction import AddAction

from storewatch.domain.error_families import ReadOnlyError
from storewatch.domain.errors import LakeConflictError
from storewatch.lake.files import Run, write_run
from storewatch.lake.optimizing import COMPACTED_KEPT, Optimized, compact, delete_before, optimize, tidy
from storewatch.lake.overwritten import Overwritten
from storewatch.lake.removing import Choice, OfImport, Removed, TimeRange, remove
from storewatch.lake.snapshot import Snapshot
from storewatch.lake.storage import LOG_KEPT, Storage, listing
from storewatch.telemetry import COMMIT_ROWS, COMMIT_SECONDS

ROWS_AT_ONCE: Final = 2_000_000
ALL_TIME_US: Final = 2**62


class Lake:
    """The observations in one Delta table, for any number of processes at once.

    Columns as in OBSERVATIONS and the partition `day`, the UTC day of observed_at. Every file is sorted by
    (store_id, observed_at) without repeats.
    """

    def __init__(
        self,
        url: str,
        storage_options: dict[str, str] | None = None,
        *,
        rows_at_once: int = ROWS_AT_ONCE,
        read_only: bool = False,
    ) -> None:
        """Open the lake in a folder or at an object-store URL.

        storage_options: for the object store; other credentials come from the environment.
        rows_at_once: how many rows an append or a rewrite sorts in memory, and so the size of its files (about 10 MB).
        read_only: refuse every change with a ReadOnlyError; a lake that does not exist yet is still created empty.
        """
        self._storage = Storage.at(url, storage_options)
        self._rows_at_once = rows_at_once
        self._read_only = read_only
        self._is_checked = False  # whether this process has found a lake there that it can use

    def loading_at(self, now: datetime) -> datetime:
        """Return the `loaded_at` of observations that are accepted now.

        This is the machine's clock, but later than every `loaded_at` that this process knows to be in the lake: those
        that were there at its start, and those before its last commit. So of two observations of one store and instant
        the one accepted later counts, even after the clock was set back.
        """
        if not self._storage.loading.is_known:
            self._storage.loading.note(listing(self._storage.open()))
        return self._storage.loading.next(now)

    def append(self, batches: Iterable[pl.DataFrame], *, import_key: int | None = None) -> int:
        """Add observations (OBSERVATIONS each, with any of DETAILS) in one commit and return its version.

        import_key: of all observations; the observations that they replace are kept, so that `undo` can restore them.

        The commit is durable when this returns; after an error all or nothing is stored. Memory is bounded by
        rows_at_once and one batch. Without any row nothing is committed and the current version is returned.
        Raises LakeConflictError, and InvalidInputError when the lake cannot be written.
        """
        storage = self._writable()
        if not self._is_checked:
            storage.open()
            self._is_checked = True
        write = uuid4().hex
        files: list[AddAction] = []
        rows, begun = 0, time.perf_counter()
        try:
            for number, observations in enumerate(_gather(batches, self._rows_at_once)):
                rows += observations.height
                files += write_run(storage, Run(write=write, number=number), observations, import_key=import_key)
        except BaseException:
            storage.remove(file.path for file in files)
            raise
        if not files:
            return storage.open().version()
        with storage.errors():
            # Opened only now: while many rows were written, the log may have been shortened.
            table = storage.open()
            if import_key is not None:
                before = Snapshot(version=table.version(), storage=storage, listing=listing(table))
                Overwritten(storage).keep(before, files, write, import_key)
            committed = storage.commit(table, files)
        assert committed is not None  # noqa: S101 - only the commit of a replacement can return None
        COMMIT_ROWS.observe(rows)
        COMMIT_SECONDS.observe(time.perf_counter() - begun)
        return committed

    def snapshot(self, version: int | None = None) -> Snapshot:
        """Return the newest or the given version; a lake that does not exist yet is created empty."""
        with self._storage.errors():
            table = self._storage.open(version)
            return Snapshot(version=table.version(), storage=self._storage, listing=listing(table))

    def optimize(
        self,
        *,
        now: datetime,
        retention: timedelta = timedelta(days=7),
        progress: Callable[[int, int], None] | None = None,
    ) -> Optimized:
        """Merge and sort the observations of each day, drop repeats, delete unneeded files and shorten the log.

        A day before `now`'s UTC day becomes one sorted run of files; of later days only the newest small files are
        merged. Days that need no rewrite are recognised by the names of their files. Appends are never blocked: a
        rewrite replaces exactly the files that it read. retention: snapshots older than this may lose files (whole
        hours, rounded up). progress: called with the number of days done and of all days to do.
        """
        with self._writing() as storage:
            return optimize(storage, now=now, retention=retention, rows_at_once=self._rows_at_once, progress=progress)

    def compact(self, *, kept: timedelta = COMPACTED_KEPT) -> int:
        """Merge the newest small files of every day that has many of them. Return how many days were merged.

        For a process that appends all the time. Called after every few commits, this keeps a day at about 40 files, and
        rewrites a row log2(commits / 16) times. Only repeats among the merged files are dropped.
        kept: how long the merged files can still be read.
        """
        with self._writing() as storage:
            return compact(storage, rows_at_once=self._rows_at_once, kept=kept)

    def tidy(self, *, log_kept: timedelta = LOG_KEPT) -> int:
        """Delete the files that `compact` no longer keeps, and shorten the log. Return how many files were deleted.

        For a process that appends all the time, after some hundred commits. log_kept: younger versions stay readable.
        """
        with self._writing() as storage:
            return tidy(storage, log_kept=log_kept)

    def delete(self, choice: Choice) -> Removed:
        """Delete the chosen observations, and repeated loads of them, in one commit.

        Older snapshots can still be read until the files are vacuumed (the retention of `optimize`).
        """
        with self._writing() as storage:
            return remove(storage, choice)

    def undo(self, import_key: int, is_undone: Callable[[int], bool]) -> Removed:
        """Delete the observations of an import and restore those that it replaced, in one commit.

        The result is exact after pushes and other imports of the same polls, and after `optimize`: observations that
        were loaded later stay, and nothing is restored where the import's own observation is no longer in the lake. A
        second call does nothing. is_undone: whether another import, by its key, was undone or never finished.
        """
        with self._writing() as storage:
            kept = Overwritten(storage).restoring(import_key, is_undone)
            return remove(storage, OfImport(import_key=import_key), kept)

    def drop_files(self, paths: pl.Series) -> int:
        """Take files out of the lake that cannot be read, with their observations, in one commit; return its version.

        Raises LakeConflictError when another process replaced one of them meanwhile.
        """
        with self._writing() as storage:
            table = storage.open()
            files = listing(table)
            version = storage.commit(table, [], files.filter(pl.col("path").is_in(paths.implode())), deleting=True)
        if version is None:
            raise LakeConflictError("Another process replaced a damaged file meanwhile. Check the lake again.")
        return version

    def forget_overwritten(self, is_kept: Callable[[int], bool]) -> int:
        """Delete the files kept to undo imports, except those of the kept imports (by key). Return how many files."""
        with self._writing() as storage:
            return Overwritten(storage).forget(is_kept)

    def move_store(self, source: str, target: str) -> int:
        """Move all observations of a store to another id, in one commit. Return how many were moved.

        Of two observations at one instant the one loaded later wins. Without observations nothing is committed.
        """
        everything = TimeRange(store_ids=(source,), from_us=-ALL_TIME_US, to_us=ALL_TIME_US)
        moved = pl.lit(target).alias("store_id")
        restoring = lambda _, gone: (gone.height, gone.with_columns(moved))  # noqa: E731
        with self._writing() as storage:
            return remove(storage, everything, restoring).observations

    def files_unused(self, retention: timedelta) -> int:
        """Count the files that `optimize` with this retention would delete now, without the files of killed writers."""
        hours = math.ceil(retention / timedelta(hours=1))
        with self._storage.errors():
            return len(self._storage.open().vacuum(hours, enforce_retention_duration=False))

    def rows_before(self, day: date) -> int:
        """Count the observations that `delete_before` would delete, repeats included."""
        return int(self.snapshot().listing.filter(pl.col("day") < day)["rows"].sum())

    def delete_before(self, day: date) -> int:
        """Delete every UTC day before `day` in one commit. Return how many observations were deleted, repeats included.

        Older snapshots can still be read until the files are vacuumed (the retention of `optimize`).
        """
        with self._writing() as storage:
            return delete_before(storage, day)

    @contextmanager
    def _writing(self) -> Iterator[Storage]:
        """Return the storage for changes in the block; their errors become those of the lake."""
        with self._storage.errors():
            yield self._writable()

    def _writable(self) -> Storage:
        if self._read_only:
            raise ReadOnlyError("The lake was opened for reading only.")
        return self._storage


def _gather(batches: Iterable[pl.DataFrame], rows_at_once: int) -> Iterator[pl.DataFrame]:
    """Join batches until they have at least rows_at_once rows. Not all batches need have the same details."""
    held: list[pl.DataFrame] = []
    rows = 0
    for batch in batches:
        if batch.is_empty():
            continue
        held.append(batch)
        rows += batch.height
        if rows >= rows_at_once:
            yield pl.concat(held, how="diagonal")
            held, rows = [], 0
    if held:
        yield pl.concat(held, how="diagonal")
