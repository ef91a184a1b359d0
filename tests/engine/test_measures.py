import math

import numpy as np
import pytest

from storewatch.domain.instants import HOUR_US, MINUTE_US
from storewatch.engine.measures import in_unit, measure, roll_up


def test_measure_divides_known_by_known() -> None:
    measures = measure(np.array([[1, 3, 4, 2]]))
    assert [measures.business_us[0], measures.availability[0], measures.coverage[0]] == [10, 0.75, 0.5]
    assert [measures.lowest[0], measures.highest[0]] == [3 / 8, 7 / 8]


def test_measure_of_nothing_is_empty_not_zero() -> None:
    nothing, unknown = measure(np.array([0, 0, 0, 7])), measure(np.array([0, 0, 5, 0]))
    assert np.isnan([nothing.availability, nothing.coverage, nothing.lowest, nothing.highest]).all()
    assert np.isnan(unknown.availability)
    assert [unknown.coverage, unknown.lowest, unknown.highest] == [0, 0, 1]


def test_roll_up_sums_before_it_divides() -> None:
    totals = np.array([[0, 100, 0, 1], [10, 0, 0, 0], [0, 0, 7, 0], [0, 0, 0, 5]])
    summed = roll_up(totals)
    assert summed.totals_us.tolist() == [10, 100, 7, 6]
    assert float(summed.measures.availability) == 100 / 110
    assert (summed.median, summed.p5, summed.p95) == pytest.approx((0.5, 0.05, 0.95))
    # The first one of the two stores with known time was never down.
    assert (summed.without_downtime, summed.without_known_time) == (1 / 2, 2)


def test_roll_up_of_no_store_is_empty() -> None:
    summed = roll_up(np.zeros((0, 4), np.int64))
    assert all(math.isnan(value) for value in (summed.median, summed.p5, summed.p95, summed.without_downtime))
    assert summed.without_known_time == 0


@pytest.mark.parametrize(
    ("duration_us", "unit_us", "written"),
    [
        (0, MINUTE_US, 0.0),
        (135 * MINUTE_US, HOUR_US, 2.25),
        (299_999, MINUTE_US, 0.0),
        (300_000, MINUTE_US, 0.01),
        (HOUR_US - 1, HOUR_US, 1.0),
        (9_000_000_000_000_000_000, HOUR_US, 2_500_000_000.0),
    ],
)
def test_duration_is_rounded_once_half_up(duration_us: int, unit_us: int, written: float) -> None:
    assert in_unit(np.array([duration_us]), unit_us).tolist() == [written]
