"""Outages: every one of them, how often and how long of each store, how stores opened and closed."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from storewatch.catalog import NAME, Annotation, Catalog
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import ReportTable, Status
from storewatch.domain.instants import instant_of
from storewatch.engine.availability import (
    LOOKAROUND_US,
    NO_INSTANT,
    Outages,
    OutageState,
    openings,
    outages,
    totals,
)
from storewatch.reports.compute.collecting import Plan, label_values
from storewatch.reports.compute.content import MASS_OUTAGES, OPENINGS, OUTAGES, Table
from storewatch.reports.compute.figures import Shard
from storewatch.reports.sections.feed import BlindTime
from storewatch.reports.sections.mass_outages import FEWEST_STORES, Starts, find_mass_outages

# What is kept of every store and window, beside OPENINGS; ended: outages that are over.
_COUNTED: Final = ("outages", "down_us", "longest_us", "ended", "ended_down_us", "up_us")
_LONGEST: Final = _COUNTED.index("longest_us")

_ANNOTATIONS_AT_ONCE: Final = 10_000
_SAID: Final = pl.Schema(
    {
        "store": pl.Int64(),
        "said_from_us": pl.Int64(),
        "said_to_us": pl.Int64(),
        "cause": pl.String(),
        "note": pl.String(),
    }
)


class OutageCollector:
    """Every outage of every store in every window, and the events in which many stores of a label went down together.

    mean, mttr and mtbf are rounded down to whole microseconds: down time an outage, down time an outage that ended, up
    time an outage. blind_time is asked when rows are read, for only then all stores went by.
    """

    lookaround_us = LOOKAROUND_US
    cells = 0

    def __init__(self, plan: Plan, catalog: Catalog, blind_time: BlindTime) -> None:
        self._plan, self._catalog = plan, catalog
        self._names = label_values(plan, catalog, NAME)
        self._said = _read_said(plan, catalog)
        windows = len(plan.windows.names)
        self._counted = np.zeros((plan.stores, windows, len(_COUNTED) + len(OPENINGS)), np.int64)
        self._starts: list[list[Starts]] = [[] for _ in range(windows)]
        self._blind_time = blind_time
        self._table = Table(schema=OUTAGES, folder=plan.folder, finish=self._with_blind_time)

    def add(self, shard: Shard) -> None:
        if shard.first == shard.last:
            return
        basis, spans_us = self._plan.basis, self._plan.windows.spans_us
        given: dict[str, Any] = {"zone_of": shard.zone_of, "as_of_us": basis.as_of_us, "policy": basis.policy}
        given |= shard.engine_input
        min_duration_us = self._plan.request.min_duration_us
        counted = self._counted[shard.first : shard.last]
        counted[..., _COUNTED.index("up_us")] = totals(**given, windows_us=spans_us)[..., Status.UP]
        frames = []
        for window in range(spans_us.shape[1]):
            found = outages(**given, windows_us=spans_us[:, window], min_duration_us=min_duration_us)
            _count(counted[:, window], found)
            counted[:, window, len(_COUNTED) :] = openings(**given, windows_us=spans_us[:, window])
            self._starts[window].append(Starts.of(found, shard.first))
            frames.append(self._rows(shard, window, found))
        merged = pl.concat(frames)
        self._table.append(merged.sort("store", maintain_order=True) if len(frames) > 1 else merged)

    def store_columns(self) -> pl.DataFrame:
        return _columns(self._counted.reshape(-1, self._counted.shape[2]))

    def summary_columns(self) -> pl.DataFrame:
        summed = self._counted.sum(axis=0)
        summed[:, _LONGEST] = self._counted[..., _LONGEST].max(axis=0, initial=0)
        return _columns(summed)

    def tables(self) -> Mapping[ReportTable, Table]:
        mass = Table(schema=MASS_OUTAGES, folder=self._plan.folder)
        is_possible = self._plan.stores >= FEWEST_STORES and self._table.height
        labels = self._catalog.label_values() if is_possible else None
        for name, starts in zip(self._plan.windows.names, self._starts, strict=True):
            if labels is not None:
                found = find_mass_outages(Starts.concat(starts), labels, self._plan.store_ids)
                mass.append(found.with_columns(pl.lit(name).alias("window")))
        return {ReportTable.OUTAGES: self._table, ReportTable.MASS_OUTAGES: mass}

    def _rows(self, shard: Shard, window: int, found: Outages) -> pl.DataFrame:
        store = found.store + shard.first
        states = {int(state): state.name.lower() for state in OutageState}
        opens, closes = pl.col("at_opening"), pl.col("at_closing")
        rows = pl.DataFrame(
            {
                "store": store,
                "store_id": self._plan.store_ids.gather(store),
                "name": self._names.gather(store),
                "start_at": found.start_us,
                "end_at": found.end_us,
                "start_local": self._plan.local_readings(shard, found.store, found.start_us),
                "end_local": self._plan.local_readings(shard, found.store, found.end_us),
                "down_us": found.down_us,
                "wall_us": found.end_us - found.start_us,
                "opened_at": found.opened_us,
                "closed_at": found.closed_us,
                "state": found.state,
                "began_before": found.began_before,
                "at_opening": found.at_opening,
                "at_closing": found.at_closing,
            }
        ).with_columns(
            pl.lit(self._plan.windows.names[window]).alias("window"),
            pl.lit(0).alias("blind_us"),
            pl.col("opened_at", "closed_at").replace(NO_INSTANT, None),
            pl.col("state").replace_strict(states, return_dtype=pl.String),
            position=pl.when(opens & closes)
            .then(pl.lit("whole"))
            .when(opens)
            .then(pl.lit("late_open"))
            .when(closes)
            .then(pl.lit("early_close"))
            .otherwise(pl.lit("middle")),
        )
        return self._with_causes(rows).select("store", *OUTAGES.names()).cast(OUTAGES)

    def _with_blind_time(self, rows: pl.DataFrame) -> pl.DataFrame:
        blind_us = np.zeros(rows.height, np.int64)
        start_us, end_us = (rows[edge].to_physical().to_numpy() for edge in ("start_at", "end_at"))
        for window, name in enumerate(self._plan.windows.names):
            ours = (rows["window"] == name).to_numpy()
            blind_us[ours] = self._blind_time(window, start_us[ours], end_us[ours])
        return rows.with_columns(pl.Series("blind_us", blind_us))

    def _with_causes(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add cause and note of the annotation, of several the one created last, that overlaps an outage."""
        numbered = rows.with_row_index("row")
        start_us, end_us = (pl.col(name).to_physical() for name in ("start_at", "end_at"))
        told = (
            numbered.join(self._said, on="store", maintain_order="right")
            .filter(pl.col("said_from_us") < end_us, start_us < pl.col("said_to_us"))
            .unique("row", keep="last", maintain_order=True)
            .select("row", "cause", "note")
        )
        return numbered.join(told, on="row", how="left", maintain_order="left")


def _count(counted: Int64s, found: Outages) -> None:
    """Add outages to what is counted of the stores in one window: int64[n,...]."""
    ended = found.state == OutageState.ENDED
    np.add.at(counted[:, _COUNTED.index("outages")], found.store, 1)
    np.add.at(counted[:, _COUNTED.index("down_us")], found.store, found.down_us)
    np.maximum.at(counted[:, _LONGEST], found.store, found.down_us)
    np.add.at(counted[:, _COUNTED.index("ended")], found.store[ended], 1)
    np.add.at(counted[:, _COUNTED.index("ended_down_us")], found.store[ended], found.down_us[ended])


def _columns(counted: Int64s) -> pl.DataFrame:
    """Lay out what was counted, int64[N, ...], as the columns of OUTAGE_FIGURES and OPENINGS."""
    number, has_any, has_ended = pl.col("outages"), pl.col("outages") > 0, pl.col("ended") > 0
    frame = pl.DataFrame(counted, schema=dict.fromkeys((*_COUNTED, *OPENINGS), pl.Int64), orient="row")
    return frame.select(
        number,
        pl.col("down_us").alias("outage_us"),
        pl.when(has_any).then(pl.col("longest_us")).alias("longest_outage_us"),
        pl.when(has_any).then(pl.col("down_us") // number).alias("mean_outage_us"),
        pl.when(has_ended).then(pl.col("ended_down_us") // pl.col("ended")).alias("mttr_us"),
        pl.when(has_any).then(pl.col("up_us") // number).alias("mtbf_us"),
        *OPENINGS,
    )


def _read_said(plan: Plan, catalog: Catalog) -> pl.DataFrame:
    """Read the annotations that touch the windows, the one created last at the end: _SAID."""
    spans_us = plan.windows.spans_us
    if spans_us.size == 0:
        return _SAID.to_frame()
    first, end = instant_of(int(spans_us.min())), instant_of(int(spans_us.max()))
    found: list[Annotation] = []
    before: int | None = None
    while page := catalog.list_annotations(from_=first, to=end, before=before, limit=_ANNOTATIONS_AT_ONCE):
        found += page
        before = page[-1].annotation_id
    found.sort(key=lambda each: (each.created_at, each.annotation_id))
    said = pl.DataFrame(
        {
            "store_id": [each.store_id for each in found],
            "said_from_us": [each.start_at for each in found],
            "said_to_us": [each.end_at for each in found],
            "cause": [each.cause for each in found],
            "note": [each.note for each in found],
        },
        schema_overrides={"store_id": pl.String, "cause": pl.String, "note": pl.String},
    )
    places = plan.store_ids.to_frame().with_row_index("store")
    said = said.join(places, on="store_id", maintain_order="left")
    instants = pl.col("said_from_us", "said_to_us").cast(pl.Datetime("us", "UTC")).to_physical()
    return said.with_columns(instants).select(_SAID.names()).cast(_SAID)
