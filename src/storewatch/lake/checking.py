"""Find damaged and missing files of the lake."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from storewatch.domain.errors import LakeDamagedError
from storewatch.domain.plurals import counted

LOG: Final = "_delta_log"


@dataclass(frozen=True, kw_only=True)
class DamagedFile:
    """A file that cannot be used. path: relative to the lake. rows: observations in it, by the log; 0 for the log."""

    path: str
    reason: str
    rows: int = 0


def check_log(folder: Path, version: int) -> None:
    """Check that no commit from the newest checkpoint to a version is empty or missing in the log of a lake's folder.

    Delta takes an empty commit for one that changed nothing, so observations would be missing without an error. Some
    20 commits are looked at, however many the log holds. Raises LakeDamagedError, which names the file.
    """
    damaged = _damaged_commit(folder / LOG, version)
    # While another process shortens the log, the commits before its new checkpoint go.
    if damaged is not None and (damaged := _damaged_commit(folder / LOG, version)) is not None:
        raise LakeDamagedError(
            f"{folder / LOG / damaged.path} {damaged.reason}, so observations would be missing. `storewatch check` "
            "says what can be done."
        )


def _damaged_commit(log: Path, version: int) -> DamagedFile | None:
    try:
        checkpoint = int(json.loads((log / "_last_checkpoint").read_bytes())["version"])
    except FileNotFoundError:
        checkpoint = -1
    for number in range(checkpoint + 1, version + 1):
        name = f"{number:020}.json"
        try:
            if (log / name).stat().st_size == 0:
                return DamagedFile(path=name, reason="is empty")
        except FileNotFoundError:
            return DamagedFile(path=name, reason="is missing")
    return None


def files_of_wrong_size(folder: Path, files: pl.DataFrame) -> Iterator[DamagedFile]:
    """Yield the files of a listing that are missing in a folder, or shorter or longer than when they were written.

    Nothing is read: 1,000 files take about 3 ms.
    """
    for path, size, rows in files.select("path", "size_bytes", "rows").iter_rows():
        try:
            found = (folder / path).stat().st_size
        except FileNotFoundError:
            yield DamagedFile(path=path, reason="is missing", rows=rows)
            continue
        if found != size:
            yield DamagedFile(path=path, reason=f"has {found:,} bytes and not the {size:,} written", rows=rows)


def unreadable_files(files: pl.DataFrame, read: Callable[[str], pl.DataFrame]) -> Iterator[DamagedFile]:
    """Read every file of a listing whole, and yield those that cannot be read or hold something else than written.

    read: returns the observations (OBSERVATIONS) of a path of the listing.
    """
    for file in files.iter_rows(named=True):
        try:
            reason = _difference(read(file["path"]), file)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            reason = f"cannot be read ({first_line(error)})"
        if reason:
            yield DamagedFile(path=file["path"], reason=reason, rows=file["rows"])


def _difference(rows: pl.DataFrame, file: dict[str, object]) -> str | None:
    """Return how the observations of a file differ from what the log states about them, None if they do not."""
    if rows.height != file["rows"]:
        return f"holds {counted(rows.height, 'observation')} and not the {file['rows']:,} written"
    instants = rows["observed_at"].to_physical()
    if not instants.is_between(pl.lit(file["from_us"]), pl.lit(file["to_us"])).all():
        return "holds instants outside those written"
    if not (rows["observed_at"].dt.date() == file["day"]).all():
        return f"holds observations of other days than {file['day']}"
    if rows.null_count().pipe(lambda counts: sum(counts.row(0))):
        return "lacks values"
    return None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its type when it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
