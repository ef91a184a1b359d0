"""Observations that leave the lake: deleted ones, and those of an import that is undone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from storewatch.domain.columns import OBSERVATIONS
from storewatch.domain.instants import instant_us
from storewatch.lake import Keys, Lake, Removed, TimeRange
from storewatch.lake.storage import CONFIGURATION, FIRST_SCHEMA, PARTITION

Frame = Callable[..., pl.DataFrame]
NOON = "2023-01-22T12:00:00"
ONE = "2023-01-22T13:00:00"
NEXT = "2023-01-23T12:00:00"
LATER = datetime(2023, 2, 1, tzinfo=UTC)
LOADED = "2023-01-24T00:00:00"
NEVER: Callable[[int], bool] = lambda _: False  # noqa: E731


def seen(lake: Lake) -> list[tuple[str, str, bool]]:
    """Return what counts, in order."""
    rows = lake.snapshot().read(-(2**62), 2**62).sort("loaded_at", maintain_order=True)
    latest = rows.unique(["store_id", "observed_at"], keep="last").sort("store_id", "observed_at")
    return [(store, f"{at:%d %H}", active) for store, at, active, _ in latest.rows()]


def keys(*pairs: tuple[str, str]) -> Keys:
    rows = [(store, datetime.fromisoformat(at).replace(tzinfo=UTC)) for store, at in pairs]
    schema = {name: OBSERVATIONS[name] for name in ("store_id", "observed_at")}
    return Keys(keys=pl.DataFrame(rows, schema=schema, orient="row"))


def stretch(first: str, end: str, *stores: str) -> TimeRange:
    from_us, to_us = (instant_us(datetime.fromisoformat(each).replace(tzinfo=UTC)) for each in (first, end))
    return TimeRange(store_ids=stores or None, from_us=from_us, to_us=to_us)


@pytest.fixture
def filled(lake: Lake, observations: Frame) -> Lake:
    rows = [(store, at, True, LOADED) for store in ("a", "b", "c") for at in (NOON, ONE, NEXT)]
    lake.append([observations(*rows)])
    lake.append([observations(("a", NOON, False, "2023-01-25T00:00:00"))])
    return lake


def test_keys_are_deleted_in_one_commit_with_their_repeats(filled: Lake) -> None:
    before = filled.snapshot()
    removed = filled.delete(keys(("a", NOON), ("c", NEXT), ("d", NOON)))
    assert removed == Removed(version=before.version + 1, observations=2)
    left = [("a", "22 13", True), ("a", "23 12", True), *(("b", at, True) for at in ("22 12", "22 13", "23 12"))]
    assert seen(filled) == [*left, ("c", "22 12", True), ("c", "22 13", True)]
    assert before.read(-(2**62), 2**62).height == 10
    assert filled.delete(keys(("a", NOON))) == Removed(version=None, observations=0)


def test_stretch_is_half_open_and_of_some_stores_or_of_all(filled: Lake) -> None:
    assert filled.delete(stretch(NOON, ONE, "b", "d")).observations == 1
    assert filled.delete(stretch(ONE, "2023-01-22T13:00:00.000001")).observations == 3
    assert seen(filled) == [
        *(("a", "22 12", False), ("a", "23 12", True), ("b", "23 12", True)),
        *(("c", "22 12", True), ("c", "23 12", True)),
    ]


def test_day_without_observations_left_is_no_day(filled: Lake) -> None:
    filled.delete(stretch("2023-01-23T00:00:00", "2023-01-24T00:00:00"))
    assert [f"{day:%d}" for day in filled.snapshot().days] == ["22"]
    filled.optimize(now=LATER)
    filled.delete(stretch("2023-01-01T00:00:00", "2023-02-01T00:00:00"))
    assert (filled.snapshot().rows, filled.snapshot().newest_us()) == (0, None)


def test_deleted_observations_do_not_come_back_with_optimize(filled: Lake) -> None:
    filled.delete(keys(("a", NOON)))
    left = seen(filled)
    filled.optimize(now=LATER)
    assert seen(filled) == left
    assert filled.snapshot().count_observations() == len(left)


@pytest.mark.parametrize("optimized", [False, True])
def test_undone_import_brings_back_what_it_took_the_place_of(
    filled: Lake, observations: Frame, *, optimized: bool
) -> None:
    before = seen(filled)
    filled.append(
        [observations(("a", NOON, True, "2023-01-26T00:00:00"), ("e", NEXT, True, "2023-01-26T00:00:00"))],
        import_key=7,
    )
    if optimized:
        filled.optimize(now=LATER, retention=timedelta(0))
    assert filled.undo(7, NEVER).observations == 2
    assert seen(filled) == before
    assert filled.undo(7, NEVER) == Removed(version=None, observations=0)


def test_polls_that_come_back_for_an_import_committed_twice_count_once(filled: Lake, observations: Frame) -> None:
    before, days = seen(filled), LATER + timedelta(days=7)
    rows = observations(("b", NOON, False, "2023-01-26T00:00:00"), ("new", NOON, False, "2023-01-26T00:00:00"))
    for _ in range(2):  # as an import that was killed after its commit, and tried again
        filled.append([rows], import_key=7)
    undone = filled.undo(7, NEVER)
    assert (undone.observations, undone.restored) == (2, 1)
    assert (seen(filled), filled.snapshot().count_observations()) == (before, len(before))
    filled.optimize(now=days)
    assert (seen(filled), filled.snapshot().rows) == (before, len(before))


@pytest.mark.parametrize("optimized", [False, True])
def test_polls_that_come_back_are_not_written_where_they_still_lie(
    filled: Lake, observations: Frame, *, optimized: bool
) -> None:
    filled.optimize(now=LATER)
    before, rows = seen(filled), filled.snapshot().rows
    filled.append([observations(("a", NOON, True, "2023-01-26T00:00:00"))], import_key=7)
    filled.append([observations(("b", NOON, False, "2023-01-26T00:00:00"))], import_key=7)
    if optimized:
        filled.optimize(now=LATER)
    undone = filled.undo(7, NEVER)
    assert (undone.observations, undone.restored, filled.snapshot().rows) == (2, 2, rows)
    assert seen(filled) == before


@pytest.mark.parametrize("optimized", [False, True])
def test_undone_import_leaves_what_was_pushed_after_it(filled: Lake, observations: Frame, *, optimized: bool) -> None:
    filled.append([observations(("b", NOON, False, "2023-01-26T00:00:00"))], import_key=7)
    filled.append([observations(("b", NOON, False, "2023-01-27T00:00:00"))])
    after = seen(filled)
    if optimized:
        filled.optimize(now=LATER)
    filled.undo(7, NEVER)
    assert seen(filled) == after


@pytest.mark.parametrize("optimized", [False, True])
def test_two_imports_of_the_same_polls_are_undone_in_any_order(
    filled: Lake, observations: Frame, *, optimized: bool
) -> None:
    before, undone = seen(filled), set[int]()
    for key, active in ((7, False), (8, True), (9, False)):
        rows = [(store, NOON, active, f"2023-01-26T00:00:0{key}") for store in ("b", "x")]
        filled.append([observations(*rows)], import_key=key)
        if optimized:
            filled.optimize(now=LATER)
    latest = seen(filled)
    for key, expected in ((8, latest), (9, None), (7, before)):
        undone.add(key)
        filled.undo(key, undone.__contains__)
        if expected is not None:
            assert seen(filled) == expected
        else:
            assert ("b", "22 12", False) in seen(filled)
    filled.optimize(now=LATER)
    assert seen(filled) == before


def test_deleted_polls_stay_away_when_an_import_over_them_is_undone(filled: Lake, observations: Frame) -> None:
    filled.append([observations(("b", NOON, False, "2023-01-26T00:00:00"))], import_key=7)
    filled.delete(keys(("b", NOON)))
    left = seen(filled)
    filled.undo(7, NEVER)
    assert seen(filled) == left


def test_what_is_kept_for_undoing_survives_the_vacuum_until_it_is_forgotten(
    tmp_path: Path, filled: Lake, observations: Frame
) -> None:
    filled.append([observations(("b", NOON, False, "2023-01-26T00:00:00"))], import_key=7)
    filled.optimize(now=LATER, retention=timedelta(0))
    kept = list((tmp_path / "lake" / "_overwritten").iterdir())
    assert len(kept) == 1
    assert filled.forget_overwritten(lambda key: key == 7) == 0
    assert filled.forget_overwritten(NEVER) == 1
    assert not kept[0].exists()


def test_import_of_new_polls_keeps_nothing(tmp_path: Path, lake: Lake, observations: Frame) -> None:
    lake.append([observations(("b", NOON, False, LOADED))], import_key=7)
    lake.append([observations(("c", NOON, False, LOADED))], import_key=8)
    assert not (tmp_path / "lake" / "_overwritten").exists()
    lake.undo(7, NEVER)
    assert seen(lake) == [("c", "22 12", False)]


def test_lake_of_an_earlier_release_is_read_and_gets_its_columns_with_the_first_commit(
    tmp_path: Path, observations: Frame
) -> None:
    url = str(tmp_path / "old")
    DeltaTable.create(url, FIRST_SCHEMA, partition_by=PARTITION, configuration=CONFIGURATION)
    lake = Lake(url)
    assert lake.snapshot().read(-(2**62), 2**62, detailed=True).is_empty()
    lake.append([observations(("a", NOON, True, LOADED)).with_columns(reason=pl.lit("paused"))])
    [row] = lake.snapshot().read(-(2**62), 2**62, detailed=True).to_dicts()
    assert (row["reason"], row["source"], row["import_key"]) == ("paused", None, None)


def test_details_stay_with_their_observation_through_optimize(lake: Lake, observations: Frame) -> None:
    details = [("out of hours", "ubereats"), (None, None)]
    for number, (reason, source) in enumerate(details):
        rows = observations((f"s{number}", NOON, False, LOADED))
        lake.append([rows.with_columns(reason=pl.lit(reason, pl.String), source=pl.lit(source, pl.String))])
    lake.optimize(now=LATER)
    rows = lake.snapshot().read(-(2**62), 2**62, detailed=True).sort("store_id")
    assert rows.select("reason", "source").rows() == details
    assert lake.snapshot().read(-(2**62), 2**62).schema == OBSERVATIONS


def test_observations_accepted_later_are_loaded_later_after_the_clock_was_set_back(
    tmp_path: Path, lake: Lake, observations: Frame
) -> None:
    lake.append([observations(("a", NOON, True, "2023-01-24T00:00:00.000500"))])
    clock = datetime(2020, 1, 1, tzinfo=UTC)
    restarted = Lake(str(tmp_path / "lake"))
    first, second = restarted.loading_at(clock), restarted.loading_at(clock)
    assert datetime(2023, 1, 24, 0, 0, 0, 500, tzinfo=UTC) < first < second
    Lake(str(tmp_path / "lake")).append([observations(("a", ONE, True, "2023-01-25T00:00:00"))])
    restarted.append([observations(("b", ONE, True, LOADED))])
    assert restarted.loading_at(clock) > datetime(2023, 1, 25, tzinfo=UTC)
    assert restarted.loading_at(LATER) == LATER
