"""The one public door of the engine: what was seen and when stores are open in, exact figures out.

Every function validates what the kernels of `timeline` take on trust. Memory is proportional to the stores and
observations handed in, so a caller bounds it by calling with one shard of stores after the other: no store's answer
depends on another's.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from storewatch.engine import timeline
from storewatch.engine.columns import DAY_US, HOUR_US, Int64s, Status, UInt8s
from storewatch.engine.opening import Sessions
from storewatch.errors import InvalidInputError

# Instants are far from the ends of int64 (year 1 ... 9999), so adding a gap never overflows.
MAX_GAP_LIMIT_US: Final = 366 * DAY_US


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How far an observation speaks for the time around it (SEMANTICS 10)."""

    name: str
    max_gap_us: int

    def __post_init__(self) -> None:
        if not 0 < self.max_gap_us <= MAX_GAP_LIMIT_US:
            raise InvalidInputError("max_gap must be longer than nothing and at most 366 days, such as 3h or 7d.")


FILL: Final = Policy(name="fill", max_gap_us=7 * DAY_US)
OBSERVED: Final = Policy(name="observed", max_gap_us=3 * HOUR_US)
POLICIES: Final = {policy.name: policy for policy in (FILL, OBSERVED)}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The observations of S stores, each instant once.

    offsets: int64[S+1]; observed_us: int64[N] strictly ascending inside a store; active: uint8[N], 1 = up.
    """

    offsets: Int64s
    observed_us: Int64s
    active: UInt8s


@dataclass(frozen=True, kw_only=True)
class Spans:
    """Stretches of one status inside one session, ascending inside a store.

    offsets: int64[S+1]; start_us, end_us: int64[N]; status: uint8[N], see columns.Status.
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
    """Bring observations in any order into the engine's order, the latest loaded of each instant (SEMANTICS 1).

    store_index: [N], 0 <= index < stores. At equal loaded_us the later row wins.
    """
    if len(store_index) and int(store_index.max()) >= stores:
        raise ValueError("store_index names a store that does not exist")
    offsets = np.zeros(stores + 1, np.int64)
    out_us, out_active = np.empty(len(store_index), np.int64), np.empty(len(store_index), np.uint8)
    kept = timeline.group_by_store(
        _frozen(store_index, np.uint32),
        _frozen(observed_us, np.int64),
        _frozen(active, np.uint8),
        _frozen(loaded_us, np.int64),
        offsets,
        out_us,
        out_active,
    )
    return Evidence(offsets=offsets, observed_us=out_us[:kept], active=out_active[:kept])


def evidence_range(from_us: int, to_us: int, *, as_of_us: int, policy: Policy) -> tuple[int, int]:
    """Give the range of sessions and observations that can matter to `[from_us, to_us)`: `[start, end)` (SEMANTICS 9).

    Observations after as_of are never read, so `end` of the observations is at most as_of + 1 us; sessions need the
    whole range only as far as the observations reach, and the window itself.
    """
    start_us = from_us - policy.max_gap_us
    return start_us, max(to_us, min(to_us + policy.max_gap_us, as_of_us) + 1)


def totals(evidence: Evidence, sessions: Sessions, windows_us: Int64s, *, as_of_us: int, policy: Policy) -> Int64s:
    """Add up down, up and unknown business time of every store in every window.

    windows_us: int64[W,2], half open, any order, may overlap; sessions must cover their `evidence_range`.
    Returns int64[S,W,3] microseconds, last axis by Status; their sum is the business time, exactly (SEMANTICS 11).
    """
    stores = _count_stores(evidence, sessions)
    if windows_us.ndim != 2 or windows_us.shape[1] != 2 or len(windows_us) == 0:
        raise ValueError("windows_us must be int64[W,2] with at least one window")
    if (windows_us[:, 0] > windows_us[:, 1]).any():
        raise InvalidInputError("A window must not end before it starts.")
    out = np.zeros((stores, len(windows_us), len(Status)), np.int64)
    timeline.window_totals(
        *_columns(evidence, sessions), _frozen(windows_us, np.int64), as_of_us, policy.max_gap_us, out
    )
    return out


def bucket_totals(
    evidence: Evidence, sessions: Sessions, edges_us: Int64s, zone_of: Int64s, *, as_of_us: int, policy: Policy
) -> Int64s:
    """Add up down, up and unknown business time of every store between the edges of its zone.

    edges_us: int64[Z,B+1], ascending (see opening.local_edges); zone_of: int64[S], the row of edges of each store.
    Returns int64[S,B,3] microseconds, last axis by Status.
    """
    stores = _count_stores(evidence, sessions)
    if edges_us.ndim != 2 or edges_us.shape[1] < 2 or (np.diff(edges_us, axis=1) < 0).any():
        raise ValueError("edges_us must be int64[Z,B+1], ascending, with at least one bucket")
    if len(zone_of) != stores or (stores and not 0 <= zone_of.min() <= zone_of.max() < len(edges_us)):
        raise ValueError("zone_of must name one row of edges_us for each store")
    out = np.zeros((stores, edges_us.shape[1] - 1, len(Status)), np.int64)
    timeline.bucket_totals(
        *_columns(evidence, sessions),
        _frozen(edges_us, np.int64),
        _frozen(zone_of, np.int64),
        as_of_us,
        policy.max_gap_us,
        out,
    )
    return out


def spans(evidence: Evidence, sessions: Sessions, from_us: int, to_us: int, *, as_of_us: int, policy: Policy) -> Spans:
    """List the maximal stretches of one status of every store inside `[from_us, to_us)` and inside one session."""
    stores = _count_stores(evidence, sessions)
    if from_us > to_us:
        raise InvalidInputError("A window must not end before it starts.")
    room = 3 * (len(evidence.observed_us) + int(np.diff(sessions.offsets)[sessions.calendar_of].sum()))
    offsets = np.zeros(stores + 1, np.int64)
    start_us, end_us, status = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint8)
    timeline.store_spans(
        *_columns(evidence, sessions), from_us, to_us, as_of_us, policy.max_gap_us, offsets, start_us, end_us, status
    )
    count = int(offsets[-1])
    return Spans(
        offsets=offsets, start_us=start_us[:count].copy(), end_us=end_us[:count].copy(), status=status[:count].copy()
    )


def compile_kernels() -> None:
    """Compile every kernel, or load it from the cache on disk, so that nobody waits at the first report."""
    nothing = np.empty(0, np.int64)
    evidence = group_evidence(
        np.zeros(1, np.uint32), np.zeros(1, np.int64), np.ones(1, np.uint8), np.zeros(1, np.int64), 1
    )
    sessions = Sessions(
        offsets=np.zeros(2, np.int64), open_us=nothing, close_us=nothing, calendar_of=np.zeros(1, np.int64)
    )
    window = np.array([[0, 1]], np.int64)
    totals(evidence, sessions, window, as_of_us=1, policy=FILL)
    bucket_totals(evidence, sessions, window, np.zeros(1, np.int64), as_of_us=1, policy=FILL)
    spans(evidence, sessions, 0, 1, as_of_us=1, policy=FILL)


def _count_stores(evidence: Evidence, sessions: Sessions) -> int:
    stores = len(evidence.offsets) - 1
    if len(sessions.calendar_of) != stores:
        raise ValueError(f"evidence has {stores} stores, sessions have {len(sessions.calendar_of)}")
    return stores


def _columns(evidence: Evidence, sessions: Sessions) -> tuple[npt.NDArray[Any], ...]:
    return (
        _frozen(sessions.offsets, np.int64),
        _frozen(sessions.open_us, np.int64),
        _frozen(sessions.close_us, np.int64),
        _frozen(sessions.calendar_of, np.int64),
        _frozen(evidence.offsets, np.int64),
        _frozen(evidence.observed_us, np.int64),
        _frozen(evidence.active, np.uint8),
    )


def _frozen(values: npt.NDArray[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """View an input as a contiguous read-only array, so that Numba compiles each kernel for one kind of input only."""
    view = np.ascontiguousarray(values, dtype).view()
    view.flags.writeable = False
    return view
