"""What changes weekly hours: versions (SEMANTICS 17), special hours (18) and planned closures (19)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from engine.answers import Hours, calendars_of, engine_hours, naive_hours
from hypothesis import given
from reference import naive
from reference.naive import DAY_US, Row, Special, Store, Version
from reference.plain import row, store, utc
from reference.worlds import World, worlds

from storewatch.domain.columns import SPECIAL_HOURS
from storewatch.domain.enums import Breakdown
from storewatch.engine.opening.sessions import in_business_in, open_sessions
from storewatch.engine.opening.weekly import end_of_row
from storewatch.engine.opening.zones import local_edges

HoursOf = Callable[[Sequence[Store], int, int, str], Hours]
Texts = list[tuple[str, str]]

DAILY = [row(day, "09:00", "17:00") for day in range(7)]
SATURDAY_NIGHT = [row(5, "18:00", "02:00")]  # 2023-01-21 is a Saturday
WEEK = utc("2023-01-16"), utc("2023-01-23")


@pytest.fixture(params=[engine_hours, naive_hours], ids=["engine", "twin"])
def hours_of(request: pytest.FixtureRequest) -> HoursOf:
    return request.param


def special(day: str, start: str | None = None, end: str | None = None) -> Special:
    if start is None or end is None:
        return Special(day=date.fromisoformat(day))
    times = row(0, start, end)
    return Special(day=date.fromisoformat(day), start_s=times.start_s, end_s=times.end_s)


def version(day: str, rows: Sequence[Row]) -> Version:
    return Version(valid_from=date.fromisoformat(day), rows=tuple(rows))


def instants(stretches: Texts) -> list[tuple[int, int]]:
    return [(utc(start), utc(end)) for start, end in stretches]


def daily(first: int, last: int, start: str = "09:00", end: str = "17:00") -> Texts:
    """The same hours on the days `first` to `last` of January 2023."""
    return [(f"2023-01-{day} {start}", f"2023-01-{day} {end}") for day in range(first, last + 1)]


@pytest.mark.parametrize(
    ("rows", "versions", "expected"),
    [
        pytest.param(
            DAILY,
            [version("2023-01-19", [row(day, "10:00", "12:00") for day in range(7)])],
            [*daily(16, 18), *daily(19, 22, "10:00", "12:00")],
            id="from a Thursday on",
        ),
        pytest.param(
            DAILY,
            [version("2023-01-18", []), version("2023-01-20", [row(6, "10:00", "12:00")])],
            [*daily(16, 17), ("2023-01-18 00:00", "2023-01-20 00:00"), ("2023-01-22 10:00", "2023-01-22 12:00")],
            id="24x7 for two days, then Sundays only",
        ),
        pytest.param(
            (),
            [version("2023-01-17", [row(1, "08:00", "09:00")])],
            [("2023-01-16 00:00", "2023-01-17 00:00"), ("2023-01-17 08:00", "2023-01-17 09:00")],
            id="24x7 until midnight",
        ),
        pytest.param(
            SATURDAY_NIGHT,
            [version("2023-01-22", [row(6, "12:00", "13:00")])],
            [("2023-01-21 18:00", "2023-01-22 00:00"), ("2023-01-22 12:00", "2023-01-22 13:00")],
            id="a night is cut at the midnight between two versions",
        ),
        pytest.param(
            [row(5, "20:00", "23:00")],
            [version("2023-01-22", SATURDAY_NIGHT)],
            [("2023-01-21 20:00", "2023-01-21 23:00"), ("2023-01-22 00:00", "2023-01-22 02:00")],
            id="the new hours hold from the midnight, what runs over it too",
        ),
        pytest.param(
            SATURDAY_NIGHT,
            [version("2023-01-22", SATURDAY_NIGHT)],
            [("2023-01-21 18:00", "2023-01-22 02:00")],
            id="the same hours again change nothing",
        ),
        pytest.param(DAILY, [version("2023-01-23", [])], daily(16, 22), id="a version to come"),
        pytest.param(DAILY, [version("2020-01-01", []), version("2023-01-01", DAILY)], daily(16, 22), id="long ago"),
    ],
)
def test_versions(rows: Sequence[Row], versions: list[Version], expected: Texts, hours_of: HoursOf) -> None:
    one = replace(store(rows, {}), versions=tuple(versions))
    assert hours_of([one], *WEEK, "honour") == ([instants(expected)], [[]])


def test_version_begins_at_the_stores_own_midnight(hours_of: HoursOf) -> None:
    stores = [
        replace(store((), {}, zone), versions=(version("2023-01-18", [row(6, "00:00", "00:00")]),))
        for zone in ("America/New_York", "Asia/Kathmandu")
    ]
    assert hours_of(stores, *WEEK, "honour")[0] == [
        instants([("2023-01-16", "2023-01-18 05:00"), ("2023-01-22 05:00", "2023-01-23")]),
        instants([("2023-01-16", "2023-01-17 18:15"), ("2023-01-21 18:15", "2023-01-22 18:15")]),
    ]


@pytest.mark.parametrize(
    ("rows", "overrides", "expected"),
    [
        pytest.param(DAILY, [special("2023-01-18")], [*daily(16, 17), *daily(19, 22)], id="closed"),
        pytest.param(
            DAILY,
            [special("2023-01-18", "10:00", "12:00"), special("2023-01-18", "14:00", "15:00")],
            [
                *daily(16, 17),
                ("2023-01-18 10:00", "2023-01-18 12:00"),
                ("2023-01-18 14:00", "2023-01-18 15:00"),
                *daily(19, 22),
            ],
            id="two rows of a date",
        ),
        pytest.param(
            DAILY,
            [special("2023-01-18"), special("2023-01-18", "10:00", "12:00")],
            [*daily(16, 17), ("2023-01-18 10:00", "2023-01-18 12:00"), *daily(19, 22)],
            id="closed beside times counts for nothing",
        ),
        pytest.param(
            DAILY,
            [special("2023-01-18", "22:00", "10:00")],
            [*daily(16, 17), ("2023-01-18 22:00", "2023-01-19 17:00"), *daily(20, 22)],
            id="into the ordinary hours of the next day",
        ),
        pytest.param(
            DAILY,
            [special("2023-01-18", "22:00", "20:00")],
            [*daily(16, 17), ("2023-01-18 22:00", "2023-01-19 20:00"), *daily(20, 22)],
            id="over all ordinary hours of the next day",
        ),
        pytest.param(
            DAILY,
            [special("2023-01-18", "22:00", "03:00"), special("2023-01-19", "02:00", "04:00")],
            [*daily(16, 17), ("2023-01-18 22:00", "2023-01-19 04:00"), *daily(20, 22)],
            id="the tail of one override over the next",
        ),
        pytest.param(
            DAILY,
            [special("2023-01-18", "22:00", "03:00"), special("2023-01-19")],
            [*daily(16, 17), ("2023-01-18 22:00", "2023-01-19 03:00"), *daily(20, 22)],
            id="the tail of one override into a closed date",
        ),
        pytest.param(
            SATURDAY_NIGHT,
            [special("2023-01-22")],
            [("2023-01-21 18:00", "2023-01-22 00:00")],
            id="a night, then closed",
        ),
        pytest.param(
            SATURDAY_NIGHT,
            [special("2023-01-22", "00:00", "02:00")],
            [("2023-01-21 18:00", "2023-01-22 02:00")],
            id="a night kept",
        ),
        pytest.param(
            SATURDAY_NIGHT,
            [special("2023-01-21")],
            [("2023-01-22 00:00", "2023-01-22 02:00")],
            id="a night loses only what lies on the date",
        ),
        pytest.param(
            (), [special("2023-01-18")], [("2023-01-16", "2023-01-18"), ("2023-01-19", "2023-01-23")], id="24x7"
        ),
        pytest.param((), [special("2023-01-18", "00:00", "00:00")], [("2023-01-16", "2023-01-23")], id="all of 24x7"),
        pytest.param(
            DAILY,
            [special("2023-01-15", "20:00", "04:00")],
            [("2023-01-16 00:00", "2023-01-16 04:00"), *daily(16, 22)],
            id="from before the range",
        ),
    ],
)
def test_special_hours(rows: Sequence[Row], overrides: list[Special], expected: Texts, hours_of: HoursOf) -> None:
    one = replace(store(rows, {}), special=tuple(overrides))
    assert hours_of([one], *WEEK, "honour") == ([instants(expected)], [[]])


def test_special_hours_christmas_closed(hours_of: HoursOf) -> None:
    one = replace(store(DAILY, {}, "America/New_York"), special=(special("2022-12-25"),))
    assert hours_of([one], utc("2022-12-24"), utc("2022-12-27"), "honour")[0] == [
        instants([("2022-12-24 14:00", "2022-12-24 22:00"), ("2022-12-26 14:00", "2022-12-26 22:00")])
    ]


@pytest.mark.parametrize(
    ("day", "start", "end", "expected"),
    [
        ("2023-03-12", "00:00", "00:00", ("2023-03-12 05:00", "2023-03-13 04:00")),  # 23 hours
        ("2023-11-05", "00:00", "23:59", ("2023-11-05 04:00", "2023-11-06 05:00")),  # 25 hours
        ("2023-03-12", "02:30", "05:00", ("2023-03-12 07:00", "2023-03-12 09:00")),  # from the skipped hour on
        ("2023-03-12", "02:10", "02:50", None),  # inside the skipped hour
        ("2023-03-11", "22:00", "02:30", ("2023-03-12 03:00", "2023-03-12 07:00")),
        ("2023-11-04", "22:00", "01:30", ("2023-11-05 02:00", "2023-11-05 05:30")),  # the first reading of 01:30
    ],
)
def test_special_hours_clock_change(
    day: str, start: str, end: str, expected: tuple[str, str] | None, hours_of: HoursOf
) -> None:
    one = store([row(2, "09:00", "17:00")], {}, "America/New_York")
    changed = replace(one, special=(special(day, start, end),))
    around = utc(day) - DAY_US, utc(day) + 2 * DAY_US
    assert hours_of([changed], *around, "honour")[0] == [instants([expected] if expected else [])]


def test_special_hours_of_a_skipped_date(hours_of: HoursOf) -> None:
    one = replace(store((), {}, "Pacific/Apia"), special=(special("2011-12-30"),))
    reach = utc("2011-12-28"), utc("2012-01-02")
    assert hours_of([one], *reach, "honour")[0] == [[reach]]


def test_special_hours_replace_the_version_of_the_date(hours_of: HoursOf) -> None:
    one = replace(
        store(DAILY, {}), versions=(version("2023-01-18", []),), special=(special("2023-01-18", "12:00", "13:00"),)
    )
    expected = [*daily(16, 17), ("2023-01-18 12:00", "2023-01-18 13:00"), ("2023-01-19", "2023-01-23")]
    assert hours_of([one], *WEEK, "honour")[0] == [instants(expected)]


@pytest.mark.parametrize(
    ("closures", "sessions", "planned"),
    [
        pytest.param(
            [("2023-01-18 11:00", "2023-01-18 12:00")],
            [("2023-01-18 09:00", "2023-01-18 11:00"), ("2023-01-18 12:00", "2023-01-18 17:00")],
            [("2023-01-18 11:00", "2023-01-18 12:00")],
            id="inside a session",
        ),
        pytest.param(
            [("2023-01-18 08:00", "2023-01-18 12:00")],
            [("2023-01-18 12:00", "2023-01-18 17:00")],
            [("2023-01-18 09:00", "2023-01-18 12:00")],
            id="over the opening",
        ),
        pytest.param(
            [("2023-01-18 16:00", "2023-01-19 08:00")],
            [("2023-01-18 09:00", "2023-01-18 16:00")],
            [("2023-01-18 16:00", "2023-01-18 17:00")],
            id="over the closing",
        ),
        pytest.param(
            [("2023-01-18 09:00", "2023-01-18 17:00")], [], [("2023-01-18 09:00", "2023-01-18 17:00")], id="all of it"
        ),
        pytest.param([("2022-01-01", "2024-01-01")], [], [("2023-01-18 09:00", "2023-01-18 17:00")], id="all the year"),
        pytest.param(
            [("2023-01-18 07:00", "2023-01-18 09:00"), ("2023-01-18 17:00", "2023-01-18 18:00")],
            [("2023-01-18 09:00", "2023-01-18 17:00")],
            [],
            id="up to the opening and from the closing",
        ),
        pytest.param(
            [("2023-01-18 10:00", "2023-01-18 12:00"), ("2023-01-18 11:00", "2023-01-18 13:00")],
            [("2023-01-18 09:00", "2023-01-18 10:00"), ("2023-01-18 13:00", "2023-01-18 17:00")],
            [("2023-01-18 10:00", "2023-01-18 13:00")],
            id="overlapping are one",
        ),
        pytest.param(
            [("2023-01-18 10:00", "2023-01-18 12:00"), ("2023-01-18 12:00", "2023-01-18 13:00")],
            [("2023-01-18 09:00", "2023-01-18 10:00"), ("2023-01-18 13:00", "2023-01-18 17:00")],
            [("2023-01-18 10:00", "2023-01-18 13:00")],
            id="touching are one",
        ),
    ],
)
def test_closures(closures: Texts, sessions: Texts, planned: Texts, hours_of: HoursOf) -> None:
    one = replace(store([row(2, "09:00", "17:00")], {}), closures=tuple(instants(closures)))
    assert hours_of([one], *WEEK, "honour") == ([instants(sessions)], [instants(planned)])
    assert hours_of([one], *WEEK, "exclude") == ([instants(sessions)], [[]])
    assert hours_of([one], *WEEK, "ignore") == ([instants([("2023-01-18 09:00", "2023-01-18 17:00")])], [[]])


def test_closures_over_the_edges_of_the_range(hours_of: HoursOf) -> None:
    one = replace(store((), {}), closures=tuple(instants([("2023-01-01", "2023-01-17"), ("2023-01-22", "2023-02-01")])))
    assert hours_of([one], *WEEK, "honour") == (
        [instants([("2023-01-17", "2023-01-22")])],
        [instants([("2023-01-16", "2023-01-17"), ("2023-01-22", "2023-01-23")])],
    )


def test_stores_with_the_same_changes_share_a_calendar() -> None:
    plain = store((), {})
    closed = replace(plain, special=(special("2023-01-18"), special("2023-01-19")))
    swapped = replace(plain, special=(special("2023-01-19"), special("2023-01-18")))
    fewer = replace(plain, special=(special("2023-01-18"),))
    calendars = calendars_of([plain, closed, swapped, fewer, plain, closed])
    assert calendars.calendar_of.tolist() == [0, 1, 1, 2, 0, 1]


@given(worlds(changing=True))
def test_range_cut_in_two_has_the_same_hours(world: World) -> None:
    calendars = calendars_of(world.stores)
    middle_us = (world.from_us + world.to_us) // 2
    ends = world.from_us, middle_us, world.to_us
    whole, *halves = (open_sessions(calendars, a, b) for a, b in [(ends[0], ends[2]), *pairwise(ends)])
    for kind in ("open_us", "close_us"), ("planned_start_us", "planned_end_us"):
        lengths = [sum((getattr(part, kind[1]) - getattr(part, kind[0])).tolist()) for part in (whole, *halves)]
        assert lengths[0] == lengths[1] + lengths[2]


def test_end_of_row_as_special_hours_are_read() -> None:
    rows = [row(0, "09:00", "23:59"), row(0, "22:00", "02:00"), row(0, "00:00", "00:00"), row(0, "09:00", "00:00")]
    frame = pl.DataFrame(
        [*(("s", date(2023, 1, 18), each.start_s, each.end_s) for each in rows), ("s", date(2023, 1, 19), None, None)],
        SPECIAL_HOURS,
        orient="row",
    )
    assert frame.select(end_of_row()).to_series().to_list() == [86_400, 93_600, 86_400, 86_400, None]


@pytest.mark.parametrize("timezone", ["America/New_York", "Pacific/Apia", "Asia/Beirut"])
@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2022, 10, 5), date(2022, 12, 31)),
        (date(2011, 12, 26), date(2012, 1, 1)),
        (date(2023, 3, 1), date(2023, 3, 1)),
        (date(2023, 3, 27), date(2023, 3, 27)),
    ],
)
def test_local_edges_whole_weeks_and_months(timezone: str, first: date, last: date) -> None:
    weeks = naive.calendar_edges(timezone, first, last, lambda day: day.weekday() == 0)
    months = naive.calendar_edges(timezone, first, last, lambda day: day.day == 1)
    assert local_edges(timezone, first, last, Breakdown.WEEK).tolist() == weeks
    assert local_edges(timezone, first, last, Breakdown.MONTH).tolist() == months


def test_local_edges_named_weeks_and_months() -> None:
    asked = "America/New_York", date(2023, 3, 9), date(2023, 3, 14)
    assert local_edges(*asked, Breakdown.WEEK).tolist() == [
        utc(text) for text in ("2023-03-06 05:00", "2023-03-13 04:00", "2023-03-20 04:00")
    ]
    assert local_edges(*asked, Breakdown.MONTH).tolist() == [utc("2023-03-01 05:00"), utc("2023-04-01 04:00")]


@pytest.mark.parametrize(
    ("rows", "special_days", "opened_on", "closed_on", "expected"),
    [
        pytest.param(DAILY, (), "2023-01-18", "2023-01-20", daily(18, 19), id="days"),
        pytest.param(DAILY, (), None, "2023-01-18", daily(16, 17), id="closed for good"),
        pytest.param(DAILY, (), "2023-01-21", None, daily(21, 22), id="new"),
        pytest.param(DAILY, (), "2023-01-20", "2023-01-20", [], id="never in business"),
        pytest.param((), (), "2023-01-18", "2023-01-20", [("2023-01-18", "2023-01-20")], id="day and night"),
        pytest.param(
            SATURDAY_NIGHT, (), None, "2023-01-22", [("2023-01-21 18:00", "2023-01-22")], id="the last night is cut"
        ),
        pytest.param(
            SATURDAY_NIGHT, (), "2023-01-22", None, [("2023-01-22", "2023-01-22 02:00")], id="so is the first one"
        ),
        pytest.param(
            DAILY,
            (special("2023-01-17", "22:00", "03:00"), special("2023-01-19", "10:00", "11:00")),
            None,
            "2023-01-18",
            [*daily(16, 16), ("2023-01-17 22:00", "2023-01-18")],
            id="special hours too",
        ),
    ],
)
def test_life_cuts_the_hours_at_its_midnights(
    hours_of: HoursOf,
    rows: Sequence[Row],
    special_days: Sequence[Special],
    opened_on: str | None,
    closed_on: str | None,
    expected: Texts,
) -> None:
    one = replace(
        store(rows, {}),
        special=tuple(special_days),
        opened_on=None if opened_on is None else date.fromisoformat(opened_on),
        closed_on=None if closed_on is None else date.fromisoformat(closed_on),
    )
    assert hours_of([one], *WEEK, "honour") == ([instants(expected)], [[]])


@given(worlds(min_stores=1, changing=True))
def test_stores_in_business_in_a_window_are_those_whose_life_touches_it(world: World) -> None:
    calendars = calendars_of(world.stores)
    windows = np.array([world.windows] * len(calendars.zones), np.int64)
    always_open = [replace(each, rows=(), versions=(), special=(), closures=()) for each in world.stores]
    expected = [
        any(naive.totals(each, *window, as_of_us=0, max_gap_us=1)["unknown"] for window in world.windows)
        for each in always_open
    ]
    assert in_business_in(calendars, windows).tolist() == expected
