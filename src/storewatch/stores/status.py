"""Read counts and sizes of an installation. Numbers that take long to compute are kept until something changes."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from storewatch.catalog import Catalog, StoreFilter
from storewatch.domain.enums import JobKind, JobState
from storewatch.domain.instants import format_instant, instant_of
from storewatch.lake import Snapshot
from storewatch.stores.data_clock import ClockWarning, check_clock
from storewatch.stores.gaps import InputGaps, find_gaps


@dataclass(frozen=True, kw_only=True)
class InstallationStatus:
    """Counts and sizes; size_bytes is the home folder's size on disk, lake_bytes that of the lake's current version.

    gaps: stores for which an input is missing or was rejected.
    """

    stores: int
    polls: int
    first_day: str | None
    last_day: str | None
    days: int
    newest_poll: str | None
    lake_version: int
    lake_bytes: int
    size_bytes: int
    jobs: dict[JobKind, dict[JobState, int]]
    gaps: InputGaps
    clock_warning: ClockWarning | None

    def lines(self) -> Iterator[tuple[str, str]]:
        """Return pairs of a name and a value, formatted for people."""
        yield "stores", f"{self.stores:,}"
        yield "polls", f"{self.polls:,}"
        yield "days covered", f"{self.days} ({self.first_day} to {self.last_day})" if self.days else "none"
        yield "newest poll", self.newest_poll or "none"
        if self.clock_warning is not None:
            yield "warning", self.clock_warning.text
        yield "lake version", str(self.lake_version)
        yield "jobs", ", ".join(self.job_counts()) or "none"
        yield "size on disk", f"{self.size_bytes / 1e6:.1f} MB (lake {self.lake_bytes / 1e6:.1f} MB)"
        yield from (("inputs", line) for line in self.gaps.lines())

    def job_counts(self) -> Iterator[str]:
        """Return texts such as `12 report complete`."""
        for kind, states in self.jobs.items():
            yield from (f"{count:,} {kind} {state}" for state, count in states.items())


def _size_bytes(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):  # other processes delete files
            total += file.stat().st_size if file.is_file() else 0
    return total


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """Numbers of one version of the lake, and the size of the home folder while there were these jobs.

    gaps: of this version and one of the catalog.
    """

    lake_version: int
    catalog_version: int
    gaps: InputGaps
    jobs: dict[JobKind, dict[JobState, int]]
    polls: int
    newest_us: int | None
    size_bytes: int
    clock_warning: ClockWarning | None


@dataclass(kw_only=True)
class StatusReader:
    """Reads the status of one installation. Observations are counted once for each version of the lake.

    The home folder changes with commits and with jobs, so it is measured when the lake or the jobs changed.
    """

    home: Path
    _measured: _Measured | None = None

    def read(self, catalog: Catalog, snapshot: Snapshot) -> InstallationStatus:
        """Return the status now."""
        known, jobs = self._measured, catalog.jobs.count()
        same_lake = known is not None and known.lake_version == snapshot.version
        version = catalog.version()
        same_catalog = known is not None and known.catalog_version == version
        if known is None or not same_lake or not same_catalog or known.jobs != jobs:
            known = self._measured = _Measured(
                lake_version=snapshot.version,
                catalog_version=version,
                gaps=known.gaps if known and same_lake and same_catalog else find_gaps(catalog, snapshot),
                jobs=jobs,
                polls=known.polls if known and same_lake else snapshot.count_observations(),
                newest_us=known.newest_us if known and same_lake else snapshot.newest_us(),
                size_bytes=_size_bytes(self.home),
                clock_warning=known.clock_warning if known and same_lake else _clock_warning(catalog, snapshot),
            )
        return _status(catalog, snapshot, known)


def read_status(catalog: Catalog, snapshot: Snapshot, home: Path) -> InstallationStatus:
    """Read the status of an installation without any kept numbers."""
    return StatusReader(home=home).read(catalog, snapshot)


def _clock_warning(catalog: Catalog, snapshot: Snapshot) -> ClockWarning | None:
    newest_us = snapshot.newest_us()
    if newest_us is None:
        return None
    return check_clock(snapshot, newest_us, catalog.stores.list_ids(StoreFilter()))


def _status(catalog: Catalog, snapshot: Snapshot, measured: _Measured) -> InstallationStatus:
    newest_us, days = measured.newest_us, snapshot.days
    return InstallationStatus(
        stores=catalog.stores.count(),
        polls=measured.polls,
        first_day=days[0].isoformat() if days else None,
        last_day=days[-1].isoformat() if days else None,
        days=len(days),
        newest_poll=None if newest_us is None else format_instant(instant_of(newest_us)),
        lake_version=snapshot.version,
        lake_bytes=snapshot.size_bytes,
        size_bytes=measured.size_bytes,
        jobs=measured.jobs,
        gaps=measured.gaps,
        clock_warning=measured.clock_warning,
    )
