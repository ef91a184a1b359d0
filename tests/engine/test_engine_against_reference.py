"""The engine and the naive twin give the same answer in random worlds, to the microsecond."""

from dataclasses import replace

import polars as pl
import pytest
from engine.answers import (
    engine_buckets,
    engine_hours,
    engine_spans,
    engine_totals,
    engine_zone_totals,
    frame_of,
    naive_buckets,
    naive_hours,
    naive_spans,
    naive_totals,
)
from hypothesis import given
from hypothesis import strategies as st
from reference import naive
from reference.naive import HOUR_US, Store
from reference.worlds import World, weekly_rows, worlds

from storewatch.domain.enums import ClosureMode
from storewatch.engine.opening.weekly import weekly_intervals


@given(st.lists(weekly_rows(), max_size=4))
def test_weekly_intervals_random_rows(hours: list[tuple[naive.Row, ...]]) -> None:
    stores = [Store(rows=rows, timezone="UTC", observations=()) for rows in hours]
    expected = [
        {
            "store_id": f"{number:04}",
            "intervals": [{"start_s": a, "end_s": b} for a, b in naive.weekly_intervals(rows)],
        }
        for number, rows in enumerate(hours)
        if rows
    ]
    assert weekly_intervals(frame_of(stores).sample(fraction=1, shuffle=True, seed=1)).to_dicts() == expected


@given(worlds(changing=True), st.sampled_from(ClosureMode))
def test_open_sessions_random_world(world: World, closures: ClosureMode) -> None:
    assert engine_hours(world.stores, world.from_us, world.to_us, closures) == naive_hours(
        world.stores, world.from_us, world.to_us, closures
    )


@given(worlds(changing=True))
def test_totals_random_world(world: World) -> None:
    assert engine_totals(world) == naive_totals(world)


@given(worlds(changing=True))
def test_totals_windows_by_zone_random_world(world: World) -> None:
    zones = sorted({store.timezone for store in world.stores})
    later = [zones.index(store.timezone) * HOUR_US for store in world.stores]
    expected = [
        naive_totals(replace(world, stores=(store,), windows=tuple((a + late, b + late) for a, b in world.windows)))[0]
        for store, late in zip(world.stores, later, strict=True)
    ]
    assert engine_zone_totals(world, HOUR_US) == expected


@given(worlds(changing=True))
def test_spans_random_world(world: World) -> None:
    assert engine_spans(world) == naive_spans(world)


@pytest.mark.parametrize("by", ["day", "hour"])
@given(world=worlds(changing=True))
def test_bucket_totals_random_world(by: str, world: World) -> None:
    assert engine_buckets(world, by) == naive_buckets(world, by)


@given(worlds(changing=True), st.sampled_from([1, 5, 24]))
def test_bucket_totals_in_cells_random_world(world: World, cells: int) -> None:
    expected = [
        [
            {status: sum(cell[status] for cell in row[first::cells]) for status in naive.STATUSES}
            for first in range(cells)
        ]
        for row in naive_buckets(world, "hour")
    ]
    assert engine_buckets(world, "hour", cells=cells) == expected


def test_weekly_intervals_no_rows() -> None:
    assert weekly_intervals(frame_of([])).to_dicts() == []
    assert weekly_intervals(frame_of([])).schema["intervals"] == pl.List(
        pl.Struct({"start_s": pl.Int32, "end_s": pl.Int32})
    )
