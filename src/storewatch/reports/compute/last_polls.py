"""The last poll of every store in what a report reads."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from storewatch.domain.columns import Int64s
from storewatch.reports.compute.collectors import Part
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import Shard
from storewatch.stores.data_clock import last_polls_of


@dataclass(frozen=True, kw_only=True, eq=False)
class LastPollCollector:
    """The last poll of every store at or before as_of: int64[S], 0 for a store without one."""

    stores: int
    lookaround_us: int = 0
    cells: int = 0

    @classmethod
    def of(cls, context: ReportContext) -> "LastPollCollector":
        return cls(stores=context.stores)

    def collect(self, shard: Shard) -> Part[Int64s]:
        return Part(first=shard.first, last=shard.last, values=last_polls_of(shard.evidence))

    def merge(self, parts: Iterable[Part[Int64s]]) -> Int64s:
        last_us = np.zeros(self.stores, np.int64)
        for part in parts:
            last_us[part.first : part.last] = part.values
        return last_us
