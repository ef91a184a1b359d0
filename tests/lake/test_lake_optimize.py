import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from storewatch.domain.errors import InvalidInputError
from storewatch.lake import Lake, Optimized

EVERYTHING = (-(2**63), 2**63 - 1)
ORDER = ["store_id", "observed_at"]
Random = Callable[[int, int], pl.DataFrame]


def by_day(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(pl.col("observed_at").dt.date(), *ORDER)


def test_optimize_makes_closed_days_one_sorted_run_without_repeats(lake: Lake, random_observations: Random) -> None:
    seen = random_observations(1_000, 1)
    corrected = seen.head(100).with_columns(~pl.col("active"), pl.col("loaded_at") + pl.duration(seconds=1))
    for batch in (corrected, *seen.iter_slices(250)):
        lake.append([batch])
    calls: list[tuple[int, int]] = []
    done = lake.optimize(now=datetime(2023, 1, 30, tzinfo=UTC), progress=lambda day, days: calls.append((day, days)))
    assert done == Optimized(
        days_rewritten=4, days_compacted=0, files_before=20, files_after=4, files_vacuumed=0, version=9
    )
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    wanted = by_day(pl.concat([corrected, seen[100:]]))
    assert_frame_equal(lake.snapshot().read(*EVERYTHING), wanted)


def test_optimize_that_finds_nothing_to_do_commits_nothing(lake: Lake, random_observations: Random) -> None:
    lake.append([random_observations(100, 1)])
    version = lake.snapshot().version
    untouched = Optimized(
        days_rewritten=0, days_compacted=0, files_before=4, files_after=4, files_vacuumed=0, version=version
    )
    assert lake.optimize(now=datetime(2023, 1, 30, tzinfo=UTC)) == untouched
    lake.append([random_observations(100, 2)])
    done = lake.optimize(now=datetime(2023, 1, 30, tzinfo=UTC))
    assert done.days_rewritten == 4
    assert lake.optimize(now=datetime(2023, 1, 30, tzinfo=UTC)).version == done.version


def test_optimize_splits_a_large_day_into_files_by_store(tmp_path: Path, random_observations: Random) -> None:
    lake = Lake(str(tmp_path / "lake"), rows_at_once=128)
    seen = random_observations(4_000, 1)
    lake.append(seen.iter_slices(100))
    now = datetime(2023, 1, 30, tzinfo=UTC)
    done = lake.optimize(now=now)
    snapshot = lake.snapshot()
    assert_frame_equal(snapshot.read(*EVERYTHING), by_day(seen))
    for _, files in snapshot.listing.group_by("day"):
        assert 5 <= files.height <= 20
        assert (files["first_store"][1:] > files["last_store"][:-1]).all()
    assert lake.optimize(now=now).version == done.version


def test_optimize_merges_only_small_new_files_of_a_day_that_still_grows(
    lake: Lake, random_observations: Random
) -> None:
    seen = random_observations(4_000, 1)
    today = date(2023, 1, 18)
    now = datetime(2023, 1, 18, 12, tzinfo=UTC)
    days = seen.filter(pl.col("observed_at").dt.date() == today)
    lake.append([days[:800]])
    large = set(lake.snapshot().listing["path"])
    for batch in days[800:].iter_slices(10):
        lake.append([batch])
    done = lake.optimize(now=now)
    assert (done.days_rewritten, done.days_compacted, done.files_after) == (0, 1, 2)
    assert large < set(lake.snapshot().listing["path"])
    assert lake.optimize(now=now).version == done.version
    assert_frame_equal(lake.snapshot().read(*EVERYTHING).sort(ORDER), days.sort(ORDER))
    assert lake.optimize(now=now + timedelta(days=1)).days_rewritten == 1
    assert_frame_equal(lake.snapshot().read(*EVERYTHING), by_day(days))


def test_optimize_rewrites_a_day_that_another_program_compacted(
    tmp_path: Path, lake: Lake, random_observations: Random
) -> None:
    seen = random_observations(400, 1)
    for batch in seen.iter_slices(100):
        lake.append([batch])
    DeltaTable(tmp_path / "lake").optimize.compact()
    assert lake.snapshot().files == 4
    assert_frame_equal(lake.snapshot().read(*EVERYTHING).sort(ORDER), seen.sort(ORDER))
    assert lake.optimize(now=datetime(2023, 1, 30, tzinfo=UTC)).days_rewritten == 4
    assert_frame_equal(lake.snapshot().read(*EVERYTHING), by_day(seen))


def test_optimize_vacuums_replaced_files_only_after_the_retention(
    tmp_path: Path, lake: Lake, random_observations: Random
) -> None:
    seen = random_observations(100, 1)
    lake.append([seen])
    lake.append([seen])
    old = lake.snapshot()
    now = datetime(2023, 1, 30, tzinfo=UTC)
    assert lake.optimize(now=now).files_vacuumed == 0
    assert old.read(*EVERYTHING).height == 200
    assert lake.optimize(now=now, retention=timedelta(0)).files_vacuumed == 8
    assert len(list((tmp_path / "lake").rglob("day=*/*.parquet"))) == 4
    assert_frame_equal(lake.snapshot().read(*EVERYTHING), by_day(seen))
    with pytest.raises(InvalidInputError, match="older than the retention"):
        old.read(*EVERYTHING)


def test_optimize_vacuums_what_killed_writers_left_but_not_what_is_being_written(
    tmp_path: Path, lake: Lake, random_observations: Random
) -> None:
    lake.append([random_observations(100, 1)])
    folder = next((tmp_path / "lake").glob("day=*"))
    left, fresh = folder / "left.parquet", folder / "fresh.parquet"
    left.write_bytes(b"x")
    fresh.write_bytes(b"x")
    week_ago = left.stat().st_mtime - 8 * 86_400
    os.utime(left, (week_ago, week_ago))
    done = lake.optimize(now=datetime(2023, 1, 30, tzinfo=UTC), retention=timedelta(0))
    assert (done.files_vacuumed, left.exists(), fresh.exists()) == (1, False, True)


@pytest.mark.parametrize("stores", [None, ["store-7"]])
def test_lake_opens_from_a_checkpoint_after_many_commits(
    tmp_path: Path, lake: Lake, random_observations: Random, stores: list[str] | None
) -> None:
    seen = random_observations(450, 1)
    for batch in seen.iter_slices(10):
        lake.append([batch])
    assert len(list((tmp_path / "lake" / "_delta_log").glob("*.checkpoint.parquet"))) == 2
    wanted = seen if stores is None else seen.filter(store_id="store-7")
    assert_frame_equal(lake.snapshot().read(*EVERYTHING, stores=stores).sort(ORDER), wanted.sort(ORDER))
