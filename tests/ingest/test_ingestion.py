"""Store pushed requests in shared commits of a real lake, with a real catalog."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.waiting import wait_for

from storewatch.catalog import Catalog, StoreChanges, labels_frame
from storewatch.domain.enums import PushFormat
from storewatch.domain.errors import CatalogUnavailableError, LakeUnavailableError, OverCapacityError
from storewatch.domain.labels import ALL_STORES, Label, Scope
from storewatch.ingest.ingestion import FULL_ROWS, Ingestion, IngestionLimits, PushOutcome
from storewatch.ingest.pushed import Pushed, PushReject, read_pushed
from storewatch.lake import Lake

Polls = Callable[[], list[tuple[str, str, str]]]


def pushed(*store_ids: str, status: str = "active", scope: Scope = ALL_STORES) -> Pushed:
    rows = [{"store_id": store_id, "observed_at": "2023-01-25T18:00:00Z", "status": status} for store_id in store_ids]
    return read_pushed(json.dumps(rows).encode(), PushFormat.JSON, scope)


@pytest.fixture
def ingestion(sqlite_catalog: Catalog, lake: Lake, now: datetime) -> Iterator[Ingestion]:
    ingestion = Ingestion(catalog=sqlite_catalog, lake=lake, clock=lambda: now, limits=IngestionLimits(wait_s=0.2))
    yield ingestion
    ingestion.stop()


def test_requests_at_the_same_time_share_a_commit(ingestion: Ingestion, lake: Lake, polls: Polls) -> None:
    futures = [ingestion.submit(pushed(f"store-{number}")) for number in range(50)]
    futures.append(ingestion.submit(pushed("bad", status="x")))
    taken = PushOutcome(accepted=1, rejected=0, rejects=(), lake_version=1)
    reject = PushReject(index=0, reason="status 'x' is neither active nor inactive")
    assert [future.result() for future in futures[:50]] == [taken] * 50
    assert futures[50].result() == PushOutcome(accepted=0, rejected=1, rejects=(reject,), lake_version=None)
    assert (lake.snapshot().version, len(polls())) == (1, 50)


def test_full_commit_does_not_wait(sqlite_catalog: Catalog, lake: Lake, now: datetime) -> None:
    ingestion = Ingestion(catalog=sqlite_catalog, lake=lake, clock=lambda: now, limits=IngestionLimits(wait_s=3_600))
    assert ingestion.submit(pushed(*["a"] * FULL_ROWS)).result(timeout=60).accepted == FULL_ROWS
    ingestion.stop()


def test_request_with_only_rejects_makes_no_commit(ingestion: Ingestion, lake: Lake) -> None:
    assert ingestion.submit(pushed("a", status="x")).result().lake_version is None
    assert lake.snapshot().version == 0


def test_later_request_counts_at_the_same_clock_time(ingestion: Ingestion, polls: Polls) -> None:
    for status in ("active", "inactive", "active", "inactive"):
        ingestion.submit(pushed("cafe", status=status)).result()
    assert polls() == [("cafe", "2023-01-25T18:00:00+00:00", "inactive")]
    together = [ingestion.submit(pushed("cafe", status=status)) for status in ("inactive", "active")]
    assert {future.result().lake_version for future in together} == {5}
    assert polls() == [("cafe", "2023-01-25T18:00:00+00:00", "active")]


def test_later_request_counts_after_the_clock_was_set_back(
    sqlite_catalog: Catalog, lake: Lake, now: datetime, polls: Polls
) -> None:
    clock = iter([now + timedelta(hours=1), now + timedelta(hours=1), now])
    ingestion = Ingestion(
        catalog=sqlite_catalog, lake=lake, clock=lambda: next(clock, now), limits=IngestionLimits(wait_s=0)
    )
    for status in ("active", "inactive"):
        ingestion.submit(pushed("cafe", status=status)).result()
    assert polls() == [("cafe", "2023-01-25T18:00:00+00:00", "inactive")]
    ingestion.stop()


def test_repeated_push_changes_no_poll(ingestion: Ingestion, lake: Lake, polls: Polls) -> None:
    ingestion.submit(pushed("cafe", "bar")).result()
    before = polls()
    ingestion.submit(pushed("cafe", "bar")).result()
    assert polls() == before
    lake.optimize(now=datetime(2023, 2, 1, tzinfo=UTC))
    assert (polls(), lake.snapshot().rows) == (before, 2)


def test_stop_commits_accepted_requests_and_refuses_new_ones(ingestion: Ingestion, polls: Polls) -> None:
    futures = [ingestion.submit(pushed(f"store-{number}")) for number in range(20)]
    ingestion.stop()
    assert all(future.done() for future in futures)
    assert len(polls()) == 20
    with pytest.raises(OverCapacityError):
        ingestion.submit(pushed("late"))


def test_failed_commit_fails_its_requests_but_not_the_next(
    tmp_path: Path, sqlite_catalog: Catalog, lake: Lake, now: datetime, polls: Polls
) -> None:
    ingestion = Ingestion(catalog=sqlite_catalog, lake=lake, clock=lambda: now, limits=IngestionLimits(wait_s=0.1))
    ingestion.submit(pushed("first")).result()
    (tmp_path / "lake").rename(tmp_path / "away")
    (tmp_path / "lake").write_text("a file where the folder was")
    failing = [ingestion.submit(pushed(f"lost-{number}")) for number in range(3)]
    for future in failing:
        with pytest.raises(LakeUnavailableError, match="cannot be used"):
            future.result()
    (tmp_path / "lake").unlink()
    (tmp_path / "away").rename(tmp_path / "lake")
    ingestion.submit(pushed("second")).result()
    ingestion.stop()
    assert [store_id for store_id, _, _ in polls()] == ["first", "second"]


def test_bodies_beyond_the_capacity_are_refused_until_memory_is_free(
    sqlite_catalog: Catalog, lake: Lake, now: datetime
) -> None:
    ingestion = Ingestion(
        catalog=sqlite_catalog, lake=lake, clock=lambda: now, limits=IngestionLimits(waiting_bytes=100)
    )
    ingestion.hold(60)
    with pytest.raises(OverCapacityError):
        ingestion.hold(41)
    ingestion.hold(40)
    ingestion.release(60)
    ingestion.hold(60)


def test_rows_beyond_the_capacity_are_refused_until_the_queue_is_shorter(
    sqlite_catalog: Catalog, lake: Lake, now: datetime
) -> None:
    ingestion = Ingestion(
        catalog=sqlite_catalog, lake=lake, clock=lambda: now, limits=IngestionLimits(wait_s=0.2, waiting_rows=2)
    )
    taken = ingestion.submit(pushed("a", "b", "c"))
    with pytest.raises(OverCapacityError):
        ingestion.submit(pushed("d"))
    assert taken.result().accepted == 3
    assert ingestion.submit(pushed("d")).result().accepted == 1
    ingestion.stop()


def stores_of(catalog: Catalog) -> list[str]:
    return catalog.stores.read_all().frame["store_id"].to_list()


def test_new_stores_are_registered_when_their_push_is_answered(ingestion: Ingestion, sqlite_catalog: Catalog) -> None:
    for number in range(5):
        ingestion.submit(pushed("cafe", f"bar-{number}")).result()
        assert stores_of(sqlite_catalog) == [*(f"bar-{each}" for each in range(number + 1)), "cafe"]


def test_store_that_was_removed_meanwhile_is_registered_again(
    ingestion: Ingestion, sqlite_catalog: Catalog, lake: Lake
) -> None:
    for _ in range(2):
        ingestion.submit(pushed("cafe")).result()
        # A rename or an undo of an import in another process does the same.
        assert wait_for(lambda: sqlite_catalog.stores.delete("cafe", lake_version=lake.snapshot().version))
    ingestion.submit(pushed("cafe")).result()
    assert stores_of(sqlite_catalog) == ["cafe"]


def test_polls_of_known_stores_do_not_use_the_catalog(
    tmp_path: Path, migrated_sqlite: Path, lake: Lake, now: datetime, polls: Polls
) -> None:
    path = Path(shutil.copyfile(migrated_sqlite, tmp_path / "catalog.sqlite3"))
    catalog = Catalog.open(f"sqlite:///{path}")
    ingestion = Ingestion(catalog=catalog, lake=lake, clock=lambda: now, limits=IngestionLimits(wait_s=0))
    for _ in range(2):  # the first push adds the store to the catalog, the second finds it there
        ingestion.submit(pushed("cafe")).result()
    catalog.close()
    path.rename(tmp_path / "away")
    path.mkdir()
    assert ingestion.submit(pushed("cafe", status="inactive")).result().accepted == 1
    with pytest.raises(CatalogUnavailableError):
        ingestion.submit(pushed("new")).result()
    ingestion.stop()
    assert len(polls()) == 2  # polls are stored even if their stores cannot be registered now, and may be sent again


def test_commits_are_compacted_as_they_come(sqlite_catalog: Catalog, lake: Lake, now: datetime, polls: Polls) -> None:
    ingestion = Ingestion(catalog=sqlite_catalog, lake=lake, clock=lambda: now, limits=IngestionLimits(wait_s=0))
    most_files = 0
    for number in range(300):
        ingestion.submit(pushed(f"store-{number}", f"other-{number}")).result()
        most_files = max(most_files, lake.snapshot().files)
    ingestion.stop()
    assert most_files <= 64
    assert len(polls()) == 600


def test_concurrent_pushes_keep_their_rows_and_results(ingestion: Ingestion, polls: Polls) -> None:
    barrier = threading.Barrier(8)

    def push(client: int) -> list[int]:
        barrier.wait()
        return [ingestion.submit(pushed(f"{client}-{n}", f"{client}-{n}-b")).result().accepted for n in range(5)]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(push, range(8))) == [[2] * 5] * 8
    assert len(polls()) == 80


def test_scoped_request_writes_only_stores_of_its_scope(
    sqlite_catalog: Catalog, ingestion: Ingestion, now: datetime, polls: Polls
) -> None:
    for store_id, owner in (("in-scope", "acme"), ("outside", "other")):
        sqlite_catalog.stores.create(store_id, StoreChanges(labels=labels_frame({store_id: {"owner": owner}})), now=now)
    outcome = ingestion.submit(pushed("in-scope", "outside", "new", scope=Scope(label=Label("owner", "acme")))).result()
    assert outcome == PushOutcome(
        accepted=1,
        rejected=2,
        rejects=(
            PushReject(index=1, reason="there is no store 'outside' for this key"),
            PushReject(index=2, reason="there is no store 'new' for this key"),
        ),
        lake_version=1,
    )
    assert [store_id for store_id, _, _ in polls()] == ["in-scope"]
