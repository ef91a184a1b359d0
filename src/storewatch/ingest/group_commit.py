"""Many small requests share one durable commit of the lake."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from storewatch import telemetry
from storewatch.catalog import Catalog
from storewatch.domain.columns import OBSERVATIONS
from storewatch.domain.errors import InvalidInputError, LakeUnavailableError, OverCapacityError, StorewatchError
from storewatch.ingest.imports import follow_lake
from storewatch.ingest.pushed import Checked, Pushed, check_pushed
from storewatch.lake import Lake

# 100 clients with one poll each, 2 cores: waiting 0 ms gave 700 requests/s in 15 commits/s; 30 ms 800, 16; 60 ms 690,
# 10; 100 ms 600, 7; 200 ms 380, 4. Fewer commits leave fewer files and a shorter log.
WAIT_S: Final = 0.1
# So many waiting rows are a commit of their own: waiting longer would only cost time.
FULL_ROWS: Final = 5_000
MAX_COMMIT_ROWS: Final = 1_000_000
MAX_WAITING_BYTES: Final = 256_000_000
# As columns even the shortest rows take 50 bytes each.
MAX_WAITING_ROWS: Final = 2_000_000
# What a waiting request costs besides its body.
REQUEST_BYTES: Final = 2_000

COMMITS_PER_COMPACTION: Final = 16
COMMITS_PER_TIDYING: Final = 500
FOLLOW_EVERY_S: Final = 2.0
# A compaction that is cut off has changed nothing.
LONGEST_STOP_S: Final = 3.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome(Checked):
    """What became of a request. lake_version: the one that holds its good rows; None when it had none."""

    lake_version: int | None


@dataclass(frozen=True, kw_only=True)
class _Request:
    pushed: Pushed
    arrived_s: float  # of time.monotonic
    future: "Future[Outcome]"


class GroupCommit:
    """Takes requests from any thread and stores them in the order they came, by one thread and one commit at a time.

    Two more things follow the commits in a thread of their own: the lake is compacted, and new stores are registered.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        lake: Lake,
        clock: Callable[[], datetime],
        wait_s: float = WAIT_S,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        max_waiting_rows: int = MAX_WAITING_ROWS,
    ) -> None:
        """Start nothing yet: the threads start with the first request.

        wait_s: how long the first request waits for others. max_waiting_bytes: of all bodies that are being read,
        wait or are committed. max_waiting_rows: of all requests that wait, if they are several.
        """
        self._catalog, self._lake, self._clock = catalog, lake, clock
        self._wait_s, self._max_waiting_bytes, self._max_waiting_rows = wait_s, max_waiting_bytes, max_waiting_rows
        self._changed = threading.Condition()
        self._waiting: deque[_Request] = deque()
        self._waiting_rows = self._held_bytes = 0
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._upkeep = _Upkeep(catalog=catalog, lake=lake, clock=clock)
        self._last_loaded_at = datetime.min.replace(tzinfo=clock().tzinfo)

    def hold(self, size_bytes: int) -> None:
        """Make room for a part of a body, before it is read further; `release` gives the room back.

        Raises OverCapacityError when there is none.
        """
        with self._changed:
            if self._held_bytes + size_bytes > self._max_waiting_bytes:
                raise OverCapacityError
            self._held_bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        with self._changed:
            self._held_bytes -= size_bytes

    def submit(self, pushed: Pushed) -> "Future[Outcome]":
        """Take a request; its future ends when its good rows are durable, or with the error of its commit.

        Raises OverCapacityError when too much waits, and when the service is stopping.
        """
        future: Future[Outcome] = Future()
        with self._changed:
            is_full = self._waiting and self._waiting_rows + pushed.rows > self._max_waiting_rows
            if self._stopping or is_full:
                raise OverCapacityError
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="group-commit")
                self._thread.start()
            self._waiting.append(_Request(pushed=pushed, arrived_s=time.monotonic(), future=future))
            self._waiting_rows += pushed.rows
            if len(self._waiting) == 1 or self._waiting_rows >= FULL_ROWS:
                self._changed.notify_all()
        return future

    def stop(self) -> None:
        """Commit what was taken and take nothing more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._upkeep.stop()

    def _run(self) -> None:
        while group := self._next_group():
            try:
                outcomes = self._commit([request.pushed for request in group])
            except BaseException as error:  # a panic of Polars is no Exception, and the next group must go on
                if not isinstance(error, StorewatchError):
                    log.exception("a commit of pushed observations failed")
                failure = error if isinstance(error, Exception) else RuntimeError(str(error))
                for request in group:
                    request.future.set_exception(failure)
            else:
                for request, outcome in zip(group, outcomes, strict=True):
                    request.future.set_result(outcome)

    def _next_group(self) -> list[_Request]:
        """Wait for requests; an empty list ends the thread."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            # Those that came while the last commit was written have waited already.
            waited_s = time.monotonic() - self._waiting[0].arrived_s if self._waiting else 0.0
            self._changed.wait_for(
                lambda: self._stopping or self._waiting_rows >= FULL_ROWS, max(0.0, self._wait_s - waited_s)
            )
            group: list[_Request] = []
            rows = 0
            while self._waiting and (not group or rows + self._waiting[0].pushed.rows <= MAX_COMMIT_ROWS):
                group.append(self._waiting.popleft())
                rows += group[-1].pushed.rows
            self._waiting_rows -= rows
            return group

    def _commit(self, requests: list[Pushed]) -> list[Outcome]:
        now = self._clock()
        good, checked = check_pushed(requests, now, self._catalog.visible_ids)
        # Of equal polls the later loaded wins, also when the clock stands still or is set back.
        loaded_at = self._last_loaded_at = max(now, self._last_loaded_at + timedelta(microseconds=1))
        version = None
        if not good.is_empty():
            version = self._append(good.with_columns(loaded_at=pl.lit(loaded_at)).select(OBSERVATIONS.names()))
            self._upkeep.committed()
        telemetry.OBSERVATIONS.labels("push", "accepted").inc(good.height)
        telemetry.OBSERVATIONS.labels("push", "rejected").inc(sum(each.rejected for each in checked))
        return [
            Outcome(
                accepted=each.accepted,
                rejected=each.rejected,
                rejects=each.rejects,
                lake_version=version if each.accepted else None,
            )
            for each in checked
        ]

    def _append(self, observations: pl.DataFrame) -> int:
        try:
            return self._lake.append([observations])
        except (InvalidInputError, OSError) as error:  # the lake's folder or bucket is at fault, not the request
            log.warning("the lake cannot be written", extra={"reason": str(error)})
            raise LakeUnavailableError from error


class _Upkeep:
    """Follows the commits: compacts the lake, and registers stores that were not known before."""

    def __init__(self, *, catalog: Catalog, lake: Lake, clock: Callable[[], datetime]) -> None:
        self._catalog, self._lake, self._clock = catalog, lake, clock
        self._changed = threading.Condition()
        self._commits = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    def committed(self) -> None:
        with self._changed:
            self._commits += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="lake-upkeep", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(LONGEST_STOP_S)

    def _run(self) -> None:
        followed = compacted = tidied = 0
        while commits := self._next(followed, compacted):
            followed = commits
            self._attempt("new stores were not registered; the next report does it", self._follow)
            if commits - compacted >= COMMITS_PER_COMPACTION:
                compacted = commits
                self._attempt("the lake was not compacted; the next commits try again", self._lake.compact)
            if commits - tidied >= COMMITS_PER_TIDYING:
                tidied = commits
                self._attempt("the lake was not tidied; later commits try again", self._lake.tidy)

    def _next(self, followed: int, compacted: int) -> int:
        """Wait until there is something to do; give the commits so far, 0 to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._commits > followed)
            # New stores come one after the other: a moment later one look finds them all.
            self._changed.wait_for(
                lambda: self._stopping or self._commits - compacted >= COMMITS_PER_COMPACTION, FOLLOW_EVERY_S
            )
            return 0 if self._stopping else self._commits

    def _follow(self) -> int:
        return follow_lake(self._catalog, self._lake, self._clock())

    def _attempt(self, failure: str, work: Callable[[], int]) -> None:
        try:
            work()
        except BaseException:  # nothing is lost by it, and the thread must go on
            log.warning(failure, exc_info=True)
