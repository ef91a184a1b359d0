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
from storewatch.lake.snapshot import Snapshot
from storewatch.lake.storage import LOG_KEPT, Storage, listing
from storewatch.telemetry import COMMIT_ROWS, COMMIT_SECONDS

ROWS_AT_ONCE: Final = 2_000_000


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

    def append(self, batches: Iterable[pl.DataFrame]) -> int:
        """Add observations (OBSERVATIONS each) in one commit and return its version.

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
                files += write_run(storage, Run(write=write, number=number), observations)
        except BaseException:
            storage.remove(file.path for file in files)
            raise
        if not files:
            return storage.open().version()
        # Opened as late as this: while many rows were written the log may have been shortened.
        committed = storage.commit(storage.open(), files)
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
    """Join small batches until they are worth sorting."""
    held: list[pl.DataFrame] = []
    rows = 0
    for batch in batches:
        if batch.is_empty():
            continue
        held.append(batch)
        rows += batch.height
        if rows >= rows_at_once:
            yield pl.concat(held)
            held, rows = [], 0
    if held:
        yield pl.concat(held)
