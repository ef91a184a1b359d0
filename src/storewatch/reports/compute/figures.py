"""What figures are computed from: the stores, what was seen of them, and when they were open; one shard at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.catalog import Catalog
from storewatch.domain.columns import Int64s, UInt8s
from storewatch.domain.enums import AnnotationMode, ClosureMode
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import DAY_US, instant_us
from storewatch.domain.policies import Policy
from storewatch.engine.availability import Evidence, Reclassified, evidence_range, group_evidence, group_reclassified
from storewatch.engine.opening.calendars import Calendars, assign_calendars
from storewatch.engine.opening.changes import HoursChanges
from storewatch.engine.opening.sessions import Sessions, open_sessions
from storewatch.lake import Snapshot
from storewatch.reports.request.request import ReportRequest

# Rows of one shard. 1 M stores, 130 M polls peak at 0.9 GiB with 4 M rows, at 1.3 GiB with 8 M, in the same time.
SHARD_ROWS: Final = 4_000_000
# Results of one shard that are kept for each store, such as its days: 32 bytes each.
SHARD_CELLS: Final = 4_000_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class StoreList:
    """The stores that the catalog knows at one version, or some of them, ordered by store_id.

    frame: store_id, weekly_hours_id (null: default), timezone (null: default); row number = store index.
    patterns: catalog.PATTERNS; changes: of the hours of any store; calendars: of these stores only, their zones too;
    reclassifications: columns.RECLASSIFICATIONS. known: how many stores there are in all.
    """

    catalog_version: int
    frame: pl.DataFrame
    patterns: pl.DataFrame
    changes: HoursChanges
    calendars: Calendars
    reclassifications: pl.DataFrame
    known: int

    @classmethod
    def read(cls, catalog: Catalog) -> "StoreList":
        rows = catalog.read_stores()
        return cls(
            catalog_version=rows.catalog_version,
            frame=rows.frame,
            patterns=rows.patterns,
            changes=rows.changes,
            calendars=assign_calendars(rows.frame, rows.patterns, rows.changes),
            reclassifications=rows.reclassifications,
            known=rows.frame.height,
        )

    @property
    def store_ids(self) -> pl.Series:
        return self.frame["store_id"]

    @property
    def is_complete(self) -> bool:
        return self.frame.height == self.known

    def only(self, store_ids: pl.Series) -> "StoreList":
        """Keep those of these stores that are here."""
        return self.at(self.store_ids.is_in(store_ids.implode()).to_numpy())

    def at(self, kept: npt.NDArray[np.bool_]) -> "StoreList":
        """Keep the stores where `kept`, bool[S], is true."""
        if kept.all():
            return self
        frame = self.frame.filter(pl.Series(kept))
        return replace(self, frame=frame, calendars=assign_calendars(frame, self.patterns, self.changes))


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What every figure of a report is computed from."""

    store_list: StoreList
    snapshot: Snapshot
    as_of_us: int
    policy: Policy
    closures: ClosureMode = ClosureMode.HONOUR
    annotations: AnnotationMode = AnnotationMode.APPLY


@dataclass(frozen=True, kw_only=True)
class SeenRows:
    """What was seen of some stores in the order of the lake, repeats included.

    store_index: uint32[N], of which store; observed_us, loaded_us: int64[N]; active: uint8[N].
    """

    store_index: npt.NDArray[np.uint32]
    observed_us: Int64s
    active: UInt8s
    loaded_us: Int64s

    def evidence(self, stores: int) -> Evidence:
        return group_evidence(self.store_index, self.observed_us, self.active, self.loaded_us, stores)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The stores [first, last) of the list with all that bears on them in a range."""

    first: int
    last: int
    rows: SeenRows
    evidence: Evidence
    sessions: Sessions
    zone_of: Int64s
    reclassified: Reclassified | None

    @property
    def engine_input(self) -> dict[str, Any]:
        """What all functions of the engine's door take of a shard, by their names."""
        return {"evidence": self.evidence, "sessions": self.sessions, "reclassified": self.reclassified}


def shards(
    basis: Basis,
    from_us: int,
    to_us: int,
    *,
    cells: int = 0,
    progress: Progress | None = None,
    shard_rows: int = SHARD_ROWS,
) -> Iterator[Shard]:
    """Read what can matter to `[from_us, to_us)`, one shard of stores after the other (about shard_rows polls).

    cells: results that the caller keeps for each store of a shard.
    """
    store_list, snapshot = basis.store_list, basis.snapshot
    start_us, end_us = evidence_range(from_us, to_us, as_of_us=basis.as_of_us, policy=basis.policy)
    sessions = open_sessions(store_list.calendars, start_us, end_us, basis.closures)
    store_ids = store_list.store_ids
    # Some of the stores have, as far as can be told without reading, their share of the rows.
    rows = snapshot.rows * len(store_ids) // max(1, store_list.known)
    count = max(1, -(-rows // shard_rows), -(-cells * len(store_ids) // SHARD_CELLS))
    bounds = np.linspace(0, len(store_ids), count + 1).astype(int).tolist()
    for number, (first, last) in enumerate(pairwise(bounds)):
        ours: tuple[str, str | None] | list[str] | None = None
        if not store_list.is_complete:
            ours = store_ids[first:last].to_list()
        elif count > 1:
            ours = (store_ids[first], store_ids[last] if last < len(store_ids) else None)
        ids = store_ids[first:last]
        seen = read_rows(snapshot, ids, (start_us, min(end_us - 1, basis.as_of_us)), ours)
        yield Shard(
            first=first,
            last=last,
            rows=seen,
            evidence=seen.evidence(last - first),
            sessions=replace(sessions, calendar_of=sessions.calendar_of[first:last]),
            zone_of=store_list.calendars.zone_of[first:last],
            reclassified=_reclassified(basis, ids),
        )
        if progress is not None:
            progress(number + 1, count)


def _reclassified(basis: Basis, store_ids: pl.Series) -> Reclassified | None:
    rows = basis.store_list.reclassifications
    if basis.annotations is AnnotationMode.IGNORE or rows.is_empty():
        return None
    return group_reclassified(rows, store_ids)


def resolve_as_of(request: ReportRequest, snapshot: Snapshot, stores: pl.Series | None = None) -> int:
    """Give the report's "now": as asked, or the newest observation in the data (SEMANTICS 15).

    stores: what the data are, for a caller for whom no other stores exist.
    """
    if request.as_of is not None:
        return instant_us(request.as_of)
    newest_us = snapshot.newest_us() if stores is None else newest_of(snapshot, stores)
    if newest_us is None:
        raise InvalidInputError(
            "Nothing has been observed yet, so the report has no 'now'. Import polls first, or say as_of."
        )
    return newest_us


def newest_of(snapshot: Snapshot, store_ids: pl.Series) -> int | None:
    """Give the newest observation of some stores, None when there is none."""
    for day in reversed(snapshot.days) if len(store_ids) else ():
        begin_us = instant_us(datetime(day.year, day.month, day.day, tzinfo=UTC))
        seen = snapshot.read(begin_us, begin_us + DAY_US - 1, stores=store_ids.to_list())
        if seen.height:
            return int(seen.select(pl.col("observed_at").max().to_physical()).item())
    return None


def read_evidence(
    snapshot: Snapshot,
    store_ids: pl.Series,
    range_us: tuple[int, int],
    stores: tuple[str, str | None] | list[str] | None,
) -> Evidence:
    """Give the evidence of `read_rows`."""
    return read_rows(snapshot, store_ids, range_us, stores).evidence(len(store_ids))


def read_rows(
    snapshot: Snapshot,
    store_ids: pl.Series,
    range_us: tuple[int, int],
    stores: tuple[str, str | None] | list[str] | None,
) -> SeenRows:
    """Read what was seen of `store_ids` in a range, both ends included, in their order.

    stores: the lake's range [first, last) of ids, or the ids, to read; None when `store_ids` are all there are.
    """
    rows = snapshot.read(*range_us, stores=stores)
    # The lake is sorted by store, so ids are looked up once a run: 1 M stores, 130 M polls in 7.7 s instead of 11.1 s.
    runs = rows["store_id"].rle().struct.unnest()
    places = store_ids.to_frame("value").with_row_index("place")
    runs = runs.join(places, on="value", how="left", maintain_order="left")
    if runs["place"].has_nulls():
        wanted = np.repeat(runs["place"].is_not_null().to_numpy(), runs["len"].to_numpy())
        rows, runs = rows.filter(wanted), runs.drop_nulls("place")
    return SeenRows(
        store_index=np.repeat(runs["place"].to_numpy(), runs["len"].to_numpy()),
        observed_us=rows["observed_at"].to_physical().to_numpy(),
        active=rows["active"].cast(pl.UInt8).to_numpy(),
        loaded_us=rows["loaded_at"].to_physical().to_numpy(),
    )
