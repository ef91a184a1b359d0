"""What figures are computed from: the stores, their observations and their sessions; one shard at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
import polars as pl

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import AnnotationMode, ClosureMode
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import instant_us
from storewatch.domain.policies import Policy
from storewatch.engine.evidence import Evidence, Reclassified, evidence_range, group_reclassified
from storewatch.engine.opening.sessions import Sessions, open_sessions
from storewatch.lake import Snapshot
from storewatch.reports.request.request import ReportRequest
from storewatch.stores.evidence import SeenRows, StoreList, StoresToRead, newest_of, read_rows

# Rows of one shard. 1 M stores, 130 M polls peak at 0.9 GiB with 4 M rows, at 1.3 GiB with 8 M, in the same time.
SHARD_ROWS: Final = 4_000_000
# Results of one shard that are kept for each store, such as its days: 32 bytes each.
SHARD_CELLS: Final = 4_000_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class ReportInputs:
    """What every figure of a report is computed from."""

    store_list: StoreList
    snapshot: Snapshot
    as_of_us: int
    policy: Policy
    closures: ClosureMode = ClosureMode.HONOUR
    annotations: AnnotationMode = AnnotationMode.APPLY


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
    inputs: ReportInputs,
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
    store_list, snapshot = inputs.store_list, inputs.snapshot
    start_us, end_us = evidence_range(from_us, to_us, as_of_us=inputs.as_of_us, policy=inputs.policy)
    sessions = open_sessions(store_list.calendars, start_us, end_us, inputs.closures)
    store_ids = store_list.store_ids
    # Some of the stores have, as far as can be told without reading, their share of the rows.
    rows = snapshot.rows * len(store_ids) // max(1, store_list.known)
    count = max(1, -(-rows // shard_rows), -(-cells * len(store_ids) // SHARD_CELLS))
    bounds = np.linspace(0, len(store_ids), count + 1).astype(int).tolist()
    for number, (first, last) in enumerate(pairwise(bounds)):
        ours: StoresToRead = None
        if not store_list.is_complete:
            ours = store_ids[first:last].to_list()
        elif count > 1:
            ours = (store_ids[first], store_ids[last] if last < len(store_ids) else None)
        ids = store_ids[first:last]
        seen = read_rows(snapshot, ids, (start_us, min(end_us - 1, inputs.as_of_us)), ours)
        yield Shard(
            first=first,
            last=last,
            rows=seen,
            evidence=seen.evidence(last - first),
            sessions=replace(sessions, calendar_of=sessions.calendar_of[first:last]),
            zone_of=store_list.calendars.zone_of[first:last],
            reclassified=_reclassified(inputs, ids),
        )
        if progress is not None:
            progress(number + 1, count)


def _reclassified(inputs: ReportInputs, store_ids: pl.Series) -> Reclassified | None:
    rows = inputs.store_list.reclassifications
    if inputs.annotations is AnnotationMode.IGNORE or rows.is_empty():
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
