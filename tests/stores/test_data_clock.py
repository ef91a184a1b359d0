"""The warning that as_of does not fit the polls: the rule with numbers by hand, and how much of the lake it reads."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from storewatch.domain.columns import OBSERVATIONS
from storewatch.domain.instants import instant_us
from storewatch.lake import Lake
from storewatch.stores.data_clock import check_clock, judge_clock

LAST = datetime(2023, 5, 20, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
STORES = ["a", "b", "c", "d"]


def lake_with(folder: Path, polls: Iterable[tuple[str, datetime]]) -> Lake:
    lake = Lake(str(folder / "lake"))
    rows = [(store_id, at, True, LAST) for store_id, at in polls]
    lake.append([pl.DataFrame(rows, OBSERVATIONS, orient="row")])
    return lake


def every_six_hours(stores: Iterable[str], *, days: int = 9, until: datetime = LAST) -> list[tuple[str, datetime]]:
    return [(store_id, until - number * 6 * HOUR) for store_id in stores for number in range(4 * days)]


def found(lake: Lake, as_of: datetime) -> tuple[int, int, datetime] | None:
    warning = check_clock(lake.snapshot(), instant_us(as_of), pl.Series("store_id", STORES))
    if warning is None:
        return None
    fitting = datetime.fromtimestamp(warning.fitting_us / 1e6, UTC)
    return warning.polled, warning.expected, fitting


@pytest.mark.parametrize("ahead", [2 * DAY, 30 * DAY, 365 * DAY, 3_650 * DAY])
def test_stray_poll_in_the_future_is_named_with_the_as_of_that_fits(tmp_path: Path, ahead: timedelta) -> None:
    lake = lake_with(tmp_path, [*every_six_hours(STORES), ("d", LAST + ahead)])
    assert found(lake, LAST + ahead) == (1, 4, LAST)
    assert found(lake, LAST) is None


def test_days_of_stray_polls_of_one_store_are_named(tmp_path: Path) -> None:
    stray = every_six_hours("d", days=20, until=LAST + 400 * DAY)
    lake = lake_with(tmp_path, [*every_six_hours("abc"), *stray])
    assert found(lake, LAST + 400 * DAY) == (1, 4, LAST)


def test_half_of_the_stores_on_the_last_day_are_enough(tmp_path: Path) -> None:
    lake = lake_with(tmp_path, [*every_six_hours("ab"), *every_six_hours("cd", until=LAST - 3 * DAY)])
    assert found(lake, LAST) is None
    assert found(lake, LAST + DAY - timedelta(microseconds=1)) is None
    assert found(lake, LAST + DAY) == (0, 4, LAST)


def test_stores_not_polled_for_more_than_a_week_are_not_expected(tmp_path: Path) -> None:
    lake = lake_with(tmp_path, [*every_six_hours("a", days=40), *every_six_hours("bcd", until=LAST - 8 * DAY)])
    assert found(lake, LAST) is None


def test_nothing_polled_is_no_warning(tmp_path: Path) -> None:
    lake = lake_with(tmp_path, every_six_hours("a"))
    assert found(lake, LAST - 300 * DAY) is None
    assert judge_clock(np.zeros(0, np.int64), instant_us(LAST)) is None


def test_known_last_polls_need_no_reading(tmp_path: Path) -> None:
    snapshot = lake_with(tmp_path, every_six_hours(STORES)).snapshot()
    last_us = np.full(4, instant_us(LAST), np.int64)
    known = {"last_us": last_us, "last_from_us": instant_us(LAST - 30 * DAY)}
    ids = pl.Series("store_id", STORES)
    assert check_clock(snapshot, instant_us(LAST), ids, **known) is None  # type: ignore[arg-type]
    as_of_us = instant_us(LAST + 2 * DAY)
    warning = check_clock(snapshot, as_of_us, ids, **known)  # type: ignore[arg-type]
    assert warning == check_clock(snapshot, as_of_us, ids)
    assert warning is not None
    assert warning.text == (
        "as_of 2023-05-22T12:00:00Z does not fit the polls: of 4 polled stores only 0 were polled in the 24 hours "
        "before it. Perhaps its newest poll has a wrong time. as_of 2023-05-20T12:00:00Z would fit."
    )
