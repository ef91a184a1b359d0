"""Open the Delta table in a folder or an object store, write its files and commit them."""

import json
import os
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import polars as pl
from arro3.core import Table
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema
from deltalake._internal import DeltaFileSystemHandler
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from storewatch.domain.columns import DETAILS, OBSERVATIONS
from storewatch.domain.error_families import is_storage_full
from storewatch.domain.errors import InvalidInputError, LakeConflictError, LakeUnavailableError, StorageFullError
from storewatch.lake.checking import check_log, first_line
from storewatch.lake.loading import LoadingOrder

# All attempts fail only while other writers commit without a pause for about ten seconds.
COMMIT_ATTEMPTS: Final = 60
LONGEST_PAUSE_S: Final = 0.25
# Opening the table reads every commit since the last checkpoint: 8 ms for 100 commits, 2 ms for 20.
CHECKPOINT_EVERY: Final = 20
# More than the number of writers that can be between their commit and its fsync at one moment.
UNSYNCED_COMMITS: Final = 16

PARTITION: Final = ["day"]
# Lakes of earlier releases have no details; the first commit adds these columns.
_FIRST_COLUMNS: Final = pl.Schema({**OBSERVATIONS, "day": pl.Date()})
FIRST_SCHEMA: Final = Schema.from_arrow(Table(_FIRST_COLUMNS.to_frame()).schema)
DELTA_SCHEMA: Final = Schema.from_arrow(Table(pl.Schema({**_FIRST_COLUMNS, **DETAILS}).to_frame()).schema)
# How long the log names a dropped file, and so how long a vacuum of the log can find the file.
FILES_REMEMBERED: Final = timedelta(days=7)
CONFIGURATION: Final = {
    "delta.logRetentionDuration": "interval 7 days",
    "delta.deletedFileRetentionDuration": f"interval {FILES_REMEMBERED.days} days",
}
# A writer that pauses between reading the log and its commit must still find the commits that it missed.
LOG_KEPT: Final = timedelta(hours=1)

LISTING: Final = pl.Schema(
    {
        "day": pl.Date,
        "order": pl.Int64,
        "path": pl.String,
        "size_bytes": pl.Int64,
        "rows": pl.Int64,
        "first_store": pl.String,
        "last_store": pl.String,
        "from_us": pl.Int64,
        "to_us": pl.Int64,
        "loaded_to_us": pl.Int64,
        "first_import": pl.Int64,
        "last_import": pl.Int64,
        "has_details": pl.Boolean,
    }
)


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The place of the table: a folder or an object store.

    url: as the user wrote it. delta_url: as deltalake needs it. folder: the local folder, None for an object store.
    synced: names in the folder that are known to be durable, so that they need no other fsync. loading: the order in
    which observations are loaded.
    """

    url: str
    delta_url: str
    folder: Path | None
    options: dict[str, str] | None
    synced: set[str] = field(default_factory=set, compare=False, repr=False)
    loading: LoadingOrder = field(default_factory=LoadingOrder, compare=False, repr=False)

    @classmethod
    def at(cls, url: str, options: dict[str, str] | None) -> "Storage":
        """Return the storage at a path or at any URL that deltalake supports. Raises InvalidInputError."""
        if "://" in url and not url.startswith("file://"):
            return cls(url=url, delta_url=url.rstrip("/"), folder=None, options=options)
        folder = Path(unquote(urlsplit(url).path) if "://" in url else url).expanduser().resolve()
        if unquote(str(folder)) != str(folder):
            # deltalake 1.6 writes to `a%20b` and reads from `a b`.
            raise InvalidInputError(
                f"The lake cannot be kept in {folder}: Delta misreads a percent sign before two hexadecimal digits. "
                "Choose a folder without one."
            )
        return cls(url=url, delta_url=folder.as_uri(), folder=folder, options=options)

    def scannable(self, path: str) -> str:
        """Return the path or URL at which Polars finds a file of the table."""
        return str(self.folder / path) if self.folder else f"{self.delta_url}/{path}"

    def open(self, version: int | None = None) -> DeltaTable:
        """Open the newest or the given version; a table that does not exist yet is created empty.

        Raises LakeUnavailableError when it cannot be opened or created, or is something else than a lake of storewatch;
        LakeDamagedError when a file of its log is empty; InvalidInputError when it has no such version.
        """
        try:
            table = DeltaTable(self.delta_url, version=version, storage_options=self.options)
        except TableNotFoundError as error:
            if version is not None:
                raise InvalidInputError(
                    f"The lake has no version {version}, or has it not any more. Use the newest one."
                ) from error
            table = self._create()
        except (DeltaError, OSError, ValueError) as error:
            if version is not None:
                raise InvalidInputError(
                    f"Version {version} of the lake cannot be read: it is not written yet or too old to be kept. "
                    "Use the newest one."
                ) from error
            raise self.unusable(error) from error
        if self.folder is not None:
            with self.errors():
                check_log(self.folder, table.version())
        if table.metadata().partition_columns != PARTITION or table.schema() not in (DELTA_SCHEMA, FIRST_SCHEMA):
            raise LakeUnavailableError(
                f"{self.url} is a Delta table, but not a lake of storewatch. Choose an empty folder."
            )
        return table

    def unusable(self, error: Exception) -> LakeUnavailableError | StorageFullError:
        """Return the error for a lake that cannot be opened or written."""
        if is_storage_full(error):
            return StorageFullError()
        what = "folder and its permissions" if self.folder else "URL, its credentials and that the bucket exists"
        return LakeUnavailableError(f"The lake {self.url} cannot be used ({first_line(error)}). Check the {what}.")

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn errors of the disk, the object store and Delta in the block into those of the lake.

        Raises LakeConflictError when another writer was faster, else the error of `unusable`.
        """
        try:
            yield
        except CommitFailedError as error:
            raise LakeConflictError("Another writer committed to the lake first. Try again.") from error
        except (DeltaError, OSError) as error:
            raise self.unusable(error) from error

    def put(self, path: str, data: bytes) -> None:
        """Write a new file durably. It becomes part of the table only when it is committed."""
        with self.errors():
            if self.folder is None:
                handler = DeltaFileSystemHandler(table_uri=self.delta_url, options=self.options)
                stream = handler.open_output_stream(path)
                stream.write(data)
                stream.close()  # type: ignore[attr-defined] # missing in the stub; ends the upload
                return
            target = self.folder / path
            target.parent.mkdir(exist_ok=True)
            with target.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _sync(target.parent)
            if target.parent.name not in self.synced:
                _sync(self.folder)
                self.synced.add(target.parent.name)

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files that were never committed. A file that cannot be deleted now is vacuumed later."""
        handler = DeltaFileSystemHandler(table_uri=self.delta_url, options=self.options)
        for path in paths:
            with suppress(OSError, DeltaError):
                handler.delete_file(path)

    def commit(
        self,
        table: DeltaTable,
        added: list[AddAction],
        replaced: pl.DataFrame | None = None,
        *,
        deleting: bool = False,
        in_place: bool = True,
        kept: timedelta = FILES_REMEMBERED,
    ) -> int | None:
        """Add files to the table, and drop the files that they replace, in one commit. Return its version.

        table: is brought up to date here. replaced: rows of a `listing`. deleting: the replaced files hold observations
        that the added files do not hold. in_place: the added files take the place of the newest replaced file in the
        order of commits; False: their order is set already. kept: how long the replaced files can still be read.
        Returns None when another process has replaced one of the files already. Raises LakeConflictError, and
        InvalidInputError when the lake cannot be written.
        Every attempt is a compare-and-set of the next version. Adding a file twice is the same as adding it once, so an
        attempt that failed after its commit does no harm.
        """
        for attempt in range(COMMIT_ATTEMPTS):
            try:
                table.update_incremental()
                self._add_details(table)
                files = listing(table)
                self.loading.note(files)
                if replaced is not None and not replaced["path"].is_in(files["path"].implode()).all():
                    return None
                table.create_write_transaction(
                    _in_order(added, files, replaced, deleting=deleting, in_place=in_place, kept=kept),
                    mode="append",
                    schema=DELTA_SCHEMA,
                    partition_by=PARTITION,
                    commit_properties=CommitProperties(max_commit_retries=0),
                    post_commithook_properties=PostCommitHookProperties(
                        create_checkpoint=False, cleanup_expired_logs=False
                    ),
                )
            except CommitFailedError:
                time.sleep(random.uniform(0, min(LONGEST_PAUSE_S, 0.002 * 2**attempt)))  # noqa: S311
                continue
            except (OSError, DeltaError) as error:
                raise self.unusable(error) from error
            version = table.version() + 1  # the commit does not update `table`
            self.sync_log(version)
            if version % CHECKPOINT_EVERY == 0:
                # A checkpoint only makes opening faster, and another writer may write it at this moment.
                with suppress(DeltaError, OSError):
                    self.checkpoint(table)
            return version
        raise LakeConflictError("Other writers committed to the lake first at every attempt. Try again.")

    def checkpoint(self, table: DeltaTable) -> None:
        """Write the list of files to one file, so that opening need not read every commit."""
        table.update_incremental()
        table.create_checkpoint()
        if self.folder:
            log = self.folder / "_delta_log"
            _sync(log / f"{table.version():020}.checkpoint.parquet", log / "_last_checkpoint", log)

    def shorten_log(self, table: DeltaTable, kept: timedelta) -> None:
        """Drop the commits and checkpoints before the newest checkpoint that is older than `kept`."""
        if self.folder is None:
            table.cleanup_metadata()  # uses the longer time of the table's configuration
            return
        until_s = time.time() - kept.total_seconds()
        log = self.folder / "_delta_log"
        old = [file.name[:20] for file in log.glob("*.checkpoint.parquet") if file.stat().st_mtime < until_s]
        # When two processes wrote it at once, it may name the older checkpoint.
        opened_from = json.loads((log / "_last_checkpoint").read_bytes())["version"]
        first = min(max(old, default=""), f"{opened_from:020}")
        for file in log.iterdir():
            if file.name[:20].isdecimal() and file.name < first:
                file.unlink(missing_ok=True)

    def sync_log(self, version: int) -> None:
        """Make the log durable up to `version`: deltalake writes it without fsync.

        Other writers may not have synced their commits before it yet, and the table needs all of them.
        """
        if self.folder is None:
            return
        log = self.folder / "_delta_log"
        commits = {f"{number:020}.json" for number in range(max(0, version - UNSYNCED_COMMITS), version + 1)}
        _sync(*(log / name for name in commits - self.synced), log)
        self.synced.update(commits)
        self.synced.discard(f"{version - UNSYNCED_COMMITS - 1:020}.json")

    def _add_details(self, table: DeltaTable) -> None:
        """Add the columns of details to a table of an earlier release; its files stay as they are."""
        if table.schema() != FIRST_SCHEMA:
            return
        try:
            table.alter.add_columns([each for each in DELTA_SCHEMA.fields if each.name in DETAILS])
        except DeltaError:
            table.update_incremental()
            if table.schema() == FIRST_SCHEMA:  # else another process did the same at this moment
                raise
        table.update_incremental()
        self.sync_log(table.version())

    @staticmethod
    def _holds_something_else(folder: Path) -> bool:
        if not folder.is_dir() or all(entry.name.startswith(("_", ".")) for entry in folder.iterdir()):
            return False
        # Checked last: a process that creates the table at this moment writes its log before its files.
        return not (folder / "_delta_log").is_dir()

    def _create(self) -> DeltaTable:
        if self.folder and self._holds_something_else(self.folder):
            raise LakeUnavailableError(f"{self.url} holds other files and no lake. Choose an empty folder.")
        try:
            DeltaTable.create(
                self.delta_url,
                DELTA_SCHEMA,
                mode="error",
                partition_by=PARTITION,
                name="observations",
                configuration=CONFIGURATION,
                storage_options=self.options,
            )
        except (DeltaError, OSError) as error:
            # Another process may have created it in between.
            try:
                return DeltaTable(self.delta_url, storage_options=self.options)
            except (DeltaError, OSError):
                raise self.unusable(error) from error
        if self.folder:
            self.sync_log(0)
            _sync(self.folder, self.folder.parent)
        return DeltaTable(self.delta_url, storage_options=self.options)


def listing(table: DeltaTable) -> pl.DataFrame:
    """List the files of a version: LISTING, in the order of day and commit.

    The instants of a file lie in [from_us, to_us], and no row is loaded after `loaded_to_us`: these are bounds, because
    Delta cuts instants to the millisecond. `first_import` and `last_import`: the lowest and highest import_key of the
    rows, null where no row has one. `has_details`: whether any row has a reason or a source.
    """
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    if actions.is_empty():
        return pl.DataFrame(schema=LISTING)
    return actions.select(
        pl.col("partition.day").alias("day"),
        pl.col("modification_time").alias("order"),
        "path",
        "size_bytes",
        pl.col("num_records").alias("rows"),
        pl.col("min.store_id").alias("first_store"),
        pl.col("max.store_id").alias("last_store"),
        pl.col("min.observed_at").to_physical().alias("from_us"),
        (pl.col("max.observed_at").to_physical() + 999).alias("to_us"),
        (pl.col("max.loaded_at").to_physical() + 999).alias("loaded_to_us"),
        *_import_range(actions),
        _has_details(actions),
    ).sort("day", "order", "path")


def _import_range(actions: pl.DataFrame) -> list[pl.Expr]:
    columns = {"first_import": "min.import_key", "last_import": "max.import_key"}
    return [
        (pl.col(column) if column in actions.columns else pl.lit(None)).cast(pl.Int64).alias(name)
        for name, column in columns.items()
    ]


def _has_details(actions: pl.DataFrame) -> pl.Expr:
    """Return whether any row has details. Files of earlier releases have no details and no statistics of them."""
    nulls = [name for name in ("null_count.reason", "null_count.source") if name in actions.columns]
    some = [(pl.col(name) < pl.col("num_records")).fill_null(value=False) for name in nulls]
    return pl.any_horizontal(pl.lit(value=False), *some).alias("has_details")


def _in_order(
    added: list[AddAction],
    files: pl.DataFrame,
    replaced: pl.DataFrame | None,
    *,
    deleting: bool,
    in_place: bool,
    kept: timedelta,
) -> list[AddAction | RemoveAction]:
    """Set the order of the files among all files: their modification time, which increases with every commit.

    So of two observations loaded at the same instant the one committed later wins. A rewritten file takes the order of
    the newest file that it replaces.
    """
    if replaced is None:
        newest = files["order"].max()
        floor = newest + 1 if isinstance(newest, int) else 0
        return [replace(file, modification_time=max(file.modification_time, floor)) for file in added]
    newest = replaced["order"].max()
    assert isinstance(newest, int)  # noqa: S101 - a rewrite replaces at least one file
    # Vacuum and checkpoints compare this with the machine's clock, so it is the machine's clock.
    dropped_ms = time.time_ns() // 1_000_000 - (FILES_REMEMBERED - kept) // timedelta(milliseconds=1)
    removals = [
        RemoveAction(path, deleting, dropped_ms, size, {"day": str(day)})
        for path, size, day in replaced.select("path", "size_bytes", "day").iter_rows()
    ]
    placed = [replace(file, modification_time=newest) for file in added] if in_place else added
    return [*placed, *removals]


def _sync(*paths: Path) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
