"""The door of the lake."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import polars as pl
from deltalake.transaction import AddAction

from storewatch.lake.files import Run, write_run
from storewatch.lake.optimizing import Optimized, optimize
from storewatch.lake.snapshot import Snapshot
from storewatch.lake.storage import Storage, listing

ROWS_AT_ONCE: Final = 2_000_000


class Lake:
    """The observations in one Delta table, for any number of processes at once.

    Columns as in OBSERVATIONS and the partition `day`, the UTC day of observed_at. Every file is sorted by
    (store_id, observed_at) without repeats.
    """

    def __init__(
        self, url: str, storage_options: dict[str, str] | None = None, *, rows_at_once: int = ROWS_AT_ONCE
    ) -> None:
        """Take a folder or an object-store URL; credentials not in the options come from the environment.

        rows_at_once: what an append or a rewrite sorts in memory, and so the size of its files (about 10 MB).
        """
        self._storage = Storage.at(url, storage_options)
        self._rows_at_once = rows_at_once

    def append(self, batches: Iterable[pl.DataFrame]) -> int:
        """Add observations (OBSERVATIONS each) in one commit and return its version.

        Durable when it returns; all or nothing when it does not. Memory is bounded by rows_at_once and one batch.
        Without any row nothing is committed and the current version is returned. Raises LakeConflictError, and
        InvalidInputError when the lake cannot be written.
        """
        table = self._storage.open()
        write = uuid4().hex
        files: list[AddAction] = []
        try:
            for number, observations in enumerate(_gather(batches, self._rows_at_once)):
                files += write_run(self._storage, Run(write=write, number=number), observations)
        except BaseException:
            self._storage.remove(file.path for file in files)
            raise
        if not files:
            return table.version()
        committed = self._storage.commit(table, files)
        assert committed is not None  # noqa: S101 - only a replacement can be overtaken
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
        return optimize(self._storage, now=now, retention=retention, rows_at_once=self._rows_at_once, progress=progress)


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
