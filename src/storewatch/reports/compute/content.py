"""The content of a report, as tables that every form writes: one set of numbers, computed once.

Durations are whole microseconds (`_us`, Int64), ratios unrounded (null where there is nothing to divide by), instants
UTC, local times without a zone. A form chooses units and rounds once, when it writes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import polars as pl

from storewatch.domain.columns import INSTANT, Int64s
from storewatch.domain.enums import ReportTable, Status
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.engine.measures import measure
from storewatch.reports.request.request import ReportRequest
from storewatch.stores.data_clock import ClockWarning
from storewatch.stores.gaps import InputGaps

ROWS_AT_ONCE: Final = 50_000


FIGURES: Final = pl.Schema(
    {
        "business_us": pl.Int64,
        "up_us": pl.Int64,
        "down_us": pl.Int64,
        "unknown_us": pl.Int64,
        "planned_us": pl.Int64,
        "availability": pl.Float64,
        "coverage": pl.Float64,
        "availability_lowest": pl.Float64,
        "availability_highest": pl.Float64,
    }
)
# How stores spread around the ratio of their sums (SEMANTICS 13). The share is one of the stores with known time.
SPREAD: Final = pl.Schema(
    {
        "availability_median": pl.Float64,
        "availability_p5": pl.Float64,
        "availability_p95": pl.Float64,
        "share_without_downtime": pl.Float64,
        "stores_without_known_time": pl.Int64,
    }
)
# Blocks of columns that some tables have when the request includes them. target: in percent.
TARGET_FIGURES: Final = pl.Schema(
    {"target": pl.Float64, "target_met": pl.Boolean, "error_budget_us": pl.Int64, "error_budget_left_us": pl.Int64}
)
BEFORE: Final = pl.Schema({"before_availability": pl.Float64, "availability_change": pl.Float64})
PEERS: Final = pl.Schema(
    {
        "peer_group": pl.String,
        "peer_availability": pl.Float64,
        "peer_difference": pl.Float64,
        "peer_rank": pl.Int64,
        "peer_stores": pl.Int64,
    }
)
# outage_us: of the outages that are listed, so without those that min_duration leaves out.
OUTAGE_FIGURES: Final = pl.Schema(
    {
        "outages": pl.Int64,
        "outage_us": pl.Int64,
        "longest_outage_us": pl.Int64,
        "mean_outage_us": pl.Int64,
        "mttr_us": pl.Int64,
        "mtbf_us": pl.Int64,
    }
)
OPENINGS: Final = pl.Schema(
    {
        "late_open_us": pl.Int64,
        "late_opens": pl.Int64,
        "early_close_us": pl.Int64,
        "early_closes": pl.Int64,
        "missed_us": pl.Int64,
        "missed_sessions": pl.Int64,
    }
)
QUALITY: Final = pl.Schema(
    {
        "polls": pl.Int64,
        "polls_outside_hours": pl.Int64,
        "duplicates": pl.Int64,
        "median_gap_us": pl.Int64,
        "longest_gap_us": pl.Int64,
    }
)
# In the summary: stores with a default because all of their rows were rejected, and these rows.
REJECTED: Final = pl.Schema({"stores_with_rejected_rows": pl.Int64, "rejected_rows": pl.Int64})
# In the summary: time in which enough stores were open to find blind spots of the feed.
FEED: Final = pl.Schema({"feed_judged_us": pl.Int64})
LOST_SALES: Final = pl.Schema(
    {"lost_sales": pl.Float64, "lost_sales_lowest": pl.Float64, "lost_sales_highest": pl.Float64}
)
# How sure an availability is: its expected value, and the interval in which it lies 95 times of 100. And the outages
# that no poll saw: how many are expected, and the length that polls see 95 times of 100.
SAMPLING: Final = pl.Schema(
    {
        "availability_expected": pl.Float64,
        "availability_from": pl.Float64,
        "availability_to": pl.Float64,
        "unseen_outages_expected": pl.Float64,
        "seen_outage_minutes": pl.Float64,
    }
)

_WINDOW: Final = {"window": pl.String(), "from_at": INSTANT, "to_at": INSTANT}

# One row for each window. from_at, to_at: the earliest and latest of the stores' zones.
SUMMARY: Final = pl.Schema({**_WINDOW, "stores": pl.Int64(), **FIGURES, **SPREAD})
# One row for each store and window.
STORE_FIGURES: Final = pl.Schema(
    {
        "store_id": pl.String(),
        "name": pl.String(),
        "timezone": pl.String(),
        "timezone_source": pl.String(),
        "hours_source": pl.String(),
        **_WINDOW,
        **FIGURES,
    }
)
# One row for each group and window.
GROUPS: Final = pl.Schema({"group": pl.String(), "window": pl.String(), "stores": pl.Int64(), **FIGURES, **SPREAD})
# One row a store, window and local hour, day, week or month; bucket: what the local clock reads at its beginning.
BUCKETS: Final = pl.Schema(
    {
        "store_id": pl.String(),
        "name": pl.String(),
        "window": pl.String(),
        "bucket": pl.Datetime("us"),
        "from_at": INSTANT,
        "to_at": INSTANT,
        **FIGURES,
    }
)
# The buckets of all stores together. partial: the window cuts the bucket of some store short, or leaves it out.
TREND: Final = pl.Schema(
    {
        "window": pl.String(),
        "bucket": pl.Datetime("us"),
        "partial": pl.Boolean(),
        "stores": pl.Int64(),
        **FIGURES,
    }
)
# One row an outage. start_local, end_local: what the store's clock reads at its ends. position: late_open, early_close,
# middle or whole; state: ended, ongoing or continues. blind_us: how much of wall_us lies in blind spots of the feed.
# cause, note: of the annotation that overlaps it and came last. inactive_polls: those that say it was down; reason: the
# most frequent one of their reasons, reason_polls: how many have it; reasons: all of them in words.
OUTAGES: Final = pl.Schema(
    {
        "store_id": pl.String(),
        "name": pl.String(),
        "window": pl.String(),
        "start_at": INSTANT,
        "end_at": INSTANT,
        "start_local": pl.Datetime("us"),
        "end_local": pl.Datetime("us"),
        "down_us": pl.Int64(),
        "wall_us": pl.Int64(),
        "blind_us": pl.Int64(),
        "opened_at": INSTANT,
        "closed_at": INSTANT,
        "position": pl.String(),
        "state": pl.String(),
        "began_before": pl.Boolean(),
        "cause": pl.String(),
        "note": pl.String(),
        "inactive_polls": pl.Int64(),
        "reason": pl.String(),
        "reason_polls": pl.Int64(),
        "reasons": pl.String(),
    }
)
# One row a store, window and reason of its inactive polls; null is no reason. The down times add up to the store's.
REASONS: Final = pl.Schema(
    {
        "store_id": pl.String,
        "name": pl.String,
        "window": pl.String,
        "reason": pl.String,
        "inactive_polls": pl.Int64,
        "down_us": pl.Int64,
    }
)
# One row for all stores (no group), then one a group of stores: how often they go down and come back, per hour of
# business time, with the limits within which each rate lies 95 times of 100. Null where too few changes were seen.
RATES: Final = pl.Schema(
    {
        "group": pl.String,
        "stores": pl.Int64,
        "changes": pl.Int64,
        "down_per_hour": pl.Float64,
        "down_per_hour_from": pl.Float64,
        "down_per_hour_to": pl.Float64,
        "up_per_hour": pl.Float64,
        "up_per_hour_from": pl.Float64,
        "up_per_hour_to": pl.Float64,
        "mean_outage_us": pl.Int64,
        "long_run_availability": pl.Float64,
    }
)
# One row an event: outages of many stores of a label that start together. shared: stores of the label in the report.
MASS_OUTAGES: Final = pl.Schema(
    {
        "window": pl.String(),
        "label": pl.String(),
        "value": pl.String(),
        "first_start_at": INSTANT,
        "last_start_at": INSTANT,
        "end_at": INSTANT,
        "stores": pl.Int64(),
        "label_stores": pl.Int64(),
        "down_us": pl.Int64(),
        "store_ids": pl.List(pl.String()),
    }
)
# One row a window, weekday (0 = Monday) and local hour, all stores together; with one store in the report, its own.
PATTERN: Final = pl.Schema({"window": pl.String(), "weekday": pl.Int64(), "hour": pl.Int64(), **FIGURES})
BLIND_SPOTS: Final = pl.Schema(
    {"window": pl.String(), "start_at": INSTANT, "end_at": INSTANT, "unpolled_share": pl.Float64()}
)
# One row a finding. Figures before and after the correction are those of the first window.
DOCTOR: Final = pl.Schema(
    {
        "store_id": pl.String(),
        "name": pl.String(),
        "finding": pl.String(),
        "evidence": pl.String(),
        "correction": pl.String(),
        "confidence": pl.Float64(),
        "availability": pl.Float64(),
        "availability_corrected": pl.Float64(),
        "down_us": pl.Int64(),
        "down_corrected_us": pl.Int64(),
        "business_us": pl.Int64(),
        "business_corrected_us": pl.Int64(),
    }
)


def figures_frame(totals_us: Int64s) -> pl.DataFrame:
    """Return totals int64[N,4] as the columns of FIGURES."""
    measures = measure(totals_us)
    return pl.DataFrame(
        {
            "business_us": measures.business_us,
            "up_us": totals_us[:, Status.UP],
            "down_us": totals_us[:, Status.DOWN],
            "unknown_us": totals_us[:, Status.UNKNOWN],
            "planned_us": totals_us[:, Status.PLANNED],
            "availability": measures.availability,
            "coverage": measures.coverage,
            "availability_lowest": measures.lowest,
            "availability_highest": measures.highest,
        },
        schema=FIGURES,
        nan_to_null=True,
    )


@dataclass(frozen=True, kw_only=True)
class StoredRows:
    """Rows of a table in an Arrow file."""

    file: Path
    height: int


def store_rows(rows: pl.DataFrame, folder: Path) -> StoredRows:
    """Write rows to a new file in a folder."""
    file = folder / f"{uuid4().hex}.arrow"
    rows.write_ipc(file)
    return StoredRows(file=file, height=rows.height)


@dataclass(kw_only=True)
class ContentTable:
    """Ordered rows: in memory, in files, or made when they are read.

    folder: where rows that are appended are written; None keeps them in memory. fill_in: completes rows when they are
    read, with figures that were unknown when they were appended.
    """

    schema: pl.Schema
    folder: Path | None = None
    height: int = 0
    fill_in: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    _frames: list[pl.DataFrame | StoredRows | Callable[[], pl.DataFrame]] = field(default_factory=list)

    def append(self, rows: pl.DataFrame | StoredRows) -> None:
        """Add rows. Stored rows must have the table's schema; a frame may have more columns."""
        if isinstance(rows, pl.DataFrame):
            rows = rows.select(self.schema.names()).cast(self.schema)
            if self.folder is not None and not rows.is_empty():
                rows = store_rows(rows, self.folder)
        self.height += rows.height
        self._frames.append(rows)

    def append_later(self, make: Callable[[], pl.DataFrame], height: int) -> None:
        """Add rows in the table's schema that are made when they are read."""
        self.height += height
        self._frames.append(make)

    def frames(self) -> Iterator[pl.DataFrame]:
        """Return the rows, at most ROWS_AT_ONCE of them at a time."""
        for kept in self._frames:
            made = pl.read_ipc(kept.file) if isinstance(kept, StoredRows) else kept
            slices = (made() if callable(made) else made).iter_slices(ROWS_AT_ONCE)
            yield from slices if self.fill_in is None else map(self.fill_in, slices)

    def read(self) -> pl.DataFrame:
        """Return all rows at once."""
        return pl.concat([self.schema.to_frame(), *self.frames()])


@dataclass(frozen=True, kw_only=True)
class Versions:
    """The versions of the data and software of a report. catalog: of stores, hours, closures and annotations."""

    lake: int
    catalog: int
    tzdata: str
    software: str


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A stretch of one status in a day. start, end: shares of the 24 hours that the clock reads."""

    start: float
    end: float
    length_us: int
    status: Status


@dataclass(frozen=True, kw_only=True)
class StoreDay:
    """A local day of one store. length_us: of the whole day; stretches: ascending, what lies in the window."""

    day: date
    length_us: int
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, kw_only=True)
class StoreHours:
    """The hours of one store on its clock, in words. weekly: such as `Mon-Fri 09:00-17:00`.

    changed_on: dates of the windows from which other weekly hours hold. special: dates of the windows with their hours.
    """

    weekly: str
    changed_on: tuple[date, ...]
    special: tuple[tuple[date, str], ...]


@dataclass(frozen=True, kw_only=True)
class Content:
    """One report. tables: SUMMARY and STORE_FIGURES always, the others if they are requested.

    labels: of the one store of a report on one store, else empty. days, hours: of it, for a PDF, else empty and None.
    clock_warning: None where as_of fits the polls. input_gaps: with the doctor only. facts: what sections add to the
    header, by name. scope: of the caller; it decides which versions the files show.
    """

    request: ReportRequest
    scope: Scope = ALL_STORES
    as_of_us: int
    versions: Versions
    stores: int
    tables: Mapping[ReportTable, ContentTable]
    labels: Mapping[str, str] = field(default_factory=dict)
    days: Mapping[str, tuple[StoreDay, ...]] = field(default_factory=dict)
    hours: StoreHours | None = None
    clock_warning: ClockWarning | None = None
    input_gaps: InputGaps | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def only_table(self) -> ContentTable:
        """The table of a file that holds one table."""
        assert self.request.only_table is not None  # noqa: S101 - the form holds one table
        return self.tables[self.request.only_table]
