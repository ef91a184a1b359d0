"""Read one version of the lake."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from storewatch.domain.columns import DETAILED_OBSERVATIONS, INSTANT, OBSERVATIONS
from storewatch.domain.errors import InvalidInputError, LakeDamagedError
from storewatch.domain.instants import DAY_US
from storewatch.lake.checking import DamagedFile, files_of_wrong_size, first_line, unreadable_files
from storewatch.lake.files import is_one_run
from storewatch.lake.storage import Storage, listing


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """All observations of one version. Later appends and rewrites do not change them.

    A version stays readable until a vacuum removes files that later versions no longer need (the retention of
    `Lake.optimize`).
    listing: the files (storage.LISTING), in the order of day and commit.
    """

    version: int
    storage: Storage
    listing: pl.DataFrame

    @property
    def rows(self) -> int:
        """The number of rows in the files: observations, and repeats that no `optimize` has dropped yet."""
        return int(self.listing["rows"].sum())

    @property
    def files(self) -> int:
        return self.listing.height

    @property
    def size_bytes(self) -> int:
        return int(self.listing["size_bytes"].sum())

    @property
    def days(self) -> tuple[date, ...]:
        """The UTC days with observations, in order."""
        return tuple(self.listing["day"].unique().sort())

    def count_observations(self) -> int:
        """Count the observations without repeats. Only days that are not one sorted run are read."""
        days = self.listing.group_by("day").agg("path", pl.col("rows").sum())
        done = pl.Series([is_one_run(paths) for paths in days["path"]], dtype=pl.Boolean)
        counted = int(days.filter(done)["rows"].sum())
        for day in days.filter(~done)["day"]:
            keys = pl.struct("store_id", "observed_at").n_unique()
            counted += int(self.collect(self.scan(self.listing.filter(pl.col("day") == day)).select(keys)).item())
        return counted

    def newest_us(self) -> int | None:
        """Return the newest observed_at in us, None when there are no observations."""
        # Statistics are cut to the millisecond, so the files of the newest millisecond must be read.
        newest = pl.col("to_us") == pl.col("to_us").max()
        candidates = self.listing.filter(newest | pl.col("to_us").is_null())
        if candidates.is_empty():
            return None
        value = self.collect(self.scan(candidates).select(pl.col("observed_at").max().to_physical())).item()
        return int(value)

    def read(
        self,
        from_us: int,
        to_us: int,
        *,
        stores: tuple[str, str | None] | Sequence[str] | None = None,
        detailed: bool = False,
    ) -> pl.DataFrame:
        """Read the observations with from_us <= observed_at <= to_us as OBSERVATIONS, or DETAILED_OBSERVATIONS.

        stores: a tuple (first, end) is the range of ids first <= id < end by their UTF-8 bytes (None: no end); a list
        is exactly those ids. Rows are ordered by day, within a day by file, within a file by (store_id, observed_at).
        """
        files = files_within(self.listing, from_us, to_us)
        conditions: list[pl.Expr] = []
        if (
            not files.select((pl.col("from_us") >= from_us) & (pl.col("to_us") <= to_us))
            .to_series()
            .all(ignore_nulls=False)
        ):
            conditions.append(pl.col("observed_at").is_between(_instant(from_us), _instant(to_us)))
        if isinstance(stores, tuple):
            first, end = stores
            files = files.filter(may_hold(pl.col("last_store") >= first))
            conditions += [pl.col("store_id") >= first] if first else []
            if end is not None:
                files = files.filter(may_hold(pl.col("first_store") < end))
                conditions.append(pl.col("store_id") < end)
        elif stores is not None:
            if not stores:
                return (DETAILED_OBSERVATIONS if detailed else OBSERVATIONS).to_frame()
            lowest, highest = min(stores, key=str.encode), max(stores, key=str.encode)
            files = files.filter(may_hold(pl.col("last_store") >= lowest), may_hold(pl.col("first_store") <= highest))
            # The range condition lets Polars skip row groups.
            conditions += [
                pl.col("store_id").is_between(pl.lit(lowest), pl.lit(highest)),
                pl.col("store_id").is_in(list(stores)),
            ]
        return self.collect(self.scan(files, detailed=detailed).filter(*conditions))

    def has_details(self, from_us: int, to_us: int) -> bool:
        """Return whether any observation in a range, both ends included, may have a reason or a source.

        No file is read.
        """
        return bool(files_within(self.listing, from_us, to_us)["has_details"].any())

    def store_ids(self, since: int | None = None) -> pl.Series:
        """Return the distinct store ids, sorted by their UTF-8 bytes.

        since: read only the files added after that version (all files, when it is no longer readable), so ids of
        earlier files may be missing.
        """
        files = self.listing
        if since is not None and since >= 0:
            try:
                known = listing(self.storage.open(since))
            except InvalidInputError:
                known = files.clear()
            files = files.join(known, on="path", how="anti", maintain_order="left")
        return self.collect(self.scan(files).select(pl.col("store_id").unique()))["store_id"].sort()

    def collect(self, scan: pl.LazyFrame) -> pl.DataFrame:
        """Read a scan of this version.

        Raises LakeDamagedError when a file is missing or damaged, LakeUnavailableError when the folder or the object
        store does not answer, and InvalidInputError when the version is past its retention.
        """
        try:
            return scan.collect()
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            if isinstance(error, FileNotFoundError) and self.storage.open().version() > self.version:
                raise InvalidInputError(
                    f"Version {self.version} of the lake is older than the retention: some of its files are deleted. "
                    "Use the newest version."
                ) from error
            # Polars reports what an object store answers as an OSError or a ComputeError.
            is_local = self.storage.folder is not None
            if not isinstance(error, FileNotFoundError) and (
                isinstance(error, OSError) or not (is_local or "parquet" in str(error))
            ):
                raise self.storage.unusable(error) from error
            raise LakeDamagedError(
                f"A file of the lake {self.storage.url} (version {self.version}) cannot be read: {first_line(error)}. "
                "`storewatch check` says what can be done."
            ) from error

    def damaged_files(self, *, read: bool) -> Iterator[DamagedFile]:
        """Yield the files of this version that are damaged or missing; read: read each file whole, too."""
        wrong: list[str] = []
        if self.storage.folder is not None:
            for damaged in files_of_wrong_size(self.storage.folder, self.listing):
                wrong.append(damaged.path)
                yield damaged
        if read:
            others = self.listing.filter(~pl.col("path").is_in(wrong))
            yield from unreadable_files(others, lambda path: self.scan(pl.DataFrame({"path": [path]})).collect())

    def scan(self, files: pl.DataFrame, *, detailed: bool = False) -> pl.LazyFrame:
        """Scan some of the files of the listing, in their order, as OBSERVATIONS or DETAILED_OBSERVATIONS."""
        schema = DETAILED_OBSERVATIONS if detailed else OBSERVATIONS
        if files.is_empty():
            return pl.LazyFrame(schema=schema)
        return pl.scan_parquet(
            [self.storage.scannable(path) for path in files["path"]],
            glob=False,
            hive_partitioning=False,
            storage_options=self.storage.options,
            schema=schema,
            extra_columns="ignore",
            missing_columns="insert" if detailed else "raise",  # files of earlier releases have no details
        )


def files_within(files: pl.DataFrame, from_us: int, to_us: int) -> pl.DataFrame:
    """Return the files of a listing that may hold observations with from_us <= observed_at <= to_us."""
    day_us = pl.col("day").cast(pl.Datetime("us")).to_physical()
    return files.filter(
        may_hold(day_us <= to_us),
        may_hold(day_us + (DAY_US - 1) >= from_us),
        may_hold(pl.col("from_us") <= to_us),
        may_hold(pl.col("to_us") >= from_us),
    )


def may_hold(condition: pl.Expr) -> pl.Expr:
    """Return the condition, true where the file has no such statistic: then the file may hold anything."""
    return condition.fill_null(value=True)


def _instant(us: int) -> pl.Expr:
    return pl.lit(us, dtype=pl.Int64).cast(INSTANT)
