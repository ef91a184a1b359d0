"""Downtime by weekday and local hour."""

from datetime import date
from itertools import pairwise
from pathlib import Path

from reference import naive
from reference.plain import row, store, utc
from section_scene import report_on

from storewatch.domain.enums import ReportTable
from storewatch.domain.instants import HOUR_US
from storewatch.reports.compute.content import PATTERN

AS_OF = "2023-03-20"
POLLS = {
    f"2023-03-{day:02} {hour:02}:{day:02}": "up" if (day + hour) % 3 else "down"
    for day in range(4, 20)
    for hour in (1, 9, 17)
}
STORES = {
    "always": store([], POLLS, "America/New_York"),
    "evenings": store([row(day, "18:00", "02:30") for day in range(7)], POLLS, "America/Chicago"),
}
# New York's clock jumps on Sunday 2023-03-12 from 02:00 to 03:00.
WINDOWS = ["2023-03-06/2023-03-20", "2023-03-12T03:20Z/2023-03-13T12:40Z"]


def expected(window: str, span_us: dict[str, tuple[int, ...]]) -> dict[tuple[str, int, int], dict[str, int]]:
    sums = {(window, weekday, hour): dict.fromkeys(naive.STATUSES, 0) for weekday in range(7) for hour in range(24)}
    days = naive.days_from(date(2023, 3, 4), 18)
    for one in STORES.values():
        from_us, to_us = span_us[one.timezone]
        edges = naive.local_edges(one.timezone, days[0], len(days), 1)
        for number, (begin_us, end_us) in enumerate(pairwise(edges)):
            a, b = max(begin_us, from_us), min(end_us, to_us)
            if a < b:
                parts = naive.totals(one, a, b, as_of_us=utc(AS_OF), max_gap_us=3 * HOUR_US)
                key = window, days[number // 24].weekday(), number % 24
                sums[key] = {status: us + parts[status] for status, us in sums[key].items()}
    return sums


def test_pattern_is_that_of_the_twin(tmp_path: Path) -> None:
    days = {
        each.timezone: tuple(naive.first_instant(each.timezone, utc(day)) for day in ("2023-03-06", "2023-03-20"))
        for each in STORES.values()
    }
    instants = dict.fromkeys(days, (utc("2023-03-12 03:20"), utc("2023-03-13 12:40")))
    content = report_on(tmp_path, STORES, windows=WINDOWS, policy="observed", include=["patterns"], as_of=AS_OF)
    table = content.tables[ReportTable.PATTERN].read()
    assert table.schema == PATTERN
    found = {
        cells[:3]: dict(zip(("up", "down", "unknown", "planned"), cells[3:], strict=True))
        for cells in table.select("window", "weekday", "hour", "up_us", "down_us", "unknown_us", "planned_us").rows()
    }
    spans = zip(WINDOWS, (days, instants), strict=True)
    assert found == {key: sums for window, span_us in spans for key, sums in expected(window, span_us).items()}
    whole = content.tables[ReportTable.SUMMARY].read()
    summed = table.group_by("window", maintain_order=True).sum()
    assert summed["down_us"].to_list() == whole["down_us"].to_list()
