"""Check that everything an installation keeps can be read and is what was written."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.error_families import StorewatchError
from storewatch.domain.plurals import counted
from storewatch.installation import Installation
from storewatch.lake import Snapshot
from storewatch.private_files import exposed_files
from storewatch.reports.archive.runs import file_digest

_RESTORE: Final = "Restore it from a backup"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that is damaged or open to others. part: catalog, lake, reports or files. advice: what can be done."""

    part: str
    what: str
    advice: str


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was checked, and the problems that were found."""

    lake_version: int | None
    lake_files: int
    observations: int
    reports: int
    problems: tuple[Problem, ...]


def check_installation(installation: Installation) -> Checked:
    """Read every file of the lake and of reports, and the whole catalog. Nothing is changed.

    Takes as long as reading everything once.
    """
    problems = [*_catalog(installation)]
    snapshot: Snapshot | None = None
    try:
        snapshot = installation.lake.snapshot()
        problems += _lake(snapshot)
    except StorewatchError as error:
        problems.append(Problem(part="lake", what=str(error), advice=f"{_RESTORE}, or the whole folder of the lake."))
    reports, wrong_reports = _reports(installation)
    folders = installation.settings.local_folders
    exposed = next(exposed_files(folders), None)
    if exposed is not None:
        advice = "Run: chmod -R go= " + " ".join(map(str, folders))
        problems.append(Problem(part="files", what=f"other users of this machine may use {exposed}", advice=advice))
    return Checked(
        lake_version=None if snapshot is None else snapshot.version,
        lake_files=0 if snapshot is None else snapshot.listing.height,
        observations=0 if snapshot is None else snapshot.rows,
        reports=reports,
        problems=(*problems, *wrong_reports),
    )


def remove_damaged(installation: Installation) -> tuple[int, int]:
    """Remove damaged and missing files from the lake in one new version, so that the other files can be read.

    Return the number of files and the number of observations that are lost. The files stay on the disk until
    `optimize` deletes what is no longer read.
    """
    snapshot = installation.lake.snapshot()
    damaged = list(snapshot.damaged_files(read=True))
    if damaged:
        installation.lake.drop_files(pl.Series("path", [each.path for each in damaged]))
    return len(damaged), sum(each.rows for each in damaged)


def _catalog(installation: Installation) -> Iterator[Problem]:
    advice = f"{_RESTORE}; for SQLite, `sqlite3 catalog.sqlite3 .recover` saves what can still be read."
    try:
        for what in installation.catalog.database.damage():
            yield Problem(part="catalog", what=what, advice=advice)
    except StorewatchError as error:
        yield Problem(part="catalog", what=str(error), advice=advice)


def _lake(snapshot: Snapshot) -> Iterator[Problem]:
    for damaged in snapshot.damaged_files(read=True):
        yield Problem(
            part="lake",
            what=f"{damaged.path} {damaged.reason}",
            advice=f"{_RESTORE}. Without one, `storewatch check --remove-damaged` takes it out of the lake. "
            f"You then lose {counted(damaged.rows, 'observation')}; importing the same files again restores them.",
        )


def _reports(installation: Installation) -> tuple[int, list[Problem]]:
    """Return how many files of reports there are, and those that are missing or changed."""
    checked, problems = 0, []
    for report in installation.catalog.jobs.list_finished_before(installation.clock(), JobKind.REPORT):
        if report.state is not JobState.COMPLETE or report.result is None:
            continue
        checked += 1
        try:
            is_changed = file_digest(installation.reports.folder / report.result["file"]) != report.result["sha256"]
        except OSError as error:
            what = f"the file of report {report.job_id} cannot be read ({error.strerror})"
        else:
            if not is_changed:
                continue
            what = f"the file of report {report.job_id} was changed"
        advice = "Create the report again: storewatch verify compares it with its manifest."
        problems.append(Problem(part="reports", what=what, advice=advice))
    return checked, problems
