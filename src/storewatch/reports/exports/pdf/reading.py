"""The rows that a PDF shows: a few of each table, read once and with bounded memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from storewatch.domain.enums import ReportTable, SettingSource
from storewatch.reports.compute.content import Content, ContentTable

WORST_STORES: Final = 25
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class WindowCounts:
    """The stores of one window: how many have a target and met it, how many outages they had.

    met, outages: None if the report does not include them. longest_us: the longest of the outages, 0 without any.
    hours_assumed, zone_assumed: stores whose weekly hours or time zone are a default.
    """

    met: int | None
    judged: int
    outages: int | None
    longest_us: int
    hours_assumed: int
    zone_assumed: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The parts of a report that its PDF shows.

    main: the row of SUMMARY that the document is about: the first requested window, or the longest classic window.
    first: a row of STORES in it, None without stores. worst: rows of STORES in it, lowest availability first.
    store: the rows of the only store, by window. None with several stores.
    """

    content: Content
    windows: list[Row]
    main: Row
    first: Row | None
    worst: list[Row]
    counts: WindowCounts
    store: list[Row] | None

    @classmethod
    def of(cls, content: Content) -> "Reading":
        windows = content.tables[ReportTable.SUMMARY].read().to_dicts()
        main = windows[0] if content.request.windows else max(windows, key=lambda row: row["to_at"] - row["from_at"])
        stores = content.tables[ReportTable.STORES]
        first, worst, counts = _read_stores(stores, main["window"])
        return cls(
            content=content,
            windows=windows,
            main=main,
            first=first,
            worst=worst,
            counts=counts,
            store=stores.read().to_dicts() if content.stores == 1 else None,
        )

    @property
    def window(self) -> str:
        return str(self.main["window"])

    def table(self, name: ReportTable) -> ContentTable | None:
        return self.content.tables.get(name)

    def rows(self, name: ReportTable) -> list[Row]:
        """Return the rows of a table in the main window. Empty if the report lacks the table."""
        table = self.table(name)
        if table is None:
            return []
        frame = table.read()
        return (frame.filter(pl.col("window") == self.window) if "window" in frame.columns else frame).to_dicts()

    def top(
        self, name: ReportTable, by: Sequence[str], limit: int, *, descending: Sequence[bool]
    ) -> tuple[list[Row], int]:
        """Return the first rows of the main window in an order, and the number of all rows."""
        table = self.table(name)
        if table is None:
            return [], 0
        first, found = table.schema.to_frame(), 0
        for frame in table.frames():
            rows = frame.filter(pl.col("window") == self.window) if "window" in frame.columns else frame
            found += rows.height
            first = _first(pl.concat([first, rows]), by, descending, limit)
        return first.to_dicts(), found


def _first(frame: pl.DataFrame, by: Sequence[str], descending: Sequence[bool], limit: int) -> pl.DataFrame:
    return frame.sort(by, descending=list(descending), nulls_last=True, maintain_order=True).head(limit)


def _read_stores(stores: ContentTable, window: str) -> tuple[Row | None, list[Row], WindowCounts]:
    first: Row | None = None
    worst = stores.schema.to_frame()
    met = judged = outages = longest_us = hours_assumed = zone_assumed = 0
    for frame in stores.frames():
        rows = frame.filter(pl.col("window") == window)
        first = first or next(rows.head(1).iter_rows(named=True), None)
        hours_assumed += rows.filter(pl.col("hours_source") != SettingSource.GIVEN.value).height
        zone_assumed += rows.filter(pl.col("timezone_source") != SettingSource.GIVEN.value).height
        down = rows.filter(pl.col("down_us") > 0)
        order = ["availability", "down_us", "store_id"]
        worst = _first(pl.concat([worst, down]), order, [False, True, False], WORST_STORES)
        if "target_met" in stores.schema:
            met += int(rows["target_met"].sum())
            judged += rows["target_met"].count()
        if "outages" in stores.schema:
            more, longest = rows.select(pl.col("outages").sum(), pl.col("longest_outage_us").max().fill_null(0)).row(0)
            outages, longest_us = outages + more, max(longest_us, longest)
    counts = WindowCounts(
        met=met if "target_met" in stores.schema else None,
        judged=judged,
        outages=outages if "outages" in stores.schema else None,
        longest_us=longest_us,
        hours_assumed=hours_assumed,
        zone_assumed=zone_assumed,
    )
    return first, worst.to_dicts(), counts
