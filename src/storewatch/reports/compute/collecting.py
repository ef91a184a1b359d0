"""The context of a report, and what gathers its figures while the shards go by."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import polars as pl

from storewatch.catalog import Catalog
from storewatch.domain.columns import INSTANT, Int64s
from storewatch.domain.enums import Breakdown, ReportTable, Status
from storewatch.engine.availability import bucket_totals, totals
from storewatch.engine.opening.zones import local_readings
from storewatch.reports.compute.content import BUCKETS, FIGURES, TREND, Table, figures_frame
from storewatch.reports.compute.figures import ReportInputs, Shard
from storewatch.reports.request.request import ReportRequest
from storewatch.reports.request.windows import Buckets, Windows, cut

NO_COLUMNS: Final = pl.DataFrame()

# As many are asked for by their ids; the labels of more are read whole.
FEW_STORES: Final = 500


@dataclass(frozen=True, kw_only=True)
class ReportContext:
    """A report on S stores in W windows. folder: where long tables are kept until they are written."""

    request: ReportRequest
    inputs: ReportInputs
    windows: Windows
    folder: Path | None

    @property
    def stores(self) -> int:
        return self.inputs.store_list.frame.height

    @property
    def store_ids(self) -> pl.Series:
        return self.inputs.store_list.store_ids

    def local_readings(self, shard: Shard, store: Int64s, instants_us: Int64s) -> Int64s:
        """Read instants, int64[N], on the clocks of their stores: indices int64[N] in a shard."""
        readings = np.empty(len(store), np.int64)
        zone_of = shard.zone_of[store]
        clocks = self.inputs.store_list.calendars.zones
        for zone in np.unique(zone_of).tolist():
            ours = zone_of == zone
            readings[ours] = local_readings(clocks[zone], instants_us[ours])
        return readings


def label_values(context: ReportContext, catalog: Catalog, label: str) -> pl.Series:
    """Give the value of a label of each store of a context, in their order; null where it carries none."""
    if context.stores <= FEW_STORES:
        labels = catalog.stores.select(context.store_ids.to_list()).labels
        values = [labels.get(store_id, {}).get(label) for store_id in context.store_ids]
        return pl.Series("value", values, dtype=pl.String)
    values_of_all = catalog.labels.read_values(label)
    return context.store_ids.to_frame().join(values_of_all, on="store_id", how="left", maintain_order="left")["value"]


class Collector(Protocol):
    """Gathers one kind of figures; what it has of it is read when the last shard went by.

    lookaround_us: how far beyond the windows, on both sides, it wants evidence and sessions. cells: results that it
    keeps for each store while a shard goes by.
    """

    lookaround_us: int
    cells: int

    def add(self, shard: Shard) -> None: ...

    def store_columns(self) -> pl.DataFrame:
        """Columns for the table of stores: S x W rows, all windows of a store in turn; NO_COLUMNS for none."""
        ...

    def summary_columns(self) -> pl.DataFrame:
        """Columns for the summary: W rows; NO_COLUMNS for none."""
        ...

    def tables(self) -> Mapping[ReportTable, Table]: ...


class TotalsCollector:
    """The totals of every store in every window, and in the periods before where they are compared."""

    lookaround_us = 0
    cells = 0

    def __init__(self, context: ReportContext) -> None:
        windows = context.windows
        self._context, self._number = context, len(windows.names)
        compared = context.request.compare_before
        self._spans_us = np.concatenate([windows.spans_us, windows.before_us], 1) if compared else windows.spans_us
        self._all_us = np.zeros((context.stores, self._spans_us.shape[1], len(Status)), np.int64)

    def add(self, shard: Shard) -> None:
        inputs = self._context.inputs
        if shard.first == shard.last:
            return
        self._all_us[shard.first : shard.last] = totals(
            **shard.engine_input,
            windows_us=self._spans_us,
            zone_of=shard.zone_of,
            as_of_us=inputs.as_of_us,
            policy=inputs.policy,
        )

    @property
    def totals_us(self) -> Int64s:
        """int64[S,W,4]."""
        return self._all_us[:, : self._number]

    @property
    def before_us(self) -> Int64s | None:
        return self._all_us[:, self._number :] if self._context.request.compare_before else None

    def store_columns(self) -> pl.DataFrame:
        return NO_COLUMNS

    def summary_columns(self) -> pl.DataFrame:
        return NO_COLUMNS

    def tables(self) -> Mapping[ReportTable, Table]:
        return {}


class BucketCollector:
    """The windows cut along local hours, days, weeks or months: of each store, and of all stores together."""

    lookaround_us = 0

    def __init__(self, context: ReportContext, by: Breakdown) -> None:
        self._context = context
        self._cuts = [cut(context.windows, number, by) for number in range(len(context.windows.names))]
        self._sums = [np.zeros((*cuts.starts.shape, len(Status)), np.int64) for cuts in self._cuts]
        self._stores = [np.zeros(cuts.starts.shape, np.int64) for cuts in self._cuts]
        self._table = Table(schema=BUCKETS, folder=context.folder)
        self.cells = sum(cuts.starts.shape[1] for cuts in self._cuts)

    def add(self, shard: Shard) -> None:
        inputs = self._context.inputs
        if shard.first == shard.last:
            return
        frames = []
        for number, cuts in enumerate(self._cuts):
            found = bucket_totals(
                **shard.engine_input,
                edges_us=cuts.edges_us,
                zone_of=shard.zone_of,
                as_of_us=inputs.as_of_us,
                policy=inputs.policy,
            )
            np.add.at(self._sums[number], shard.zone_of, found)
            np.add.at(self._stores[number], shard.zone_of, found.sum(axis=2) > 0)
            frames.append(self._rows(shard, number, cuts, found))
        merged = pl.concat(frames)
        # The windows of a store in turn, as in the table of stores.
        self._table.append(merged.sort("store_index", maintain_order=True) if len(frames) > 1 else merged)

    def store_columns(self) -> pl.DataFrame:
        return NO_COLUMNS

    def summary_columns(self) -> pl.DataFrame:
        return NO_COLUMNS

    def tables(self) -> Mapping[ReportTable, Table]:
        return {ReportTable.BUCKETS: self._table, ReportTable.TREND: self._trend()}

    def _rows(self, shard: Shard, number: int, cuts: Buckets, found: Int64s) -> pl.DataFrame:
        starts = cuts.starts[shard.zone_of]
        store, bucket = np.nonzero(~np.isnat(starts))
        zone = shard.zone_of[store]
        ids = self._context.store_ids[shard.first : shard.last]
        return pl.DataFrame(
            {
                "store_index": store,
                "store_id": ids.gather(store),
                "bucket": starts[store, bucket],
                "from_at": cuts.edges_us[zone, bucket],
                "to_at": cuts.edges_us[zone, bucket + 1],
            },
            schema_overrides={"from_at": INSTANT, "to_at": INSTANT},
        ).with_columns(
            pl.lit(self._context.windows.names[number]).alias("window"),
            *figures_frame(found[store, bucket]).get_columns(),
        )

    def _trend(self) -> Table:
        """Add up the zones: buckets of one local beginning are one."""
        table = Table(schema=TREND)
        for name, cuts, sums, stores in zip(
            self._context.windows.names, self._cuts, self._sums, self._stores, strict=True
        ):
            zone, bucket = np.nonzero(~np.isnat(cuts.starts))
            parts = [f"status_{status}" for status in range(len(Status))]
            rows = pl.DataFrame({"bucket": cuts.starts[zone, bucket], "stores": stores[zone, bucket]}).hstack(
                pl.DataFrame(sums[zone, bucket], schema=dict.fromkeys(parts, pl.Int64), orient="row")
            )
            summed = rows.group_by("bucket").sum().sort("bucket").with_columns(window=pl.lit(name))
            figures = figures_frame(summed.select(parts).to_numpy().astype(np.int64).reshape(-1, len(parts)))
            table.append(summed.select("window", "bucket", "stores").hstack(figures.select(FIGURES.names())))
        return table
