"""Find damaged and missing files of the lake."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from storewatch.domain.errors import LakeDamagedError

LOG: Final = "_delta_log"
_COMMIT_NAME_LENGTH: Final = 20


@dataclass(frozen=True, kw_only=True)
class DamagedFile:
    """A file that cannot be used. path: relative to the lake. rows: observations in it, by the log; 0 for the log."""

    path: str
    reason: str
    rows: int = 0


def check_log(folder: Path) -> None:
    """Check that no commit of the log in a folder is empty or missing; the files of observations are not looked at.

    Delta takes an empty commit for one that changed nothing, so observations would be missing without an error.
    Raises LakeDamagedError, which names the file.
    """
    for attempt in ("at once", "again"):
        damaged = next(_damaged_commits(folder / LOG), None)
        if damaged is None:
            return
        # While another process commits, a listing may hold its second commit and miss its first.
        if attempt == "again":
            raise LakeDamagedError(
                f"{folder / LOG / damaged.path} {damaged.reason}, so observations would be missing. `storewatch check` "
                "says what can be done."
            )


def _damaged_commits(log: Path) -> Iterator[DamagedFile]:
    if not log.is_dir():
        return
    commits = {
        int(entry.name[:_COMMIT_NAME_LENGTH]): entry
        for entry in log.iterdir()
        if entry.suffix == ".json" and entry.stem.isdecimal() and len(entry.stem) == _COMMIT_NAME_LENGTH
    }
    for version in range(min(commits, default=0), max(commits, default=-1) + 1):
        if version not in commits:
            yield DamagedFile(path=f"{version:0{_COMMIT_NAME_LENGTH}}.json", reason="is missing")
        elif commits[version].stat().st_size == 0:
            yield DamagedFile(path=commits[version].name, reason="is empty")


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
        return f"holds {rows.height:,} observations and not the {file['rows']:,} written"
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
