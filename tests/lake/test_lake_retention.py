"""Dropping old days."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from storewatch.domain.errors import InvalidInputError
from storewatch.lake import Lake

EVERYTHING = (-(2**63), 2**63 - 1)
ORDER = ["store_id", "observed_at"]
THIRD_DAY = date(2023, 1, 19)
Random = Callable[[int, int], pl.DataFrame]


def test_delete_before_drops_whole_days_in_one_commit(lake: Lake, random_observations: Random) -> None:
    seen = random_observations(400, 1)
    for batch in seen.iter_slices(100):
        lake.append([batch])
    before = lake.snapshot()
    old = seen.filter(pl.col("observed_at").dt.date() < THIRD_DAY)
    assert lake.rows_before(THIRD_DAY) == old.height > 0
    assert lake.delete_before(THIRD_DAY) == old.height
    after = lake.snapshot()
    assert (after.version, after.days) == (before.version + 1, (THIRD_DAY, THIRD_DAY + timedelta(days=1)))
    rest = seen.filter(pl.col("observed_at").dt.date() >= THIRD_DAY)
    assert_frame_equal(after.read(*EVERYTHING).sort(ORDER), rest.sort(ORDER))
    assert_frame_equal(before.read(*EVERYTHING).sort(ORDER), seen.sort(ORDER))


def test_delete_before_a_day_with_nothing_older_commits_nothing(lake: Lake, random_observations: Random) -> None:
    assert lake.delete_before(THIRD_DAY) == 0
    lake.append([random_observations(100, 1)])
    version = lake.snapshot().version
    assert (lake.rows_before(date(2023, 1, 17)), lake.delete_before(date(2023, 1, 17))) == (0, 0)
    assert lake.snapshot().version == version


def test_deleted_days_are_gone_for_good_after_the_vacuum(lake: Lake, random_observations: Random) -> None:
    lake.append([random_observations(100, 1)])
    before = lake.snapshot()
    lake.delete_before(date(2023, 2, 1))
    now = datetime(2023, 2, 1, tzinfo=UTC)
    assert lake.optimize(now=now).files_vacuumed == 0
    assert lake.optimize(now=now, retention=timedelta(0)).files_vacuumed == 4
    assert (lake.snapshot().rows, lake.snapshot().newest_us()) == (0, None)
    with pytest.raises(InvalidInputError, match="older than the retention"):
        before.read(*EVERYTHING)


def test_old_observations_that_come_after_the_deletion_are_kept(lake: Lake, random_observations: Random) -> None:
    seen = random_observations(100, 1)
    lake.append([seen])
    lake.delete_before(THIRD_DAY)
    late = seen.filter(pl.col("observed_at").dt.date() < THIRD_DAY)
    lake.append([late])
    assert lake.rows_before(THIRD_DAY) == late.height
