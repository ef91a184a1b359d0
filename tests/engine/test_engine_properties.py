"""Properties that hold in any world, whatever the right numbers are."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from random import Random

import numpy as np
from engine.answers import (
    Totals,
    calendars_of,
    engine_buckets,
    engine_sessions,
    engine_spans,
    engine_totals,
    evidence_of,
    in_words,
    policy_of,
)
from hypothesis import given
from hypothesis import strategies as st
from reference.naive import DAY_US, STATUSES
from reference.worlds import World, worlds

from storewatch.engine.availability import totals
from storewatch.engine.evidence import evidence_range
from storewatch.engine.inputs import EngineInputs
from storewatch.engine.opening.sessions import open_sessions
from storewatch.engine.opening.zones import local_edges


def added(cells: list[dict[str, int]]) -> dict[str, int]:
    return {status: sum(cell[status] for cell in cells) for status in STATUSES}


def totals_of(world: World, windows: list[tuple[int, int]]) -> Totals:
    return engine_totals(replace(world, windows=tuple(windows)))


@given(worlds(min_stores=1))
def test_totals_sum_is_business_time_exactly(world: World) -> None:
    business_us = [
        [sum(max(0, min(close, b) - max(begin, a)) for begin, close in sessions) for a, b in world.windows]
        for sessions in engine_sessions(world.stores, world.from_us, world.to_us)
    ]
    assert [[sum(cell.values()) for cell in row] for row in engine_totals(world)] == business_us


@given(worlds(min_stores=1), st.lists(st.integers(-9 * DAY_US, 9 * DAY_US), max_size=5))
def test_totals_windows_split_anywhere_add_up(world: World, cuts: list[int]) -> None:
    middle_us = (world.from_us + world.to_us) // 2
    inside = {middle_us + cut for cut in cuts if world.from_us < middle_us + cut < world.to_us}
    edges = sorted({world.from_us, world.to_us} | inside)
    parts = totals_of(world, list(pairwise(edges)))
    whole = totals_of(world, [(world.from_us, world.to_us)])
    assert [[added(row)] for row in parts] == whole


@given(worlds(min_stores=1))
def test_totals_seven_days_add_up_to_the_week(world: World) -> None:
    week_us = world.to_us - 7 * DAY_US
    days = totals_of(world, [(week_us + n * DAY_US, week_us + (n + 1) * DAY_US) for n in range(7)])
    assert [[added(row)] for row in days] == totals_of(world, [(week_us, world.to_us)])


@given(worlds(min_stores=1))
def test_bucket_totals_hours_add_up_to_days_and_days_to_the_window(world: World) -> None:
    hours, days = engine_buckets(world, "hour"), engine_buckets(world, "day")
    assert [[added(row[day * 24 : day * 24 + 24]) for day in range(world.days)] for row in hours] == days
    last_day = world.first_day + timedelta(days=world.days - 1)
    for store, row in zip(world.stores, days, strict=True):
        edges = local_edges(store.timezone, world.first_day, last_day, "day").tolist()
        alone = replace(world, stores=(store,))
        assert [[added(row)]] == totals_of(alone, [(edges[0], edges[-1])])


@given(worlds(min_stores=1))
def test_spans_add_up_to_totals(world: World) -> None:
    sums = [
        added(
            [{status: (span.end_us - span.start_us) * (span.status == status) for status in STATUSES} for span in row]
        )
        for row in engine_spans(world)
    ]
    assert [[each] for each in sums] == totals_of(world, [(world.from_us, world.to_us)])


@given(worlds(min_stores=1), st.randoms(use_true_random=False))
def test_totals_order_and_repetition_of_input_change_nothing(world: World, random: Random) -> None:
    def disturbed(values: tuple) -> tuple:
        repeated = [*values, *random.choices(values, k=len(values))] if values else []
        return tuple(random.sample(repeated, len(repeated)))

    stores = tuple(
        replace(store, rows=disturbed(store.rows), observations=disturbed(store.observations)) for store in world.stores
    )
    assert engine_totals(replace(world, stores=stores)) == engine_totals(world)
    assert engine_spans(replace(world, stores=stores)) == engine_spans(world)


@given(worlds(min_stores=2), st.integers(0, 4))
def test_totals_stores_do_not_depend_on_their_shard(world: World, boundary: int) -> None:
    whole = engine_totals(world)
    assert [row for store in world.stores for row in engine_totals(replace(world, stores=(store,)))] == whole
    shards = [replace(world, stores=part) for part in (world.stores[:boundary], world.stores[boundary:])]
    assert [row for shard in shards for row in engine_totals(shard)] == whole
    assert engine_totals(replace(world, stores=world.stores[::-1])) == whole[::-1]


@given(worlds(min_stores=1), st.integers(0, 3))
def test_totals_windows_do_not_depend_on_each_other(world: World, first: int) -> None:
    order = [*world.windows[first:], *world.windows[:first]]
    alone = {window: totals_of(world, [window]) for window in order}
    together = totals_of(world, order)
    assert together == [[alone[window][number][0] for window in order] for number in range(len(world.stores))]


@given(worlds(min_stores=1))
def test_totals_evidence_outside_evidence_range_changes_nothing(world: World) -> None:
    policy = policy_of(world)
    reach = evidence_range(world.from_us, world.to_us, as_of_us=world.as_of_us, policy=policy)
    wide = (reach[0] - 40 * DAY_US, reach[1] + 40 * DAY_US)

    def ask(evidence_reach: tuple[int, int], session_reach: tuple[int, int]) -> Totals:
        inputs = EngineInputs(
            evidence=evidence_of(world.stores, *evidence_reach),
            sessions=open_sessions(calendars_of(world.stores), *session_reach),
            as_of_us=world.as_of_us,
            policy=policy,
        )
        return in_words(totals(inputs, np.array(world.windows, np.int64)))

    assert ask(reach, reach) == ask(wide, reach) == ask(wide, wide) == ask(reach, wide)


@given(worlds(min_stores=1))
def test_totals_polls_after_as_of_change_nothing(world: World) -> None:
    stores = tuple(
        replace(store, observations=tuple(seen for seen in store.observations if seen.observed_us <= world.as_of_us))
        for store in world.stores
    )
    assert engine_totals(replace(world, stores=stores)) == engine_totals(world)
