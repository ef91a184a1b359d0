"""Weekly hours, what changes them, and time zones to sessions: the only place of local time (SEMANTICS 2-7, 17-19).

Stores share few distinct calendars (weekly hours, zone and changes: 14,089 real stores have 2,085), so sessions are
made once a calendar and stores point at theirs. What opens a store on a date is decided here; the walk in `timeline`
only ever sees sessions and the planned time between them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from storewatch.domain.columns import CLOSURES, HOURS_VERSIONS, SPECIAL_HOURS, Int32s, Int64s
from storewatch.domain.enums import ClosureMode
from storewatch.domain.instants import (
    DAY_SECONDS,
    DAY_US,
    END_OF_DAY_FROM_S,
    HOUR_US,
    SECOND_US,
    WEEK_SECONDS,
    instant_of,
)
from storewatch.domain.timezones import DEFAULT_TIMEZONE, ZONES_FOLDER

_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday
_FOREVER_US: Final = np.iinfo(np.int64).max
_FAR_DAYS: Final = 10_000 * 366  # beyond any date, either way from 1970
_FIRST_DAY: Final = date(1, 1, 3).toordinal() - date(1970, 1, 1).toordinal()
_LAST_DAY: Final = date(9999, 12, 28).toordinal() - date(1970, 1, 1).toordinal()
_ALWAYS_OPEN: Final = -1  # stands for a null weekly_hours_id; those of the catalog are positive


@dataclass(frozen=True, kw_only=True)
class HoursChanges:
    """What changes the weekly hours of stores: frames of columns.HOURS_VERSIONS, SPECIAL_HOURS and CLOSURES."""

    versions: pl.DataFrame
    special: pl.DataFrame
    closures: pl.DataFrame

    @property
    def are_none(self) -> bool:
        return self.versions.is_empty() and self.special.is_empty() and self.closures.is_empty()


NO_CHANGES: Final = HoursChanges(
    versions=HOURS_VERSIONS.to_frame(), special=SPECIAL_HOURS.to_frame(), closures=CLOSURES.to_frame()
)


@dataclass(frozen=True, kw_only=True)
class Stretches:
    """Stretches `[start, end)` of calendars, not empty: int64[N] each, the unit is said by whoever holds them."""

    calendar: Int64s
    start: Int64s
    end: Int64s

    def clip(self, start: int, end: int) -> "Stretches":
        """Keep what lies in `[start, end)`; those of which nothing does are gone, and so are empty ones."""
        starts, ends = np.maximum(self.start, start), np.minimum(self.end, end)
        left = starts < ends
        return Stretches(calendar=self.calendar[left], start=starts[left], end=ends[left])


_CHANGE_SETS: Final = pl.Schema(
    {"change_set": pl.UInt32, "kind": pl.Int8, "first": pl.Int64, "second": pl.Int64, "third": pl.Int64}
)
_NONE: Final = Stretches(calendar=np.empty(0, np.int64), start=np.empty(0, np.int64), end=np.empty(0, np.int64))


@dataclass(frozen=True, kw_only=True)
class Calendars:
    """The distinct calendars of a list of stores.

    weekly: local days since 1970 in which one pattern of weekly hours holds, none of them a date of special hours, by
    calendar; pattern: int64[M], that of each.
    pattern_offsets: int64[P+1], the rows of pattern p are pattern_offsets[p]:pattern_offsets[p+1].
    start_s, end_s: int32[N], open spans in seconds of the local week from Monday 00:00, merged and sorted.
    special: rows of special hours, in seconds of the local clock since its 1970. closures: in us, may overlap.
    zones: the distinct zone names; zone_of_calendar: int64[C], index into them.
    calendar_of: int64[S], the calendar of each store.
    """

    weekly: Stretches
    pattern: Int64s
    pattern_offsets: Int64s
    start_s: Int32s
    end_s: Int32s
    special: Stretches
    closures: Stretches
    zones: tuple[str, ...]
    zone_of_calendar: Int64s
    calendar_of: Int64s

    @property
    def zone_of(self) -> Int64s:
        """The zone of each store: int64[S], index into `zones`."""
        return self.zone_of_calendar[self.calendar_of]


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """The open time of every calendar inside one range, in UTC (SEMANTICS 6), and the open time that closures took.

    offsets: int64[C+1]; open_us, close_us: int64[N], disjoint, not touching, ascending inside a calendar.
    planned_offsets: int64[C+1]; planned_start_us, planned_end_us: int64[P], the same, and disjoint from the sessions;
    none unless closures are honoured.
    calendar_of: int64[S], the calendar of each store.
    """

    offsets: Int64s
    open_us: Int64s
    close_us: Int64s
    planned_offsets: Int64s
    planned_start_us: Int64s
    planned_end_us: Int64s
    calendar_of: Int64s


def end_of_row() -> pl.Expr:
    """Read `end_s` of a row of hours by SEMANTICS 2: seconds from the midnight that `start_s` counts from, to 172,800.

    start_s, end_s: as written; null where they are null. Rows with start == end other than 00:00-00:00 have no end.
    """
    end_s = pl.when(pl.col("end_s") >= END_OF_DAY_FROM_S).then(DAY_SECONDS).otherwise(pl.col("end_s"))
    return end_s + pl.when(end_s <= pl.col("start_s")).then(DAY_SECONDS).otherwise(0)


def weekly_intervals(rows: pl.DataFrame) -> pl.DataFrame:
    """Normalise rows of weekly hours by SEMANTICS 2.

    rows: columns.WEEKLY_HOURS, any order; rows with start == end other than 00:00-00:00 must not be among them.
    Returns one row a store, sorted: store_id, intervals (list of {start_s, end_s} in seconds of the local week,
    0 <= start_s < end_s <= 604,800, disjoint, not touching, sorted).
    """
    midnight_s = pl.col("day").cast(pl.Int32) * DAY_SECONDS
    spans = rows.select("store_id", start_s=midnight_s + pl.col("start_s"), end_s=midnight_s + end_of_row())
    into_monday = spans.filter(pl.col("end_s") > WEEK_SECONDS).with_columns(
        start_s=pl.lit(0, pl.Int32), end_s=pl.col("end_s") - WEEK_SECONDS
    )
    covered_until = pl.col("end_s").cum_max().shift(1).over("store_id")
    return (
        pl.concat([spans.with_columns(pl.col("end_s").clip(upper_bound=WEEK_SECONDS)), into_monday])
        .sort("store_id", "start_s")
        .with_columns(begins=(pl.col("start_s") > covered_until).fill_null(value=True).cum_sum())
        .group_by("store_id", "begins", maintain_order=True)
        .agg(pl.col("start_s").min(), pl.col("end_s").max())
        .group_by("store_id", maintain_order=True)
        .agg(intervals=pl.struct(pl.col("start_s", "end_s").cast(pl.Int32)))
    )


def weekly_rows(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Write intervals of `weekly_intervals` as rows of (day, start_s, end_s) that give them again, one a day."""
    return [
        (day, max(start_s - midnight, 0), min(end_s - midnight, DAY_SECONDS))
        for start_s, end_s in intervals
        for day in range(start_s // DAY_SECONDS, -(-end_s // DAY_SECONDS))
        for midnight in [day * DAY_SECONDS]
    ]


def assign_calendars(stores: pl.DataFrame, weekly_hours: pl.DataFrame, changes: HoursChanges = NO_CHANGES) -> Calendars:
    """Find the distinct calendars of `stores`, in their order.

    stores: weekly_hours_id (null: open 24x7) and timezone (null: America/Chicago), one row a store; store_id too if
    there are changes. weekly_hours: weekly_hours_id and intervals as `weekly_intervals` gives them, one row an id.
    """
    change_set, rows = _change_sets(stores, changes)
    keys = stores.select("weekly_hours_id", pl.col("timezone").fill_null(DEFAULT_TIMEZONE), change_set)
    distinct = keys.unique(maintain_order=True).with_row_index("calendar")
    calendar_of = keys.join(distinct, on=keys.columns, how="left", nulls_equal=True, maintain_order="left")["calendar"]
    changed = distinct.select("calendar", "change_set").join(rows, on="change_set")
    versions, special, closures = (changed.filter(kind=kind) for kind in range(3))
    given = weekly_hours.select("weekly_hours_id", "intervals")
    always = [{"start_s": 0, "end_s": WEEK_SECONDS}]
    patterns = pl.concat([given, pl.DataFrame([(_ALWAYS_OPEN, always)], given.schema, orient="row")])
    spans = patterns["intervals"].explode(empty_as_null=False).struct.unnest()
    weekly = _weekly_stretches(distinct, versions, special).join(
        patterns.with_row_index("pattern").drop("intervals"), on="weekly_hours_id", maintain_order="left"
    )
    zones = distinct["timezone"].unique().sort()
    midnight_s = pl.col("first") * DAY_SECONDS
    return Calendars(
        weekly=_stretches(weekly, pl.col("from_day"), pl.col("to_day")),
        pattern=weekly["pattern"].cast(pl.Int64).to_numpy(),
        pattern_offsets=np.append(0, patterns["intervals"].list.len().cast(pl.Int64).cum_sum().to_numpy()),
        start_s=spans["start_s"].to_numpy(),
        end_s=spans["end_s"].to_numpy(),
        special=_stretches(special.drop_nulls("second"), midnight_s + pl.col("second"), midnight_s + pl.col("third")),
        closures=_stretches(closures, pl.col("first"), pl.col("second")),
        zones=tuple(zones),
        zone_of_calendar=zones.search_sorted(distinct["timezone"]).cast(pl.Int64).to_numpy(),
        calendar_of=calendar_of.cast(pl.Int64).to_numpy(),
    )


def _change_sets(stores: pl.DataFrame, changes: HoursChanges) -> tuple[pl.Series, pl.DataFrame]:
    """Number the distinct sets of changes that stores have.

    Returns change_set (null: none) of each store, and the rows of the sets: change_set, kind and first, second, third.
    These are the first day and weekly_hours_id of a version (kind 0), the day, start_s and end_s of special hours (1),
    the start and end in us of a closure (2).
    """
    content = ["kind", "first", "second", "third"]
    if changes.are_none:
        none = pl.Series("change_set", [None], pl.UInt32).new_from_index(0, stores.height)
        return none, _CHANGE_SETS.to_frame()
    no_third = pl.lit(None, pl.Int64)
    rows = pl.concat(
        [
            _change_rows(0, changes.versions, pl.col("valid_from"), pl.col("weekly_hours_id"), no_third),
            _change_rows(1, changes.special, pl.col("date"), pl.col("start_s"), pl.col("end_s")),
            _change_rows(2, changes.closures, pl.col("start_at"), pl.col("end_at"), no_third),
        ]
    )
    distinct = rows.select(content).unique().with_row_index("row")
    row_sets = rows.join(distinct, on=content, nulls_equal=True).sort("row").group_by("store_id").agg(pl.col("row"))
    sets = row_sets.select("row").unique().with_row_index("change_set")
    of_stores = stores.select("store_id").join(
        row_sets.join(sets, on="row"), on="store_id", how="left", maintain_order="left"
    )
    return of_stores["change_set"], sets.explode("row").join(distinct, on="row").drop("row")


def _change_rows(kind: int, frame: pl.DataFrame, *columns: pl.Expr) -> pl.DataFrame:
    named = zip(("first", "second", "third"), columns, strict=True)
    return frame.select(
        "store_id", pl.lit(kind, pl.Int8).alias("kind"), *(column.cast(pl.Int64).alias(name) for name, column in named)
    )


def _weekly_stretches(distinct: pl.DataFrame, versions: pl.DataFrame, special: pl.DataFrame) -> pl.DataFrame:
    """Split the local days of every calendar by the hours that hold: calendar, weekly_hours_id, from_day, to_day.

    Days of special hours have none (SEMANTICS 17, 18).
    """
    day, no_hours = pl.col("first").alias("from_day"), pl.lit(None, pl.Int64).alias("weekly_hours_id")
    if versions.is_empty() and special.is_empty():
        always = pl.lit(-_FAR_DAYS, pl.Int64).alias("from_day"), pl.lit(_FAR_DAYS, pl.Int64).alias("to_day")
        return distinct.select("calendar", pl.col("weekly_hours_id").fill_null(_ALWAYS_OPEN), *always)
    base, dated = (pl.col(hours).fill_null(_ALWAYS_OPEN) for hours in ("weekly_hours_id", "second"))
    cuts = pl.concat(
        [
            distinct.select("calendar", pl.lit(-_FAR_DAYS, pl.Int64).alias("from_day"), base, is_special=False),
            versions.select("calendar", day, dated.alias("weekly_hours_id"), is_special=False),
            special.select("calendar", day, no_hours, is_special=True),
            special.select("calendar", day + 1, no_hours, is_special=False),
        ]
    )
    # After the last cut of a calendar comes the first of the next one, at -_FAR_DAYS, where the hours are never null.
    return (
        cuts.group_by("calendar", "from_day")
        .agg(pl.col("weekly_hours_id").max(), pl.col("is_special").any())
        .sort("calendar", "from_day")
        .with_columns(
            pl.col("weekly_hours_id").forward_fill(),
            to_day=pl.col("from_day").shift(-1, fill_value=-_FAR_DAYS).replace(-_FAR_DAYS, _FAR_DAYS),
        )
        .filter(~pl.col("is_special"))
    )


def _stretches(rows: pl.DataFrame, start: pl.Expr, end: pl.Expr) -> Stretches:
    columns = rows.select(pl.col("calendar").cast(pl.Int64), start=start.cast(pl.Int64), end=end.cast(pl.Int64))
    calendar, starts, ends = (column.to_numpy() for column in columns)
    return Stretches(calendar=calendar, start=starts, end=ends)


def open_sessions(
    calendars: Calendars, from_us: int, to_us: int, closures: ClosureMode = ClosureMode.HONOUR
) -> Sessions:
    """Lay the hours of every calendar on the time line, clip them to `[from_us, to_us)` and cut the closures out.

    Sessions that touch are one (SEMANTICS 6); a boundary becomes an instant by SEMANTICS 5.
    """
    hours = _to_utc(calendars, _local_stretches(calendars, from_us // DAY_US - 2, to_us // DAY_US + 3))
    sessions, planned = _union(hours.clip(from_us, to_us)), _NONE
    closed = calendars.closures.clip(from_us, to_us)
    if closures is not ClosureMode.IGNORE and len(closed.calendar):
        sessions, planned = _divide(sessions, closed)
    if closures is ClosureMode.EXCLUDE:
        planned = _NONE
    count = len(calendars.zone_of_calendar)
    return Sessions(
        offsets=_offsets(sessions.calendar, count),
        open_us=sessions.start,
        close_us=sessions.end,
        planned_offsets=_offsets(planned.calendar, count),
        planned_start_us=planned.start,
        planned_end_us=planned.end,
        calendar_of=calendars.calendar_of,
    )


def _local_stretches(calendars: Calendars, first_day: int, end_day: int) -> Stretches:
    """Lay weekly and special hours on the local days `[first_day, end_day)`, in seconds of the local clock."""
    weekly = calendars.weekly.clip(first_day, end_day)
    pattern = calendars.pattern[(calendars.weekly.start < end_day) & (calendars.weekly.end > first_day)]
    first_week, end_week = (weekly.start + _EPOCH_WEEKDAY) // 7, (weekly.end + _EPOCH_WEEKDAY + 6) // 7
    ours, week = _count_up(end_week - first_week)
    monday_s = ((first_week[ours] + week) * 7 - _EPOCH_WEEKDAY) * DAY_SECONDS
    of_week, row = _count_up(np.diff(calendars.pattern_offsets)[pattern[ours]])
    ours, monday_s = ours[of_week], monday_s[of_week]
    row += calendars.pattern_offsets[pattern[ours]]
    special = calendars.special.clip(first_day * DAY_SECONDS, end_day * DAY_SECONDS)
    starts = np.maximum(monday_s + calendars.start_s[row], weekly.start[ours] * DAY_SECONDS)
    ends = np.minimum(monday_s + calendars.end_s[row], weekly.end[ours] * DAY_SECONDS)
    return Stretches(
        calendar=np.append(weekly.calendar[ours], special.calendar),
        start=np.append(starts, special.start),
        end=np.append(ends, special.end),
    )


def _to_utc(calendars: Calendars, local: Stretches) -> Stretches:
    """Turn local seconds into instants in us."""
    zone_of = calendars.zone_of_calendar[local.calendar]
    by_zone = np.argsort(zone_of.astype(np.uint16), kind="stable")  # of 16 bits: a radix sort
    limits = _offsets(zone_of[by_zone], len(calendars.zones))
    start_us, end_us = np.empty(len(by_zone), np.int64), np.empty(len(by_zone), np.int64)
    for number, zone in enumerate(calendars.zones):
        ours = by_zone[limits[number] : limits[number + 1]]
        for seconds, instants in ((local.start, start_us), (local.end, end_us)):
            instants[ours] = _to_instants(zone, seconds[ours] * SECOND_US)
    return Stretches(calendar=local.calendar, start=start_us, end=end_us)


def _union(rows: Stretches) -> Stretches:
    """Make one of all that overlap or touch, ascending.

    Starts and ends are sorted apart: the n-th start of a calendar begins a union if n ends come before it.
    """
    calendar, start = _ascending(rows.calendar, rows.start)
    _, end = _ascending(rows.calendar, rows.end)
    begins = np.ones(len(start), bool)
    begins[1:] = (calendar[1:] != calendar[:-1]) | (start[1:] > end[:-1])
    return Stretches(calendar=calendar[begins], start=start[begins], end=end[np.append(begins[1:], True)[: len(end)]])


def _ascending(calendar: Int64s, values: Int64s) -> tuple[Int64s, Int64s]:
    # Weekly hours come in order; to see it takes a tenth of the time of sorting them.
    if ((calendar[1:] > calendar[:-1]) | ((calendar[1:] == calendar[:-1]) & (values[1:] >= values[:-1]))).all():
        return calendar, values
    order = np.lexsort((values, calendar))
    return calendar[order], values[order]


def _divide(sessions: Stretches, closures: Stretches) -> tuple[Stretches, Stretches]:
    """Divide sessions into what lies outside of all closures and what inside, ascending and maximal.

    The time line of every calendar is cut at every edge; how many sessions and closures cover a piece says what it is.
    After the last edge of a calendar none does, so what lies between it and the next calendar is dropped.
    """
    calendar = np.concatenate([sessions.calendar, sessions.calendar, closures.calendar, closures.calendar])
    instant = np.concatenate([sessions.start, sessions.end, closures.start, closures.end])
    order = np.lexsort((instant, calendar))
    calendar, instant = calendar[order], instant[order]
    counts = [len(sessions.start)] * 2 + [len(closures.start)] * 2
    is_open, is_closed = (
        np.cumsum(np.repeat(np.array(steps, np.int32), counts)[order]) > 0 for steps in ([1, -1, 0, 0], [0, 0, 1, -1])
    )
    lasting = np.flatnonzero(instant[:-1] < instant[1:])
    outside, inside = (
        _union(Stretches(calendar=calendar[ours], start=instant[ours], end=instant[ours + 1]))
        for ours in (lasting[(is_open & ~is_closed)[lasting]], lasting[(is_open & is_closed)[lasting]])
    )
    return outside, inside


def _count_up(counts: Int64s) -> tuple[Int64s, Int64s]:
    """Write every index of `counts` as often as it says, and beside it 0, 1, 2 ..."""
    index = np.repeat(np.arange(len(counts)), counts)
    return index, np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)


def local_edges(zone: str, first: date, last: date, by: Literal["month", "week", "day", "hour"]) -> Int64s:
    """Give the instants at which the local months, weeks (from Monday), days or hours begin, and the end of the last.

    They are those that hold the days from `first` to `last`, both included: whole weeks and months. Edges of a skipped
    hour coincide and a repeated hour belongs to its first reading (SEMANTICS 5).
    """
    first_day, last_day = (day.toordinal() - date(1970, 1, 1).toordinal() for day in (first, last))
    if by == "month":
        months = np.arange(np.datetime64(first, "M"), np.datetime64(last, "M") + 2)
        return _to_instants(zone, months.astype("datetime64[us]").astype(np.int64))
    if by == "week":
        first_day -= (first_day + _EPOCH_WEEKDAY) % 7
        last_day += 6 - (last_day + _EPOCH_WEEKDAY) % 7
    step_us = {"week": 7 * DAY_US, "day": DAY_US, "hour": HOUR_US}[by]
    return _to_instants(zone, np.arange(first_day * DAY_US, (last_day + 1) * DAY_US + 1, step_us))


def local_time(zone: str, instant: datetime) -> datetime:
    """Give what the zone's wall clock reads at an instant, without a zone."""
    return instant.astimezone(_zone_info(zone)).replace(tzinfo=None)


def local_readings(zone: str, instants_us: Int64s) -> Int64s:
    """Give what the zone's wall clock reads at instants, int64[N], in microseconds since its 1970."""
    if instants_us.size == 0:
        return instants_us
    first_day, last_day = int(instants_us.min()) // DAY_US, int(instants_us.max()) // DAY_US
    starts_us, offsets_us = _offset_changes(zone, first_day - 1, last_day + 1)
    readings: Int64s = instants_us + offsets_us[np.searchsorted(starts_us, instants_us, side="right") - 1]
    return readings


def first_instant(zone: str, local: datetime) -> datetime:
    """Give the first instant, in UTC, at which the zone's wall clock reads `local` or later (SEMANTICS 5)."""
    local_us = np.array([(local - datetime(1970, 1, 1)) // timedelta(microseconds=1)], np.int64)  # noqa: DTZ001
    return instant_of(int(_to_instants(zone, local_us)[0]))


def _to_instants(zone: str, local_us: Int64s) -> Int64s:
    """Turn local wall-clock times into the first instants at which the clock reads that time or later (SEMANTICS 5)."""
    if local_us.size == 0:
        return local_us
    starts_us, offsets_us = _offset_changes(zone, int(local_us.min()) // DAY_US - 2, int(local_us.max()) // DAY_US + 2)
    read_until_us = np.append(starts_us[1:] + offsets_us[:-1], _FOREVER_US)
    period = np.searchsorted(np.maximum.accumulate(read_until_us), local_us, side="right")
    instants: Int64s = np.maximum(starts_us[period], local_us - offsets_us[period])
    return instants


@lru_cache(maxsize=4096)
def _offset_changes(zone: str, first_day: int, last_day: int) -> tuple[Int64s, Int64s]:
    """List the UTC offsets of a zone between two UTC days (since 1970): when each begins, and the offset, in us.

    Sampled once a day and bisected to the second, so a zone that changed and changed back within one UTC day would be
    missed; a test walks all of tzdata to show that none does.
    """
    info = _zone_info(zone)

    def offset_s(instant_s: int) -> int:
        offset = datetime.fromtimestamp(instant_s, info).utcoffset()
        return int(offset.total_seconds()) if offset is not None else 0

    def changes(low_s: int, low_offset: int, high_s: int, high_offset: int) -> list[tuple[int, int]]:
        if low_offset == high_offset:
            return []
        if high_s - low_s == 1:
            return [(high_s, high_offset)]
        middle_s = (low_s + high_s) // 2
        middle = offset_s(middle_s)
        return changes(low_s, low_offset, middle_s, middle) + changes(middle_s, middle, high_s, high_offset)

    days = range(max(first_day, _FIRST_DAY) * DAY_SECONDS, min(last_day, _LAST_DAY) * DAY_SECONDS + 1, DAY_SECONDS)
    sampled = [offset_s(instant_s) for instant_s in days]
    found = [(days[0], sampled[0])]
    for number in range(1, len(days)):
        found += changes(days[number - 1], sampled[number - 1], days[number], sampled[number])
    pairs = np.array(found, np.int64) * SECOND_US
    return pairs[:, 0].copy(), pairs[:, 1].copy()


@lru_cache(maxsize=1024)
def _zone_info(name: str) -> ZoneInfo:
    with (ZONES_FOLDER / "zoneinfo" / name).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def _offsets(groups: Int64s, count: int) -> Int64s:
    """Where each of `count` groups begins in the ascending array `groups`, and the end: int64[count+1]."""
    return np.searchsorted(groups, np.arange(count + 1)).astype(np.int64)
