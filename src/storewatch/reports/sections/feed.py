"""The feed that all polls come from: when it was silent, so that nothing can be told of the stores."""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import ReportTable
from storewatch.domain.instants import MINUTE_US
from storewatch.engine.outages import LOOKAROUND_US
from storewatch.engine.polling import BLIND_SPOT_STORES, blind_spots, count_unpolled
from storewatch.reports.compute.collecting import NO_COLUMNS, ReportContext
from storewatch.reports.compute.content import BLIND_SPOTS, FEED, Table
from storewatch.reports.compute.figures import Shard

# Gives, when the last shard went by, how much of the stretches [start, end), int64[N] each, of a window was blind.
BlindTime = Callable[[int, Int64s, Int64s], Int64s]


class FeedCollector:
    """The blind spots of all stores together.

    They are looked for from the earliest beginning to the latest end that the window has in any zone; the share of a
    spot is the highest in it.
    """

    lookaround_us = LOOKAROUND_US  # as outages, so that both sections know the same stores
    cells = 0

    def __init__(self, context: ReportContext) -> None:
        spans_us, windows = context.windows.spans_us, len(context.windows.names)
        self._context = context
        bounds_us = np.zeros((windows, 2), np.int64)
        if len(spans_us):
            bounds_us[:, 0], bounds_us[:, 1] = spans_us[:, :, 0].min(axis=0), spans_us[:, :, 1].max(axis=0)
        self._bounds_us: list[list[int]] = bounds_us.tolist()
        minutes = [-((from_us - to_us) // MINUTE_US) for from_us, to_us in self._bounds_us]
        self._unpolled, self._opened = ([np.zeros(count + 1, np.int64) for count in minutes] for _ in range(2))

    def add(self, shard: Shard) -> None:
        for (from_us, to_us), unpolled, opened in zip(self._bounds_us, self._unpolled, self._opened, strict=True):
            as_of_us = self._context.inputs.as_of_us
            count_unpolled(shard.evidence, shard.sessions, from_us, to_us, unpolled, opened, as_of_us=as_of_us)

    def store_columns(self) -> pl.DataFrame:
        return NO_COLUMNS

    def summary_columns(self) -> pl.DataFrame:
        minutes = [int((np.cumsum(opened) >= BLIND_SPOT_STORES).sum()) for opened in self._opened]
        return pl.DataFrame({"feed_judged_us": [count * MINUTE_US for count in minutes]}, schema=FEED)

    def tables(self) -> Mapping[ReportTable, Table]:
        table = Table(schema=BLIND_SPOTS)
        for window, name in enumerate(self._context.windows.names):
            found = self._found(window)
            shares = np.cumsum(self._unpolled[window]) / np.maximum(np.cumsum(self._opened[window]), 1)
            from_us = self._bounds_us[window][0]
            rows = {
                "start_at": [from_us + start * MINUTE_US for start, _, _ in found],
                "end_at": [from_us + end * MINUTE_US for _, end, _ in found],
                "unpolled_share": [float(shares[start:end].max()) for start, end, _ in found],
            }
            table.append(pl.DataFrame(rows).with_columns(pl.lit(name).alias("window")))
        return {ReportTable.BLIND_SPOTS: table}

    def blind_us(self, window: int, start_us: Int64s, end_us: Int64s) -> Int64s:
        """Tell how much of each stretch [start, end) lies in blind spots of a window."""
        from_us = self._bounds_us[window][0]
        edges = np.array([(start, end) for start, end, _ in self._found(window)], np.int64).reshape(-1, 2)
        spots_us = from_us + edges * MINUTE_US
        if not len(spots_us):
            return np.zeros(len(start_us), np.int64)
        before_us = np.append(0, np.cumsum(spots_us[:, 1] - spots_us[:, 0]))

        def until(at_us: Int64s) -> Int64s:
            spot = np.searchsorted(spots_us[:, 0], at_us, side="right") - 1
            inside_us = np.minimum(at_us, spots_us[spot, 1]) - spots_us[spot, 0]
            blind_us: Int64s = np.where(spot >= 0, before_us[spot] + inside_us, 0)
            return blind_us

        return until(end_us) - until(start_us)

    def _found(self, window: int) -> list[tuple[int, int, int]]:
        return blind_spots(self._unpolled[window], self._opened[window])
