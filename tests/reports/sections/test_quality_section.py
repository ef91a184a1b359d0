"""Poll quality and the blind spots of the feed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reference import naive_outages
from reference.plain import MINUTE_US, row, store, utc
from section_scene import report_on, rows_of

from storewatch.domain.enums import ReportTable
from storewatch.domain.instants import HOUR_US, instant_of
from storewatch.reports.compute.content import QUALITY

DAY = "2023-01-23T00:00Z/2023-01-24T00:00Z"  # a Monday
WINDOW_US = utc("2023-01-23"), utc("2023-01-24")
AS_OF = "2023-01-25"

SHOP = store(
    [row(0, "09:00", "17:00")],
    {
        "2023-01-22 10:00": "up",
        "2023-01-23 08:00": "up",
        "2023-01-23 10:00": "up",
        "2023-01-23 11:00": "down",
        "2023-01-23 15:00": "up",
        "2023-01-23 16:59:59": "up",
        "2023-01-24 00:00": "up",
    },
)
CLOSED = store([row(1, "09:00", "17:00")], {"2023-01-23 10:00": "up", "2023-01-23 11:00": "up"})


def test_polls_and_their_gaps_are_those_of_the_twin(tmp_path: Path) -> None:
    stores = {"closed": CLOSED, "never": store([], {}), "shop": SHOP}
    content = report_on(tmp_path, stores, windows=[DAY], include=["quality"], as_of=AS_OF)
    found = rows_of(content, ReportTable.STORES, *QUALITY)
    hour = HOUR_US
    assert found == [(2, 2, 0, None, None), (0, 0, 0, 24 * hour, 24 * hour), (5, 1, 0, hour, 4 * hour)]
    for (polls, outside, _, median_us, longest_us), one in zip(found, stores.values(), strict=True):
        assert naive_outages.poll_gaps(one, WINDOW_US, as_of_us=utc(AS_OF)) == naive_outages.PollGaps(
            polls=polls,
            counted=polls - outside,
            outside=outside,
            median_gap_us=-1 if median_us is None else median_us,
            longest_gap_us=-1 if longest_us is None else longest_us,
        )
    assert rows_of(content, ReportTable.SUMMARY, *QUALITY) == [(7, 3, 0, hour, 24 * hour)]


def test_repeats_in_the_window_are_duplicates(tmp_path: Path) -> None:
    again = [replace(seen, loaded_us=seen.loaded_us + 10) for seen in SHOP.observations]
    shop = replace(SHOP, observations=(*SHOP.observations, *again, *again[3:5]))
    windows = [DAY, "2023-01-23T10:30Z/2023-01-23T12:00Z"]
    content = report_on(tmp_path, {"shop": shop}, windows=windows, include=["quality"], as_of="2023-01-23 15:30")
    assert rows_of(content, ReportTable.STORES, "polls", "duplicates") == [(4, 6), (1, 2)]


EVERY_HOUR = {f"2023-01-23 {hour:02}:00": "up" for hour in range(24)}
BUT_AT_NIGHT = {at: status for at, status in EVERY_HOUR.items() if not "06:00" < at[11:] < "12:00"}


@pytest.mark.parametrize(("silent", "polled", "judged_hours"), [(6, 4, 24), (4, 6, 24), (6, 3, 0), (1, 0, 0)], ids=str)
def test_most_of_enough_stores_unpolled_at_once_are_a_blind_spot(
    tmp_path: Path, silent: int, polled: int, judged_hours: int
) -> None:
    polls = [BUT_AT_NIGHT] * silent + [EVERY_HOUR] * polled
    stores = {f"s{number}": store([], each) for number, each in enumerate(polls)} | {"never": store([], {})}
    content = report_on(tmp_path, stores, windows=[DAY], include=["quality"], as_of=AS_OF)
    start = utc("2023-01-23 06:00")
    blind: list[tuple[Any, ...]] = [(DAY, instant_of(start), instant_of(start + 360 * MINUTE_US), 3 / 5)]
    columns = "window", "start_at", "end_at", "unpolled_share"
    assert rows_of(content, ReportTable.BLIND_SPOTS, *columns) == (blind if (silent, polled) == (6, 4) else [])
    assert rows_of(content, ReportTable.SUMMARY, "feed_judged_us") == [(judged_hours * HOUR_US,)]


def test_outages_have_the_time_in_which_the_feed_was_silent(tmp_path: Path) -> None:
    down_from_five = BUT_AT_NIGHT | {"2023-01-23 05:30": "down", "2023-01-23 06:00": "down"}
    down_at_eight = EVERY_HOUR | {"2023-01-23 08:30": "down"}
    later = EVERY_HOUR | {"2023-01-23 13:30": "down"}
    polls = {"a": down_from_five, "b": BUT_AT_NIGHT, "c": BUT_AT_NIGHT, "d": down_at_eight, "e": later}
    polls |= dict.fromkeys("fgh", BUT_AT_NIGHT) | dict.fromkeys("ij", EVERY_HOUR)
    stores = {store_id: store([], dict(sorted(each.items()))) for store_id, each in polls.items()}
    windows = ["2023-01-23T11:00Z/2023-01-24T00:00Z", DAY]
    asked: dict[str, Any] = {"windows": windows, "include": ["outages"], "as_of": AS_OF}
    hour, half = HOUR_US, HOUR_US // 2
    for rows in (1_000, 40):
        content = report_on(tmp_path / str(rows), stores, shard_rows=rows, **asked)
        assert rows_of(content, ReportTable.OUTAGES, "store_id", "wall_us", "blind_us") == [
            ("a", hour, 0),
            ("a", 6 * hour + half, 6 * hour),
            ("d", half, half),
            ("e", half, 0),
            ("e", half, 0),
        ]
        assert rows_of(content, ReportTable.BLIND_SPOTS, "window") == [(DAY,)]
