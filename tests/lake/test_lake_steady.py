"""A lake that is appended to all the time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from storewatch.domain.errors import InvalidInputError
from storewatch.lake import Lake

EVERYTHING = (-(2**63), 2**63 - 1)
ORDER = ["store_id", "observed_at"]
TODAY = date(2023, 1, 18)
Random = Callable[[int, int], pl.DataFrame]


def seen_today(random_observations: Random, rows: int) -> pl.DataFrame:
    seen = random_observations(5 * rows, 1).filter(pl.col("observed_at").dt.date() == TODAY)[:rows]
    assert seen.height == rows
    return seen


def test_steady_commits_leave_few_files_and_every_observation(lake: Lake, random_observations: Random) -> None:
    seen = seen_today(random_observations, 900)
    most_files = 0
    for number, batch in enumerate(seen.iter_slices(3), 1):
        lake.append([batch])
        if number % 16 == 0:
            lake.compact()
        if number % 15 == 0:
            most_files = max(most_files, lake.snapshot().files)
    # 16 that wait, and of the merged ones a power of two each.
    assert most_files <= 16 + 8
    assert_frame_equal(lake.snapshot().read(*EVERYTHING).sort(ORDER), seen.sort(ORDER))


def test_compact_waits_until_a_day_has_many_small_files(lake: Lake, random_observations: Random) -> None:
    seen = seen_today(random_observations, 32)
    for batch in seen[:15].iter_slices(1):
        lake.append([batch])
    version = lake.snapshot().version
    assert (lake.compact(), lake.snapshot().version) == (0, version)
    lake.append([seen[15:16]])
    assert (lake.compact(), lake.snapshot().files) == (1, 1)
    assert lake.snapshot().rows == 16


def test_compact_keeps_of_repeats_the_one_loaded_later(lake: Lake, random_observations: Random) -> None:
    seen = seen_today(random_observations, 4)
    later = seen.with_columns(~pl.col("active"), pl.col("loaded_at") + pl.duration(seconds=1))
    for batch in (later, *[seen] * 15):
        lake.append([batch])
    assert lake.compact() == 1
    assert_frame_equal(lake.snapshot().read(*EVERYTHING), later.sort(ORDER))


def test_compact_leaves_a_running_reader_its_files(lake: Lake, random_observations: Random) -> None:
    seen = seen_today(random_observations, 32)
    for batch in seen.iter_slices(2):
        lake.append([batch])
    before = lake.snapshot()
    assert lake.compact() == 1
    assert lake.tidy(log_kept=timedelta(0)) == 0
    lake.optimize(now=datetime(2023, 1, 18, 12, tzinfo=UTC))
    assert before.files == 16
    assert_frame_equal(before.read(*EVERYTHING).sort(ORDER), seen.sort(ORDER))


def test_tidy_deletes_what_compact_no_longer_keeps(tmp_path: Path, lake: Lake, random_observations: Random) -> None:
    seen = seen_today(random_observations, 16)
    for batch in seen.iter_slices(1):
        lake.append([batch])
    lake.compact(kept=timedelta(0))
    assert lake.tidy() == 16
    assert len(list((tmp_path / "lake").rglob("day=*/*.parquet"))) == 1
    assert_frame_equal(lake.snapshot().read(*EVERYTHING), seen.sort(ORDER))


def test_tidy_shortens_the_log_and_takes_nothing_from_later_versions(
    tmp_path: Path, lake: Lake, random_observations: Random
) -> None:
    seen = seen_today(random_observations, 100)
    for batch in seen[:90].iter_slices(1):
        lake.append([batch])
    log = tmp_path / "lake" / "_delta_log"
    lake.tidy(log_kept=timedelta(hours=1))
    assert len(list(log.glob("*.json"))) == 91
    before = lake.snapshot().version
    lake.tidy(log_kept=timedelta(0))
    assert sorted(file.name for file in log.glob("0*")) == [f"{before:020}.checkpoint.parquet", f"{before:020}.json"]
    for batch in seen[90:].iter_slices(1):
        lake.append([batch])
    fresh = Lake(str(tmp_path / "lake"))
    assert_frame_equal(fresh.snapshot().read(*EVERYTHING).sort(ORDER), seen.sort(ORDER))
    assert fresh.snapshot(before).rows == 90
    with pytest.raises(InvalidInputError, match="any more"):
        fresh.snapshot(before - 1)


def test_checkpoint_forgets_what_compact_no_longer_keeps(
    tmp_path: Path, lake: Lake, random_observations: Random
) -> None:
    seen = seen_today(random_observations, 64)
    for number, batch in enumerate(seen.iter_slices(1), 1):
        lake.append([batch])
        if number % 16 == 0:
            lake.compact(kept=timedelta(0))
    lake.tidy()
    newest = max((tmp_path / "lake" / "_delta_log").glob("*.checkpoint.parquet"))
    actions = pl.read_parquet(newest, columns=["add", "remove"])
    assert actions["add"].struct.field("path").drop_nulls().len() == lake.snapshot().files == 1
    assert actions["remove"].struct.field("path").drop_nulls().len() == 0


def test_two_threads_append_and_compact_and_lose_nothing(tmp_path: Path, random_observations: Random) -> None:
    seen = seen_today(random_observations, 120)

    def push(rows: pl.DataFrame) -> None:
        compacting_lake = Lake(str(tmp_path / "lake"))
        for number, batch in enumerate(rows.iter_slices(1), 1):
            compacting_lake.append([batch])
            if number % 8 == 0:
                compacting_lake.compact()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(push, (seen[:60], seen[60:])))
    snapshot = Lake(str(tmp_path / "lake")).snapshot()
    assert_frame_equal(snapshot.read(*EVERYTHING).sort(ORDER), seen.sort(ORDER))
    assert snapshot.files <= 32
