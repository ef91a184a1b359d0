"""The one public door of the engine: what was seen and when stores are open in, exact figures out.

Every function validates what the kernels of `timeline` take on trust. Memory is proportional to the stores and
observations handed in, so a caller bounds it by calling with one shard of stores after the other: no store's answer
depends on another's.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.domain.columns import Int64s, UInt8s
from storewatch.domain.enums import Status
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instants import DAY_US, HOUR_US, MINUTE_US
from storewatch.domain.policies import FILL, Policy
from storewatch.engine import timeline
from storewatch.engine.opening.sessions import Sessions

# Instants are far from the ends of int64 (year 1 ... 9999), so adding a gap never overflows.
# How far `outages` looks around its window: over a week with one session.
LOOKAROUND_US: Final = 8 * DAY_US
NO_INSTANT: Final[int] = timeline.NO_INSTANT

# A store is unpolled where its business time between two polls is longer than this.
BLIND_AFTER_US: Final = 3 * HOUR_US
BLIND_SPOT_MINUTES: Final = 10
# Of fewer stores nothing can be told: one alone is most of its kind.
BLIND_SPOT_STORES: Final = 10

# The last axes of what `openings` and `poll_gaps` return.
OPENINGS: Final = ("late_open_us", "late_opens", "early_close_us", "early_closes", "missed_us", "missed")
POLL_GAPS: Final = ("polls", "counted", "outside", "median_gap_us", "longest_gap_us")

Bools: TypeAlias = npt.NDArray[np.bool_]


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


@dataclass(frozen=True, kw_only=True)
class Reclassified:
    """What down time of S stores counts as (SEMANTICS 20).

    offsets: int64[S+1]; start_us, end_us: int64[N], disjoint and ascending inside a store; status: uint8[N], any but
    DOWN.
    """

    offsets: Int64s
    start_us: Int64s
    end_us: Int64s
    status: UInt8s


class OutageState(IntEnum):
    """What follows an outage: up or unknown time; nothing up to as_of; more down time, after the window."""

    ENDED = timeline.ENDED
    ONGOING = timeline.ONGOING
    CONTINUES = timeline.CONTINUES


@dataclass(frozen=True, kw_only=True)
class Outages:
    """Outages, ordered by store and start, cut to a window (SEMANTICS 14, 21). All arrays have their length.

    store: int64, index of the store. start_us, end_us: of the down time in the window; down_us: how much it is.
    opened_us: the poll that speaks at the start, NO_INSTANT when it began before the window.
    closed_us: the poll that brought the store up, NO_INSTANT when no poll did (ongoing, followed by unknown time, cut
    by the window, reclassified). began_before: the store's last business time before the window was down already.
    at_opening, at_closing: a session begins at start_us (never when began_before), ends at end_us.
    state: uint8, see OutageState.
    """

    store: Int64s
    start_us: Int64s
    end_us: Int64s
    down_us: Int64s
    opened_us: Int64s
    closed_us: Int64s
    began_before: Bools
    at_opening: Bools
    at_closing: Bools
    state: UInt8s


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


def group_reclassified(rows: pl.DataFrame, store_ids: pl.Series) -> Reclassified:
    """Bring reclassifications into the order of `store_ids`; where they overlap, the later row counts (SEMANTICS 20).

    rows: columns.RECLASSIFICATIONS; those of other stores and empty stretches are left out.
    """
    places = store_ids.rename("store_id").to_frame().with_row_index("place")
    ours = rows.join(places, on="store_id", maintain_order="left").sort("place", maintain_order=True)
    stretches: list[list[tuple[int, int, int]]] = [[] for _ in store_ids]
    columns = (ours[name].to_physical() for name in ("place", "start_at", "end_at", "status"))
    for place, start_us, end_us, status in zip(*columns, strict=True):
        if start_us < end_us:
            kept = [
                (max(a, low), min(b, high), earlier)
                for a, b, earlier in stretches[place]
                for low, high in ((a, start_us), (end_us, b))
                if max(a, low) < min(b, high)
            ]
            stretches[place] = [*kept, (start_us, end_us, status)]
    flat = np.array([each for mine in stretches for each in sorted(mine)], np.int64).reshape(-1, 3)
    if (flat[:, 2] == Status.DOWN).any():
        raise ValueError("down time cannot be reclassified as down")
    return Reclassified(
        offsets=np.cumsum([0, *map(len, stretches)], dtype=np.int64),
        start_us=flat[:, 0],
        end_us=flat[:, 1],
        status=flat[:, 2].astype(np.uint8),
    )


def evidence_range(from_us: int, to_us: int, *, as_of_us: int, policy: Policy) -> tuple[int, int]:
    """Give the range of sessions and observations that can matter to `[from_us, to_us)`: `[start, end)` (SEMANTICS 9).

    Observations after as_of are never read, so `end` of the observations is at most as_of + 1 us; sessions need the
    whole range only as far as the observations reach, and the window itself.
    """
    start_us = from_us - policy.max_gap_us
    return start_us, max(to_us, min(to_us + policy.max_gap_us, as_of_us) + 1)


def totals(
    evidence: Evidence,
    sessions: Sessions,
    windows_us: Int64s,
    *,
    as_of_us: int,
    policy: Policy,
    zone_of: Int64s | None = None,
    reclassified: Reclassified | None = None,
) -> Int64s:
    """Add up down, up, unknown and planned business time of every store in every window.

    windows_us: int64[W,2], or int64[Z,W,2] with zone_of: int64[S], the row of windows of each store; half open, any
    order, may overlap; sessions must cover their `evidence_range`.
    Returns int64[S,W,4] microseconds, last axis by Status; their sum is the business time, exactly (SEMANTICS 11).
    """
    stores = _stores(evidence, sessions, reclassified)
    if zone_of is None and windows_us.ndim == 2:
        windows_us, zone_of = windows_us[None], np.zeros(len(sessions.calendar_of), np.int64)
    if windows_us.ndim != 3 or windows_us.shape[1] == 0 or windows_us.shape[2] != 2:
        raise ValueError("windows_us must be int64[W,2], or int64[Z,W,2] with zone_of, with at least one window")
    _check_order(windows_us)
    zone_of = _checked_zones(zone_of, stores, windows_us)
    out = np.zeros((len(zone_of), windows_us.shape[1], len(Status)), np.int64)
    timeline.window_totals(stores, _frozen(windows_us, np.int64), zone_of, as_of_us, policy.max_gap_us, out)
    return out


def bucket_totals(
    evidence: Evidence,
    sessions: Sessions,
    edges_us: Int64s,
    zone_of: Int64s,
    *,
    as_of_us: int,
    policy: Policy,
    reclassified: Reclassified | None = None,
    cell_of: Int64s | None = None,
    cells: int | None = None,
) -> Int64s:
    """Add up down, up, unknown and planned business time of every store between the edges of its zone.

    edges_us: int64[Z,B+1], ascending (see zones.local_edges); zone_of: int64[S], the row of edges of each store.
    cell_of: int64[Z,B], 0 <= cell < cells, where a bucket counts (such as its hour of the week); without it each
    bucket is a cell.
    Returns int64[S,B,4], or int64[S,cells,4], microseconds, last axis by Status.
    """
    stores = _stores(evidence, sessions, reclassified)
    if edges_us.ndim != 2 or edges_us.shape[1] < 2 or (np.diff(edges_us, axis=1) < 0).any():
        raise ValueError("edges_us must be int64[Z,B+1], ascending, with at least one bucket")
    zone_of = _checked_zones(zone_of, stores, edges_us)
    shape = len(edges_us), edges_us.shape[1] - 1
    if cell_of is None or cells is None:
        cell_of, cells = np.broadcast_to(np.arange(shape[1]), shape), shape[1]
    if cell_of.shape != shape or (cell_of.size and not 0 <= cell_of.min() <= cell_of.max() < cells):
        raise ValueError("cell_of must be int64[Z,B], and every cell less than cells")
    out = np.zeros((len(zone_of), cells, len(Status)), np.int64)
    timeline.bucket_totals(
        stores,
        _frozen(edges_us, np.int64),
        zone_of,
        _frozen(cell_of, np.int64),
        as_of_us,
        policy.max_gap_us,
        out,
    )
    return out


def spans(
    evidence: Evidence,
    sessions: Sessions,
    from_us: int,
    to_us: int,
    *,
    as_of_us: int,
    policy: Policy,
    reclassified: Reclassified | None = None,
) -> Spans:
    """List the maximal stretches of one status of every store in `[from_us, to_us)`, planned ones among them.

    No stretch of another status reaches over the edge of a session.
    """
    stores = _stores(evidence, sessions, reclassified)
    _check_order(np.array([from_us, to_us]))
    of_calendars = 3 * np.diff(sessions.offsets) + np.diff(sessions.planned_offsets)
    room = (
        3 * len(evidence.observed_us) + int(of_calendars[sessions.calendar_of].sum()) + 2 * len(stores.changed_start_us)
    )
    offsets = np.zeros(len(sessions.calendar_of) + 1, np.int64)
    start_us, end_us, status = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint8)
    timeline.store_spans(stores, from_us, to_us, as_of_us, policy.max_gap_us, offsets, start_us, end_us, status)
    count = int(offsets[-1])
    return Spans(
        offsets=offsets, start_us=start_us[:count].copy(), end_us=end_us[:count].copy(), status=status[:count].copy()
    )


def outages(
    evidence: Evidence,
    sessions: Sessions,
    windows_us: Int64s,
    zone_of: Int64s,
    *,
    as_of_us: int,
    policy: Policy,
    reclassified: Reclassified | None = None,
    min_duration_us: int = 0,
) -> Outages:
    """List the outages of every store in the window of its zone: int64[Z,2].

    min_duration_us: outages with less down time, up time on both sides and neither side cut by the window are left out.
    What went before the window and what follows is looked for LOOKAROUND_US around it, as far as what is given
    reaches: sessions and evidence must cover the `evidence_range` of the window, and should that of the window with
    LOOKAROUND_US more on both sides.
    """
    stores = _stores(evidence, sessions, reclassified)
    windows_us, zone_of = _checked_windows(windows_us, zone_of, stores)
    room = int(np.count_nonzero(evidence.active == 0)) + len(stores.changed_start_us)
    found, flags = np.empty((room, 6), np.int64), np.empty((room, 4), np.uint8)
    count = timeline.outages(
        stores, windows_us, zone_of, as_of_us, policy.max_gap_us, LOOKAROUND_US, min_duration_us, found, flags
    )
    store, start_us, end_us, down_us, opened_us, closed_us = found[:count].T.copy()
    began_before, at_opening, at_closing, state = flags[:count].T.copy()
    return Outages(
        store=store,
        start_us=start_us,
        end_us=end_us,
        down_us=down_us,
        opened_us=opened_us,
        closed_us=closed_us,
        began_before=began_before.astype(bool),
        at_opening=at_opening.astype(bool),
        at_closing=at_closing.astype(bool),
        state=state,
    )


def openings(
    evidence: Evidence,
    sessions: Sessions,
    windows_us: Int64s,
    zone_of: Int64s,
    *,
    as_of_us: int,
    policy: Policy,
    reclassified: Reclassified | None = None,
) -> Int64s:
    """Add up how late every store opened and how early it closed in the window of its zone: int64[Z,2].

    Only what lies in the window and before as_of is judged. A session that begins there and is down from its opening
    on is a late open, as long as that lasts; one that ends there and is down at its closing an early close, since that
    began; one that lies there whole and is down throughout was missed, and is neither.
    Returns int64[S,6], last axis by OPENINGS. Sessions and evidence must cover the `evidence_range` of the window.
    """
    stores = _stores(evidence, sessions, reclassified)
    windows_us, zone_of = _checked_windows(windows_us, zone_of, stores)
    out = np.zeros((len(zone_of), len(OPENINGS)), np.int64)
    timeline.openings(stores, windows_us, zone_of, as_of_us, policy.max_gap_us, out)
    return out


def poll_gaps(evidence: Evidence, sessions: Sessions, windows_us: Int64s, zone_of: Int64s, *, as_of_us: int) -> Int64s:
    """Count the polls of every store in the window of its zone, int64[Z,2], and measure the gaps between them.

    A gap is the business time, without what is planned, between two neighbours among the window's start, the evidence
    in it, and its end or as_of; gaps of no business time are none. Where their number is even, the median is the lower
    of the middle two. Both gaps are -1 where there is no business time.
    Returns int64[S,5], last axis by POLL_GAPS; polls = counted (evidence) + outside (the session).
    """
    stores = _stores(evidence, sessions, None)
    windows_us, zone_of = _checked_windows(windows_us, zone_of, stores)
    out = np.zeros((len(zone_of), len(POLL_GAPS)), np.int64)
    timeline.poll_gaps(stores, windows_us, zone_of, as_of_us, out)
    return out


def count_unpolled(
    evidence: Evidence,
    sessions: Sessions,
    from_us: int,
    to_us: int,
    unpolled: Int64s,
    opened: Int64s,
    *,
    as_of_us: int,
    blind_after_us: int = BLIND_AFTER_US,
) -> None:
    """Count, minute by minute of `[from_us, to_us)` up to as_of, the stores that are open and those that go unpolled.

    A store is unpolled in the open minutes of gaps (see `poll_gaps`) longer than blind_after_us. Stores without any
    observation do not count. A minute is what holds at its beginning.
    unpolled, opened: int64[M+1] for M minutes, zero at first: what the counts change by is added, shard after shard.
    """
    stores = _stores(evidence, sessions, None)
    minutes = -((from_us - to_us) // MINUTE_US)
    if minutes < 0 or unpolled.shape != (minutes + 1,) or opened.shape != (minutes + 1,):
        raise ValueError("unpolled and opened must be int64[M+1] for the M minutes of the window")
    timeline.count_unpolled(stores, from_us, to_us, as_of_us, blind_after_us, unpolled, opened)


def blind_spots(unpolled: Int64s, opened: Int64s) -> list[tuple[int, int, int]]:
    """List the stretches of BLIND_SPOT_MINUTES or more in which more than half of the open stores go unpolled.

    Judged are minutes in which at least BLIND_SPOT_STORES are open. unpolled, opened: as `count_unpolled` leaves them.
    Returns (first minute, minute after the last, most unpolled).
    """
    counts, of = np.cumsum(unpolled), np.cumsum(opened)
    blind = np.concatenate([[False], (2 * counts > of) & (of >= BLIND_SPOT_STORES), [False]])
    edges = np.flatnonzero(blind[1:] != blind[:-1]).reshape(-1, 2)
    return [
        (start, end, int(counts[start:end].max())) for start, end in edges.tolist() if end - start >= BLIND_SPOT_MINUTES
    ]


def compile_kernels() -> None:
    """Compile every kernel, or load it from the cache on disk, so that nobody waits at the first report."""
    nothing, zero = np.empty(0, np.int64), np.zeros(1, np.int64)
    evidence = group_evidence(np.zeros(1, np.uint32), zero, np.ones(1, np.uint8), zero, 1)
    sessions = Sessions(
        offsets=np.zeros(2, np.int64),
        open_us=nothing,
        close_us=nothing,
        calendar_of=zero,
        planned_offsets=np.zeros(2, np.int64),
        planned_start_us=nothing,
        planned_end_us=nothing,
    )
    window = np.array([[0, 1]], np.int64)
    totals(evidence, sessions, window, as_of_us=1, policy=FILL)
    bucket_totals(evidence, sessions, window, zero, as_of_us=1, policy=FILL)
    spans(evidence, sessions, 0, 1, as_of_us=1, policy=FILL)
    outages(evidence, sessions, window, zero, as_of_us=1, policy=FILL)
    openings(evidence, sessions, window, zero, as_of_us=1, policy=FILL)
    poll_gaps(evidence, sessions, window, zero, as_of_us=1)
    count_unpolled(evidence, sessions, 0, 1, np.zeros(2, np.int64), np.zeros(2, np.int64), as_of_us=1)


def _check_order(windows_us: Int64s) -> None:
    if (windows_us[..., 0] > windows_us[..., 1]).any():
        raise InvalidInputError("A window must not end before it starts.")


def _checked_zones(zone_of: Int64s | None, stores: timeline.Stores, zones: Int64s) -> Int64s:
    count = len(stores.calendar_of)
    if zone_of is None or len(zone_of) != count or (count and not 0 <= zone_of.min() <= zone_of.max() < len(zones)):
        raise ValueError("zone_of must name one row of windows or edges for each store")
    return _frozen(zone_of, np.int64)


def _checked_windows(windows_us: Int64s, zone_of: Int64s, stores: timeline.Stores) -> tuple[Int64s, Int64s]:
    if windows_us.ndim != 2 or windows_us.shape[1] != 2:
        raise ValueError("windows_us must be int64[Z,2]")
    _check_order(windows_us)
    return _frozen(windows_us, np.int64), _checked_zones(zone_of, stores, windows_us)


def _stores(evidence: Evidence, sessions: Sessions, reclassified: Reclassified | None) -> timeline.Stores:
    count = len(evidence.offsets) - 1
    changed = reclassified or _nothing_reclassified(count)
    if len(sessions.calendar_of) != count or len(changed.offsets) - 1 != count:
        raise ValueError(
            f"evidence has {count} stores, sessions have {len(sessions.calendar_of)}, "
            f"reclassifications {len(changed.offsets) - 1}"
        )
    is_planned = np.diff(sessions.planned_offsets)[sessions.calendar_of] > 0
    return timeline.Stores(
        session_offsets=_frozen(sessions.offsets, np.int64),
        open_us=_frozen(sessions.open_us, np.int64),
        close_us=_frozen(sessions.close_us, np.int64),
        planned_offsets=_frozen(sessions.planned_offsets, np.int64),
        planned_start_us=_frozen(sessions.planned_start_us, np.int64),
        planned_end_us=_frozen(sessions.planned_end_us, np.int64),
        calendar_of=_frozen(sessions.calendar_of, np.int64),
        row_offsets=_frozen(evidence.offsets, np.int64),
        observed_us=_frozen(evidence.observed_us, np.int64),
        active=_frozen(evidence.active, np.uint8),
        changed_offsets=_frozen(changed.offsets, np.int64),
        changed_start_us=_frozen(changed.start_us, np.int64),
        changed_end_us=_frozen(changed.end_us, np.int64),
        changed_status=_frozen(changed.status, np.uint8),
        amended=_frozen(is_planned | (np.diff(changed.offsets) > 0), np.uint8),
    )


def _nothing_reclassified(stores: int) -> Reclassified:
    nothing = np.empty(0, np.int64)
    return Reclassified(
        offsets=np.zeros(stores + 1, np.int64), start_us=nothing, end_us=nothing, status=np.empty(0, np.uint8)
    )


def _frozen(values: npt.NDArray[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """View an input as a contiguous read-only array, so that Numba compiles each kernel for one kind of input only."""
    view = np.ascontiguousarray(values, dtype).view()
    view.flags.writeable = False
    return view
