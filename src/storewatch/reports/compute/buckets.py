"""Windows cut along local hours, days, weeks or months."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.domain.columns import INSTANT, Float64s, Int64s
from storewatch.domain.enums import Breakdown, ReportTable, Status
from storewatch.engine.availability import bucket_totals
from storewatch.engine.sampling import MOMENTS, window_moments
from storewatch.reports.compute.collectors import Part, SectionResult
from storewatch.reports.compute.content import BUCKETS, SAMPLING, TREND, ContentTable, figures_frame
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.intervals import addable, interval_columns, of_sums
from storewatch.reports.compute.rates import FleetRates
from storewatch.reports.compute.shards import Shard
from storewatch.reports.request.windows import Buckets, cut

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class BucketSums:
    """The buckets of one window summed over stores.

    totals_us: int64[Z,B,4]; stores: int64[Z,B], with any time; moments: float64[Z,B,5], see `intervals.addable`.
    """

    totals_us: Int64s
    stores: Int64s
    moments: Float64s

    @classmethod
    def zeros(cls, buckets: Buckets) -> "BucketSums":
        shape = buckets.starts.shape
        return cls(
            totals_us=np.zeros((*shape, len(Status)), np.int64),
            stores=np.zeros(shape, np.int64),
            moments=np.zeros((*shape, len(MOMENTS))),
        )

    def add(self, other: "BucketSums") -> None:
        self.totals_us[:] += other.totals_us
        self.stores[:] += other.stores
        self.moments[:] += other.moments


@dataclass(frozen=True, kw_only=True, eq=False)
class BucketCollector:
    """The windows cut along local hours, days, weeks or months: of each store, and of all stores together.

    names: of each store. by_store: whether the table of each store is wanted beside that of all.
    zones: places of the zones in which the report has stores; all zones if it has none.
    """

    window_names: tuple[str, ...]
    windows: tuple[Buckets, ...]
    names: pl.Series
    by_store: bool
    zones: Int64s
    fleet: FleetRates | None = None
    lookaround_us: int = 0

    @classmethod
    def of(cls, context: ReportContext, by: Breakdown, names: pl.Series, fleet: FleetRates | None) -> "BucketCollector":
        windows, zone_of = context.windows, context.inputs.store_list.calendars.zone_of
        return cls(
            window_names=windows.names,
            windows=tuple(cut(windows, number, by) for number in range(len(windows.names))),
            names=names,
            by_store=ReportTable.BUCKETS in context.request.tables,
            zones=np.unique(zone_of) if len(zone_of) else np.arange(len(windows.clocks)),
            fleet=fleet,
        )

    @property
    def cells(self) -> int:
        count: int = sum(buckets.starts.shape[1] for buckets in self.windows)
        return count if self.fleet is None else 2 * count

    def collect(self, shard: Shard) -> Part[list[BucketSums]]:
        frames, sums = [], []
        for name, buckets in zip(self.window_names, self.windows, strict=True):
            found = bucket_totals(shard.engine_inputs, buckets.edges_us, shard.zone_of)
            summed = BucketSums.zeros(buckets)
            np.add.at(summed.totals_us, shard.zone_of, found)
            np.add.at(summed.stores, shard.zone_of, found.sum(axis=2) > 0)
            moments = self._moments(shard, buckets)
            if moments is not None:
                np.add.at(summed.moments, shard.zone_of, addable(moments))
            sums.append(summed)
            if self.by_store:
                frames.append(self._rows(shard, name, buckets, found, moments))
        if not frames:
            return Part(first=shard.first, last=shard.last, values=sums)
        merged = pl.concat(frames)
        # The windows of a store in turn, as in the table of stores.
        rows = merged.sort("store_index", maintain_order=True) if len(frames) > 1 else merged
        rows = rows.select(self._schema(BUCKETS).names()).cast(self._schema(BUCKETS))
        return Part(first=shard.first, last=shard.last, values=sums, rows=rows)

    def merge(self, parts: Iterable[Part[list[BucketSums]]]) -> SectionResult:
        table = ContentTable(schema=self._schema(BUCKETS))
        sums = [BucketSums.zeros(buckets) for buckets in self.windows]
        for part in parts:
            for whole, added in zip(sums, part.values, strict=True):
                whole.add(added)
            if part.rows is not None:
                table.append(part.rows)
        return SectionResult(tables={ReportTable.BUCKETS: table, ReportTable.TREND: self._trend(sums)})

    def _schema(self, figures: pl.Schema) -> pl.Schema:
        return figures if self.fleet is None else pl.Schema({**figures, **SAMPLING})

    def _moments(self, shard: Shard, buckets: Buckets) -> Float64s | None:
        """Return the moments of each store and bucket: float64[N,B,5]; None without intervals."""
        if self.fleet is None:
            return None
        edges_us = buckets.edges_us
        if self.fleet.rates is None:
            return np.zeros((shard.last - shard.first, edges_us.shape[1] - 1, len(MOMENTS)))
        spans_us = np.stack([edges_us[:, :-1], edges_us[:, 1:]], axis=2)
        return window_moments(shard.engine_inputs, spans_us, shard.zone_of, self.fleet.rates)

    def _rows(
        self, shard: Shard, window: str, buckets: Buckets, found: Int64s, moments: Float64s | None
    ) -> pl.DataFrame:
        starts = buckets.starts[shard.zone_of]
        store, bucket = np.nonzero(~np.isnat(starts))
        zone = shard.zone_of[store]
        intervals = [] if moments is None else interval_columns(moments[store, bucket]).get_columns()
        return pl.DataFrame(
            {
                "store_index": store,
                "store_id": shard.store_ids.gather(store),
                "name": self.names.gather(shard.first + store),
                "bucket": starts[store, bucket],
                "from_at": buckets.edges_us[zone, bucket],
                "to_at": buckets.edges_us[zone, bucket + 1],
            },
            schema_overrides={"from_at": INSTANT, "to_at": INSTANT},
        ).with_columns(pl.lit(window).alias("window"), *figures_frame(found[store, bucket]).get_columns(), *intervals)

    def _trend(self, sums: list[BucketSums]) -> ContentTable:
        """Add up the zones: buckets with the same local beginning are one. It is whole if it is whole in each zone."""
        table = ContentTable(schema=self._schema(TREND))
        for name, buckets, summed in zip(self.window_names, self.windows, sums, strict=True):
            place, bucket = np.nonzero(~np.isnat(buckets.starts[self.zones]))
            zone = self.zones[place]
            starts, number_of = np.unique(buckets.starts[zone, bucket], return_inverse=True)
            is_whole = _added(buckets.is_whole[zone, bucket].astype(np.int64), number_of, len(starts))
            begins = pl.DataFrame(
                {"bucket": starts, "stores": _added(summed.stores[zone, bucket], number_of, len(starts))}
            )
            frames = [
                begins.with_columns(window=pl.lit(name), partial=pl.Series(is_whole < len(self.zones))),
                figures_frame(_added(summed.totals_us[zone, bucket], number_of, len(starts))),
            ]
            if self.fleet is not None:
                moments = of_sums(
                    _added(summed.moments[zone, bucket], number_of, len(starts)), self.fleet.widening(len(self.names))
                )
                frames.append(interval_columns(moments))
            table.append(pl.concat(frames, how="horizontal"))
        return table


def _added(values: npt.NDArray[Number], number_of: Int64s, count: int) -> npt.NDArray[Number]:
    """Return the sums of values by their numbers, of which there are `count`."""
    sums = np.zeros((count, *values.shape[1:]), values.dtype)
    np.add.at(sums, number_of, values)
    return sums
