import math

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from storewatch.domain.columns import Int64s
from storewatch.domain.instants import DAY_SECONDS
from storewatch.reports.compute.comparisons import (
    before_columns,
    group_table,
    hours_names,
    peer_columns,
    target_columns,
)
from storewatch.reports.compute.content import BEFORE, PEERS, TARGET_FIGURES

HOUR_S = 3_600
NAN = math.nan


def totals(*stores: tuple[int, int]) -> Int64s:
    """Down and up of stores in one window."""
    return np.array([[(down, up, 0, 0)] for down, up in stores], np.int64)


def test_rank_among_peers_is_shared_by_equals_and_null_where_nothing_is_known() -> None:
    found = peer_columns(totals((1, 9), (0, 10), (0, 5), (0, 0), (5, 5)), pl.Series(["a", "a", "a", "a", None]))
    down, up = 1, 24
    ratio = up / (up + down)
    rows = [
        ("a", ratio, 0.9 - ratio, 3, 4),
        ("a", ratio, 1 - ratio, 1, 4),
        ("a", ratio, 1 - ratio, 1, 4),
        ("a", ratio, None, None, 4),
        (None, None, None, None, None),
    ]
    assert_frame_equal(found, pl.DataFrame(rows, PEERS, orient="row"))


def test_error_budget_is_what_the_objective_leaves_of_the_known_time() -> None:
    found = target_columns(totals((5, 995), (6, 994), (0, 0), (1, 1)), np.array([0.995, 0.995, 0.995, NAN]))
    rows = [(99.5, True, 5, 0), (99.5, False, 5, -1), (99.5, None, None, None), (None, None, None, None)]
    assert_frame_equal(found, pl.DataFrame(rows, TARGET_FIGURES, orient="row"))


@pytest.mark.parametrize(("percent", "budget_us"), [(99.9, 604_800_000), (99.99, 60_480_000), (70, 181_440_000_000)])
def test_error_budget_of_a_week_is_exact(percent: float, budget_us: int) -> None:
    week = totals((0, 7 * DAY_SECONDS * 1_000_000))
    assert target_columns(week, np.array([percent / 100]))["error_budget_us"][0] == budget_us


def test_change_is_null_where_either_period_is_unknown() -> None:
    found = before_columns(totals((1, 3), (0, 0), (1, 1)), totals((1, 1), (1, 1), (0, 0)))
    assert_frame_equal(found, pl.DataFrame([(0.5, 0.25), (0.5, None), (None, None)], BEFORE, orient="row"))


def test_stores_without_the_label_come_last_as_a_group_without_a_name() -> None:
    found = group_table(totals((1, 3), (0, 4), (2, 2)), pl.Series(["b", None, "a"]), ("today",)).read()
    assert found.select("group", "stores", "availability").rows() == [("a", 1, 0.5), ("b", 1, 0.75), (None, 1, 1.0)]


@pytest.mark.parametrize(
    ("intervals", "name"),
    [
        ([], "24x7 (no hours given)"),
        ([(0, 7 * DAY_SECONDS)], "24x7"),
        ([(d * DAY_SECONDS + 9 * HOUR_S, d * DAY_SECONDS + 17 * HOUR_S) for d in range(5)], "Mon-Fri 09:00-17:00"),
        (
            [(9 * HOUR_S, 12 * HOUR_S), (13 * HOUR_S, 17 * HOUR_S + 1_800), (5 * DAY_SECONDS, 6 * DAY_SECONDS)],
            "Mon 09:00-12:00+13:00-17:30, Sat 00:00-24:00",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hours_are_named_by_their_days(intervals: list[tuple[int, int]], name: str) -> None:
    spans = [{"start_s": start, "end_s": end} for start, end in intervals]
    patterns = pl.DataFrame(
        {"weekly_hours_id": [7], "intervals": [spans]},
        {"weekly_hours_id": pl.Int64, "intervals": pl.List(pl.Struct({"start_s": pl.Int32, "end_s": pl.Int32}))},
    )
    ids = pl.Series([7 if intervals else None], dtype=pl.Int64)
    assert hours_names(ids, patterns).to_list() == [name]
