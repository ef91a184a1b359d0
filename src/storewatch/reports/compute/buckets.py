"""Windows cut along local hours, days, weeks or months."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from storewatch.domain.columns import INSTANT, Int64s
from storewatch.domain.enums import Breakdown, ReportTable, Status
from storewatch.engine.availability import bucket_totals
from storewatch.reports.compute.collectors import Part, SectionResult
from storewatch.reports.compute.content import BUCKETS, FIGURES, TREND, ContentTable, figures_frame
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import Shard
from storewatch.reports.request.windows import Buckets, cut


@dataclass(frozen=True, kw_only=True, eq=False)
class BucketSums:
    """The buckets of one window summed over stores. totals_us: int64[Z,B,4]; stores: int64[Z,B], with any time."""

    totals_us: Int64s
    stores: Int64s

    @classmethod
    def zeros(cls, buckets: Buckets) -> "BucketSums":
        shape = buckets.starts.shape
        return cls(totals_us=np.zeros((*shape, len(Status)), np.int64), stores=np.zeros(shape, np.int64))

    def add(self, other: "BucketSums") -> None:
        self.totals_us[:] += other.totals_us
        self.stores[:] += other.stores


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
    lookaround_us: int = 0

    @classmethod
    def of(cls, context: ReportContext, by: Breakdown, names: pl.Series) -> "BucketCollector":
        windows, zone_of = context.windows, context.inputs.store_list.calendars.zone_of
        return cls(
            window_names=windows.names,
            windows=tuple(cut(windows, number, by) for number in range(len(windows.names))),
            names=names,
            by_store=ReportTable.BUCKETS in context.request.tables,
            zones=np.unique(zone_of) if len(zone_of) else np.arange(len(windows.clocks)),
        )

    @property
    def cells(self) -> int:
        return sum(buckets.starts.shape[1] for buckets in self.windows)

    def collect(self, shard: Shard) -> Part[list[BucketSums]]:
        frames, sums = [], []
        for name, buckets in zip(self.window_names, self.windows, strict=True):
            found = bucket_totals(shard.engine_inputs, buckets.edges_us, shard.zone_of)
            summed = BucketSums.zeros(buckets)
            np.add.at(summed.totals_us, shard.zone_of, found)
            np.add.at(summed.stores, shard.zone_of, found.sum(axis=2) > 0)
            sums.append(summed)
            if self.by_store:
                frames.append(self._rows(shard, name, buckets, found))
        if not frames:
            return Part(first=shard.first, last=shard.last, values=sums)
        merged = pl.concat(frames)
        # The windows of a store in turn, as in the table of stores.
        rows = merged.sort("store_index", maintain_order=True) if len(frames) > 1 else merged
        rows = rows.select(BUCKETS.names()).cast(BUCKETS)
        return Part(first=shard.first, last=shard.last, values=sums, rows=rows)

    def merge(self, parts: Iterable[Part[list[BucketSums]]]) -> SectionResult:
        table = ContentTable(schema=BUCKETS)
        sums = [BucketSums.zeros(buckets) for buckets in self.windows]
        for part in parts:
            for whole, added in zip(sums, part.values, strict=True):
                whole.add(added)
            if part.rows is not None:
                table.append(part.rows)
        return SectionResult(tables={ReportTable.BUCKETS: table, ReportTable.TREND: self._trend(sums)})

    def _rows(self, shard: Shard, window: str, buckets: Buckets, found: Int64s) -> pl.DataFrame:
        starts = buckets.starts[shard.zone_of]
        store, bucket = np.nonzero(~np.isnat(starts))
        zone = shard.zone_of[store]
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
        ).with_columns(pl.lit(window).alias("window"), *figures_frame(found[store, bucket]).get_columns())

    def _trend(self, sums: list[BucketSums]) -> ContentTable:
        """Add up the zones: buckets with the same local beginning are one. It is whole if it is whole in each zone."""
        table = ContentTable(schema=TREND)
        for name, buckets, summed in zip(self.window_names, self.windows, sums, strict=True):
            place, bucket = np.nonzero(~np.isnat(buckets.starts[self.zones]))
            zone = self.zones[place]
            columns = [f"status_{status}" for status in range(len(Status))]
            counts = {"whole": buckets.is_whole[zone, bucket].astype(np.int64), "stores": summed.stores[zone, bucket]}
            rows = pl.DataFrame({"bucket": buckets.starts[zone, bucket]} | counts).hstack(
                pl.DataFrame(summed.totals_us[zone, bucket], schema=dict.fromkeys(columns, pl.Int64), orient="row")
            )
            added = rows.group_by("bucket").sum().sort("bucket")
            added = added.with_columns(window=pl.lit(name), partial=pl.col("whole") < len(self.zones))
            figures = figures_frame(added.select(columns).to_numpy().astype(np.int64).reshape(-1, len(columns)))
            table.append(added.select("window", "bucket", "partial", "stores").hstack(figures.select(FIGURES.names())))
        return table
