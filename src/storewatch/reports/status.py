"""What an installation holds at this moment."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from storewatch.catalog import Catalog, JobKind, JobState
from storewatch.engine.columns import instant_of
from storewatch.lake import Snapshot
from storewatch.reports.request import format_instant


@dataclass(frozen=True, kw_only=True)
class Status:
    """Counts and sizes; size_bytes is the home folder's size on disk, lake_bytes that of the lake's current version."""

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

    def lines(self) -> Iterator[tuple[str, str]]:
        """Give the names and values as people read them."""
        yield "stores", f"{self.stores:,}"
        yield "polls", f"{self.polls:,}"
        yield "days covered", f"{self.days} ({self.first_day} to {self.last_day})" if self.days else "none"
        yield "newest poll", self.newest_poll or "none"
        yield "lake version", str(self.lake_version)
        yield "jobs", ", ".join(self.job_counts()) or "none"
        yield "size on disk", f"{self.size_bytes / 1e6:.1f} MB (lake {self.lake_bytes / 1e6:.1f} MB)"

    def job_counts(self) -> Iterator[str]:
        for kind, states in self.jobs.items():
            yield from (f"{count:,} {kind} {state}" for state, count in states.items())


def _size_bytes(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):  # others are at work
            total += file.stat().st_size if file.is_file() else 0
    return total


def read_status(catalog: Catalog, snapshot: Snapshot, home: Path) -> Status:
    newest_us = snapshot.newest_us()
    days = snapshot.days
    return Status(
        stores=catalog.count_stores(),
        polls=snapshot.count_observations(),
        first_day=days[0].isoformat() if days else None,
        last_day=days[-1].isoformat() if days else None,
        days=len(days),
        newest_poll=None if newest_us is None else format_instant(instant_of(newest_us)),
        lake_version=snapshot.version,
        lake_bytes=snapshot.size_bytes,
        size_bytes=_size_bytes(home),
        jobs=catalog.count_jobs(),
    )
