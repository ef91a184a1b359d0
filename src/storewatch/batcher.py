"""Collect items from many threads and hand them to one function in batches: one commit for many requests."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class BatchLimits:
    """When a batch begins and what it may hold. Sizes are sums of the sizes of items (1 by default).

    wait_s: how long the first item of a batch waits for others. full_size: a waiting batch of this size begins at once.
    batch_size: a batch holds no more, unless its first item alone is larger. waiting_size: no more may wait, unless it
    is one item.
    """

    wait_s: float = 0.0
    full_size: int = 1
    batch_size: int = 1_000_000
    waiting_size: int = 1_000_000


class BatcherFullError(Exception):
    """Raised by `Batcher.submit` when too many items wait already, or when the batcher is closed."""


@dataclass(frozen=True, kw_only=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    size: int
    arrived_s: float  # of time.monotonic
    future: "Future[Result]"


class Batcher(Generic[Item, Result]):
    """Run a function on batches of items, one batch at a time, in the order in which the items were submitted.

    The function gets a list of items. For each it returns a result, or an error with which the item's future ends.
    Its thread starts with the first item.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        name: str,
        limits: BatchLimits,
        size_of: Callable[[Item], int] = lambda _: 1,
    ) -> None:
        """name: name of the thread. size_of: returns the size of an item, in the unit of `limits`."""
        self._work, self._name, self._limits, self._size_of = work, name, limits, size_of
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._waiting_size = 0
        self._closing = False
        self._thread: threading.Thread | None = None

    def submit(self, item: Item) -> "Future[Result]":
        """Add an item; its future ends with its result, or with the error that the function raised for its batch.

        The future cannot be cancelled. Raises BatcherFullError when too many items wait, or after `close`.
        """
        size = self._size_of(item)
        future: Future[Result] = Future()
        # A future in this state cannot be cancelled. Setting the result of a cancelled future would fail.
        future.set_running_or_notify_cancel()
        with self._changed:
            is_full = self._waiting and self._waiting_size + size > self._limits.waiting_size
            if self._closing or is_full:
                raise BatcherFullError
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._waiting.append(_Waiting(item=item, size=size, arrived_s=time.monotonic(), future=future))
            self._waiting_size += size
            # Each notification wakes the thread, which then waits for the GIL: notify only what the thread waits for.
            if len(self._waiting) == 1 or self._waiting_size >= self._limits.full_size:
                self._changed.notify_all()
        return future

    def close(self, *, finish: bool = True, timeout_s: float | None = None) -> None:
        """Accept no more items and wait until the thread has ended.

        finish: run the function on the items that still wait; otherwise their futures end with BatcherFullError.
        timeout_s: wait no longer than this. Closing again waits again.
        """
        with self._changed:
            self._closing = True
            dropped = [] if finish else list(self._waiting)
            if not finish:
                self._waiting.clear()
            self._changed.notify_all()
        for each in dropped:
            each.future.set_exception(BatcherFullError())
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                results = self._work([each.item for each in batch])
                for each, result in zip(batch, results, strict=True):
                    if isinstance(result, Exception):
                        each.future.set_exception(result)
                    else:
                        each.future.set_result(result)
            except BaseException as error:  # noqa: BLE001 - Polars panics with one, and the next batch must go on
                failure = error if isinstance(error, Exception) else RuntimeError(str(error))
                for each in batch:
                    if not each.future.done():
                        each.future.set_exception(failure)

    def _next_batch(self) -> list[_Waiting[Item, Result]]:
        """Wait for items; an empty list ends the thread."""
        limits = self._limits
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            # Items that arrived while the last batch ran have waited already.
            waited_s = time.monotonic() - self._waiting[0].arrived_s if self._waiting else 0.0
            self._changed.wait_for(
                lambda: self._closing or self._waiting_size >= limits.full_size, max(0.0, limits.wait_s - waited_s)
            )
            batch: list[_Waiting[Item, Result]] = []
            size = 0
            while self._waiting and (not batch or size + self._waiting[0].size <= limits.batch_size):
                batch.append(self._waiting.popleft())
                size += batch[-1].size
            self._waiting_size -= size
            return batch
