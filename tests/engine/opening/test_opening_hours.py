"""Weekly rows to sessions: every form of a row (SEMANTICS 2), named clock changes (SEMANTICS 5), sessions (6)."""

from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise

import pytest
from engine.answers import engine_sessions, frame_of, naive_sessions
from reference import naive
from reference.naive import DAY_US, HOUR_US, Row, Store
from reference.plain import row, store, utc

from storewatch.domain.enums import Breakdown
from storewatch.engine.opening.weekly import weekly_intervals
from storewatch.engine.opening.zones import local_edges

SessionsOf = Callable[[Sequence[Store], int, int], list[list[tuple[int, int]]]]


@pytest.fixture(params=[engine_sessions, naive_sessions], ids=["engine", "twin"])
def sessions_of(request: pytest.FixtureRequest) -> SessionsOf:
    return request.param


def weekly_of(rows: Sequence[Row]) -> list[tuple[int, int]]:
    frame = weekly_intervals(frame_of([Store(rows=tuple(rows), timezone="UTC", observations=())]))
    return [(each["start_s"], each["end_s"]) for each in frame["intervals"].item()]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([row(0, "09:00", "17:00")], [(32_400, 61_200)], id="plain"),
        pytest.param([row(0, "09:00", "23:58:59")], [(32_400, 86_339)], id="23:58:59 is itself"),
        pytest.param([row(0, "09:00", "23:59")], [(32_400, 86_400)], id="23:59 is the end of the day"),
        pytest.param([row(0, "09:00", "23:59:59")], [(32_400, 86_400)], id="23:59:59 is the end of the day"),
        pytest.param([row(0, "09:00", "24:00")], [(32_400, 86_400)], id="24:00"),
        pytest.param([row(0, "09:00", "00:00")], [(32_400, 86_400)], id="00:00 after a start is that midnight"),
        pytest.param([row(0, "00:00", "00:00")], [(0, 86_400)], id="00:00-00:00 is the whole day"),
        pytest.param([row(0, "00:00", "23:59")], [(0, 86_400)], id="whole day by 23:59"),
        pytest.param([row(0, "00:00", "24:00")], [(0, 86_400)], id="whole day by 24:00"),
        pytest.param([row(0, "23:59:30", "24:00")], [(86_370, 86_400)], id="the last half minute"),
        pytest.param([row(0, "23:59:30", "23:59:45")], [(86_370, 86_400)], id="inside the last minute"),
        pytest.param([row(0, "23:59:30", "23:59:10")], [(86_370, 86_400)], id="end in the last minute before start"),
        pytest.param([row(0, "23:59:30", "00:00:10")], [(86_370, 86_410)], id="half a minute over midnight"),
        pytest.param([row(0, "22:00", "02:00")], [(79_200, 93_600)], id="overnight"),
        pytest.param([row(6, "22:00", "02:00")], [(0, 7_200), (597_600, 604_800)], id="Sunday into Monday"),
        pytest.param([row(6, "22:00", "00:00")], [(597_600, 604_800)], id="Sunday until midnight"),
        pytest.param([row(0, "09:00", "08:59")], [(32_400, 118_740)], id="almost a day from the morning"),
        pytest.param(
            [row(0, "14:00", "18:00"), row(0, "09:00", "12:00")], [(32_400, 43_200), (50_400, 64_800)], id="split"
        ),
        pytest.param([row(0, "09:00", "12:00"), row(0, "11:00", "15:00")], [(32_400, 54_000)], id="overlapping"),
        pytest.param([row(0, "09:00", "12:00"), row(0, "12:00", "15:00")], [(32_400, 54_000)], id="touching"),
        pytest.param([row(0, "09:00", "18:00"), row(0, "11:00", "12:00")], [(32_400, 64_800)], id="one in another"),
        pytest.param([row(0, "09:00", "18:00")] * 2, [(32_400, 64_800)], id="twice the same"),
        pytest.param([row(0, "20:00", "24:00"), row(1, "00:00", "04:00")], [(72_000, 100_800)], id="over midnight"),
        pytest.param([row(0, "20:00", "04:00"), row(1, "02:00", "05:00")], [(72_000, 104_400)], id="overnight overlap"),
        pytest.param(
            [row(6, "22:00", "02:00"), row(0, "01:00", "03:00")], [(0, 10_800), (597_600, 604_800)], id="wrap"
        ),
        pytest.param([row(day, "00:00", "00:00") for day in range(7)], [(0, 604_800)], id="the whole week"),
    ],
)
def test_weekly_intervals_form_of_rows(rows: list[Row], expected: list[tuple[int, int]]) -> None:
    assert weekly_of(rows) == naive.weekly_intervals(rows) == expected


@pytest.mark.parametrize(
    ("timezone", "day", "start", "end", "expected"),
    [
        # The hour 02:00-03:00 is skipped at 07:00Z.
        ("America/New_York", "2023-03-12", "02:30", "05:00", ("2023-03-12 07:00", "2023-03-12 09:00")),
        ("America/New_York", "2023-03-12", "01:00", "02:30", ("2023-03-12 06:00", "2023-03-12 07:00")),
        ("America/New_York", "2023-03-12", "00:00", "00:00", ("2023-03-12 05:00", "2023-03-13 04:00")),
        ("America/New_York", "2023-03-12", "02:10", "02:50", None),
        # The hour 01:00-02:00 is repeated from 06:00Z.
        ("America/New_York", "2023-11-05", "01:00", "01:30", ("2023-11-05 05:00", "2023-11-05 05:30")),
        ("America/New_York", "2023-11-05", "01:30", "02:00", ("2023-11-05 05:30", "2023-11-05 07:00")),
        ("America/New_York", "2023-11-05", "00:00", "00:00", ("2023-11-05 04:00", "2023-11-06 05:00")),
        ("America/New_York", "2023-11-05", "22:00", "02:00", ("2023-11-06 03:00", "2023-11-06 07:00")),
        # Half an hour is skipped (02:00-02:30) at 15:30Z and repeated (01:30-02:00) from 15:00Z.
        ("Australia/Lord_Howe", "2023-10-01", "02:15", "03:00", ("2023-09-30 15:30", "2023-09-30 16:00")),
        ("Australia/Lord_Howe", "2023-04-02", "01:45", "02:00", ("2023-04-01 14:45", "2023-04-01 15:30")),
        ("Australia/Lord_Howe", "2023-04-02", "00:00", "00:00", ("2023-04-01 13:00", "2023-04-02 13:30")),
        # Midnight to 01:00 is skipped at 22:00Z; the four days' delay that was once decreed did not come to pass.
        ("Asia/Beirut", "2023-03-26", "00:00", "04:00", ("2023-03-25 22:00", "2023-03-26 01:00")),
        ("Asia/Beirut", "2023-03-26", "00:30", "04:00", ("2023-03-25 22:00", "2023-03-26 01:00")),
        ("Asia/Beirut", "2023-03-25", "20:00", "00:00", ("2023-03-25 18:00", "2023-03-25 22:00")),
        ("Asia/Beirut", "2023-03-30", "00:00", "04:00", ("2023-03-29 21:00", "2023-03-30 01:00")),
        # The hour before midnight is repeated: the day ends when the clock first reads 24:00.
        ("Asia/Beirut", "2022-10-29", "23:30", "24:00", ("2022-10-29 20:30", "2022-10-29 22:00")),
        ("Asia/Beirut", "2022-10-30", "00:00", "01:00", ("2022-10-29 22:00", "2022-10-29 23:00")),
        ("Africa/Cairo", "2023-04-28", "00:00", "02:00", ("2023-04-27 22:00", "2023-04-27 23:00")),
        ("Africa/Cairo", "2023-04-27", "18:00", "23:59", ("2023-04-27 16:00", "2023-04-27 22:00")),
        ("Africa/Cairo", "2023-10-26", "00:00", "00:00", ("2023-10-25 21:00", "2023-10-26 22:00")),
        ("Africa/Cairo", "2023-10-27", "00:00", "02:00", ("2023-10-26 22:00", "2023-10-27 00:00")),
        # The clock jumped at 00:01: to 01:01 in spring; back to 23:01 in autumn, after it had read midnight.
        ("America/St_Johns", "2007-03-11", "00:30", "02:00", ("2007-03-11 03:31", "2007-03-11 04:30")),
        ("America/St_Johns", "2007-03-11", "00:00", "01:00", ("2007-03-11 03:30", "2007-03-11 03:31")),
        ("America/St_Johns", "2007-11-03", "23:00", "24:00", ("2007-11-04 01:30", "2007-11-04 02:30")),
        ("America/St_Johns", "2007-11-04", "00:00", "00:01", ("2007-11-04 02:30", "2007-11-04 03:31")),
        ("America/St_Johns", "2007-11-04", "00:00", "00:00", ("2007-11-04 02:30", "2007-11-05 03:30")),
        # Two hours were skipped in 1988.
        ("America/St_Johns", "1988-04-03", "00:00", "03:00", ("1988-04-03 03:30", "1988-04-03 04:30")),
        # 2011-12-30 never was.
        ("Pacific/Apia", "2011-12-30", "09:00", "17:00", None),
        ("Pacific/Apia", "2011-12-29", "22:00", "02:00", ("2011-12-30 08:00", "2011-12-30 10:00")),
        ("Pacific/Apia", "2011-12-30", "22:00", "02:00", ("2011-12-30 10:00", "2011-12-30 12:00")),
        ("Europe/London", "2023-03-26", "01:30", "03:00", ("2023-03-26 01:00", "2023-03-26 02:00")),
        ("Europe/London", "2023-10-29", "01:30", "03:00", ("2023-10-29 00:30", "2023-10-29 03:00")),
        ("Asia/Kathmandu", "2023-01-23", "09:00", "17:00", ("2023-01-23 03:15", "2023-01-23 11:15")),
    ],
)
def test_open_sessions_named_clock_change(
    timezone: str, day: str, start: str, end: str, expected: tuple[str, str] | None, sessions_of: SessionsOf
) -> None:
    one = store([row(date.fromisoformat(day).weekday(), start, end)], {}, timezone)
    around = utc(day) - 2 * DAY_US, utc(day) + 3 * DAY_US
    assert sessions_of([one], *around) == [[(utc(expected[0]), utc(expected[1]))] if expected else []]


def test_open_sessions_boundaries_in_skipped_hour_join_sessions(sessions_of: SessionsOf) -> None:
    one = store([row(6, "01:00", "02:00"), row(6, "03:00", "04:00")], {}, "America/New_York")
    joined = [(utc("2023-03-12 06:00"), utc("2023-03-12 08:00"))]
    assert sessions_of([one], utc("2023-03-11"), utc("2023-03-14")) == [joined]


def test_open_sessions_skipped_day_joins_its_neighbours(sessions_of: SessionsOf) -> None:
    one = store([row(3, "20:00", "24:00"), row(5, "00:00", "04:00")], {}, "Pacific/Apia")
    joined = [(utc("2011-12-30 06:00"), utc("2011-12-30 14:00"))]
    assert sessions_of([one], utc("2011-12-29 12:00"), utc("2012-01-02")) == [joined]


def test_open_sessions_sunday_into_monday_is_one(sessions_of: SessionsOf) -> None:
    one = store([row(6, "22:00", "02:00"), row(0, "02:00", "03:00")], {})
    assert sessions_of([one], utc("2023-01-21"), utc("2023-01-27")) == [
        [(utc("2023-01-22 22:00"), utc("2023-01-23 03:00"))]
    ]


@pytest.mark.parametrize("rows", [(), tuple(row(day, "00:00", "23:59") for day in range(7))], ids=["none", "all week"])
def test_open_sessions_always_open_is_one(rows: tuple[Row, ...], sessions_of: SessionsOf) -> None:
    reach = utc("2023-03-01"), utc("2023-04-01")
    assert sessions_of([store(rows, {}, "America/New_York")], *reach) == [[reach]]


@pytest.mark.parametrize(
    ("timezone", "day", "hours", "reach", "expected"),
    [
        (
            "America/New_York",
            6,
            ("20:00", "23:00"),
            ("2023-01-23 02:00", "2023-01-24"),
            ("2023-01-23 02:00", "2023-01-23 04:00"),
        ),
        (
            "Pacific/Kiritimati",
            0,
            ("06:00", "09:00"),
            ("2023-01-22", "2023-01-22 18:00"),
            ("2023-01-22 16:00", "2023-01-22 18:00"),
        ),
    ],
)
def test_open_sessions_range_reaches_into_another_local_week(
    timezone: str,
    day: int,
    hours: tuple[str, str],
    reach: tuple[str, str],
    expected: tuple[str, str],
    sessions_of: SessionsOf,
) -> None:
    one = store([row(day, *hours)], {}, timezone)
    assert sessions_of([one], utc(reach[0]), utc(reach[1])) == [[(utc(expected[0]), utc(expected[1]))]]


def test_open_sessions_range_cuts_them(sessions_of: SessionsOf) -> None:
    stores = [store([row(day, "09:00", "17:00") for day in range(7)], {}, zone) for zone in ("UTC", "Asia/Kathmandu")]
    assert sessions_of(stores, utc("2023-01-23 10:00"), utc("2023-01-24 10:00")) == [
        [(utc("2023-01-23 10:00"), utc("2023-01-23 17:00")), (utc("2023-01-24 09:00"), utc("2023-01-24 10:00"))],
        [(utc("2023-01-23 10:00"), utc("2023-01-23 11:15")), (utc("2023-01-24 03:15"), utc("2023-01-24 10:00"))],
    ]


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("America/New_York", date(2023, 3, 12), 23),
        ("America/New_York", date(2023, 11, 5), 25),
        ("Europe/London", date(2023, 3, 26), 23),
        ("Europe/London", date(2023, 10, 29), 25),
        ("Australia/Lord_Howe", date(2023, 4, 2), 24.5),
        ("Australia/Lord_Howe", date(2023, 10, 1), 23.5),
        ("Asia/Beirut", date(2022, 10, 29), 25),
        ("Pacific/Apia", date(2011, 12, 30), 0),
        ("UTC", date(2023, 3, 12), 24),
    ],
)
def test_local_edges_length_of_day(timezone: str, day: date, hours: float) -> None:
    edges = local_edges(timezone, day, day, Breakdown.DAY).tolist()
    assert edges == naive.local_edges(timezone, day, 1, 24)
    assert edges[1] - edges[0] == hours * HOUR_US


def test_local_edges_hours_of_a_repeated_and_a_skipped_hour() -> None:
    def lengths(day: date) -> list[float]:
        edges = local_edges("America/New_York", day, day, Breakdown.HOUR).tolist()
        return [(b - a) / HOUR_US for a, b in pairwise(edges)]

    assert lengths(date(2023, 3, 12)) == [1, 1, 0] + [1] * 21
    assert lengths(date(2023, 11, 5)) == [1, 2] + [1] * 22


@pytest.mark.parametrize("timezone", ["America/New_York", "Pacific/Apia", "Africa/Casablanca"])
def test_local_edges_year_of_hours(timezone: str) -> None:
    first, last = date(2011, 6, 1), date(2012, 5, 31)
    days = (last - first).days + 1
    assert local_edges(timezone, first, last, Breakdown.HOUR).tolist() == naive.local_edges(timezone, first, days, 1)
