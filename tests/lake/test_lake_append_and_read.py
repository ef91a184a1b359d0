from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from storewatch.domain.columns import OBSERVATIONS
from storewatch.domain.errors import InvalidInputError, LakeUnavailableError
from storewatch.lake import Lake, files

EVERYTHING = (-(2**63), 2**63 - 1)
LOADED = "2023-02-01T00:00:00"
Frame = Callable[..., pl.DataFrame]


def us(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort("store_id", "observed_at", "loaded_at")


def test_round_trip_keeps_every_microsecond_of_any_century(lake: Lake, observations: Frame) -> None:
    seen = observations(
        ("b", "1899-12-31T23:59:59.999999", True, LOADED),
        ("a", "1969-12-31T23:59:59.999999", False, LOADED),
        ("a", "1970-01-01T00:00:00", True, LOADED),
        ("é", "2023-01-22T12:09:39.388884", True, "2023-01-22T12:09:39.388885"),
        ("a" * 300, "2300-02-28T00:00:00.000001", False, LOADED),
    )
    version = lake.append([seen])
    snapshot = lake.snapshot()
    assert snapshot.version == version
    assert_frame_equal(ordered(snapshot.read(*EVERYTHING)), ordered(seen))
    assert (snapshot.rows, snapshot.days) == (
        5,
        (date(1899, 12, 31), date(1969, 12, 31), date(1970, 1, 1), date(2023, 1, 22), date(2300, 2, 28)),
    )
    assert (snapshot.files, snapshot.size_bytes > 0) == (5, True)


def test_read_of_a_time_range_includes_both_ends_across_days(lake: Lake, observations: Frame) -> None:
    times = [
        "2023-01-21T23:59:59.999998",
        "2023-01-21T23:59:59.999999",
        "2023-01-22T00:00:00",
        "2023-01-22T12:00:00.000500",
        "2023-01-23T00:00:00",
        "2023-01-23T00:00:00.000001",
    ]
    lake.append([observations(*(("a", time, True, LOADED) for time in times))])
    snapshot = lake.snapshot()
    instants = [us(time) for time in times]
    for i, first in enumerate(instants):
        for j, last in enumerate(instants):
            read = snapshot.read(first, last)["observed_at"].to_physical().to_list()
            assert read == instants[i : j + 1]
    assert snapshot.read(instants[-1] + 1, instants[-1] + 10).equals(pl.DataFrame(schema=OBSERVATIONS))


def test_read_of_stores_takes_ranges_by_bytes_and_lists(lake: Lake, observations: Frame) -> None:
    ids = ["", "10", "9", "Z", "a", "a\0", "é", "\U0001f600"]
    lake.append([observations(*((store, "2023-01-22T12:00:00", True, LOADED) for store in reversed(ids)))])
    snapshot = lake.snapshot()

    def read(stores: tuple[str, str | None] | list[str]) -> list[str]:
        return snapshot.read(*EVERYTHING, stores=stores)["store_id"].to_list()

    assert read(("", None)) == ids
    assert read(("9", "a\0")) == ["9", "Z", "a"]
    assert read(("a\0", None)) == ["a\0", "é", "\U0001f600"]
    assert read(("b", "b")) == []
    assert read(["é", "10", "nobody"]) == ["10", "é"]
    assert read([]) == []
    assert snapshot.store_ids().to_list() == ids


def test_read_finds_a_store_among_many_row_groups(lake: Lake, observations: Frame) -> None:
    one = observations(("", "2023-01-22T12:00:00", True, LOADED))
    ids = pl.DataFrame({"store_id": [str(number) for number in range(3 * files.ROW_GROUP_ROWS)]})
    seen = ids.join(one.drop("store_id"), how="cross")
    lake.append([seen])
    assert_frame_equal(lake.snapshot().read(*EVERYTHING, stores=["77777"]), seen.filter(store_id="77777"))


def test_append_drops_repeats_and_keeps_the_latest_loaded_or_else_the_later_row(
    lake: Lake, observations: Frame
) -> None:
    seen = "2023-01-22T12:00:00"
    lake.append(
        [
            observations(
                ("a", seen, True, "2023-02-02T00:00:00"),
                ("a", seen, False, "2023-02-01T00:00:00"),
                ("b", seen, True, LOADED),
                ("b", seen, False, LOADED),
                ("c", seen, False, LOADED),
            )
        ]
    )
    assert_frame_equal(
        lake.snapshot().read(*EVERYTHING),
        observations(("a", seen, True, "2023-02-02T00:00:00"), ("b", seen, False, LOADED), ("c", seen, False, LOADED)),
    )


def test_rows_loaded_at_the_same_instant_come_in_the_order_of_their_commits(lake: Lake, observations: Frame) -> None:
    order = [bool(number % 3) for number in range(12)]
    for active in order:
        lake.append([observations(("a", "2023-01-22T12:00:00", active, LOADED))])
    assert lake.snapshot().read(*EVERYTHING)["active"].to_list() == order
    lake.optimize(now=datetime(2023, 1, 22, 23, tzinfo=UTC))
    assert lake.snapshot().read(*EVERYTHING)["active"].to_list() == order[-1:]


def test_append_makes_one_commit_of_many_batches(
    tmp_path: Path, random_observations: Callable[[int, int], pl.DataFrame]
) -> None:
    lake = Lake(str(tmp_path / "lake"), rows_at_once=250)
    seen = random_observations(1_000, 1)
    before = lake.snapshot().version

    def batches() -> Iterator[pl.DataFrame]:
        yield seen.clear()
        yield from seen.iter_slices(100)

    assert lake.append(batches()) == before + 1
    assert_frame_equal(ordered(lake.snapshot().read(*EVERYTHING)), ordered(seen))


def test_append_that_fails_half_way_leaves_nothing(
    tmp_path: Path, random_observations: Callable[[int, int], pl.DataFrame]
) -> None:
    lake = Lake(str(tmp_path / "lake"), rows_at_once=10)

    def batches() -> Iterator[pl.DataFrame]:
        yield random_observations(20, 1)
        raise RuntimeError("the file broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        lake.append(batches())
    assert lake.snapshot().rows == 0
    assert list((tmp_path / "lake").rglob("*.parquet")) == []


def test_empty_lake_has_no_rows_and_no_commit_for_no_rows(lake: Lake) -> None:
    assert lake.append([]) == 0
    assert lake.append([pl.DataFrame(schema=OBSERVATIONS)]) == 0
    snapshot = lake.snapshot()
    assert (snapshot.version, snapshot.rows, snapshot.files, snapshot.size_bytes, snapshot.days) == (0, 0, 0, 0, ())
    assert snapshot.newest_us() is None
    assert snapshot.read(*EVERYTHING).equals(pl.DataFrame(schema=OBSERVATIONS))
    assert snapshot.store_ids().equals(pl.Series("store_id", [], dtype=pl.String))


def test_newest_is_exact_although_statistics_are_cut_to_milliseconds(lake: Lake, observations: Frame) -> None:
    for time in ("2023-01-22T12:00:00.388002", "2023-01-22T12:00:00.388884", "2023-01-22T12:00:00.388001"):
        lake.append([observations(("a", time, True, LOADED))])
    assert lake.snapshot().newest_us() == us("2023-01-22T12:00:00.388884")


def test_store_ids_since_a_version_are_those_of_the_files_added_after_it(lake: Lake, observations: Frame) -> None:
    seen = "2023-01-22T12:00:00"
    first = lake.append([observations(("b", seen, True, LOADED), ("a", seen, True, LOADED))])
    second = lake.append([observations(("c", seen, True, LOADED))])
    snapshot = lake.snapshot()
    assert snapshot.store_ids(since=first).to_list() == ["c"]
    assert snapshot.store_ids(since=second).to_list() == []
    assert snapshot.store_ids(since=-1).to_list() == ["a", "b", "c"]
    assert snapshot.store_ids(since=second + 100).to_list() == ["a", "b", "c"]


def test_snapshot_keeps_what_it_saw_through_append_and_optimize(lake: Lake, observations: Frame) -> None:
    first = observations(("a", "2023-01-22T12:00:00", True, LOADED))
    version = lake.append([first])
    old = lake.snapshot()
    lake.append([observations(("b", "2023-01-22T12:00:00", True, LOADED))])
    lake.optimize(now=datetime(2023, 1, 24, tzinfo=UTC))
    assert lake.snapshot().rows == 2
    assert_frame_equal(old.read(*EVERYTHING), first)
    assert_frame_equal(lake.snapshot(version).read(*EVERYTHING), first)


@pytest.mark.parametrize("name", ["with space", "100%", "ünïcödé", "a#b?c", "[1]*"])
@pytest.mark.parametrize("as_url", [False, True])
def test_lake_works_in_a_folder_named(tmp_path: Path, observations: Frame, name: str, as_url: bool) -> None:
    folder = tmp_path / name / "deeper"
    lake = Lake(folder.as_uri() if as_url else str(folder))
    seen = observations(("a", "2023-01-22T12:00:00", True, LOADED))
    lake.append([seen])
    lake.append([seen])
    done = lake.optimize(now=datetime(2023, 1, 24, tzinfo=UTC))
    assert (done.days_rewritten, done.files_after) == (1, 1)
    assert_frame_equal(lake.snapshot().read(*EVERYTHING), seen)
    assert (folder / "_delta_log").is_dir()


def test_unusable_lake_is_an_error_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("x")
    pl.DataFrame({"a": [1]}).write_delta(tmp_path / "other")
    for url, sentence in {
        str(tmp_path / "a%20b"): "Choose a folder without one",
        str(tmp_path / "file"): "Check the folder and its permissions",
        str(tmp_path / "photos"): "holds other files and no lake",
        str(tmp_path / "other"): "but not a lake of storewatch",
        "/proc/nowhere": "Check the folder and its permissions",
        "bogus://bucket/polls": "Check the URL",
    }.items():
        with pytest.raises((InvalidInputError, LakeUnavailableError), match=sentence):
            Lake(url).snapshot()


def test_snapshot_of_a_missing_version_is_an_error(lake: Lake) -> None:
    with pytest.raises(InvalidInputError, match="has no version 0"):
        lake.snapshot(0)
    lake.append([])
    with pytest.raises(InvalidInputError, match="Version 7 of the lake"):
        lake.snapshot(7)
