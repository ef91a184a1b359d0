"""The columns of a report's tables in Excel: their titles, units, number formats and widths.

Cells hold unrounded numbers: durations in minutes, ratios, times as Excel's day numbers. The number format rounds.
Excel keeps 16 digits of a number, which is enough for every microsecond of 190 years.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import polars as pl

from storewatch.domain.instants import DAY_US, HOUR_US, MINUTE_US
from storewatch.reports.compute.content import LOST_SALES
from storewatch.reports.exports.columns import divided
from storewatch.reports.exports.window_words import spoken

# The longest text of an Excel cell, with room for the note that it was cut.
_LONGEST_TEXT: Final = 32_000
_EPOCH_DAYS: Final = 25_569  # 1970-01-01 in days of Excel


class Look(Enum):
    """The kind of a cell, and its number format. A share is shown as 100.00 % only if it is exactly 1."""

    TEXT = "@"  # stays text when it is edited, also when it begins like a formula
    COUNT = "#,##0"
    AMOUNT = "#,##0.00;-#,##0.00"
    MONEY = "#,##0.00;-#,##0.00;0.00"
    MINUTES = "#,##0.0"
    HOURS = "#,##0.00"
    RATE = "0.0000"
    SHARE = '[=1]0.00%;[>=0.99995]"99.99%";0.00%'
    CHANGE = "+0.00%;-0.00%;0.00%"
    TIME = "yyyy-mm-dd hh:mm:ss"
    FLAG = ""  # yes or no


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a sheet: its name in the table, its title, its look, and its width in characters."""

    name: str
    title: str
    look: Look
    width: float

    @property
    def is_text(self) -> bool:
        return self.look in (Look.TEXT, Look.FLAG)


_TITLES: Final = {
    "store_id": "Store",
    "from_at": "From",
    "business_us": "Business time",
    "to_at": "To",
    "hours_source": "Source of hours",
    "timezone": "Time zone",
    "timezone_source": "Source of time zone",
    "availability_lowest": "Availability at least",
    "availability_highest": "Availability at most",
    "availability_median": "Median of stores",
    "availability_p5": "5th percentile",
    "availability_p95": "95th percentile",
    "share_without_downtime": "Stores without downtime",
    "stores_without_known_time": "Stores without known time",
    "before_availability": "Availability before",
    "availability_change": "Change of availability",
    "target_met": "Target met",
    "error_budget_us": "Error budget",
    "error_budget_left_us": "Error budget left",
    "peer_availability": "Availability of peers",
    "peer_difference": "Difference from peers",
    "peer_rank": "Rank among peers",
    "peer_stores": "Peers",
    "outage_us": "Outage time",
    "longest_outage_us": "Longest outage",
    "mean_outage_us": "Mean outage",
    "mttr_us": "MTTR",
    "mtbf_us": "MTBF",
    "late_open_us": "Lost to late openings",
    "late_opens": "Late openings",
    "early_close_us": "Lost to early closings",
    "early_closes": "Early closings",
    "missed_us": "Lost to missed sessions",
    "missed_sessions": "Missed sessions",
    "polls_outside_hours": "Polls outside hours",
    "duplicates": "Repeated polls",
    "median_gap_us": "Median gap",
    "longest_gap_us": "Longest gap",
    "stores_on_target": "Target met",
    "stores_with_rejected_rows": "Default after rejected rows",
    "rejected_rows": "Rejected rows of these",
    "lost_sales_lowest": "Lost sales at least",
    "lost_sales_highest": "Lost sales at most",
    "bucket": "Begins",
    "start_at": "Start",
    "end_at": "End",
    "start_local": "Start",
    "end_local": "End",
    "wall_us": "Start to end",
    "blind_us": "Without polls from the feed",
    "opened_at": "First inactive poll",
    "closed_at": "Next active poll",
    "began_before": "Began before window",
    "first_start_at": "First start",
    "last_start_at": "Last start",
    "label_stores": "Stores with the label",
    "store_ids": "Stores affected",
    "unpolled_share": "Open stores not polled",
    "availability_corrected": "Availability, corrected",
    "down_corrected_us": "Down, corrected",
    "business_corrected_us": "Business time, corrected",
    "feed_judged_us": "Checked for blind spots",
    "availability_expected": "Availability, expected",
    "availability_from": "95 % sure: from",
    "availability_to": "95 % sure: to",
    "unseen_outages_expected": "Outages not seen",
    "seen_outage_minutes": "Seen 95 of 100 from (min)",
    "availability_change_certain": "Change is certain",
    "peer_difference_certain": "Difference is certain",
    "target_verdict": "Target, by interval",
    "down_per_hour": "Goes down per hour",
    "down_per_hour_from": "At least",
    "down_per_hour_to": "At most",
    "up_per_hour": "Comes back per hour",
    "up_per_hour_from": "At least",
    "up_per_hour_to": "At most",
    "long_run_availability": "Availability, long run",
    "reason_polls": "Polls with the reason",
    "reasons": "All reasons",
}
FIGURES_IN_ORDER: Final = (
    "availability",
    "availability_lowest",
    "availability_highest",
    "coverage",
    "down_us",
    "up_us",
    "unknown_us",
    "planned_us",
    "business_us",
)
_LAST: Final = ("timezone", "timezone_source", "hours_source")
_SHARES: Final = (
    "coverage",
    "availability",
    "share_",
    "target",
    "confidence",
    "unpolled_share",
    "before_",
    "peer_av",
    "long_run",
)
_CHANGES: Final = ("availability_change", "peer_difference")
_WIDTHS: Final = {
    "store_id": 24,
    "name": 28,
    "evidence": 52,
    "correction": 44,
    "note": 36,
    "store_ids": 60,
    "group": 20,
    "reason": 28,
    "reasons": 44,
}


def column_of(name: str, dtype: pl.DataType, *, in_hours: bool = False) -> Column:
    """Return the column for a name and dtype. Durations are in minutes unless in_hours."""
    look = _look(name, dtype)
    look = Look.HOURS if in_hours and look is Look.MINUTES else look
    title = _TITLES.get(name, name.removesuffix("_us").replace("_", " ").capitalize())
    if look is Look.MINUTES:
        title += " (min)"
    elif look is Look.HOURS:
        title += " (h)"
    elif look is Look.TIME:
        title += " (UTC)" if getattr(dtype, "time_zone", None) else " (local)"
    default = {Look.TIME: 19.5, Look.TEXT: 18, Look.FLAG: 11}.get(look, 14)
    return Column(name=name, title=title, look=look, width=_WIDTHS.get(name, default))


def columns_of(schema: pl.Schema) -> list[Column]:
    """Return the columns of a sheet in schema order, with figures in FIGURES_IN_ORDER and sources at the end."""
    figures = iter([name for name in FIGURES_IN_ORDER if name in schema])
    names = [next(figures) if name in FIGURES_IN_ORDER else name for name in schema if name not in _LAST]
    return [column_of(name, schema[name]) for name in (*names, *(name for name in _LAST if name in schema))]


def cells(rows: pl.DataFrame, columns: list[Column]) -> pl.DataFrame:
    """Return rows as values of cells: text and numbers."""
    return pl.DataFrame([_column_values(column, rows[column.name]) for column in columns])


def _look(name: str, dtype: pl.DataType) -> Look:
    for look, matches in (
        (Look.MONEY, name in LOST_SALES),
        (Look.TIME, dtype.is_temporal()),
        (Look.FLAG, dtype == pl.Boolean),
        (Look.TEXT, dtype in (pl.String, pl.List(pl.String))),
    ):
        if matches:
            return look
    if name.endswith("_us"):
        return Look.MINUTES
    if name in _CHANGES:
        return Look.CHANGE
    if dtype.is_integer():
        return Look.COUNT
    if "_per_hour" in name:
        return Look.RATE
    return Look.SHARE if name.startswith(_SHARES) else Look.AMOUNT


def _column_values(column: Column, values: pl.Series) -> pl.Series:
    unit = {Look.TIME: DAY_US, Look.MINUTES: MINUTE_US, Look.HOURS: HOUR_US}.get(column.look)
    if unit is not None:
        numbers = divided(values.to_physical(), unit)
        return numbers + _EPOCH_DAYS if column.look is Look.TIME else numbers
    if column.name == "target":
        return divided(values, 100)
    if column.name == "window":
        return values.replace_strict({name: spoken(name) for name in values.unique()}, return_dtype=pl.String)
    return values.to_frame().select(_text(column, values.dtype)).to_series() if column.is_text else values


def _text(column: Column, dtype: pl.DataType) -> pl.Expr:
    cell = pl.col(column.name)
    if column.look is Look.FLAG:
        return pl.when(cell).then(pl.lit("yes")).when(~cell).then(pl.lit("no")).alias(column.name)
    text = cell.list.join(", ") if dtype == pl.List(pl.String) else cell
    if column.name == "group":
        text = text.fill_null("(none)")
    cut = text.str.slice(0, _LONGEST_TEXT) + " … (cut here)"
    return pl.when(text.str.len_chars() > _LONGEST_TEXT).then(cut).otherwise(text).alias(column.name)
