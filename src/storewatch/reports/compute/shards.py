"""The stores of a report in shards: their observations and sessions, read one shard at a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import AnnotationMode, ClosureMode
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import instant_us
from storewatch.domain.labels import ALL_STORES, Scope
from storewatch.domain.policies import Policy
from storewatch.engine.evidence import Evidence, Reclassified, evidence_range, group_reclassified
from storewatch.engine.inputs import EngineInputs
from storewatch.engine.opening.sessions import Sessions, open_sessions
from storewatch.engine.opening.zones import local_readings
from storewatch.lake import Snapshot
from storewatch.reports.request.request import ReportRequest
from storewatch.stores.evidence import ObservationRows, StoreList, StoresToRead, newest_of, read_rows

# Rows of one shard. 1 M stores, 130 M polls peak at 0.9 GiB with 4 M rows, at 1.3 GiB with 8 M, in the same time.
SHARD_ROWS: Final = 4_000_000
# Results of one shard that are kept for each store, such as its days: 32 bytes each.
SHARD_CELLS: Final = 4_000_000

# Called after each shard with the number of shards done and the number of all shards.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class ReportInputs:
    """Everything that the figures of a report are computed from."""

    store_list: StoreList
    snapshot: Snapshot
    as_of_us: int
    policy: Policy
    closures: ClosureMode = ClosureMode.HONOUR
    annotations: AnnotationMode = AnnotationMode.APPLY
    sources: tuple[str, ...] = ()
    scope: Scope = ALL_STORES


@dataclass(frozen=True, kw_only=True, eq=False)
class Shard:
    """The stores [first, last) of a report, N of them, and everything that decides their figures in a range.

    zone_of: int64[N], places in `zones`. Store indices of the engine count from 0 within the shard.
    """

    first: int
    last: int
    store_ids: pl.Series
    rows: ObservationRows
    evidence: Evidence
    sessions: Sessions
    zones: tuple[str, ...]
    zone_of: Int64s
    reclassified: Reclassified | None
    as_of_us: int
    policy: Policy

    @property
    def engine_inputs(self) -> EngineInputs:
        return EngineInputs(
            evidence=self.evidence,
            sessions=self.sessions,
            as_of_us=self.as_of_us,
            policy=self.policy,
            reclassified=self.reclassified,
        )

    def local_readings(self, store: Int64s, instants_us: Int64s) -> Int64s:
        """Return instants, int64[M], as the local clocks of their stores, int64[M] indices in the shard, show them."""
        readings = np.empty(len(store), np.int64)
        zone_of = self.zone_of[store]
        for zone in np.unique(zone_of).tolist():
            in_zone = zone_of == zone
            readings[in_zone] = local_readings(self.zones[zone], instants_us[in_zone])
        return readings


@dataclass(frozen=True, kw_only=True, eq=False)
class Shards:
    """The stores of a report cut into shards; each can be read alone and in any order.

    read_us: the range of observations, both ends included. sessions: of all calendars in the range. bounds: the
    stores [first, last) of each shard. detailed: whether reasons and sources are read.
    """

    inputs: ReportInputs
    read_us: tuple[int, int]
    sessions: Sessions
    bounds: tuple[tuple[int, int], ...]
    detailed: bool = False

    @classmethod
    def of(
        cls,
        inputs: ReportInputs,
        from_us: int,
        to_us: int,
        *,
        cells: int = 0,
        shard_rows: int = SHARD_ROWS,
        detailed: bool = False,
    ) -> "Shards":
        """Cut the stores so that a shard has about shard_rows observations that can matter to `[from_us, to_us)`.

        cells: results that the caller keeps for each store of a shard; many of them make shards smaller. detailed:
        read reasons and sources, where any poll in the range has one.
        """
        store_list = inputs.store_list
        stores = len(store_list.store_ids)
        start_us, end_us = evidence_range(from_us, to_us, as_of_us=inputs.as_of_us, policy=inputs.policy)
        # Where only some stores are read, their number of rows is estimated: nothing has been read yet.
        rows = inputs.snapshot.rows * stores // max(1, store_list.known)
        count = max(1, -(-rows // shard_rows), -(-cells * stores // SHARD_CELLS))
        edges = np.linspace(0, stores, count + 1).astype(int).tolist()
        read_us = start_us, min(end_us - 1, inputs.as_of_us)
        return cls(
            inputs=inputs,
            read_us=read_us,
            sessions=open_sessions(store_list.calendars, start_us, end_us, inputs.closures),
            bounds=tuple(pairwise(edges)),
            detailed=detailed and inputs.snapshot.has_details(*read_us),
        )

    def __len__(self) -> int:
        return len(self.bounds)

    def read(self, number: int) -> Shard:
        """Read one shard."""
        inputs, (first, last) = self.inputs, self.bounds[number]
        calendars, store_ids = inputs.store_list.calendars, inputs.store_list.store_ids
        ids = store_ids[first:last]
        stores: StoresToRead = None
        if not inputs.store_list.is_complete:
            stores = ids.to_list()
        elif len(self.bounds) > 1:
            stores = (store_ids[first], store_ids[last] if last < len(store_ids) else None)
        rows = read_rows(inputs.snapshot, ids, self.read_us, stores, sources=inputs.sources, detailed=self.detailed)
        return Shard(
            first=first,
            last=last,
            store_ids=ids,
            rows=rows,
            evidence=rows.evidence(last - first),
            sessions=replace(self.sessions, calendar_of=self.sessions.calendar_of[first:last]),
            zones=calendars.zones,
            zone_of=calendars.zone_of[first:last],
            reclassified=_reclassified(inputs, ids),
            as_of_us=inputs.as_of_us,
            policy=inputs.policy,
        )


def _reclassified(inputs: ReportInputs, store_ids: pl.Series) -> Reclassified | None:
    rows = inputs.store_list.reclassifications
    if inputs.annotations is AnnotationMode.IGNORE or rows.is_empty():
        return None
    return group_reclassified(rows, store_ids)


def resolve_as_of(request: ReportRequest, snapshot: Snapshot, stores: pl.Series | None = None) -> int:
    """Return the report's "now": as_of of the request, or the newest observation in the data (SEMANTICS 15).

    stores: ids of the only stores whose observations count, for a caller who may not see others; None for all.
    """
    if request.as_of is not None:
        return instant_us(request.as_of)
    newest_us = snapshot.newest_us() if stores is None else newest_of(snapshot, stores)
    if newest_us is None:
        raise InvalidInputError(
            "Nothing has been observed yet, so the report has no 'now'. Import polls first, or set as_of."
        )
    return newest_us
