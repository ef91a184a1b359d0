"""Bring observations and reclassifications into the engine's order; compute the range of observations that matter."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.domain.columns import Int64s, UInt8s
from storewatch.domain.enums import Status
from storewatch.domain.policies import Policy
from storewatch.engine.arrays import frozen
from storewatch.engine.kernels import polls


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The observations of S stores, each instant once.

    offsets: int64[S+1]; observed_us: int64[N] strictly ascending inside a store; active: uint8[N], 1 = up.
    """

    offsets: Int64s
    observed_us: Int64s
    active: UInt8s


@dataclass(frozen=True, kw_only=True)
class Reclassified:
    """Stretches in which the down time of S stores counts as another status (SEMANTICS 20).

    offsets: int64[S+1]; start_us, end_us: int64[N], disjoint and ascending inside a store; status: uint8[N], any but
    DOWN.
    """

    offsets: Int64s
    start_us: Int64s
    end_us: Int64s
    status: UInt8s


def group_evidence(
    store_index: npt.NDArray[np.uint32],
    observed_us: Int64s,
    active: npt.NDArray[np.bool_] | UInt8s,
    loaded_us: Int64s,
    stores: int,
) -> Evidence:
    """Sort observations by store and time and keep the latest loaded of each store and instant (SEMANTICS 1).

    store_index: [N], 0 <= index < stores; the rows may have any order. At equal loaded_us the later row wins.
    """
    if len(store_index) and int(store_index.max()) >= stores:
        raise ValueError("store_index names a store that does not exist")
    offsets = np.zeros(stores + 1, np.int64)
    out_us, out_active = np.empty(len(store_index), np.int64), np.empty(len(store_index), np.uint8)
    kept = polls.group_by_store(
        frozen(store_index, np.uint32),
        frozen(observed_us, np.int64),
        frozen(active, np.uint8),
        frozen(loaded_us, np.int64),
        offsets,
        out_us,
        out_active,
    )
    return Evidence(offsets=offsets, observed_us=out_us[:kept], active=out_active[:kept])


def group_reclassified(rows: pl.DataFrame, store_ids: pl.Series) -> Reclassified:
    """Sort reclassifications by store, in the order of `store_ids`, and by time.

    rows: columns.RECLASSIFICATIONS. Where rows overlap, the later row counts (SEMANTICS 20). A row with the status DOWN
    undoes earlier rows. Rows of other stores and empty stretches are left out.
    """
    places = store_ids.rename("store_id").to_frame().with_row_index("place")
    known = rows.join(places, on="store_id", maintain_order="left").sort("place", maintain_order=True)
    stretches: list[list[tuple[int, int, int]]] = [[] for _ in store_ids]
    columns = (known[name].to_physical() for name in ("place", "start_at", "end_at", "status"))
    for place, start_us, end_us, status in zip(*columns, strict=True):
        if start_us < end_us:
            # The new row replaces its stretch: keep the parts of earlier rows before and after it.
            kept = [
                (max(a, low), min(b, high), earlier)
                for a, b, earlier in stretches[place]
                for low, high in ((a, start_us), (end_us, b))
                if max(a, low) < min(b, high)
            ]
            stretches[place] = kept if status == Status.DOWN else [*kept, (start_us, end_us, status)]
    flat = np.array([each for of_store in stretches for each in sorted(of_store)], np.int64).reshape(-1, 3)
    return Reclassified(
        offsets=np.cumsum([0, *map(len, stretches)], dtype=np.int64),
        start_us=flat[:, 0],
        end_us=flat[:, 1],
        status=flat[:, 2].astype(np.uint8),
    )


def evidence_range(from_us: int, to_us: int, *, as_of_us: int, policy: Policy) -> tuple[int, int]:
    """Return the range `[start, end)` of sessions and observations that can matter to `[from_us, to_us)` (SEMANTICS 9).

    Observations after as_of are never read, so `end` of the observations is at most as_of + 1 us; sessions need the
    whole range only as far as the observations reach, and the window itself.
    """
    start_us = from_us - policy.max_gap_us
    return start_us, max(to_us, min(to_us + policy.max_gap_us, as_of_us) + 1)
