"""Find outages of stores (SEMANTICS 14, 21), and measure how late stores opened and how early they closed."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from storewatch.domain.columns import Int64s, UInt8s
from storewatch.domain.instants import DAY_US
from storewatch.engine.inputs import EngineInputs, checked_windows, walk_inputs
from storewatch.engine.kernels import walk

# How far `outages` looks before and after its window: more than a week, for stores with one session a week.
LOOKAROUND_US: Final = 8 * DAY_US
NO_INSTANT: Final[int] = walk.NO_INSTANT

# The last axis of what `openings` returns.
OPENINGS: Final = ("late_open_us", "late_opens", "early_close_us", "early_closes", "missed_us", "missed")

Bools: TypeAlias = npt.NDArray[np.bool_]


class OutageState(IntEnum):
    """What follows an outage: up or unknown time; nothing up to as_of; more down time, after the window."""

    ENDED = walk.ENDED
    ONGOING = walk.ONGOING
    CONTINUES = walk.CONTINUES


@dataclass(frozen=True, kw_only=True)
class Outages:
    """Outages, ordered by store and start, cut to a window (SEMANTICS 14, 21). All arrays have their length.

    store: int64, index of the store. start_us, end_us: of the down time in the window; down_us: how much it is.
    opened_us: the poll that decides the status at the start, NO_INSTANT when the outage began before the window.
    closed_us: the poll that found the store up again, NO_INSTANT when no poll did (ongoing, followed by unknown time,
    cut by the window, reclassified). began_before: the store's last business time before the window was down already.
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


def outages(
    inputs: EngineInputs,
    windows_us: Int64s,
    zone_of: Int64s,
    *,
    min_duration_us: int = 0,
) -> Outages:
    """List the outages of every store in the window of its zone: int64[Z,2].

    min_duration_us: outages with less down time, up time on both sides and neither side cut by the window are left out.
    The kernel looks LOOKAROUND_US before and after the window, to know whether an outage began earlier or continues.
    Sessions and evidence must cover the `evidence_range` of the window. They should also cover that of the window with
    LOOKAROUND_US more on both sides: where they do not, an outage begins or ends where they do.
    """
    stores = walk_inputs(inputs)
    windows_us, zone_of = checked_windows(windows_us, zone_of, inputs.sessions)
    space = int(np.count_nonzero(inputs.evidence.active == 0)) + len(stores.changed_start_us)
    found, flags = np.empty((space, 6), np.int64), np.empty((space, 4), np.uint8)
    count = walk.outages(
        stores,
        windows_us,
        zone_of,
        inputs.as_of_us,
        inputs.policy.max_gap_us,
        LOOKAROUND_US,
        min_duration_us,
        found,
        flags,
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
    inputs: EngineInputs,
    windows_us: Int64s,
    zone_of: Int64s,
) -> Int64s:
    """Add up how late every store opened and how early it closed in the window of its zone: int64[Z,2].

    Only the part of the window before as_of counts. A session that begins there and is down from its opening is a late
    open, for as long as that down time lasts. A session that ends there and is down at its closing is an early close,
    from where that down time began. A session that lies there as a whole and is down throughout is missed, and neither.
    Returns int64[S,6], last axis by OPENINGS. Sessions and evidence must cover the `evidence_range` of the window.
    """
    stores = walk_inputs(inputs)
    windows_us, zone_of = checked_windows(windows_us, zone_of, inputs.sessions)
    out = np.zeros((len(zone_of), len(OPENINGS)), np.int64)
    walk.openings(stores, windows_us, zone_of, inputs.as_of_us, inputs.policy.max_gap_us, out)
    return out
