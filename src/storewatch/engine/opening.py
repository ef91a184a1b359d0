"""Weekly hours and time zones to sessions: the only place where local time exists (SEMANTICS 2-7).

Stores share few distinct calendars (a pair of weekly hours and zone: 14,089 real stores have 2,085), so sessions are
made once a calendar and stores point at theirs. What opens a store on a date (later: dated overrides, versions of the
hours) is decided here; the walk in `timeline` only ever sees sessions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import tzdata

from storewatch.engine.columns import DAY_SECONDS, DAY_US, HOUR_US, SECOND_US, WEEK_SECONDS, Int32s, Int64s, instant_of

TZDATA_VERSION: Final[str] = tzdata.IANA_VERSION
DEFAULT_TIMEZONE: Final = "America/Chicago"

_ZONES_DIR: Final = Path(tzdata.__file__).parent
_END_OF_DAY_FROM_S: Final = 23 * 3600 + 59 * 60  # an end of 23:59:00 or later means 24:00 (SEMANTICS 2)
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday
_FOREVER_US: Final = np.iinfo(np.int64).max
_FIRST_DAY: Final = date(1, 1, 3).toordinal() - date(1970, 1, 1).toordinal()
_LAST_DAY: Final = date(9999, 12, 28).toordinal() - date(1970, 1, 1).toordinal()


@dataclass(frozen=True, kw_only=True)
class Calendars:
    """The distinct calendars of a list of stores.

    offsets: int64[C+1], the rows of calendar c are offsets[c]:offsets[c+1].
    start_s, end_s: int32[N], open spans in seconds of the local week from Monday 00:00, merged and sorted.
    zones: the distinct zone names; zone_of_calendar: int64[C], index into them.
    calendar_of: int64[S], the calendar of each store.
    """

    offsets: Int64s
    start_s: Int32s
    end_s: Int32s
    zones: tuple[str, ...]
    zone_of_calendar: Int64s
    calendar_of: Int64s

    @property
    def zone_of(self) -> Int64s:
        """The zone of each store: int64[S], index into `zones`."""
        return self.zone_of_calendar[self.calendar_of]


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """The open time of every calendar inside one range, in UTC (SEMANTICS 6).

    offsets: int64[C+1]; open_us, close_us: int64[N], disjoint, not touching, ascending inside a calendar.
    calendar_of: int64[S], the calendar of each store.
    """

    offsets: Int64s
    open_us: Int64s
    close_us: Int64s
    calendar_of: Int64s


@lru_cache(maxsize=1)
def _timezone_names() -> frozenset[str]:
    return frozenset((_ZONES_DIR / "zones").read_text(encoding="ascii").split()) - {"Factory"}


def is_timezone(name: str) -> bool:
    """Tell whether `name` is an IANA zone of the pinned tzdata wheel (the system's own tables are never read)."""
    return name in _timezone_names()


def weekly_intervals(rows: pl.DataFrame) -> pl.DataFrame:
    """Normalise rows of weekly hours by SEMANTICS 2.

    rows: columns.WEEKLY_HOURS, any order; rows with start == end other than 00:00-00:00 must not be among them.
    Returns one row a store, sorted: store_id, intervals (list of {start_s, end_s} in seconds of the local week,
    0 <= start_s < end_s <= 604,800, disjoint, not touching, sorted).
    """
    end_s = pl.when(pl.col("end_s") >= _END_OF_DAY_FROM_S).then(DAY_SECONDS).otherwise(pl.col("end_s"))
    spans = rows.select(
        "store_id",
        start_s=pl.col("day").cast(pl.Int32) * DAY_SECONDS + pl.col("start_s"),
        length_s=end_s - pl.col("start_s") + pl.when(end_s <= pl.col("start_s")).then(DAY_SECONDS).otherwise(0),
    ).with_columns(end_s=pl.col("start_s") + pl.col("length_s"))
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


def assign_calendars(stores: pl.DataFrame, weekly_hours: pl.DataFrame) -> Calendars:
    """Find the distinct calendars of `stores`, in their order.

    stores: weekly_hours_id (null: open 24x7) and timezone (null: America/Chicago), one row a store.
    weekly_hours: weekly_hours_id and intervals as `weekly_intervals` gives them, one row an id.
    """
    keys = stores.select("weekly_hours_id", pl.col("timezone").fill_null(DEFAULT_TIMEZONE))
    distinct = keys.unique(maintain_order=True).with_row_index("calendar")
    calendar_of = keys.join(
        distinct, on=["weekly_hours_id", "timezone"], how="left", nulls_equal=True, maintain_order="left"
    )["calendar"]
    always = [{"start_s": 0, "end_s": WEEK_SECONDS}]
    spans = (
        distinct.join(weekly_hours, on="weekly_hours_id", how="left", maintain_order="left")
        .select(
            "calendar",
            pl.when(pl.col("weekly_hours_id").is_null())
            .then(pl.lit(always, pl.List(pl.Struct({"start_s": pl.Int32, "end_s": pl.Int32}))))
            .otherwise(pl.col("intervals"))
            .alias("intervals"),
        )
        .explode("intervals", empty_as_null=False)
        .drop_nulls("intervals")
        .unnest("intervals")
    )
    zones = distinct["timezone"].unique().sort()
    return Calendars(
        offsets=_offsets(spans["calendar"].to_numpy(), distinct.height),
        start_s=spans["start_s"].to_numpy(),
        end_s=spans["end_s"].to_numpy(),
        zones=tuple(zones),
        zone_of_calendar=zones.search_sorted(distinct["timezone"]).cast(pl.Int64).to_numpy(),
        calendar_of=calendar_of.cast(pl.Int64).to_numpy(),
    )


def open_sessions(calendars: Calendars, from_us: int, to_us: int) -> Sessions:
    """Lay the weekly hours of every calendar on the time line and clip them to `[from_us, to_us)`.

    Sessions that touch are one (SEMANTICS 6); a boundary becomes an instant by SEMANTICS 5.
    """
    first_week = (from_us // DAY_US - 1 + _EPOCH_WEEKDAY) // 7
    last_week = (to_us // DAY_US + 1 + _EPOCH_WEEKDAY) // 7
    mondays_us = (np.arange(first_week, last_week + 1) * 7 - _EPOCH_WEEKDAY) * DAY_US
    calendar_of_span = np.repeat(np.arange(len(calendars.offsets) - 1), np.diff(calendars.offsets))
    zone_of_span = calendars.zone_of_calendar[calendar_of_span]
    open_us = np.empty((len(calendar_of_span), len(mondays_us)), np.int64)
    close_us = np.empty_like(open_us)
    for number, zone in enumerate(calendars.zones):
        ours = zone_of_span == number
        for seconds, instants in ((calendars.start_s, open_us), (calendars.end_s, close_us)):
            local_us = mondays_us + seconds[ours, None].astype(np.int64) * SECOND_US
            instants[ours] = _to_instants(zone, local_us)
    calendar = np.repeat(calendar_of_span, len(mondays_us))
    opens, closes = np.clip(open_us.ravel(), from_us, to_us), np.clip(close_us.ravel(), from_us, to_us)
    order = np.lexsort((opens, calendar))
    order = order[opens[order] < closes[order]]
    calendar, opens, closes = calendar[order], opens[order], closes[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (calendar[1:] != calendar[:-1]) | (opens[1:] > closes[:-1])
    ends = np.append(begins[1:], True)[: len(order)]
    return Sessions(
        offsets=_offsets(calendar[begins], len(calendars.offsets) - 1),
        open_us=opens[begins],
        close_us=closes[ends],
        calendar_of=calendars.calendar_of,
    )


def local_edges(zone: str, first: date, last: date, by: Literal["day", "hour"]) -> Int64s:
    """Give the instants at which the local days (or hours) from `first` to `last`, both included, begin, and the end.

    Edges of a skipped hour coincide and a repeated hour belongs to its first reading (SEMANTICS 5).
    """
    begin_us, end_us = (day.toordinal() - date(1970, 1, 1).toordinal() for day in (first, last))
    return _to_instants(
        zone, np.arange(begin_us * DAY_US, (end_us + 1) * DAY_US + 1, DAY_US if by == "day" else HOUR_US)
    )


def local_time(zone: str, instant: datetime) -> datetime:
    """Give what the zone's wall clock reads at an instant, without a zone."""
    return instant.astimezone(_zone_info(zone)).replace(tzinfo=None)


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
    with (_ZONES_DIR / "zoneinfo" / name).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def _offsets(groups: Int64s, count: int) -> Int64s:
    """Where each of `count` groups begins in the ascending array `groups`, and the end: int64[count+1]."""
    return np.searchsorted(groups, np.arange(count + 1)).astype(np.int64)
