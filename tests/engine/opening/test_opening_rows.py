"""Weekly hours written as rows again."""

import polars as pl
import pytest
from hypothesis import given
from reference import naive
from reference.worlds import weekly_rows as any_hours

from storewatch.domain.columns import WEEKLY_HOURS
from storewatch.engine.opening.weekly import weekly_intervals, weekly_rows

DAY = 86_400


@pytest.mark.parametrize(
    ("intervals", "rows"),
    [
        ([], []),
        ([(0, 7 * DAY)], [(day, 0, DAY) for day in range(7)]),
        ([(32_400, 61_200)], [(0, 32_400, 61_200)]),
        ([(DAY - 3600, DAY + 3600)], [(0, DAY - 3600, DAY), (1, 0, 3600)]),
        ([(0, 3600), (7 * DAY - 60, 7 * DAY)], [(0, 0, 3600), (6, DAY - 60, DAY)]),
    ],
)
def test_rows_of_intervals(intervals: list[tuple[int, int]], rows: list[tuple[int, int, int]]) -> None:
    assert weekly_rows(intervals) == rows


@given(any_hours())
def test_rows_of_intervals_have_the_same_intervals(hours: tuple[naive.Row, ...]) -> None:
    intervals = naive.weekly_intervals(hours)
    rows = [("s", *row) for row in weekly_rows(intervals)]
    again = weekly_intervals(pl.DataFrame(rows, WEEKLY_HOURS, orient="row"))["intervals"].to_list()
    assert again == ([[{"start_s": a, "end_s": b} for a, b in intervals]] if intervals else [])
