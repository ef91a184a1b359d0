"""Find the outages of one store in a range. Reports use the same functions on outages."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from storewatch.catalog import Annotation, Catalog, StoreRows
from storewatch.domain.columns import INSTANT, Int64s
from storewatch.domain.enums import OutagePosition, Status
from storewatch.domain.instants import instant_of
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.measures import Measures, measure
from storewatch.engine.opening.sessions import Sessions
from storewatch.engine.opening.zones import local_readings
from storewatch.engine.outages import LOOKAROUND_US, NO_INSTANT, Outages, OutageState, outages
from storewatch.stores.evidence import read_rows
from storewatch.stores.reasons import inactive_polls, with_reasons
from storewatch.stores.states import Moment
from storewatch.stores.timeline import HistoryQuery, Range, range_totals, read_engine_inputs

# The figures of the outages of each store; ended: only of outages that are over.
COUNTED: Final = ("outages", "down_us", "longest_us", "ended", "ended_down_us", "up_us")
LONGEST: Final = COUNTED.index("longest_us")

# Annotations by the place of their store in a list of stores, the one created last at the end.
NOTES: Final = pl.Schema(
    {
        "store": pl.Int64(),
        "note_from_us": pl.Int64(),
        "note_to_us": pl.Int64(),
        "cause": pl.String(),
        "note": pl.String(),
    }
)
_ANNOTATIONS_AT_ONCE: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Outage:
    """An outage, cut to the range.

    start_local: the store's local time at start_at. down_us: its business time; wall_us: from start to end. opened_at:
    the poll that is the reason for its start; closed_at: the poll that ended it. position: its place in its
    sessions (late_open, early_close, middle, whole). state: ended, ongoing, continues. cause, note: of the annotation
    that overlaps it. inactive_polls: how many polls found it down; reason: the most frequent one of their reasons,
    reason_polls: how many have it; reasons: all of them in words. These four are None where no poll has a reason.
    """

    start_at: datetime
    end_at: datetime
    start_local: datetime
    down_us: int
    wall_us: int
    opened_at: datetime | None
    closed_at: datetime | None
    position: str
    state: str
    began_before: bool
    cause: str | None
    note: str | None
    inactive_polls: int | None
    reason: str | None
    reason_polls: int | None
    reasons: str | None


@dataclass(frozen=True, kw_only=True)
class OutageStatistics:
    """The number and length of outages; None for a division by zero (docs/semantics.md, rule 21)."""

    outages: int
    outage_us: int
    longest_outage_us: int | None
    mean_outage_us: int | None
    mttr_us: int | None
    mtbf_us: int | None


@dataclass(frozen=True, kw_only=True)
class StoreOutages:
    """The outages of a store in a range, in order, with its figures there. totals_us: int64[1,4] by Status."""

    range: Range
    totals_us: Int64s
    measures: Measures
    figures: OutageStatistics
    outages: list[Outage]


def store_outages(
    store: StoreRows, moment: Moment, query: HistoryQuery, *, min_duration_us: int = 0, catalog: Catalog
) -> StoreOutages:
    """Find the outages of the one store of `store`, as a report on this store does.

    min_duration_us: shorter outages are left out.
    """
    inputs = read_engine_inputs(store, moment, query, LOOKAROUND_US)
    window = np.array([[query.range.from_us, query.range.to_us]], np.int64)
    found = outages(inputs, window, np.zeros(1, np.int64), min_duration_us=min_duration_us)
    totals_us = range_totals(inputs, query.range)
    counted = np.zeros((1, len(COUNTED)), np.int64)
    count_outages(counted, found)
    counted[:, COUNTED.index("up_us")] = totals_us[:, Status.UP]
    ids = store.frame["store_id"]
    readings = local_readings(store.frame["timezone"][0] or DEFAULT_TIMEZONE, found.start_us)
    polls = _read_inactive_polls(store, moment, query, inputs.sessions)
    rows = with_reasons(outage_rows(found, found.store), polls).with_columns(
        start_local=pl.Series(readings).cast(pl.Datetime("us"))
    )
    rows = with_notes(rows, read_notes(catalog, ids, (query.range.from_us, query.range.to_us)))
    rows = rows.with_columns(pl.col("start_at", "end_at", "opened_at", "closed_at").cast(INSTANT))
    return StoreOutages(
        range=query.range,
        totals_us=totals_us,
        measures=measure(totals_us),
        figures=OutageStatistics(**outage_figures(counted).row(0, named=True)),
        outages=[Outage(**row) for row in rows.select(field.name for field in fields(Outage)).to_dicts()],
    )


def _read_inactive_polls(
    store: StoreRows, moment: Moment, query: HistoryQuery, sessions: Sessions
) -> pl.DataFrame | None:
    """Return the inactive polls with their reasons around the range; None where no poll has any."""
    first_us, last_us = query.range.from_us - LOOKAROUND_US - query.policy.max_gap_us, query.range.to_us
    last_us = min(last_us, last_us if moment.as_of_us is None else moment.as_of_us)
    if not moment.snapshot.has_details(first_us, last_us):
        return None
    ids = store.frame["store_id"]
    rows = read_rows(moment.snapshot, ids, (first_us, last_us), ids.to_list(), sources=query.sources, detailed=True)
    return inactive_polls(rows, sessions)


def count_outages(counted: Int64s, found: Outages) -> None:
    """Add outages to the figures of stores, int64[S,...]; the first columns are COUNTED."""
    ended = found.state == OutageState.ENDED
    np.add.at(counted[:, COUNTED.index("outages")], found.store, 1)
    np.add.at(counted[:, COUNTED.index("down_us")], found.store, found.down_us)
    np.maximum.at(counted[:, LONGEST], found.store, found.down_us)
    np.add.at(counted[:, COUNTED.index("ended")], found.store[ended], 1)
    np.add.at(counted[:, COUNTED.index("ended_down_us")], found.store[ended], found.down_us[ended])


def outage_figures(counted: Int64s) -> pl.DataFrame:
    """Return COUNTED, int64[N, 6], as the columns of OutageStatistics.

    mean is the down time per outage, mttr the down time per outage that ended, mtbf the up time per outage. All three
    are rounded down to whole microseconds.
    """
    number, has_any, has_ended = pl.col("outages"), pl.col("outages") > 0, pl.col("ended") > 0
    return pl.DataFrame(counted, schema=dict.fromkeys(COUNTED, pl.Int64), orient="row").select(
        number,
        pl.col("down_us").alias("outage_us"),
        pl.when(has_any).then(pl.col("longest_us")).alias("longest_outage_us"),
        pl.when(has_any).then(pl.col("down_us") // number).alias("mean_outage_us"),
        pl.when(has_ended).then(pl.col("ended_down_us") // pl.col("ended")).alias("mttr_us"),
        pl.when(has_any).then(pl.col("up_us") // number).alias("mtbf_us"),
    )


def outage_rows(found: Outages, store: Int64s) -> pl.DataFrame:
    """Return outages as rows, instants in microseconds. store: the place of each one's store in a list of stores."""
    states = {int(state): state.name.lower() for state in OutageState}
    opens, closes = pl.col("at_opening"), pl.col("at_closing")
    return pl.DataFrame(
        {
            "store": store,
            "start_at": found.start_us,
            "end_at": found.end_us,
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
        pl.col("opened_at", "closed_at").replace(NO_INSTANT, None),
        pl.col("state").replace_strict(states, return_dtype=pl.String),
        position=pl.when(opens & closes)
        .then(pl.lit(OutagePosition.WHOLE))
        .when(opens)
        .then(pl.lit(OutagePosition.LATE_OPEN))
        .when(closes)
        .then(pl.lit(OutagePosition.EARLY_CLOSE))
        .otherwise(pl.lit(OutagePosition.MIDDLE)),
    )


def read_notes(catalog: Catalog, store_ids: pl.Series, range_us: tuple[int, int]) -> pl.DataFrame:
    """Read the annotations of these stores that overlap a range: NOTES."""
    first, end = (instant_of(edge_us) for edge_us in range_us)
    of_store = store_ids[0] if len(store_ids) == 1 else None
    found: list[Annotation] = []
    before: int | None = None
    while page := catalog.annotations.list_(
        store_id=of_store, from_=first, to=end, before=before, limit=_ANNOTATIONS_AT_ONCE
    ):
        found += page
        before = page[-1].annotation_id
    found.sort(key=lambda each: (each.created_at, each.annotation_id))
    notes = pl.DataFrame(
        {
            "store_id": [each.store_id for each in found],
            "note_from_us": [each.start_at for each in found],
            "note_to_us": [each.end_at for each in found],
            "cause": [each.cause for each in found],
            "note": [each.note for each in found],
        },
        schema_overrides={"store_id": pl.String, "cause": pl.String, "note": pl.String},
    )
    places = store_ids.rename("store_id").to_frame().with_row_index("store")
    notes = notes.join(places, on="store_id", maintain_order="left")
    instants = pl.col("note_from_us", "note_to_us").cast(INSTANT).to_physical()
    return notes.with_columns(instants).select(NOTES.names()).cast(NOTES)


def with_notes(rows: pl.DataFrame, notes: pl.DataFrame) -> pl.DataFrame:
    """Add cause and note of the annotation that overlaps an outage; of several ones, of the one created last."""
    numbered = rows.with_row_index("row")
    start_us, end_us = (pl.col(name).to_physical() for name in ("start_at", "end_at"))
    found = (
        numbered.join(notes, on="store", maintain_order="right")
        .filter(pl.col("note_from_us") < end_us, start_us < pl.col("note_to_us"))
        .unique("row", keep="last", maintain_order=True)
        .select("row", "cause", "note")
    )
    return numbered.join(found, on="row", how="left", maintain_order="left").drop("row")
