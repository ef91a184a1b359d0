"""Batches of items on one thread: their limits, their errors and their end."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from storewatch.batcher import Batcher, BatcherFullError, BatchLimits


class Recorder:
    """Remember each batch. Work on the first one waits for `go_on`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def work(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.begun.set()
        assert self.go_on.wait(30)
        return [10 * item for item in items]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.go_on.set()


def batcher_of(recorder: Recorder, **limits: float) -> Batcher[int, int]:
    return Batcher(recorder.work, name="test", limits=BatchLimits(**limits), size_of=lambda item: item)  # type: ignore[arg-type]


def test_items_that_come_during_a_batch_share_the_next_one(recorder: Recorder) -> None:
    batcher = batcher_of(recorder)
    first = batcher.submit(1)
    assert recorder.begun.wait(30)
    others = [batcher.submit(item) for item in (2, 3)]
    recorder.go_on.set()
    assert [future.result(30) for future in (first, *others)] == [10, 20, 30]
    assert recorder.batches == [[1], [2, 3]]
    batcher.close()


def test_full_batch_does_not_wait_for_more(recorder: Recorder) -> None:
    recorder.go_on.set()
    batcher = batcher_of(recorder, wait_s=3_600, full_size=5)
    futures = [batcher.submit(item) for item in (2, 3)]
    assert [future.result(30) for future in futures] == [20, 30]
    assert recorder.batches == [[2, 3]]
    batcher.close()


def test_batch_holds_no_more_than_its_size_unless_one_item_is_larger(recorder: Recorder) -> None:
    batcher = batcher_of(recorder, batch_size=4)
    futures = [batcher.submit(1)]
    assert recorder.begun.wait(30)
    futures += [batcher.submit(item) for item in (2, 2, 9, 3)]
    recorder.go_on.set()
    assert [future.result(30) for future in futures] == [10, 20, 20, 90, 30]
    assert recorder.batches == [[1], [2, 2], [9], [3]]
    batcher.close()


def test_too_much_waiting_is_refused_but_one_item_never(recorder: Recorder) -> None:
    batcher = batcher_of(recorder, waiting_size=4)
    futures = [batcher.submit(1)]
    assert recorder.begun.wait(30)
    futures.append(batcher.submit(9))
    with pytest.raises(BatcherFullError):
        batcher.submit(1)
    recorder.go_on.set()
    assert [future.result(30) for future in futures] == [10, 90]
    batcher.close()


def test_error_ends_the_futures_of_its_batch_and_the_next_batch_goes_on() -> None:
    class Panic(BaseException):
        """What Polars raises when it panics is no Exception."""

    def work(items: list[str]) -> list[str]:
        if items == ["panic"]:
            raise Panic("lost")
        if items == ["too few"]:
            return []
        return items

    batcher: Batcher[str, str] = Batcher(work, name="test", limits=BatchLimits())
    with pytest.raises(RuntimeError, match="lost"):
        batcher.submit("panic").result(30)
    with pytest.raises(ValueError, match="shorter"):
        batcher.submit("too few").result(30)
    assert batcher.submit("good").result(30) == "good"
    batcher.close()


def test_future_of_an_item_cannot_be_cancelled(recorder: Recorder) -> None:
    recorder.go_on.set()
    batcher = batcher_of(recorder, wait_s=0.05)
    future = batcher.submit(1)
    assert not future.cancel()
    assert future.result(30) == 10
    batcher.close()


def test_close_works_on_what_waits_and_accepts_no_more(recorder: Recorder) -> None:
    recorder.go_on.set()
    batcher = batcher_of(recorder, wait_s=3_600, full_size=1_000, batch_size=2)
    futures = [batcher.submit(1) for _ in range(5)]
    batcher.close()
    assert [future.done() and future.result() for future in futures] == [10] * 5
    assert recorder.batches == [[1, 1], [1, 1], [1]]
    with pytest.raises(BatcherFullError):
        batcher.submit(1)
    batcher.close()


def test_close_can_drop_what_waits(recorder: Recorder) -> None:
    batcher = batcher_of(recorder)
    first = batcher.submit(1)
    assert recorder.begun.wait(30)
    dropped = batcher.submit(2)
    batcher.close(finish=False, timeout_s=0.01)
    with pytest.raises(BatcherFullError):
        dropped.result(30)
    recorder.go_on.set()
    assert first.result(30) == 10
    assert recorder.batches == [[1]]


def test_close_of_an_unused_batcher_ends_at_once(recorder: Recorder) -> None:
    batcher_of(recorder).close()
    assert recorder.batches == []


def test_items_of_many_threads_all_get_their_own_result() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: [10 * item for item in items], name="test", limits=BatchLimits())
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda item: batcher.submit(item).result(30), range(500))) == list(range(0, 5_000, 10))
    batcher.close()
