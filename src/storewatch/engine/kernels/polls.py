"""Kernels for polls: sort them, measure the gaps between them, count unpolled stores."""

from typing import NamedTuple

import numpy as np
from numba import njit

from storewatch.domain.columns import Int64s

MINUTE_US = 60_000_000  # written again here: the cache of compiled code does not see changes in other files


class PolledStores(NamedTuple):
    """The sessions and polls of S stores: fields of `Sessions` and `Evidence`."""

    session_offsets: Int64s
    open_us: Int64s
    close_us: Int64s
    calendar_of: Int64s
    row_offsets: Int64s
    observed_us: Int64s


@njit(cache=True, nogil=True)
def group_by_store(store_index, observed_us, active, loaded_us, offsets, out_us, out_active):
    """Sort observations by store and time and keep the latest loaded of each (store, instant); SEMANTICS 1.

    store_index: uint32[N]; observed_us, loaded_us: int64[N]; active: uint8[N]; all in any order.
    offsets: int64[S+1], zeroed; out_us: int64[N]; out_active: uint8[N], filled up to offsets[S], which is returned.
    """
    # A counting sort by store first, linear and stable. Polls of the lake then ascend in time inside most stores, and
    # only the others are merge sorted.
    stores = len(offsets) - 1
    for row in range(len(store_index)):
        offsets[store_index[row] + 1] += 1
    for store in range(stores):
        offsets[store + 1] += offsets[store]
    ends = offsets[:-1].copy()
    loaded = np.empty(len(store_index), np.int64)
    for row in range(len(store_index)):
        place = ends[store_index[row]]
        ends[store_index[row]] = place + 1
        out_us[place] = observed_us[row]
        out_active[place] = active[row]
        loaded[place] = loaded_us[row]
    most = 0
    for store in range(stores):
        most = max(most, offsets[store + 1] - offsets[store])
    order, other = np.empty(most, np.int64), np.empty(most, np.int64)
    sorted_us, sorted_active = np.empty(most, np.int64), np.empty(most, np.uint8)
    kept = 0
    for store in range(stores):
        first, last = offsets[store], ends[store]
        offsets[store] = kept
        if _ascends(out_us, first, last):
            if kept != first:
                for row in range(first, last):
                    out_us[kept + row - first] = out_us[row]
                    out_active[kept + row - first] = out_active[row]
            kept += last - first
            continue
        ranks = _argsort(out_us, loaded, first, last, order, other)
        for rank in range(last - first):
            sorted_us[rank], sorted_active[rank] = out_us[ranks[rank]], out_active[ranks[rank]]
        for rank in range(last - first):
            if rank + 1 < last - first and sorted_us[rank + 1] == sorted_us[rank]:
                continue
            out_us[kept], out_active[kept] = sorted_us[rank], sorted_active[rank]
            kept += 1
    offsets[stores] = kept
    return kept


@njit(cache=True, nogil=True)
def _ascends(values, first, last):
    """Check that values[first:last] ascend strictly."""
    for row in range(first + 1, last):
        if values[row] <= values[row - 1]:
            return False
    return True


@njit(cache=True, nogil=True)
def _argsort(observed_us, loaded_us, first, last, order, other):
    """Merge sort the rows first..last by (observed_us, loaded_us), stable; return the buffer with the sorted rows.

    order, other: int64, with space for the rows.
    """
    count = last - first
    for rank in range(count):
        order[rank] = first + rank
    width = 1
    while width < count:
        for low in range(0, count, 2 * width):
            middle, high = min(low + width, count), min(low + 2 * width, count)
            left, right = low, middle
            for place in range(low, high):
                take_left = right >= high
                if left < middle and right < high:
                    a, b = order[left], order[right]
                    take_left = observed_us[a] < observed_us[b] or (
                        observed_us[a] == observed_us[b] and loaded_us[a] <= loaded_us[b]
                    )
                if take_left:
                    other[place] = order[left]
                    left += 1
                else:
                    other[place] = order[right]
                    right += 1
        order, other = other, order
        width *= 2
    return order


@njit(cache=True, nogil=True)
def _poll_points(stores, store, from_us, to_us, as_of_us, at_us, clock_us):
    """List the points between which gaps are measured: the window's start, the evidence in it, its end or as_of.

    at_us: instants; clock_us: the business time since the window's start; both with space for the evidence and two.
    Returns the number of points, and the number of all polls in the window.
    """
    calendar = stores.calendar_of[store]
    session, last = stores.session_offsets[calendar], stores.session_offsets[calendar + 1]
    points, polls, clock = 1, 0, 0
    at_us[0], clock_us[0] = from_us, 0
    for row in range(stores.row_offsets[store], stores.row_offsets[store + 1]):
        at = stores.observed_us[row]
        if at >= to_us or at > as_of_us:
            break
        if at < from_us:
            continue
        polls += 1
        while session < last and stores.close_us[session] <= at:
            clock += max(0, stores.close_us[session] - max(stores.open_us[session], from_us))
            session += 1
        if session < last and stores.open_us[session] <= at:
            at_us[points], clock_us[points] = at, clock + at - max(stores.open_us[session], from_us)
            points += 1
    end = max(from_us, min(to_us, as_of_us))
    while session < last and stores.open_us[session] < end:
        clock += max(0, min(stores.close_us[session], end) - max(stores.open_us[session], from_us))
        session += 1
    at_us[points], clock_us[points] = end, clock
    return points + 1, polls


@njit(cache=True, nogil=True)
def _most_rows(stores):
    """Return the number of polls of the store that has the most polls."""
    most = 0
    for store in range(len(stores.calendar_of)):
        most = max(most, stores.row_offsets[store + 1] - stores.row_offsets[store])
    return most


@njit(cache=True, nogil=True)
def poll_gaps(stores, windows_us, zone_of, as_of_us, out):
    """Count the polls of every store in the window of its zone and measure the business time between them.

    windows_us: int64[Z,2]. out: int64[S,5], see `polling.POLL_GAPS`.
    """
    capacity = _most_rows(stores) + 2
    at_us, clock_us, gap_us = np.empty(capacity, np.int64), np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    order, other = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    for store in range(len(zone_of)):
        from_us, to_us = windows_us[zone_of[store]]
        points, polls = _poll_points(stores, store, from_us, to_us, as_of_us, at_us, clock_us)
        gaps = 0
        for point in range(1, points):
            if clock_us[point] > clock_us[point - 1]:
                gap_us[gaps] = clock_us[point] - clock_us[point - 1]
                gaps += 1
        out[store, 0], out[store, 1], out[store, 2] = polls, points - 2, polls - points + 2
        out[store, 3], out[store, 4] = -1, -1
        if gaps > 0:
            ranks = _argsort(gap_us, gap_us, 0, gaps, order, other)
            out[store, 3], out[store, 4] = gap_us[ranks[(gaps - 1) // 2]], gap_us[ranks[gaps - 1]]


@njit(cache=True, nogil=True)
def _mark(steps, begin, end, from_us):
    """Add one to the minutes whose beginning lies in [begin, end), as a step up and a step down.

    Steps cost two additions for a stretch of any length; the caller sums them up once at the end.
    """
    if begin < end:
        # -(a // -b) is a / b rounded up: the first minute that begins at or after the instant.
        steps[-((from_us - begin) // MINUTE_US)] += 1
        steps[-((from_us - end) // MINUTE_US)] -= 1


@njit(cache=True, nogil=True)
def count_unpolled(stores, from_us, to_us, as_of_us, blind_after_us, unpolled, opened):
    """Count the stores that are open in each minute of [from_us, to_us) up to as_of, and those that go unpolled.

    unpolled, opened: int64[M+1], the change of the count at each minute; the kernel adds to them.
    """
    capacity = _most_rows(stores) + 2
    at_us, clock_us = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    for store in range(len(stores.calendar_of)):
        if stores.row_offsets[store] == stores.row_offsets[store + 1]:
            continue
        calendar = stores.calendar_of[store]
        points, _ = _poll_points(stores, store, from_us, to_us, as_of_us, at_us, clock_us)
        end_us = at_us[points - 1]
        point = 1
        for session in range(stores.session_offsets[calendar], stores.session_offsets[calendar + 1]):
            begin, end = max(stores.open_us[session], from_us), min(stores.close_us[session], end_us)
            if begin >= end:
                continue
            _mark(opened, begin, end, from_us)
            while point < points and at_us[point - 1] < end:
                if at_us[point] > begin and clock_us[point] - clock_us[point - 1] > blind_after_us:
                    _mark(unpolled, max(at_us[point - 1], begin), min(at_us[point], end), from_us)
                if at_us[point] >= end:
                    break
                point += 1
