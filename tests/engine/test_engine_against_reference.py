"""The engine and the naive twin give the same answer in random worlds, to the microsecond."""

import polars as pl
import pytest
from engine.answers import (
    engine_buckets,
    engine_sessions,
    engine_spans,
    engine_totals,
    frame_of,
    naive_buckets,
    naive_sessions,
    naive_spans,
    naive_totals,
)
from hypothesis import given
from hypothesis import strategies as st
from reference import naive
from reference.naive import Store
from reference.worlds import World, weekly_rows, worlds

from storewatch.engine.opening import weekly_intervals


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


@given(worlds())
def test_open_sessions_random_world(world: World) -> None:
    assert engine_sessions(world.stores, world.from_us, world.to_us) == naive_sessions(
        world.stores, world.from_us, world.to_us
    )


@given(worlds())
def test_totals_random_world(world: World) -> None:
    assert engine_totals(world) == naive_totals(world)


@given(worlds())
def test_spans_random_world(world: World) -> None:
    assert engine_spans(world) == naive_spans(world)


@pytest.mark.parametrize("by", ["day", "hour"])
@given(world=worlds())
def test_bucket_totals_random_world(by: str, world: World) -> None:
    assert engine_buckets(world, by) == naive_buckets(world, by)


def test_weekly_intervals_no_rows() -> None:
    assert weekly_intervals(frame_of([])).to_dicts() == []
    assert weekly_intervals(frame_of([])).schema["intervals"] == pl.List(
        pl.Struct({"start_s": pl.Int32, "end_s": pl.Int32})
    )
