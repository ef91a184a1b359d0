"""One job while this process runs it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from storewatch.catalog import Job


class Stop(StrEnum):
    """Why a job has to stop before its end."""

    CANCELLED = "cancelled"  # somebody asked for it
    HANDED_BACK = "handed back"  # this process is about to end
    LOST = "lost"  # the job was taken from this worker: its outcome no longer counts


class StoppedError(Exception):
    """Raised inside the work of a job that has to stop; never shown to anybody."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a job leaves behind. fingerprint: names everything that decides the result; equal ones, equal results."""

    result: dict[str, Any]
    fingerprint: str | None = None


@dataclass(kw_only=True, eq=False)
class Run:
    """A job that this process holds; the work reports its progress, and is stopped, between its parts.

    share: of the work that is done, 0 ... 1; noted: what of it is in the catalog.
    """

    job: Job
    share: float = 0.0
    noted: float = 0.0
    stop: Stop | None = None

    def progress(self, done: int, total: int) -> None:
        """Note how far the work is; raises StoppedError when it has to stop here."""
        self.share = min(1.0, done / total) if total else 0.0
        self.check()

    def check(self) -> None:
        if self.stop is not None:
            raise StoppedError(self.stop)
