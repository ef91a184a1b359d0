"""Keep the table small, sorted and quick to open."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import accumulate
from typing import Final
from uuid import uuid4

import polars as pl
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from storewatch.domain.errors import LakeConflictError
from storewatch.lake.files import Run, is_one_run, write_run
from storewatch.lake.snapshot import Snapshot
from storewatch.lake.storage import FILES_REMEMBERED, Storage, listing

SAMPLE_EVERY: Final = 64
SAMPLE_STRIDE: Final = 39
REWRITE_ATTEMPTS: Final = 5
# A day with as many new files is merged. With 8, merging costs twice as much; with 32, a report reads more files.
COMPACT_FILES: Final = 16
# Files from this size on are left to `optimize`: rewriting them again and again would cost more than it saves.
LARGE_ROWS: Final = 1_000_000
# A day of pushing replaces a million small files. If they were kept for longer, the log would become slow. No report
# takes longer than this to read its version.
COMPACTED_KEPT: Final = timedelta(minutes=30)
# An append takes less time than this from its first file to its commit.
LONGEST_APPEND: Final = timedelta(days=1)
ALWAYS: Final = (-(2**63), 2**63 - 1)


@dataclass(frozen=True, kw_only=True)
class Optimized:
    """What `optimize` did. version: the newest version after it."""

    days_rewritten: int
    days_compacted: int
    files_before: int
    files_after: int
    files_vacuumed: int
    version: int


def optimize(
    storage: Storage,
    *,
    now: datetime,
    retention: timedelta,
    rows_at_once: int,
    progress: Callable[[int, int], None] | None,
) -> Optimized:
    """Do the work of `Lake.optimize`."""
    today = now.astimezone(UTC).date()
    before = _snapshot(storage)
    days = [day for day in before.days if not _due(before, day, today).is_empty()]
    rewritten = compacted = 0
    for done, day in enumerate(days, 1):
        changed = _replace_due(storage, partial(_due, day=day, today=today), rows_at_once)
        rewritten += changed and day < today
        compacted += changed and day >= today
        if progress:
            progress(done, len(days))
    vacuumed = _vacuum(storage, retention)
    table = storage.open()
    if table.version() != before.version:
        storage.sync_log(table.version())
        storage.checkpoint(table)
        table.cleanup_metadata()
    return Optimized(
        days_rewritten=rewritten,
        days_compacted=compacted,
        files_before=before.files,
        files_after=listing(table).height,
        files_vacuumed=vacuumed,
        version=table.version(),
    )


def _snapshot(storage: Storage) -> Snapshot:
    table = storage.open()
    return Snapshot(version=table.version(), storage=storage, listing=listing(table))


def _due(snapshot: Snapshot, day: date, today: date) -> pl.DataFrame:
    """Return the files of a day that one sorted run should replace; none when the day needs no rewrite.

    A closed day becomes one run as a whole. A day that still grows keeps its large old files. Its newest files are
    merged, back to the first file that has no more rows than all files after it together. So a row is rewritten at most
    log2(rows) times, and at most log2(rows) files stay.
    """
    files = snapshot.listing.filter(pl.col("day") == day)
    if day < today:
        return files.clear() if is_one_run(files["path"]) else files
    return _newest_small(files)


def _newest_small(files: pl.DataFrame) -> pl.DataFrame:
    rows = files["rows"].to_list()
    after = list(accumulate(reversed(rows), initial=0))[-2::-1]  # for each file, the rows of all later files
    first = next((i for i in range(len(rows) - 1) if rows[i] <= after[i]), len(rows))
    return files[first:]


def _worth_compacting(snapshot: Snapshot, day: date) -> pl.DataFrame:
    """Return the newest small files of a day if they are at least COMPACT_FILES, else none."""
    due = _newest_small(snapshot.listing.filter(pl.col("day") == day, pl.col("rows") < LARGE_ROWS))
    return due if due.height >= COMPACT_FILES else due.clear()


def compact(storage: Storage, *, rows_at_once: int, kept: timedelta) -> int:
    """Do the work of `Lake.compact`."""
    snapshot = _snapshot(storage)
    days = [day for day in snapshot.days if not _worth_compacting(snapshot, day).is_empty()]
    worth = (partial(_worth_compacting, day=day) for day in days)
    return sum(_replace_due(storage, choose, rows_at_once, kept=kept) for choose in worth)


def tidy(storage: Storage, *, log_kept: timedelta) -> int:
    """Do the work of `Lake.tidy`."""
    deleted = _vacuum_once(storage.open(), FILES_REMEMBERED)
    table = storage.open()
    storage.checkpoint(table)
    storage.shorten_log(table, log_kept)
    return len(deleted)


def delete_before(storage: Storage, day: date) -> int:
    """Do the work of `Lake.delete_before`."""
    for _ in range(REWRITE_ATTEMPTS):
        table = storage.open()
        old = listing(table).filter(pl.col("day") < day)
        if old.is_empty():
            return 0
        if storage.commit(table, [], replaced=old, deleting=True) is not None:
            return int(old["rows"].sum())
    raise LakeConflictError("Other processes kept rewriting the old days of the lake. Try again.")


def _replace_due(
    storage: Storage,
    choose: Callable[[Snapshot], pl.DataFrame],
    rows_at_once: int,
    *,
    kept: timedelta = FILES_REMEMBERED,
) -> bool:
    """Replace the chosen files by one run. Return False when another process has done so already."""
    for _ in range(REWRITE_ATTEMPTS):
        snapshot = _snapshot(storage)
        due = choose(snapshot)
        if due.is_empty():
            return False
        written = _rewrite(replace(snapshot, listing=due), rows_at_once)
        if storage.commit(storage.open(), written, replaced=due, kept=kept) is not None:
            return True
        # The written files are left to the vacuum: a commit whose answer was lost may have made them part of the table.
    raise LakeConflictError("Other processes kept rewriting the same day of the lake. Try again.")


def _rewrite(due: Snapshot, rows_at_once: int) -> list[AddAction]:
    """Write the observations of the files as one run, one range of stores after the other."""
    run = Run(write=uuid4().hex, number=0)
    written: list[AddAction] = []
    for stores in _store_ranges(due, rows_at_once):
        part = due.read(*ALWAYS, stores=stores, detailed=True)
        written += write_run(due.storage, run, part, first_part=len(written))
    return [replace(file, data_change=False) for file in written]


def _store_ranges(due: Snapshot, rows_at_once: int) -> list[tuple[str, str | None]]:
    """Return ranges [first, end) of store ids with at most about rows_at_once observations each."""
    if due.rows <= rows_at_once:
        return [("", None)]
    # Every file is sampled from another offset. Otherwise a file of few rows would always contribute its lowest store.
    sample = pl.concat(
        due.scan(file)
        .select(pl.col("store_id").gather_every(SAMPLE_EVERY, offset=number * SAMPLE_STRIDE % SAMPLE_EVERY))
        .collect()
        for number, file in enumerate(due.listing.iter_slices(1))
    )["store_id"].sort()
    edges = sample.gather_every(math.ceil(rows_at_once / SAMPLE_EVERY)).unique(maintain_order=True).to_list()[1:]
    return list(zip(["", *edges], [*edges, None], strict=True))


def _vacuum(storage: Storage, retention: timedelta) -> int:
    """Delete the files that no version younger than `retention` needs; return how many."""
    table = storage.open()
    deleted = _vacuum_once(table, retention)
    # The full vacuum also finds files of killed writers. It must not find files that a slow writer has yet to commit.
    return len(deleted | _vacuum_once(table, max(retention, LONGEST_APPEND), full=True))


def _vacuum_once(table: DeltaTable, age: timedelta, *, full: bool = False) -> set[str]:
    hours = math.ceil(age / timedelta(hours=1))
    # A vacuum makes two commits even when it finds nothing, so a dry run comes first.
    if not table.vacuum(hours, enforce_retention_duration=False, full=full):
        return set()
    deleted = set(table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=full))
    table.update_incremental()
    return deleted
