"""Outages: a row for each, the figures of each store, and how late stores opened and how early they closed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from storewatch.catalog import NAME, Catalog
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import ReportTable, Status
from storewatch.engine.availability import totals
from storewatch.engine.outages import LOOKAROUND_US, Outages, openings, outages
from storewatch.reports.compute.collectors import Part, SectionResult
from storewatch.reports.compute.content import MASS_OUTAGES, OPENINGS, OUTAGES, ContentTable
from storewatch.reports.compute.context import ReportContext, label_values
from storewatch.reports.compute.shards import Shard
from storewatch.reports.sections.mass_outages import FEWEST_STORES, Starts, find_mass_outages
from storewatch.stores.outages import (
    COUNTED,
    LONGEST,
    NOTES,
    count_outages,
    outage_figures,
    outage_rows,
    read_notes,
    with_notes,
)
from storewatch.stores.reasons import inactive_polls, with_reasons

_UP: Final = COUNTED.index("up_us")
_FIGURES: Final = len(COUNTED) + len(OPENINGS)


@dataclass(frozen=True, kw_only=True, eq=False)
class OutageCounts:
    """The outages of the stores of a shard. counted: int64[N,W,_FIGURES]; starts: of each window."""

    counted: Int64s
    starts: tuple[Starts, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class OutageCollector:
    """Every outage of every store in every window, and the events in which many stores of one label went down together.

    names: of each store; notes: NOTES; labels: store_id, label and value, None where there are too few stores for an
    event. The section on the feed fills in the blind time of outages, because it is known only after all shards.
    """

    store_ids: pl.Series
    window_names: tuple[str, ...]
    spans_us: Int64s
    min_duration_us: int
    names: pl.Series
    notes: pl.DataFrame
    labels: pl.DataFrame | None
    lookaround_us: int = LOOKAROUND_US
    cells: int = 0

    @classmethod
    def of(cls, context: ReportContext, catalog: Catalog) -> "OutageCollector":
        return cls(
            store_ids=context.store_ids,
            window_names=context.windows.names,
            spans_us=context.windows.spans_us,
            min_duration_us=context.request.min_duration_us,
            names=label_values(context, catalog, NAME),
            notes=_read_notes(context, catalog),
            labels=catalog.labels.read_all() if context.stores >= FEWEST_STORES else None,
        )

    def collect(self, shard: Shard) -> Part[OutageCounts]:
        inputs = shard.engine_inputs
        counted = np.zeros((shard.last - shard.first, len(self.window_names), _FIGURES), np.int64)
        counted[..., _UP] = totals(inputs, self.spans_us, shard.zone_of)[..., Status.UP]
        polls = None if shard.rows.details is None else inactive_polls(shard.rows, shard.sessions)
        frames, starts = [], []
        for window in range(len(self.window_names)):
            spans_us = self.spans_us[:, window]
            found = outages(inputs, spans_us, shard.zone_of, min_duration_us=self.min_duration_us)
            count_outages(counted[:, window], found)
            counted[:, window, len(COUNTED) :] = openings(inputs, spans_us, shard.zone_of)
            starts.append(Starts.of(found, shard.first))
            frames.append(self._rows(shard, window, found, polls))
        merged = pl.concat(frames)
        # The windows of a store in turn, as in the table of stores.
        rows = merged.sort("store", maintain_order=True) if len(frames) > 1 else merged
        return Part(
            first=shard.first,
            last=shard.last,
            values=OutageCounts(counted=counted, starts=tuple(starts)),
            rows=rows.select(OUTAGES.names()),
        )

    def merge(self, parts: Iterable[Part[OutageCounts]]) -> SectionResult:
        table = ContentTable(schema=OUTAGES)
        counted = np.zeros((len(self.store_ids), len(self.window_names), _FIGURES), np.int64)
        starts: list[tuple[Starts, ...]] = []
        for part in parts:
            counted[part.first : part.last] = part.values.counted
            starts.append(part.values.starts)
            if part.rows is not None:
                table.append(part.rows)
        summed = counted.sum(axis=0)
        summed[:, LONGEST] = counted[..., LONGEST].max(axis=0, initial=0)
        return SectionResult(
            store_columns=_columns(counted.reshape(-1, _FIGURES)),
            summary_columns=_columns(summed),
            tables={ReportTable.OUTAGES: table, ReportTable.MASS_OUTAGES: self._mass_outages(starts)},
        )

    def _mass_outages(self, starts: list[tuple[Starts, ...]]) -> ContentTable:
        table = ContentTable(schema=MASS_OUTAGES)
        if self.labels is not None and starts:
            for name, of_window in zip(self.window_names, zip(*starts, strict=True), strict=True):
                found = find_mass_outages(Starts.concat(of_window), self.labels, self.store_ids)
                table.append(found.with_columns(pl.lit(name).alias("window")))
        return table

    def _rows(self, shard: Shard, window: int, found: Outages, polls: pl.DataFrame | None) -> pl.DataFrame:
        store = found.store + shard.first
        counted = with_reasons(outage_rows(found, found.store), polls)
        rows = counted.with_columns(
            store=pl.Series(store),
            store_id=self.store_ids.gather(store),
            name=self.names.gather(store),
            window=pl.lit(self.window_names[window]),
            start_local=pl.Series(shard.local_readings(found.store, found.start_us)),
            end_local=pl.Series(shard.local_readings(found.store, found.end_us)),
            blind_us=pl.lit(0),
        )
        return with_notes(rows, self.notes).select("store", *OUTAGES.names()).cast(OUTAGES)


def _columns(counted: Int64s) -> pl.DataFrame:
    """Return what was counted, int64[N, ...], as the columns of OUTAGE_FIGURES and OPENINGS."""
    opened = pl.DataFrame(counted[:, len(COUNTED) :], schema=dict.fromkeys(OPENINGS, pl.Int64), orient="row")
    return outage_figures(counted[:, : len(COUNTED)]).hstack(opened)


def _read_notes(context: ReportContext, catalog: Catalog) -> pl.DataFrame:
    """Read the annotations that touch the windows: NOTES."""
    spans_us = context.windows.spans_us
    if spans_us.size == 0:
        return NOTES.to_frame()
    return read_notes(catalog, context.store_ids, (int(spans_us.min()), int(spans_us.max())))
