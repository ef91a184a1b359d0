"""The distinct calendars of stores: weekly hours, zone and changes.

Many stores share a calendar (14,089 real stores have 2,085), so sessions are computed once a calendar. Each store has
the index of its calendar.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from storewatch.domain.columns import Int32s, Int64s
from storewatch.domain.instants import DAY_SECONDS, WEEK_SECONDS
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.opening.changes import (
    CLOSURE,
    LIFE,
    NO_CHANGES,
    SPECIAL,
    VERSION,
    HoursChanges,
    number_change_sets,
)
from storewatch.engine.opening.stretches import Stretches

_FAR_DAYS: Final = 10_000 * 366  # beyond any date, either way from 1970
_ALWAYS_OPEN: Final = -1  # replaces a null weekly_hours_id; the ids of the catalog are positive


@dataclass(frozen=True, kw_only=True)
class Calendars:
    """The distinct calendars of a list of stores.

    weekly: stretches of local days since 1970 in which one pattern of weekly hours holds, without the dates of special
    hours. pattern: int64[M], the pattern of each of these stretches.
    pattern_offsets: int64[P+1], the rows of pattern p are pattern_offsets[p]:pattern_offsets[p+1].
    start_s, end_s: int32[N], open spans in seconds of the local week from Monday 00:00, merged and sorted.
    special: rows of special hours, in seconds of the local clock since its 1970. closures: in us, may overlap.
    lives: the time in business, in seconds of the local clock since its 1970; a calendar without one always is.
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
    lives: Stretches
    zones: tuple[str, ...]
    zone_of_calendar: Int64s
    calendar_of: Int64s

    @property
    def zone_of(self) -> Int64s:
        """The zone of each store: int64[S], index into `zones`."""
        return self.zone_of_calendar[self.calendar_of]

    def of_one(self, calendar: int) -> "Calendars":
        """Return this calendar alone, as number 0, with one store. The patterns keep their numbers."""
        return replace(
            self,
            weekly=self.weekly.of_one(calendar),
            pattern=self.pattern[self.weekly.calendar == calendar],
            special=self.special.of_one(calendar),
            closures=self.closures.of_one(calendar),
            lives=self.lives.of_one(calendar),
            zone_of_calendar=self.zone_of_calendar[[calendar]],
            calendar_of=np.zeros(1, np.int64),
        )


def assign_calendars(stores: pl.DataFrame, weekly_hours: pl.DataFrame, changes: HoursChanges = NO_CHANGES) -> Calendars:
    """Find the distinct calendars of `stores`, in their order.

    stores: weekly_hours_id (null: open 24x7) and timezone (null: America/Chicago), one row a store; store_id too if
    there are changes. weekly_hours: weekly_hours_id and intervals as `weekly_intervals` returns them, one row an id.
    """
    change_set, rows = number_change_sets(stores, changes)
    keys = stores.select("weekly_hours_id", pl.col("timezone").fill_null(DEFAULT_TIMEZONE), change_set)
    distinct = keys.unique(maintain_order=True).with_row_index("calendar")
    calendar_of = keys.join(distinct, on=keys.columns, how="left", nulls_equal=True, maintain_order="left")["calendar"]
    changed = distinct.select("calendar", "change_set").join(rows, on="change_set")
    versions, special, closures, lives = (changed.filter(kind=kind) for kind in (VERSION, SPECIAL, CLOSURE, LIFE))
    known = weekly_hours.select("weekly_hours_id", "intervals")
    always = [{"start_s": 0, "end_s": WEEK_SECONDS}]
    patterns = pl.concat([known, pl.DataFrame([(_ALWAYS_OPEN, always)], known.schema, orient="row")])
    spans = patterns["intervals"].explode(empty_as_null=False).struct.unnest()
    weekly = _weekly_days(distinct, versions, special).join(
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
        lives=_stretches(
            lives,
            pl.col("first").fill_null(-_FAR_DAYS) * DAY_SECONDS,
            pl.col("second").fill_null(_FAR_DAYS) * DAY_SECONDS,
        ),
        zones=tuple(zones),
        zone_of_calendar=zones.search_sorted(distinct["timezone"]).cast(pl.Int64).to_numpy(),
        calendar_of=calendar_of.cast(pl.Int64).to_numpy(),
    )


def _weekly_days(distinct: pl.DataFrame, versions: pl.DataFrame, special: pl.DataFrame) -> pl.DataFrame:
    """Split the local days of calendars by the weekly hours that hold: calendar, weekly_hours_id, from_day, to_day.

    Days with special hours are left out (SEMANTICS 17, 18).
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
    # The cuts of all calendars lie in one column. The cut after a calendar's last one is the first of the next
    # calendar, at -_FAR_DAYS: its day stands for "no end", and its hours are never null, so filling stops there.
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
