"""The totals of every store in every window."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Status
from storewatch.engine.availability import totals
from storewatch.reports.compute.collectors import Part
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import Shard


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowTotals:
    """totals_us: int64[S,W,4] by Status; before_us: of the periods before, None where they are not compared."""

    totals_us: Int64s
    before_us: Int64s | None


@dataclass(frozen=True, kw_only=True, eq=False)
class TotalsCollector:
    """The totals of every store in every window, and in the periods before where they are compared.

    spans_us: int64[Z,W or 2 W,2], the periods before after the windows.
    """

    stores: int
    windows: int
    spans_us: Int64s
    lookaround_us: int = 0
    cells: int = 0

    @classmethod
    def of(cls, context: ReportContext) -> "TotalsCollector":
        return cls(stores=context.stores, windows=len(context.windows.names), spans_us=context.compared_spans_us)

    def collect(self, shard: Shard) -> Part[Int64s]:
        totals_us = totals(shard.engine_inputs, self.spans_us, shard.zone_of)
        return Part(first=shard.first, last=shard.last, values=totals_us)

    def merge(self, parts: Iterable[Part[Int64s]]) -> WindowTotals:
        all_us = np.zeros((self.stores, self.spans_us.shape[1], len(Status)), np.int64)
        for part in parts:
            all_us[part.first : part.last] = part.values
        has_before = self.spans_us.shape[1] > self.windows
        return WindowTotals(
            totals_us=all_us[:, : self.windows], before_us=all_us[:, self.windows :] if has_before else None
        )
