"""Measure how stores are polled: gaps between polls, and blind spots, in which most open stores are not polled."""

from typing import Final

import numpy as np

from storewatch.domain.columns import Int64s
from storewatch.domain.instants import HOUR_US, MINUTE_US
from storewatch.engine.evidence import Evidence
from storewatch.engine.inputs import checked_windows, polled_inputs
from storewatch.engine.kernels import polls
from storewatch.engine.opening.sessions import Sessions

# A store is unpolled where its business time between two polls is longer than this.
BLIND_AFTER_US: Final = 3 * HOUR_US
BLIND_SPOT_MINUTES: Final = 10
# With fewer open stores "most" means little: of one or two stores, one is most of them.
BLIND_SPOT_STORES: Final = 10

# The last axis of what `poll_gaps` returns.
POLL_GAPS: Final = ("polls", "counted", "outside", "median_gap_us", "longest_gap_us")


def poll_gaps(evidence: Evidence, sessions: Sessions, windows_us: Int64s, zone_of: Int64s, *, as_of_us: int) -> Int64s:
    """Count the polls of every store in the window of its zone, int64[Z,2], and measure the gaps between them.

    A gap is the business time, without planned time, between two neighbours among the window's start, the evidence in
    the window, and its end or as_of. Gaps without business time do not count. With an even number of gaps the median is
    the lower of the middle two. Both figures are -1 where there is no business time.
    Returns int64[S,5], last axis by POLL_GAPS; polls = counted (evidence) + outside (the session).
    """
    stores = polled_inputs(evidence, sessions)
    windows_us, zone_of = checked_windows(windows_us, zone_of, sessions)
    out = np.zeros((len(zone_of), len(POLL_GAPS)), np.int64)
    polls.poll_gaps(stores, windows_us, zone_of, as_of_us, out)
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
    """Count the open stores and the unpolled ones among them, for each minute of `[from_us, to_us)` up to as_of.

    A store is unpolled in the open minutes of gaps (see `poll_gaps`) longer than blind_after_us. Stores without any
    observation do not count. A minute counts by its first instant.
    unpolled, opened: int64[M+1] for M minutes, zero at first. The changes of the counts are added to them, so that
    shard after shard can be added to one pair of arrays.
    """
    stores = polled_inputs(evidence, sessions)
    minutes = -((from_us - to_us) // MINUTE_US)
    if minutes < 0 or unpolled.shape != (minutes + 1,) or opened.shape != (minutes + 1,):
        raise ValueError("unpolled and opened must be int64[M+1] for the M minutes of the window")
    polls.count_unpolled(stores, from_us, to_us, as_of_us, blind_after_us, unpolled, opened)


def blind_spots(unpolled: Int64s, opened: Int64s) -> list[tuple[int, int, int]]:
    """List the stretches of BLIND_SPOT_MINUTES or more in which more than half of the open stores are unpolled.

    Only minutes with at least BLIND_SPOT_STORES open stores count. unpolled, opened: the arrays that `count_unpolled`
    added to. Returns (first minute, minute after the last, most unpolled) of each.
    """
    counts, open_stores = np.cumsum(unpolled), np.cumsum(opened)
    blind = np.concatenate([[False], (2 * counts > open_stores) & (open_stores >= BLIND_SPOT_STORES), [False]])
    edges = np.flatnonzero(blind[1:] != blind[:-1]).reshape(-1, 2)
    return [
        (start, end, int(counts[start:end].max())) for start, end in edges.tolist() if end - start >= BLIND_SPOT_MINUTES
    ]
