"""Windows and their hours, days, weeks and months, against the calendar of the naive twin."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reference import naive_windows
from reference.worlds import ODD_DAYS, ZONES

from storewatch.domain.enums import Breakdown, ReportFormat
from storewatch.domain.errors import InvalidParameterError
from storewatch.domain.instants import DAY_US, HOUR_US, instant_us
from storewatch.reports.request.parameters import MAX_WINDOWS
from storewatch.reports.request.request import ReportRequest, read_request
from storewatch.reports.request.window_names import CALENDAR, ROLLING_US
from storewatch.reports.request.windows import cut, resolve_windows

BERLIN = "Europe/Berlin"

# The twin checks every second around a jump of the clock.


def asked(*windows: str, **more: object) -> ReportRequest:
    return ReportRequest(format=ReportFormat.JSON, windows=windows, **more)  # type: ignore[arg-type]


def spans(request: ReportRequest, as_of_us: int, zone: str) -> dict[str, tuple[tuple[int, int], tuple[int, int]]]:
    found = resolve_windows(request, as_of_us, (zone,))
    both = zip(found.spans_us[0].tolist(), found.before_us[0].tolist(), strict=True)
    return {name: (tuple(now), tuple(before)) for name, (now, before) in zip(found.names, both, strict=True)}


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, int]:
    """A zone and an instant: near a clock change, near the end of a month, or any."""
    zone, day = draw(st.one_of(st.sampled_from(ODD_DAYS), st.tuples(st.sampled_from(ZONES), st.sampled_from(ENDS))))
    local = datetime.combine(day, datetime.min.time()) + timedelta(days=draw(st.integers(-8, 8)))
    nudge = draw(st.one_of(st.sampled_from([0, 1, -1, HOUR_US, 2 * HOUR_US]), st.integers(0, DAY_US)))
    return zone, naive_windows.instant_us(zone, local) + nudge


ENDS = (
    date(2024, 2, 29),
    date(2023, 2, 28),
    date(2023, 12, 31),
    date(2023, 3, 31),
    date(2024, 3, 1),
    date(2023, 8, 31),
)


@given(moments())
@example((BERLIN, instant_us(datetime(2024, 3, 31, 23, 30, tzinfo=UTC))))
def test_calendar_presets_and_the_periods_before_are_those_of_the_twin(moment: tuple[str, int]) -> None:
    zone, as_of_us = moment
    names = CALENDAR
    expected = {name: naive_windows.calendar(name, zone, as_of_us) for name in names}
    found = [spans(asked(*names[at : at + MAX_WINDOWS]), as_of_us, zone) for at in range(0, len(names), MAX_WINDOWS)]
    assert {name: each for part in found for name, each in part.items()} == expected


def period_of(kind: str, day: date) -> str:
    year, week, _ = day.isocalendar()
    return {
        "day": day.isoformat(),
        "week": f"{year:04}-W{week:02}",
        "month": f"{day:%Y-%m}",
        "quarter": f"{day.year}-Q{(day.month + 2) // 3}",
        "year": str(day.year),
    }[kind]


@given(moments(), st.sampled_from(["day", "week", "month", "quarter", "year"]))
@example((BERLIN, instant_us(datetime(2024, 3, 31, 23, 30, tzinfo=UTC))), "day")
@example((BERLIN, instant_us(datetime(2026, 12, 31, 12, tzinfo=UTC))), "week")
def test_periods_of_the_calendar_are_those_of_the_twin(moment: tuple[str, int], kind: str) -> None:
    zone, at_us = moment
    day = naive_windows.clock(zone, at_us).date()
    begin_of = naive_windows.BEGINS.get(kind, lambda day: day)
    first = end = begin_of(day)
    while begin_of(end) == first:
        end += naive_windows.DAY
    name = period_of(kind, day)
    found = spans(asked(name), 0, zone)[name]
    at = {each: naive_windows.instant_us(zone, naive_windows.midnight(each)) for each in (first, end)}
    before_us = naive_windows.instant_us(zone, naive_windows.midnight(begin_of(first - naive_windows.DAY)))
    assert found == ((at[first], at[end]), (before_us, at[first]))


def test_period_is_the_interval_of_its_dates_and_the_preset_seen_from_the_next_one() -> None:
    as_of_us = instant_us(datetime(2024, 4, 10, 12, tzinfo=UTC))
    equal = {
        "2024-03-31": "2024-03-31/2024-04-01",
        "2024-W14": "2024-04-01/2024-04-08",
        "2024-03": "last_month",
        "2024-Q1": "last_quarter",
        "2023": "last_year",
    }
    found = spans(asked(*equal, *equal.values()), as_of_us, BERLIN)
    assert {name: found[name] for name in equal} == {name: found[other] for name, other in equal.items()}


@given(moments())
def test_rolling_presets_are_lengths_of_time_before_the_reports_now(moment: tuple[str, int]) -> None:
    zone, as_of_us = moment
    expected = {name: naive_windows.rolling(name, as_of_us) for name in ROLLING_US}
    assert spans(asked(*ROLLING_US), as_of_us, zone) == expected


def test_rolling_replaces_calendar_windows_by_rolling_ones_of_other_names() -> None:
    older = asked("last_hour", "last_week", "last_7_days", "last_30_days", "last_90_days", "2023-01", rolling=True)
    newer = asked("last_hour", "rolling_7_days", "rolling_30_days", "rolling_90_days", "2023-01")
    assert older == newer
    assert asked("last_week").windows == ("last_week",)


@given(moments(), st.sampled_from(Breakdown), st.integers(0, 40 * DAY_US))
def test_buckets_are_those_of_the_twin_and_fill_the_window(
    moment: tuple[str, int], by: Breakdown, length_us: int
) -> None:
    zone, to_us = moment
    from_us = to_us - length_us // (20 if by is Breakdown.HOUR else 1)
    windows = resolve_windows(asked(f"{text(from_us)}/{text(to_us + 1)}"), 0, (zone,))
    found = cut(windows, 0, by)
    edges = found.edges_us[0].tolist()
    starts = found.starts[0].tolist()
    expected = naive_windows.buckets(by, zone, (from_us, to_us + 1))
    assert list(zip(starts, pairwise(edges), strict=True)) == expected
    assert (edges[0], edges[-1]) == (from_us, to_us + 1)
    beyond_us = {"hour": 2, "day": 3, "week": 9, "month": 40}[by] * DAY_US
    whole = dict(naive_windows.buckets(by, zone, (from_us - beyond_us, to_us + beyond_us)))
    assert found.is_whole[0].tolist() == [whole[start] == span for start, span in expected]


def text(at_us: int) -> str:
    return (naive_windows.EPOCH + timedelta(microseconds=at_us)).isoformat()


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2024, 3, 31), 23), (date(2024, 10, 27), 25), (date(2024, 7, 1), 24), (date(2024, 2, 29), 24)],
)
def test_day_has_as_many_hours_as_the_clock_gives_it(day: date, hours: int) -> None:
    windows = resolve_windows(asked(f"{day}/{day + timedelta(days=1)}"), 0, (BERLIN,))
    assert np.diff(cut(windows, 0, Breakdown.DAY).edges_us).tolist() == [[hours * HOUR_US]]


def test_skipped_hour_is_no_bucket_and_a_repeated_one_is_two_hours_long() -> None:
    windows = resolve_windows(asked("2024-03-31/2024-04-01", "2024-10-27/2024-10-28"), 0, (BERLIN,))
    spring, autumn = (cut(windows, number, Breakdown.HOUR) for number in range(2))
    assert [start.hour for start in spring.starts[0].tolist()] == [0, 1, *range(3, 24)]
    assert np.diff(autumn.edges_us[0]).tolist() == [HOUR_US] * 2 + [2 * HOUR_US] + [HOUR_US] * 21


def test_zones_with_fewer_buckets_have_empty_ones_at_the_end() -> None:
    as_of_us = instant_us(datetime(2024, 3, 4, 3, tzinfo=UTC))  # Monday in Berlin, still Sunday in New York
    windows = resolve_windows(asked("this_week"), as_of_us, (BERLIN, "America/New_York"))
    found = cut(windows, 0, Breakdown.DAY)
    assert found.starts.shape == (2, 7)
    assert np.isnat(found.starts).tolist() == [[False] + [True] * 6, [False] * 7]
    assert found.edges_us[0].tolist() == [windows.spans_us[0, 0, 0]] + [as_of_us] * 7


def test_windows_on_a_named_clock_are_the_same_for_every_store() -> None:
    as_of_us = instant_us(datetime(2024, 3, 4, 3, tzinfo=UTC))
    windows = resolve_windows(asked("yesterday", timezone=BERLIN), as_of_us, ("Asia/Tokyo", "America/New_York"))
    assert windows.clocks == (BERLIN, BERLIN)
    assert windows.spans_us[0].tolist() == windows.spans_us[1].tolist()


def test_interval_of_dates_is_local_and_one_of_instants_is_not() -> None:
    dated, exact, mixed = (
        "2024-03-30/2024-04-02",
        "2024-03-30T10:00+02:00/2024-03-30T12:30Z",
        "2024-03-31/2024-03-31T10:00Z",
    )
    found = spans(asked(dated, exact, mixed), 0, BERLIN)
    at = {hour: instant_us(datetime(2024, 3, 30, hour, 30 * (hour == 12), tzinfo=UTC)) for hour in (8, 12)}
    length_us = at[12] - at[8]
    midnight_us = instant_us(datetime(2024, 3, 30, 23, tzinfo=UTC))
    ten_us = instant_us(datetime(2024, 3, 31, 10, tzinfo=UTC))
    assert found == {
        dated: naive_windows.dates(date(2024, 3, 30), date(2024, 4, 2), BERLIN),
        exact: ((at[8], at[12]), (at[8] - length_us, at[8])),
        mixed: ((midnight_us, ten_us), (2 * midnight_us - ten_us, midnight_us)),
    }


def test_request_without_windows_has_the_classic_three() -> None:
    as_of_us = instant_us(datetime(2024, 3, 4, tzinfo=UTC))
    found = resolve_windows(ReportRequest(), as_of_us, ())
    assert (found.names, found.clocks) == (("last_hour", "last_day", "rolling_7_days"), ("America/Chicago",))
    assert (as_of_us - found.spans_us[0, :, 0]).tolist() == [HOUR_US, DAY_US, 7 * DAY_US]


@pytest.mark.parametrize(
    ("windows", "rolling", "sentence"),
    [
        (["soon"], False, "There is no window 'soon'; use one of last_hour, last_day, rolling_7_days"),
        (["2024-01-01/2024-13-01"], False, "'2024-13-01' in the window"),
        (["2024-01-02/2024-01-02"], False, "is empty; its beginning must come before its end"),
        (["2024-01-02T10:00Z/2024-01-02"], False, "is empty"),
        (["2019-01-01/2024-01-01"], False, "longer than 1100 days"),
        (["0001-01-01T00:00Z/0001-01-02T00:00Z"], False, "between the years 1970 and 9000"),
        (["0001-01-01/0001-01-02"], False, "between the years 1970 and 9000"),
        (["9999-12-30/9999-12-31"], False, "between the years 1970 and 9000"),
        (["2024-02-30"], False, "The calendar has no '2024-02-30'"),
        (["2024-00"], False, "The calendar has no '2024-00'"),
        (["2024-13"], False, "The calendar has no '2024-13'"),
        (["2024-Q5"], False, "The calendar has no '2024-Q5'"),
        (["2023-W53"], False, "The calendar has no '2023-W53'"),
        (["9999-12-31"], False, "between the years 1970 and 9000"),
        (["1969"], False, "between the years 1970 and 9000"),
        (["٢٠٢٤"], False, "There is no window '٢٠٢٤'"),
        (["2024-1"], False, "There is no window '2024-1'"),
        (["today"], True, "today has no rolling form"),
        (["last_year"], True, "last_year has no rolling form"),
        (["this_month", "last_week"], True, "this_month has no rolling form"),
    ],
)
def test_impossible_window_is_refused_with_the_reason(windows: list[str], rolling: bool, sentence: str) -> None:
    with pytest.raises(InvalidParameterError, match=sentence):
        resolve_windows(read_request({"format": "json", "windows": windows, "rolling": rolling}), 0, (BERLIN,))
