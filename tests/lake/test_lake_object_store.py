from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from storewatch.domain.errors import LakeUnavailableError
from storewatch.lake import Lake

EVERYTHING = (-(2**63), 2**63 - 1)


def test_object_store_appends_reads_and_optimizes(
    object_store: str, random_observations: Callable[[int, int], pl.DataFrame]
) -> None:
    lake = Lake(f"{object_store}/seen by polls/lake", rows_at_once=150)
    seen = random_observations(600, 1)
    lake.append(seen.iter_slices(100))
    lake.append([seen.head(50)])
    old = lake.snapshot()
    done = lake.optimize(now=datetime(2023, 2, 1, tzinfo=UTC))
    assert (done.days_rewritten, done.files_before, done.files_vacuumed) == (4, old.files, 0)
    snapshot = lake.snapshot()
    order = ["store_id", "observed_at"]
    assert (snapshot.rows, old.rows) == (600, 650)
    assert_frame_equal(snapshot.read(*EVERYTHING).sort(order), seen.sort(order))
    assert_frame_equal(old.read(*EVERYTHING).unique().sort(order), seen.sort(order))
    assert snapshot.newest_us() == seen["observed_at"].to_physical().max()
    assert snapshot.read(*EVERYTHING, stores=["store-7"]).height == seen.filter(store_id="store-7").height
    assert lake.optimize(now=datetime(2023, 2, 1, tzinfo=UTC), retention=timedelta(0)).files_vacuumed > 0
    assert_frame_equal(lake.snapshot().read(*EVERYTHING).sort(order), seen.sort(order))


def test_object_store_keeps_what_an_undone_import_brings_back(
    object_store: str, random_observations: Callable[[int, int], pl.DataFrame]
) -> None:
    lake = Lake(f"{object_store}/lake")
    seen = random_observations(20, 1)
    assert lake.forget_overwritten(lambda _: False) == 0
    lake.append([seen])
    lake.append([seen.head(5).with_columns(~pl.col("active"), pl.col("loaded_at").dt.offset_by("1h"))], import_key=7)
    lake.optimize(now=datetime(2023, 2, 1, tzinfo=UTC))
    assert lake.undo(7, lambda _: False).restored == 5
    order = ["store_id", "observed_at"]
    assert_frame_equal(lake.snapshot().read(*EVERYTHING).sort(order), seen.sort(order))
    assert lake.forget_overwritten(lambda _: False) > 0


def test_object_store_takes_its_credentials_from_options_too(
    object_store: str, random_observations: Callable[[int, int], pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    for name in options:
        monkeypatch.delenv(name)
    lake = Lake(f"{object_store}/lake", options)
    seen = random_observations(10, 1)
    lake.append([seen])
    assert lake.snapshot().read(*EVERYTHING).height == 10


def test_object_store_that_does_not_exist_is_refused(object_store: str) -> None:
    with pytest.raises(LakeUnavailableError, match="Check the URL, its credentials and that the bucket exists"):
        Lake("s3://no-such-bucket/lake").snapshot()
