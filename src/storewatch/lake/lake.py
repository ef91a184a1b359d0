"""The lake: append, read, optimize and delete observations."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Final
from uuid import uuid4

import polars as pl
from deltalake.transaction import AddAction

from storewatch.domain.errors import ReadOnlyError
from storewatch.lake.files import Run, write_run
from storewatch.lake.optimizing import COMPACTED_KEPT, Optimized, compact, delete_before, optimize, tidy
from storewatch.lake.overwritten import Overwritten
from storewatch.lake.removing import Choice, OfImport, Removed, Stretch, remove
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
        """Open the lake in a folder or at an object-store URL; other credentials come from the environment.

        rows_at_once: what an append or a rewrite sorts in memory, and so the size of its files (about 10 MB).
        read_only: refuse every change with a ReadOnlyError; a lake that does not exist yet is still created empty.
        """
        self._storage = Storage.at(url, storage_options)
        self._rows_at_once = rows_at_once
        self._read_only = read_only
        self._is_checked = False  # whether this process has found a lake there that it can use

    def loading_at(self, now: datetime) -> datetime:
        """Return the `loaded_at` of observations that are accepted now.

        This is the machine's clock, but later than every `loaded_at` that this process knows to be in the lake: those
        it found there first, and those before its last commit. So of two observations of one store and instant the
        later accepted one counts, also after the clock was set back.
        """
        if not self._storage.loading.is_known:
            self._storage.loading.note(listing(self._storage.open()))
        return self._storage.loading.next(now)

    def append(self, batches: Iterable[pl.DataFrame], *, import_key: int | None = None) -> int:
        """Add observations (OBSERVATIONS each, with any of DETAILS) in one commit and return its version.

        import_key: of all observations; what they take the place of is kept, so that `undo` can bring it back.

        Durable when it returns; all or nothing when it does not. Memory is bounded by rows_at_once and one batch.
        Without any row nothing is committed and the current version is returned. Raises LakeConflictError, and
        InvalidInputError when the lake cannot be written.
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
        # Opened as late as this: while many rows were written the log may have been shortened.
        table = storage.open()
        if import_key is not None:
            before = Snapshot(version=table.version(), storage=storage, listing=listing(table))
            Overwritten(storage).keep(before, files, write, import_key)
        committed = storage.commit(table, files)
        assert committed is not None  # noqa: S101 - only a replacement can be overtaken
        COMMIT_ROWS.observe(rows)
        COMMIT_SECONDS.observe(time.perf_counter() - begun)
        return committed

    def snapshot(self, version: int | None = None) -> Snapshot:
        """Return the newest or the given version; a lake that does not exist yet is created empty."""
        table = self._storage.open(version)
        return Snapshot(version=table.version(), storage=self._storage, listing=listing(table))

    def optimize(
        self,
        *,
        now: datetime,
        retention: timedelta = timedelta(days=7),
        progress: Callable[[int, int], None] | None = None,
    ) -> Optimized:
        """Merge, sort and drop repeats day by day, delete what is no longer needed and shorten the log.

        A day before `now`'s UTC day becomes one sorted run of files; of later days only the newest small files are
        merged. Days that are as they should be are skipped by the names of their files. Never in the way of appends:
        a rewrite replaces exactly the files it read. retention: snapshots older than this may lose files (whole
        hours, rounded up). progress: called with the days done and the days due.
        """
        return optimize(
            self._writable(), now=now, retention=retention, rows_at_once=self._rows_at_once, progress=progress
        )

    def compact(self, *, kept: timedelta = COMPACTED_KEPT) -> int:
        """Merge the newest small files of every day that has many; return how many days.

        For a process that appends all the time: called after every few commits it keeps a day at about 40 files, and
        a row is rewritten log2(commits / 16) times. Drops repeats among the files it merges, never anything else.
        kept: how long the merged files stay for those who read them.
        """
        return compact(self._writable(), rows_at_once=self._rows_at_once, kept=kept)

    def tidy(self, *, log_kept: timedelta = LOG_KEPT) -> int:
        """Delete the files that `compact` no longer keeps, and shorten the log; return how many files.

        For a process that appends all the time, after some hundred commits. log_kept: younger versions stay readable.
        """
        return tidy(self._writable(), log_kept=log_kept)

    def delete(self, choice: Choice) -> Removed:
        """Delete the chosen observations, and repeated loads of them, in one commit.

        Older snapshots can still be read until the files are vacuumed (the retention of `optimize`).
        """
        return remove(self._writable(), choice)

    def undo(self, import_key: int, is_undone: Callable[[int], bool]) -> Removed:
        """Delete the observations of an import and restore those that it replaced, in one commit.

        Exact after pushes and other imports of the same polls, and after `optimize`: observations that came later
        stay, and nothing comes back where the import's own observation is no longer there. Called again it does
        nothing. is_undone: whether the observations of another import do not count any more.
        """
        storage = self._writable()
        return remove(storage, OfImport(import_key=import_key), Overwritten(storage).restoring(import_key, is_undone))

    def forget_overwritten(self, is_kept: Callable[[int], bool]) -> int:
        """Delete what is kept to undo imports, but for the kept ones (by key); return how many files."""
        return Overwritten(self._writable()).forget(is_kept)

    def move_store(self, source: str, target: str) -> int:
        """Move all observations of a store to another id, in one commit. Return how many were moved.

        Of observations of both at one instant the one loaded later wins. Without any nothing is committed.
        """
        everything = Stretch(store_ids=(source,), from_us=-ALL_TIME_US, to_us=ALL_TIME_US)
        moved = pl.lit(target).alias("store_id")
        return remove(self._writable(), everything, lambda gone: gone.with_columns(moved)).observations

    def files_unused(self, retention: timedelta) -> int:
        """Count what `optimize` with this retention would delete at this moment, killed writers' files left out."""
        hours = math.ceil(retention / timedelta(hours=1))
        return len(self._storage.open().vacuum(hours, enforce_retention_duration=False))

    def rows_before(self, day: date) -> int:
        """Count what `delete_before` would drop."""
        return int(self.snapshot().listing.filter(pl.col("day") < day)["rows"].sum())

    def delete_before(self, day: date) -> int:
        """Drop every UTC day before `day` in one commit; return how many observations that were, repeats included.

        Older snapshots can still be read until the files are vacuumed (the retention of `optimize`).
        """
        return delete_before(self._writable(), day)

    def _writable(self) -> Storage:
        if self._read_only:
            raise ReadOnlyError("The lake was opened for reading only.")
        return self._storage


def _gather(batches: Iterable[pl.DataFrame], rows_at_once: int) -> Iterator[pl.DataFrame]:
    """Join small batches until they are worth sorting. Not all of them need have the same details."""
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
