"""The windows of a report as instants in each zone, and their hours, days, weeks and months."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Breakdown
from storewatch.domain.errors import InvalidParameterError
from storewatch.domain.instants import DAY_US, instant_of, instant_us, parse_instant
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.opening.zones import first_instant, local_edges, local_time
from storewatch.reports.request.request import ReportRequest
from storewatch.reports.request.window_names import (
    CLASSIC_WINDOWS,
    ROLLING_US,
    check_year,
    is_local_date,
    months_later,
    read_period,
)

MAX_WINDOW_DAYS: Final = 1_100

DateTimes = npt.NDArray[np.datetime64]
_Local = tuple[datetime, datetime]
_Spans = tuple[int, int, int, int]


def _midnight(now: datetime) -> datetime:
    return datetime.combine(now.date(), time())


def _week(now: datetime) -> datetime:
    return _midnight(now) - timedelta(days=now.weekday())


def _month(now: datetime) -> datetime:
    return _midnight(now).replace(day=1)


def _quarter(now: datetime) -> datetime:
    return _midnight_months_later(_month(now), -((now.month - 1) % 3))


def _year(now: datetime) -> datetime:
    return _month(now).replace(month=1)


def _midnight_months_later(first: datetime, count: int) -> datetime:
    return datetime.combine(months_later(first.date(), count), time())


def _months_before(count: int) -> Callable[[datetime], datetime]:
    """Return a function: the same day and time so many months earlier, or the end of that month if it is shorter."""

    def earlier(local: datetime) -> datetime:
        first = _midnight_months_later(_month(local), -count)
        return min(first + (local - _month(local)), _midnight_months_later(first, 1))

    return earlier


def _before(days: int) -> Callable[[datetime], datetime]:
    return lambda local: local - timedelta(days=days)


def _last_days(count: int) -> Callable[[datetime], _Local]:
    return lambda now: (_midnight(now) - timedelta(days=count), _midnight(now))


# Of a local "now": the beginning and end of the window; and where a local time of it lies one period earlier.
_CALENDAR: Final[dict[str, tuple[Callable[[datetime], _Local], Callable[[datetime], datetime]]]] = {
    "today": (lambda now: (_midnight(now), now), _before(1)),
    "yesterday": (_last_days(1), _before(1)),
    "this_week": (lambda now: (_week(now), now), _before(7)),
    "last_week": (lambda now: (_week(now) - timedelta(days=7), _week(now)), _before(7)),
    "this_month": (lambda now: (_month(now), now), _months_before(1)),
    "last_month": (lambda now: (_midnight_months_later(_month(now), -1), _month(now)), _months_before(1)),
    "this_quarter": (lambda now: (_quarter(now), now), _months_before(3)),
    "last_quarter": (lambda now: (_midnight_months_later(_quarter(now), -3), _quarter(now)), _months_before(3)),
    "this_year": (lambda now: (_year(now), now), _months_before(12)),
    "last_year": (lambda now: (_midnight_months_later(_year(now), -12), _year(now)), _months_before(12)),
    **{f"last_{days}_days": (_last_days(days), _before(days)) for days in (7, 30, 90)},
}


@dataclass(frozen=True, kw_only=True)
class Windows:
    """W windows in Z zones.

    spans_us, before_us: int64[Z,W,2], [start, end) of the window and of the period before it. clocks: of each zone,
    whose clock cuts it into days.
    """

    names: tuple[str, ...]
    clocks: tuple[str, ...]
    spans_us: Int64s
    before_us: Int64s


@dataclass(frozen=True, kw_only=True)
class Buckets:
    """One window cut along the local hours, days, weeks or months of each zone.

    edges_us: int64[Z,B+1], ascending; a zone with fewer buckets has empty ones at the end. starts: datetime64[Z,B],
    what the clock reads where the local hour, day, week or month begins, NaT for an empty one. There is always one.
    is_whole: bool[Z,B], whether the window holds all of it.
    """

    edges_us: Int64s
    starts: DateTimes
    is_whole: npt.NDArray[np.bool_]


def resolve_windows(request: ReportRequest, as_of_us: int, zones: tuple[str, ...]) -> Windows:
    """Return the windows of a request in each zone; without a zone, those in the default one.

    Raises InvalidParameterError for a window that is empty or too long.
    """
    names = request.windows or CLASSIC_WINDOWS
    clocks = tuple(request.timezone or zone for zone in zones or (DEFAULT_TIMEZONE,))
    of_clock = {clock: [_spans(name, clock, as_of_us) for name in names] for clock in dict.fromkeys(clocks)}
    spans_us = np.array([of_clock[clock] for clock in clocks], np.int64).reshape(len(clocks), len(names), 4)
    return Windows(names=names, clocks=clocks, spans_us=spans_us[:, :, :2], before_us=spans_us[:, :, 2:])


def cut(windows: Windows, number: int, by: Breakdown) -> Buckets:
    """Cut one of the windows into buckets. The first and the last bucket are cut to the window."""
    of_clock: dict[tuple[str, int, int], tuple[Int64s, DateTimes, npt.NDArray[np.bool_]]] = {}
    for clock, (from_us, to_us) in zip(windows.clocks, windows.spans_us[:, number].tolist(), strict=True):
        if (clock, from_us, to_us) not in of_clock:
            of_clock[clock, from_us, to_us] = _local_buckets(clock, from_us, to_us, by)
    most = max(1, *(len(starts) for _, starts, _ in of_clock.values()))
    zones = len(windows.clocks)
    edges_us = np.empty((zones, most + 1), np.int64)
    starts = np.full((zones, most), np.datetime64("NaT", "us"))
    is_whole = np.zeros((zones, most), bool)
    for zone, (clock, span) in enumerate(zip(windows.clocks, windows.spans_us[:, number].tolist(), strict=True)):
        own_edges_us, own_starts, own_whole = of_clock[clock, *span]
        edges_us[zone, : len(own_edges_us)] = own_edges_us
        edges_us[zone, len(own_edges_us) :] = own_edges_us[-1]
        starts[zone, : len(own_starts)] = own_starts
        is_whole[zone, : len(own_starts)] = own_whole
    return Buckets(edges_us=edges_us, starts=starts, is_whole=is_whole)


def _local_buckets(
    clock: str, from_us: int, to_us: int, by: Breakdown
) -> tuple[Int64s, DateTimes, npt.NDArray[np.bool_]]:
    first = local_time(clock, instant_of(from_us)).date()
    # Where the clock goes back over midnight, the next day has begun already while it still reads this one.
    last = local_time(clock, instant_of(to_us)).date() + timedelta(days=1)
    whole_us = local_edges(clock, first, last, by)
    edges_us = np.clip(whole_us, from_us, to_us)
    parts = np.flatnonzero(edges_us[:-1] < edges_us[1:])
    is_whole = np.diff(edges_us) == np.diff(whole_us)
    return np.append(edges_us[parts], to_us), _starts(first, len(edges_us) - 1, by)[parts], is_whole[parts]


def _starts(first: date, count: int, by: Breakdown) -> DateTimes:
    begin = np.datetime64(first, "D")
    match by:
        case Breakdown.HOUR:
            starts = begin.astype("datetime64[h]") + np.arange(count)
        case Breakdown.DAY:
            starts = begin + np.arange(count)
        case Breakdown.WEEK:
            starts = begin - first.weekday() + 7 * np.arange(count)
        case Breakdown.MONTH:
            starts = begin.astype("datetime64[M]") + np.arange(count)
    found: DateTimes = starts.astype("datetime64[us]")
    return found


def _spans(name: str, clock: str, as_of_us: int) -> _Spans:
    if name in ROLLING_US:
        length_us = ROLLING_US[name]
        return as_of_us - length_us, as_of_us, as_of_us - 2 * length_us, as_of_us - length_us
    if name in _CALENDAR:
        of_now, earlier = _CALENDAR[name]
        now = local_time(clock, instant_of(as_of_us))
        begin, end = of_now(now)
        to_us = as_of_us if end == now else _instant_us(clock, end)
        return _instant_us(clock, begin), to_us, _instant_us(clock, earlier(begin)), _instant_us(clock, earlier(end))
    if (period := read_period(name)) is not None:
        from_us, to_us = _bound_us(period.first, clock), _bound_us(period.end, clock)
        return from_us, to_us, _date_us(period.before, clock), from_us
    return _interval(name, clock)


def _interval(name: str, clock: str) -> _Spans:
    begin, _, end = name.partition("/")
    from_us, to_us = _bound_us(_bound(begin), clock), _bound_us(_bound(end), clock)
    if from_us >= to_us:
        raise InvalidParameterError("windows", f"The window {name} is empty; its beginning must come before its end.")
    if to_us - from_us > MAX_WINDOW_DAYS * DAY_US:
        raise InvalidParameterError("windows", f"The window {name} is longer than {MAX_WINDOW_DAYS} days.")
    if is_local_date(begin) and is_local_date(end):
        first, last = date.fromisoformat(begin), date.fromisoformat(end)
        return from_us, to_us, _date_us(first - (last - first), clock), from_us
    return from_us, to_us, 2 * from_us - to_us, from_us


def _bound(text: str) -> date:
    """Return a date for a local date, a datetime for an instant."""
    return date.fromisoformat(text) if is_local_date(text) else parse_instant(text)


def _bound_us(bound: date, clock: str) -> int:
    check_year(bound.year)
    return instant_us(bound) if isinstance(bound, datetime) else _date_us(bound, clock)


def _date_us(day: date, clock: str) -> int:
    return _instant_us(clock, datetime.combine(day, time()))


def _instant_us(clock: str, local: datetime) -> int:
    return instant_us(first_instant(clock, local))
