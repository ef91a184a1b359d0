"""Turn calendars into sessions: the open time of every calendar in UTC, and the open time that closures take away."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import ClosureMode
from storewatch.domain.instants import DAY_SECONDS, DAY_US, SECOND_US
from storewatch.engine.opening.calendars import Calendars
from storewatch.engine.opening.stretches import NO_STRETCHES, Stretches, divide, group_offsets, repeat_index, unite
from storewatch.engine.opening.zones import EPOCH_WEEKDAY, first_instants


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """The open time of every calendar inside one range, in UTC (SEMANTICS 6), and the open time taken by closures.

    offsets: int64[C+1]; open_us, close_us: int64[N], disjoint, not touching, ascending inside a calendar.
    planned_offsets: int64[C+1]; planned_start_us, planned_end_us: int64[P], the same for planned time, disjoint from
    the sessions; empty unless closures are honoured.
    calendar_of: int64[S], the calendar of each store.
    """

    offsets: Int64s
    open_us: Int64s
    close_us: Int64s
    planned_offsets: Int64s
    planned_start_us: Int64s
    planned_end_us: Int64s
    calendar_of: Int64s


def open_sessions(
    calendars: Calendars, from_us: int, to_us: int, closures: ClosureMode = ClosureMode.HONOUR
) -> Sessions:
    """Return the sessions of every calendar in `[from_us, to_us)`, with the closures cut out.

    Sessions that touch are one (SEMANTICS 6); a boundary becomes an instant by SEMANTICS 5.
    """
    # Local days differ from UTC days by up to 14 hours, and hours can run into the next day: two more days each way.
    local = _in_business(calendars, _local_hours(calendars, from_us // DAY_US - 2, to_us // DAY_US + 3))
    hours = _to_utc(calendars, local)
    sessions, planned = unite(hours.clip(from_us, to_us)), NO_STRETCHES
    closed = calendars.closures.clip(from_us, to_us)
    if closures is not ClosureMode.IGNORE and len(closed.calendar):
        sessions, planned = divide(sessions, closed)
    if closures is ClosureMode.EXCLUDE:
        planned = NO_STRETCHES
    count = len(calendars.zone_of_calendar)
    return Sessions(
        offsets=group_offsets(sessions.calendar, count),
        open_us=sessions.start,
        close_us=sessions.end,
        planned_offsets=group_offsets(planned.calendar, count),
        planned_start_us=planned.start,
        planned_end_us=planned.end,
        calendar_of=calendars.calendar_of,
    )


def in_business_in(calendars: Calendars, spans_us: Int64s) -> npt.NDArray[np.bool_]:
    """Return which stores are in business at any time in the windows of their zone: bool[S].

    spans_us: int64[Z,W,2], the windows [start, end) of each zone of the calendars.
    """
    lives = calendars.lives
    touched = np.ones(len(calendars.zone_of_calendar), bool)
    touched[lives.calendar] = False
    first_day, end_day = int(spans_us.min()) // DAY_US - 2, int(spans_us.max()) // DAY_US + 3
    near = _to_utc(calendars, lives.clip(first_day * DAY_SECONDS, end_day * DAY_SECONDS))
    spans_us = spans_us[calendars.zone_of_calendar[near.calendar]]
    overlap = (spans_us[:, :, 0] < near.end[:, None]) & (near.start[:, None] < spans_us[:, :, 1])
    touched[near.calendar[overlap.any(axis=1)]] = True
    return touched[calendars.calendar_of]


def _local_hours(calendars: Calendars, first_day: int, end_day: int) -> Stretches:
    """List the weekly and special hours on the local days `[first_day, end_day)`, in seconds of the local clock.

    Three steps of repetition, all in arrays: a stretch of days with one pattern -> its weeks -> the pattern's rows in
    each week. Then every row is clipped to its stretch of days.
    """
    weekly = calendars.weekly.clip(first_day, end_day)
    pattern = calendars.pattern[(calendars.weekly.start < end_day) & (calendars.weekly.end > first_day)]
    first_week, end_week = (weekly.start + EPOCH_WEEKDAY) // 7, (weekly.end + EPOCH_WEEKDAY + 6) // 7
    stretch, week = repeat_index(end_week - first_week)
    monday_s = ((first_week[stretch] + week) * 7 - EPOCH_WEEKDAY) * DAY_SECONDS
    of_week, row = repeat_index(np.diff(calendars.pattern_offsets)[pattern[stretch]])
    stretch, monday_s = stretch[of_week], monday_s[of_week]
    row += calendars.pattern_offsets[pattern[stretch]]
    special = calendars.special.clip(first_day * DAY_SECONDS, end_day * DAY_SECONDS)
    starts = np.maximum(monday_s + calendars.start_s[row], weekly.start[stretch] * DAY_SECONDS)
    ends = np.minimum(monday_s + calendars.end_s[row], weekly.end[stretch] * DAY_SECONDS)
    return Stretches(
        calendar=np.append(weekly.calendar[stretch], special.calendar),
        start=np.append(starts, special.start),
        end=np.append(ends, special.end),
    )


def _in_business(calendars: Calendars, local: Stretches) -> Stretches:
    """Return the parts of stretches, in seconds of the local clock, in which their calendars are in business."""
    lives = calendars.lives
    if not len(lives.calendar):
        return local
    count = len(calendars.zone_of_calendar)
    opened, closed = np.full(count, np.iinfo(np.int64).min), np.full(count, np.iinfo(np.int64).max)
    opened[lives.calendar], closed[lives.calendar] = lives.start, lives.end
    starts, ends = np.maximum(local.start, opened[local.calendar]), np.minimum(local.end, closed[local.calendar])
    left = starts < ends
    return Stretches(calendar=local.calendar[left], start=starts[left], end=ends[left])


def _to_utc(calendars: Calendars, local: Stretches) -> Stretches:
    """Turn stretches in seconds of the local clock into stretches of instants in us."""
    zone_of = calendars.zone_of_calendar[local.calendar]
    by_zone = np.argsort(zone_of.astype(np.uint16), kind="stable")  # 16 bits: NumPy uses a radix sort
    limits = group_offsets(zone_of[by_zone], len(calendars.zones))
    start_us, end_us = np.empty(len(by_zone), np.int64), np.empty(len(by_zone), np.int64)
    for number, zone in enumerate(calendars.zones):
        rows = by_zone[limits[number] : limits[number + 1]]
        for seconds, instants in ((local.start, start_us), (local.end, end_us)):
            instants[rows] = first_instants(zone, seconds[rows] * SECOND_US)
    return Stretches(calendar=local.calendar, start=start_us, end=end_us)
