"""Compute up, down, unknown and planned time of stores: in windows, in buckets, and as stretches of one status.

Memory is proportional to the stores and observations of a call. The figures of a store do not depend on other stores.
A caller bounds the memory by passing one shard of stores after the other.
"""

from dataclasses import dataclass

import numpy as np

from storewatch.domain.columns import Int64s, UInt8s
from storewatch.domain.enums import Status
from storewatch.engine.arrays import frozen
from storewatch.engine.inputs import EngineInputs, check_order, checked_zones, walk_inputs
from storewatch.engine.kernels import walk


@dataclass(frozen=True, kw_only=True)
class Spans:
    """Stretches of one status inside one session, ascending inside a store.

    offsets: int64[S+1]; start_us, end_us: int64[N]; status: uint8[N], see enums.Status.
    """

    offsets: Int64s
    start_us: Int64s
    end_us: Int64s
    status: UInt8s


def totals(
    inputs: EngineInputs,
    windows_us: Int64s,
    zone_of: Int64s | None = None,
) -> Int64s:
    """Add up down, up, unknown and planned business time of every store in every window.

    windows_us: int64[W,2], or int64[Z,W,2] with zone_of: int64[S], the row of windows of each store; half open, any
    order, may overlap; sessions must cover their `evidence_range`.
    Returns int64[S,W,4] microseconds, last axis by Status; their sum is the business time, exactly (SEMANTICS 11).
    """
    stores = walk_inputs(inputs)
    if zone_of is None and windows_us.ndim == 2:
        windows_us, zone_of = windows_us[None], np.zeros(len(inputs.sessions.calendar_of), np.int64)
    if windows_us.ndim != 3 or windows_us.shape[1] == 0 or windows_us.shape[2] != 2:
        raise ValueError("windows_us must be int64[W,2], or int64[Z,W,2] with zone_of, with at least one window")
    check_order(windows_us)
    zone_of = checked_zones(zone_of, inputs.sessions, windows_us)
    out = np.zeros((len(zone_of), windows_us.shape[1], len(Status)), np.int64)
    walk.window_totals(stores, frozen(windows_us, np.int64), zone_of, inputs.as_of_us, inputs.policy.max_gap_us, out)
    return out


def bucket_totals(
    inputs: EngineInputs,
    edges_us: Int64s,
    zone_of: Int64s,
    *,
    cell_of: Int64s | None = None,
    cells: int | None = None,
) -> Int64s:
    """Add up down, up, unknown and planned business time of every store between the edges of its zone.

    edges_us: int64[Z,B+1], ascending (see zones.local_edges); zone_of: int64[S], the row of edges of each store.
    cell_of: int64[Z,B], 0 <= cell < cells, where a bucket counts (such as its hour of the week); without it each
    bucket is a cell.
    Returns int64[S,B,4], or int64[S,cells,4], microseconds, last axis by Status.
    """
    stores = walk_inputs(inputs)
    if edges_us.ndim != 2 or edges_us.shape[1] < 2 or (np.diff(edges_us, axis=1) < 0).any():
        raise ValueError("edges_us must be int64[Z,B+1], ascending, with at least one bucket")
    zone_of = checked_zones(zone_of, inputs.sessions, edges_us)
    shape = len(edges_us), edges_us.shape[1] - 1
    if cell_of is None or cells is None:
        cell_of, cells = np.broadcast_to(np.arange(shape[1]), shape), shape[1]
    if cell_of.shape != shape or (cell_of.size and not 0 <= cell_of.min() <= cell_of.max() < cells):
        raise ValueError("cell_of must be int64[Z,B], and every cell less than cells")
    out = np.zeros((len(zone_of), cells, len(Status)), np.int64)
    walk.bucket_totals(
        stores,
        frozen(edges_us, np.int64),
        zone_of,
        frozen(cell_of, np.int64),
        inputs.as_of_us,
        inputs.policy.max_gap_us,
        out,
    )
    return out


def spans(
    inputs: EngineInputs,
    from_us: int,
    to_us: int,
) -> Spans:
    """List the maximal stretches of one status of every store in `[from_us, to_us)`, planned stretches included.

    Stretches that are not planned never cross the edge of a session.
    """
    stores, sessions = walk_inputs(inputs), inputs.sessions
    check_order(np.array([from_us, to_us]))
    of_calendars = 3 * np.diff(sessions.offsets) + np.diff(sessions.planned_offsets)
    space = (
        3 * len(inputs.evidence.observed_us)
        + int(of_calendars[sessions.calendar_of].sum())
        + 2 * len(stores.changed_start_us)
    )
    offsets = np.zeros(len(sessions.calendar_of) + 1, np.int64)
    start_us, end_us, status = np.empty(space, np.int64), np.empty(space, np.int64), np.empty(space, np.uint8)
    walk.store_spans(
        stores, from_us, to_us, inputs.as_of_us, inputs.policy.max_gap_us, offsets, start_us, end_us, status
    )
    count = int(offsets[-1])
    return Spans(
        offsets=offsets, start_us=start_us[:count].copy(), end_us=end_us[:count].copy(), status=status[:count].copy()
    )
