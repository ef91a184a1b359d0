"""The inputs of the engine: check them for the kernels, which check nothing, and build tuples of arrays."""

from dataclasses import dataclass

import numpy as np

from storewatch.domain.columns import Int64s
from storewatch.domain.errors import InvalidInputError
from storewatch.domain.policies import Policy
from storewatch.engine.arrays import frozen
from storewatch.engine.evidence import Evidence, Reclassified
from storewatch.engine.kernels import polls, walk
from storewatch.engine.opening.sessions import Sessions


@dataclass(frozen=True, kw_only=True)
class EngineInputs:
    """Everything that decides the status of S stores at every instant of a range.

    reclassified: None where no down time counts as another status.
    """

    evidence: Evidence
    sessions: Sessions
    as_of_us: int
    policy: Policy
    reclassified: Reclassified | None = None


def walk_inputs(inputs: EngineInputs) -> walk.Stores:
    """Return the inputs of the kernels in `walk`. Raises ValueError unless all have the same number of stores."""
    evidence, sessions = inputs.evidence, inputs.sessions
    count = len(evidence.offsets) - 1
    changed = inputs.reclassified or no_reclassifications(count)
    _check_stores(evidence, sessions)
    if len(changed.offsets) - 1 != count:
        raise ValueError(f"evidence has {count} stores, reclassifications {len(changed.offsets) - 1}")
    is_planned = np.diff(sessions.planned_offsets)[sessions.calendar_of] > 0
    return walk.Stores(
        session_offsets=frozen(sessions.offsets, np.int64),
        open_us=frozen(sessions.open_us, np.int64),
        close_us=frozen(sessions.close_us, np.int64),
        planned_offsets=frozen(sessions.planned_offsets, np.int64),
        planned_start_us=frozen(sessions.planned_start_us, np.int64),
        planned_end_us=frozen(sessions.planned_end_us, np.int64),
        calendar_of=frozen(sessions.calendar_of, np.int64),
        row_offsets=frozen(evidence.offsets, np.int64),
        observed_us=frozen(evidence.observed_us, np.int64),
        active=frozen(evidence.active, np.uint8),
        changed_offsets=frozen(changed.offsets, np.int64),
        changed_start_us=frozen(changed.start_us, np.int64),
        changed_end_us=frozen(changed.end_us, np.int64),
        changed_status=frozen(changed.status, np.uint8),
        amended=frozen(is_planned | (np.diff(changed.offsets) > 0), np.uint8),
    )


def polled_inputs(evidence: Evidence, sessions: Sessions) -> polls.PolledStores:
    """Return the inputs of the kernels in `polls`. Raises ValueError unless both have the same number of stores."""
    _check_stores(evidence, sessions)
    return polls.PolledStores(
        session_offsets=frozen(sessions.offsets, np.int64),
        open_us=frozen(sessions.open_us, np.int64),
        close_us=frozen(sessions.close_us, np.int64),
        calendar_of=frozen(sessions.calendar_of, np.int64),
        row_offsets=frozen(evidence.offsets, np.int64),
        observed_us=frozen(evidence.observed_us, np.int64),
    )


def checked_windows(windows_us: Int64s, zone_of: Int64s, sessions: Sessions) -> tuple[Int64s, Int64s]:
    """Check windows, int64[Z,2], and the window of each store, int64[S], and return both for the kernels.

    Raises InvalidInputError if a window ends before it starts, ValueError if shapes or indexes do not fit.
    """
    if windows_us.ndim != 2 or windows_us.shape[1] != 2:
        raise ValueError("windows_us must be int64[Z,2]")
    check_order(windows_us)
    return frozen(windows_us, np.int64), checked_zones(zone_of, sessions, windows_us)


def checked_zones(zone_of: Int64s | None, sessions: Sessions, zones: Int64s) -> Int64s:
    """Return the row of `zones` (windows or edges) of each store: int64[S]. Raises ValueError if one does not exist."""
    count = len(sessions.calendar_of)
    if zone_of is None or len(zone_of) != count or (count and not 0 <= zone_of.min() <= zone_of.max() < len(zones)):
        raise ValueError("zone_of must name one row of windows or edges for each store")
    return frozen(zone_of, np.int64)


def check_order(windows_us: Int64s) -> None:
    """Check that no window ends before it starts. Raises InvalidInputError."""
    if (windows_us[..., 0] > windows_us[..., 1]).any():
        raise InvalidInputError("A window must not end before it starts.")


def _check_stores(evidence: Evidence, sessions: Sessions) -> None:
    count = len(evidence.offsets) - 1
    if len(sessions.calendar_of) != count:
        raise ValueError(f"evidence has {count} stores, sessions {len(sessions.calendar_of)}")


def no_reclassifications(stores: int) -> Reclassified:
    """Return reclassifications of no down time of so many stores."""
    empty = np.empty(0, np.int64)
    return Reclassified(
        offsets=np.zeros(stores + 1, np.int64), start_us=empty, end_us=empty, status=np.empty(0, np.uint8)
    )
