"""Check what the service needs to work, each part within a limited time."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from typing import Final, Generic, TypeVar

from storewatch.installation import Installation
from storewatch.stores.following import follow_lake

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 2.0
# The check that registers the stores of the lake, once after the start of the service.
STORES: Final = "stores"
WORKER_ALIVE: Final = timedelta(seconds=30)
T = TypeVar("T")


class NotReadyError(Exception):
    """A check failed. Anybody may read the text, so it holds no secrets."""


class BoundedCall(Generic[T]):
    """A call that may hang. Callers wait at most `seconds`, and it is not started again while it hangs."""

    def __init__(self, call: Callable[[], T], seconds: float) -> None:
        self._call = call
        self.seconds = seconds
        self._lock = threading.Lock()
        self._running: Future[T] | None = None

    async def outcome(self) -> T:
        """Return the result of the call, or raise its error. Raises TimeoutError when it takes too long."""
        running = self._start()
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        running.add_done_callback(lambda _: _set(loop, ended))
        async with asyncio.timeout(self.seconds):
            await ended.wait()
        return running.result()

    def _start(self) -> Future[T]:
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                # No pool: the interpreter waits for the threads of a pool at exit.
                threading.Thread(target=self._run, args=(self._running,), name="bounded", daemon=True).start()
            return self._running

    def _run(self, future: Future[T]) -> None:
        try:
            future.set_result(self._call())
        except Exception as error:  # noqa: BLE001 - raised by `outcome`
            future.set_exception(error)


def _set(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(ended.set)
    except RuntimeError:
        log.debug("the loop has ended before the call")


def readiness_checks(installation: Installation, seconds: float = CHECK_SECONDS) -> dict[str, BoundedCall[str]]:
    """Return the checks by name. A check returns a detail to show, or raises an error."""

    def catalog() -> str:
        if not installation.catalog.database.is_up_to_date():
            raise NotReadyError("its tables belong to another version of storewatch")
        return "reachable, up to date"

    def lake() -> str:
        snapshot = installation.lake.snapshot()
        if damaged := next(snapshot.damaged_files(read=False), None):
            log.error("a file of the lake is damaged", extra={"file": damaged.path, "reason": damaged.reason})
            raise NotReadyError("a file is missing or damaged; `storewatch check` says what can be done")
        return "reachable"

    followed = threading.Event()

    def stores() -> str:
        if not followed.is_set():
            follow_lake(installation.catalog, installation.lake, installation.clock())
            followed.set()
        return "every store of the lake is registered"

    def disk() -> str:
        free_mb = installation.free_mb()
        if free_mb < installation.settings.min_free_mb:
            raise NotReadyError(f"{free_mb:,} MB free, fewer than {installation.settings.min_free_mb:,}")
        return f"{free_mb:,} MB free"

    def worker(worker_id: str) -> str:
        now = installation.clock()
        workers = installation.catalog.workers.list_()
        beat = next((each.beat_at for each in workers if each.worker_id == worker_id), None)
        if beat is None or now - beat > WORKER_ALIVE:
            raise NotReadyError("no heartbeat of the worker in this process")
        return f"last heartbeat {max(0, (now - beat).seconds)} s ago"

    checks: dict[str, Callable[[], str]] = {"catalog": catalog, "lake": lake, STORES: stores, "disk": disk}
    if installation.worker is not None:
        checks["worker"] = partial(worker, installation.worker.worker_id)
    return {name: BoundedCall(check, seconds) for name, check in checks.items()}
