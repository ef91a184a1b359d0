"""Outages: every one of them, how often and how long of each store, how stores opened and closed."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from storewatch.catalog import NAME, Catalog
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import ReportTable, Status
from storewatch.engine.availability import totals
from storewatch.engine.outages import LOOKAROUND_US, Outages, openings, outages
from storewatch.reports.compute.collecting import ReportContext, label_values
from storewatch.reports.compute.content import MASS_OUTAGES, OPENINGS, OUTAGES, Table
from storewatch.reports.compute.figures import Shard
from storewatch.reports.sections.feed import BlindTime
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

_UP: Final = COUNTED.index("up_us")


class OutageCollector:
    """Every outage of every store in every window, and the events in which many stores of a label went down together.

    blind_time is asked when rows are read, for only then all stores went by.
    """

    lookaround_us = LOOKAROUND_US
    cells = 0

    def __init__(self, context: ReportContext, catalog: Catalog, blind_time: BlindTime) -> None:
        self._context, self._catalog = context, catalog
        self._names = label_values(context, catalog, NAME)
        self._notes = _read_notes(context, catalog)
        windows = len(context.windows.names)
        self._counted = np.zeros((context.stores, windows, len(COUNTED) + len(OPENINGS)), np.int64)
        self._starts: list[list[Starts]] = [[] for _ in range(windows)]
        self._blind_time = blind_time
        self._table = Table(schema=OUTAGES, folder=context.folder, finish=self._with_blind_time)

    def add(self, shard: Shard) -> None:
        if shard.first == shard.last:
            return
        inputs, spans_us = self._context.inputs, self._context.windows.spans_us
        given: dict[str, Any] = {"zone_of": shard.zone_of, "as_of_us": inputs.as_of_us, "policy": inputs.policy}
        given |= shard.engine_input
        min_duration_us = self._context.request.min_duration_us
        counted = self._counted[shard.first : shard.last]
        counted[..., _UP] = totals(**given, windows_us=spans_us)[..., Status.UP]
        frames = []
        for window in range(spans_us.shape[1]):
            found = outages(**given, windows_us=spans_us[:, window], min_duration_us=min_duration_us)
            count_outages(counted[:, window], found)
            counted[:, window, len(COUNTED) :] = openings(**given, windows_us=spans_us[:, window])
            self._starts[window].append(Starts.of(found, shard.first))
            frames.append(self._rows(shard, window, found))
        merged = pl.concat(frames)
        self._table.append(merged.sort("store", maintain_order=True) if len(frames) > 1 else merged)

    def store_columns(self) -> pl.DataFrame:
        return _columns(self._counted.reshape(-1, self._counted.shape[2]))

    def summary_columns(self) -> pl.DataFrame:
        summed = self._counted.sum(axis=0)
        summed[:, LONGEST] = self._counted[..., LONGEST].max(axis=0, initial=0)
        return _columns(summed)

    def tables(self) -> Mapping[ReportTable, Table]:
        mass = Table(schema=MASS_OUTAGES, folder=self._context.folder)
        is_possible = self._context.stores >= FEWEST_STORES and self._table.height
        labels = self._catalog.labels.read_all() if is_possible else None
        for name, starts in zip(self._context.windows.names, self._starts, strict=True):
            if labels is not None:
                found = find_mass_outages(Starts.concat(starts), labels, self._context.store_ids)
                mass.append(found.with_columns(pl.lit(name).alias("window")))
        return {ReportTable.OUTAGES: self._table, ReportTable.MASS_OUTAGES: mass}

    def _rows(self, shard: Shard, window: int, found: Outages) -> pl.DataFrame:
        store = found.store + shard.first
        rows = outage_rows(found, store).with_columns(
            store_id=self._context.store_ids.gather(store),
            name=self._names.gather(store),
            window=pl.lit(self._context.windows.names[window]),
            start_local=pl.Series(self._context.local_readings(shard, found.store, found.start_us)),
            end_local=pl.Series(self._context.local_readings(shard, found.store, found.end_us)),
            blind_us=pl.lit(0),
        )
        return with_notes(rows, self._notes).select("store", *OUTAGES.names()).cast(OUTAGES)

    def _with_blind_time(self, rows: pl.DataFrame) -> pl.DataFrame:
        blind_us = np.zeros(rows.height, np.int64)
        start_us, end_us = (rows[edge].to_physical().to_numpy() for edge in ("start_at", "end_at"))
        for window, name in enumerate(self._context.windows.names):
            ours = (rows["window"] == name).to_numpy()
            blind_us[ours] = self._blind_time(window, start_us[ours], end_us[ours])
        return rows.with_columns(pl.Series("blind_us", blind_us))


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
