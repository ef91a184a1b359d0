"""Lost sales: the certain loss in down time, the possible loss in unknown time, and the estimate between them."""

from pathlib import Path
from typing import Any

import pytest
from reference import naive_sections
from reference.plain import row, store, utc
from section_scene import report_on, rows_of

from storewatch.domain.enums import ReportTable
from storewatch.domain.instants import HOUR_US
from storewatch.reports.compute.content import LOST_SALES

WINDOWS = ["2023-01-23/2023-01-30", "2023-01-24T10:30Z/2023-01-25T00:00Z"]
SPANS_US = (utc("2023-01-23"), utc("2023-01-30")), (utc("2023-01-24 10:30"), utc("2023-01-25"))
AS_OF = "2023-01-31"
# Up, down and unknown under `observed` (3 h).
SHOP = store(
    [row(day, "08:00", "22:00") for day in range(7)],
    {
        "2023-01-23 09:00": "up",
        "2023-01-23 12:00": "down",
        "2023-01-24 11:15": "down",
        "2023-01-24 12:45": "up",
        "2023-01-24 21:30": "down",
        "2023-01-28 08:00": "up",
    },
)
UNSEEN = store([row(1, "10:00", "12:00")], {})
RATES: dict[str, dict[tuple[int | None, int | None], float]] = {
    "average": {(None, None): 120.0},
    "curve": {(None, None): 100.0, (1, 12): 900.0, (1, None): 300.0, (None, 12): 500.0, (0, 13): 0.0},
    "hours": {(None, 12): 500.0, (None, 13): 50.5},
    "unseen": {(None, None): 10.0},
}


def sales_of(store_id: str) -> list[tuple[Any, ...]]:
    return [(store_id, None, None, weekday, hour, amount) for (weekday, hour), amount in RATES[store_id].items()]


def test_lost_sales_are_those_of_the_twin(tmp_path: Path) -> None:
    stores = {"average": SHOP, "curve": SHOP, "hours": SHOP, "none": SHOP, "unseen": UNSEEN}
    sales = [each for store_id in RATES for each in sales_of(store_id)]
    asked: dict[str, Any] = {"windows": WINDOWS, "policy": "observed", "include": ["lost_sales"], "as_of": AS_OF}
    content = report_on(tmp_path, stores, sales=sales, **asked)
    expected: list[tuple[Any, ...]] = [
        naive_sections.lost_sales(one, RATES[name], *span_us, as_of_us=utc(AS_OF), max_gap_us=3 * HOUR_US)
        if name in RATES
        else (None, None, None)
        for name, one in stores.items()
        for span_us in SPANS_US
    ]
    found = rows_of(content, ReportTable.STORES, *LOST_SALES)
    assert found == [pytest.approx(each) if each[2] else each for each in expected]
    sums = [
        tuple(sum(each[figure] or 0.0 for each in expected[window::2]) for figure in range(3)) for window in range(2)
    ]
    assert rows_of(content, ReportTable.SUMMARY, *LOST_SALES) == [pytest.approx(each) for each in sums]
    parts = report_on(tmp_path / "parts", stores, sales=sales, shard_rows=3, **asked)
    assert rows_of(parts, ReportTable.STORES, *LOST_SALES) == found


def test_estimate_takes_unknown_time_as_the_known(tmp_path: Path) -> None:
    shop = store([row(0, "08:00", "22:00")], {"2023-01-23 09:00": "up", "2023-01-23 15:00": "down"})
    content = report_on(
        tmp_path,
        {"shop": shop},
        sales=[("shop", None, None, None, None, 70.0)],
        windows=["2023-01-23/2023-01-24"],
        policy="observed",
        include=["lost_sales"],
        as_of=AS_OF,
    )
    # 08:00-12:00 up, 12:00-18:00 down (the poll of 15:00 reaches three hours either way), then unknown.
    up, down, unknown = 4, 6, 4
    assert rows_of(content, ReportTable.STORES, "up_us", "down_us", "unknown_us") == [
        (up * HOUR_US, down * HOUR_US, unknown * HOUR_US)
    ]
    expected = (70 * (down + unknown * down / (up + down)), 70.0 * down, 70.0 * (down + unknown))
    assert rows_of(content, ReportTable.STORES, *LOST_SALES) == [pytest.approx(expected)]


def test_nothing_is_lost_where_nothing_is_open_and_nothing_is_estimated_where_nothing_is_known(tmp_path: Path) -> None:
    content = report_on(
        tmp_path,
        {"seen": SHOP, "unseen": UNSEEN},
        sales=[(None, "owner", "acme", None, None, 10.0)],
        labels={"unseen": {"owner": "acme"}},
        windows=["2023-01-24/2023-01-25", "2023-01-25/2023-01-26"],
        include=["lost_sales"],
        as_of=AS_OF,
    )
    assert rows_of(content, ReportTable.STORES, *LOST_SALES) == [(None, None, None)] * 2 + [
        (None, 0.0, 20.0),
        (0.0, 0.0, 0.0),
    ]
    assert rows_of(content, ReportTable.SUMMARY, *LOST_SALES) == [(None, 0.0, 20.0), (0.0, 0.0, 0.0)]
