"""Patterns: when of the local week stores are down."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from storewatch.catalog import Catalog
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Breakdown, ReportTable, Status
from storewatch.engine.availability import bucket_totals
from storewatch.reports.compute.collecting import NO_COLUMNS, ReportContext
from storewatch.reports.compute.content import FIGURES, PATTERN, Table, figures_frame
from storewatch.reports.compute.figures import Shard
from storewatch.reports.request.windows import Windows, cut

HOURS_OF_WEEK: Final = 7 * 24


class HoursOfWeek:
    """The local hours of every window: which hour of the local week, from Monday 00:00, each of them is."""

    def __init__(self, windows: Windows) -> None:
        self._cuts = [cut(windows, number, Breakdown.HOUR) for number in range(len(windows.names))]
        self._cells = []
        for cuts in self._cuts:
            hours = cuts.starts.astype("datetime64[h]")
            since_monday = hours.astype(np.int64) + 3 * 24  # 1970-01-01 was a Thursday
            self._cells.append(np.where(np.isnat(hours), 0, since_monday % HOURS_OF_WEEK))

    def totals(self, context: ReportContext, shard: Shard, window: int) -> Int64s:
        """Add up the statuses of every store of a shard by the hour of the week: int64[n,168,4]."""
        return bucket_totals(
            **shard.engine_input,
            edges_us=self._cuts[window].edges_us,
            zone_of=shard.zone_of,
            as_of_us=context.inputs.as_of_us,
            policy=context.inputs.policy,
            cell_of=self._cells[window],
            cells=HOURS_OF_WEEK,
        )


class PatternCollector:
    """The figures of all stores together by weekday and local hour, each store on the clock of its window."""

    lookaround_us = 0
    cells = HOURS_OF_WEEK

    def __init__(self, context: ReportContext, _catalog: Catalog) -> None:
        self._context = context
        self._hours = HoursOfWeek(context.windows)
        self._sums = np.zeros((len(context.windows.names), HOURS_OF_WEEK, len(Status)), np.int64)

    def add(self, shard: Shard) -> None:
        for window in range(len(self._sums)) if shard.first < shard.last else ():
            self._sums[window] += self._hours.totals(self._context, shard, window).sum(axis=0)

    def store_columns(self) -> pl.DataFrame:
        return NO_COLUMNS

    def summary_columns(self) -> pl.DataFrame:
        return NO_COLUMNS

    def tables(self) -> Mapping[ReportTable, Table]:
        table = Table(schema=PATTERN)
        weekday, hour = np.divmod(np.arange(HOURS_OF_WEEK), 24)
        for name, sums in zip(self._context.windows.names, self._sums, strict=True):
            rows = pl.DataFrame({"weekday": weekday, "hour": hour}).with_columns(pl.lit(name).alias("window"))
            table.append(rows.hstack(figures_frame(sums).select(FIGURES.names())))
        return {ReportTable.PATTERN: table}
