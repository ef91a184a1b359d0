"""Store pushed polls durably. Many small requests share one commit of the lake."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from storewatch import telemetry
from storewatch.batcher import Batcher, BatcherFullError, BatchLimits
from storewatch.catalog import Catalog
from storewatch.domain.error_families import BrokenError, StorewatchError, UnavailableError
from storewatch.domain.errors import LakeUnavailableError, OverCapacityError
from storewatch.ingest.pushed import CheckedRequest, Pushed, check_pushed
from storewatch.ingest.upkeep import LakeUpkeep
from storewatch.lake import Lake
from storewatch.stores.following import StoreRegistrar

# 100 clients with one poll each, 2 cores: waiting 0 ms gave 700 requests/s in 15 commits/s; 30 ms 800, 16; 60 ms 690,
# 10; 100 ms 600, 7; 200 ms 380, 4. Fewer commits leave fewer files and a shorter log.
WAIT_S: Final = 0.1
# With this many waiting rows a commit starts at once.
FULL_ROWS: Final = 5_000
MAX_COMMIT_ROWS: Final = 1_000_000
# The memory that a waiting request needs besides its body.
REQUEST_BYTES: Final = 2_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class IngestionLimits:
    """Limits on the time and memory of waiting requests.

    wait_s: how long the first request of a commit waits for others. waiting_bytes: the largest sum of bodies that are
    being read, waiting or being committed. waiting_rows: the largest sum of rows of waiting requests; one request alone
    may have more. Even the shortest row takes 50 bytes as columns.
    """

    wait_s: float = WAIT_S
    waiting_bytes: int = 256_000_000
    waiting_rows: int = 2_000_000


@dataclass(frozen=True, kw_only=True)
class PushOutcome(CheckedRequest):
    """The result of a request. lake_version: the version of the lake that holds its good rows; None without any."""

    lake_version: int | None


class Ingestion:
    """Accept requests from any thread and store them in the order in which they were submitted.

    One thread checks and commits, one commit at a time. It registers the stores of a commit before it answers the
    requests, so acknowledged polls can be read at once. A second thread maintains the lake after the commits.
    """

    def __init__(
        self, *, catalog: Catalog, lake: Lake, clock: Callable[[], datetime], limits: IngestionLimits | None = None
    ) -> None:
        """Prepare the queue. The threads start with the first request."""
        self._catalog, self._lake, self._clock = catalog, lake, clock
        limits = limits or IngestionLimits()
        self._commits: Batcher[Pushed, PushOutcome] = Batcher(
            self._commit,
            name="group-commit",
            limits=BatchLimits(
                wait_s=limits.wait_s,
                full_size=FULL_ROWS,
                batch_size=MAX_COMMIT_ROWS,
                waiting_size=limits.waiting_rows,
            ),
            size_of=lambda pushed: pushed.rows,
        )
        self._registrar = StoreRegistrar(catalog)
        self._upkeep = LakeUpkeep(catalog=catalog, lake=lake, clock=clock)
        self._max_held_bytes, self._held_bytes = limits.waiting_bytes, 0
        self._held_lock = threading.Lock()

    def hold(self, size_bytes: int) -> None:
        """Reserve memory for a part of a body before it is read; `release` frees it again.

        Raises OverCapacityError when there is not enough.
        """
        with self._held_lock:
            if self._held_bytes + size_bytes > self._max_held_bytes:
                raise OverCapacityError
            self._held_bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        """Free memory that `hold` reserved."""
        with self._held_lock:
            self._held_bytes -= size_bytes

    def submit(self, pushed: Pushed) -> "Future[PushOutcome]":
        """Store a request. The future has the result once the good rows are durable and their stores are registered.

        If they cannot be stored, the future has the error. Raises OverCapacityError when the queue is full or the
        service is stopping.
        """
        try:
            return self._commits.submit(pushed)
        except BatcherFullError:
            raise OverCapacityError from None

    def stop(self) -> None:
        """Commit all submitted requests, and refuse new ones."""
        self._commits.close()
        self._upkeep.stop()

    def _commit(self, requests: list[Pushed]) -> list[PushOutcome | Exception]:
        try:
            return self._check_and_append(requests)
        except StorewatchError:
            raise
        except BaseException:  # a panic of Polars is not an Exception
            log.exception("a commit of pushed observations failed")
            raise

    def _check_and_append(self, requests: list[Pushed]) -> list[PushOutcome | Exception]:
        now = self._clock()
        good, checked = self._check(requests, now)
        version = None
        if not good.is_empty():
            version = self._append(good, now)
            self._upkeep.note_commit()
            self._registrar.register(good["store_id"], now)
        telemetry.OBSERVATIONS.labels("push", "accepted").inc(good.height)
        telemetry.OBSERVATIONS.labels("push", "rejected").inc(
            sum(each.rejected for each in checked if not isinstance(each, Exception))
        )
        return [
            each
            if isinstance(each, Exception)
            else PushOutcome(**vars(each), lake_version=version if each.accepted else None)
            for each in checked
        ]

    def _check(self, requests: list[Pushed], now: datetime) -> tuple[pl.DataFrame, list[CheckedRequest | Exception]]:
        """Check all requests together. If a library raises an error, check each alone, so only the bad one fails."""
        visible = self._catalog.stores.filter_ids
        try:
            good, together = check_pushed(requests, now, visible)
        except StorewatchError:
            raise
        except (Exception, pl.exceptions.PanicException):
            log.exception("pushed observations cannot be checked together; each request is checked by itself")
        else:
            return good, [*together]
        goods: list[pl.DataFrame] = []
        results: list[CheckedRequest | Exception] = []
        for request in requests:
            try:
                good, alone = check_pushed([request], now, visible, isolate_errors=True)
                goods.append(good)
                results += alone
            except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - the error is the answer to this request
                results.append(error if isinstance(error, Exception) else RuntimeError(str(error)))
        return pl.concat([good for good in goods if good.height] or [pl.DataFrame()]), results

    def _append(self, observations: pl.DataFrame, now: datetime) -> int:
        try:
            loaded_at = self._lake.loading_at(now)
            return self._lake.append([observations.with_columns(loaded_at=pl.lit(loaded_at))])
        except (StorewatchError, OSError) as error:  # the folder or bucket of the lake fails, not the request
            log.warning("the lake cannot be written", extra={"reason": str(error)})
            if isinstance(error, UnavailableError | BrokenError):
                raise
            raise LakeUnavailableError(f"The lake cannot be written: {error}") from error
