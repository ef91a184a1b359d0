"""Whether the service lives and can work, for the machines that watch over it."""

import asyncio
import logging
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeVar

from fastapi import APIRouter, Response
from pydantic import BaseModel

from storewatch.installation import Installation

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 2.0
WORKER_ALIVE: Final = timedelta(seconds=30)
T = TypeVar("T")


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Check(BaseModel):
    """One thing that the service needs."""

    ok: bool
    ms: float
    detail: str


class Readiness(BaseModel):
    """Whether every check passed."""

    status: Literal["ready", "not ready"]
    checks: dict[str, Check]


class NotReadyError(Exception):
    """A check failed; the text is what anyone may read."""


class Bounded(Generic[T]):
    """A call that may hang, waited for no longer than `seconds`; while it hangs, nobody starts it again."""

    def __init__(self, call: Callable[[], T], seconds: float) -> None:
        self._call = call
        self.seconds = seconds
        self._lock = threading.Lock()
        self._running: Future[T] | None = None

    async def outcome(self) -> T:
        """Give what the call returns or raises; raise TimeoutError when it takes too long."""
        running = self._start()
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        running.add_done_callback(lambda _: _tell(loop, ended))
        async with asyncio.timeout(self.seconds):
            await ended.wait()
        return running.result()

    def _start(self) -> Future[T]:
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                # Not of a pool: a pool's threads are waited for at exit.
                threading.Thread(target=self._run, args=(self._running,), name="bounded", daemon=True).start()
            return self._running

    def _run(self, future: Future[T]) -> None:
        try:
            future.set_result(self._call())
        except Exception as error:  # noqa: BLE001 - goes to who waits
            future.set_exception(error)


def _tell(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(ended.set)
    except RuntimeError:
        log.debug("the loop has ended before the call")


def health_routes(parts: Installation, *, check_seconds: float = CHECK_SECONDS) -> APIRouter:
    """Build /healthz and /readyz; they ask for no key and tell no secrets."""
    router = APIRouter(tags=["operating"])
    checks = {name: Bounded(check, check_seconds) for name, check in _checks(parts).items()}

    @router.get("/healthz", operation_id="healthz")
    async def healthz() -> Alive:
        """Tell that the process answers; nothing else is looked at."""
        return Alive()

    not_ready: dict[int | str, dict[str, Any]] = {503: {"model": Readiness, "description": "A check failed."}}

    @router.get("/readyz", operation_id="readyz", responses=not_ready)
    async def readyz(response: Response) -> Readiness:
        """Check what the service needs to work: its catalog, its lake, room on the disk, a live worker."""
        outcomes = await asyncio.gather(*(_outcome(name, check) for name, check in checks.items()))
        found = dict(zip(checks, outcomes, strict=True))
        ready = all(check.ok for check in outcomes)
        if not ready:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["Cache-Control"] = "no-store"
        return Readiness(status="ready" if ready else "not ready", checks=found)

    return router


async def _outcome(name: str, check: Bounded[str]) -> Check:
    begun = time.perf_counter()
    ok = False
    try:
        detail = await check.outcome()
        ok = True
    except TimeoutError:
        detail = f"no answer within {check.seconds:g} s"
    except NotReadyError as error:
        detail = str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the service is not ready
        log.warning("check %s failed: %s", name, error)
        detail = "cannot be reached; the log says why"
    return Check(ok=ok, ms=round((time.perf_counter() - begun) * 1e3, 1), detail=detail)


def _checks(parts: Installation) -> dict[str, Callable[[], str]]:
    def catalog() -> str:
        if not parts.catalog.database.is_up_to_date():
            raise NotReadyError("its tables are of another version of storewatch")
        return "reachable, up to date"

    def lake() -> str:
        return f"reachable, version {parts.lake.snapshot().version}"

    def disk() -> str:
        free_mb = min(shutil.disk_usage(folder).free for folder in _folders(parts)) // 1_000_000
        if free_mb < parts.settings.min_free_mb:
            raise NotReadyError(f"{free_mb:,} MB free, fewer than {parts.settings.min_free_mb:,}")
        return f"{free_mb:,} MB free"

    def worker(worker_id: str) -> str:
        now = parts.clock()
        beat = next((known.beat_at for known in parts.catalog.workers.list_() if known.worker_id == worker_id), None)
        if beat is None or now - beat > WORKER_ALIVE:
            raise NotReadyError("no heartbeat of the worker in this process")
        return f"last heartbeat {max(0, (now - beat).seconds)} s ago"

    checks: dict[str, Callable[[], str]] = {"catalog": catalog, "lake": lake, "disk": disk}
    if parts.worker is not None:
        checks["worker"] = partial(worker, parts.worker.worker_id)
    return checks


def _folders(parts: Installation) -> list[Path]:
    lake = parts.settings.lake_url
    return [parts.settings.home, *([] if "://" in lake else [Path(lake)])]
