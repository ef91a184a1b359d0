"""One job while this process runs it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from storewatch.catalog import Job


class Stop(StrEnum):
    """Why a job has to stop before its end."""

    CANCELLED = "cancelled"  # a caller cancelled it
    HANDED_BACK = "handed back"  # this process is about to end
    LOST = "lost"  # another worker has the job now: the result of this run no longer counts


class StoppedError(Exception):
    """Raised inside the work of a job that has to stop. Users never see it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class JobResult:
    """The result of a job. fingerprint: names everything that decides the result; equal fingerprints, equal results.

    store_ids: the stores that the result names; None: any store of the scope of the job.
    """

    result: dict[str, Any]
    fingerprint: str | None = None
    store_ids: pl.Series | None = None


@dataclass(kw_only=True, eq=False)
class RunningJob:
    """A job that this process runs. Its handler reports progress between parts of the work, and can be stopped there.

    share: of the work that is done, 0 ... 1; noted: the share that was last written to the catalog.
    """

    job: Job
    share: float = 0.0
    noted: float = 0.0
    stop: Stop | None = None

    def progress(self, done: int, total: int) -> None:
        """Set the share of the work that is done. Raises StoppedError when the job has to stop here."""
        self.share = min(1.0, done / total) if total else 0.0
        self.check()

    def check(self) -> None:
        """Raise StoppedError when the job has to stop here."""
        if self.stop is not None:
            raise StoppedError(self.stop)
