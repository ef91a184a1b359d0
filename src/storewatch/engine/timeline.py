"""The walk: sessions x evidence -> stretches of one status -> totals and spans. The only compiled file.

Kernels are plain loops over one store at a time; they validate and raise nothing (`availability` does). Every kernel
lays the stretches of one store into a small scratch that stays in the processor's cache, then reads them off.
"""

import numpy as np
from numba import njit

DOWN, UP, UNKNOWN = 0, 1, 2


@njit(cache=True, nogil=True)
def group_by_store(store_index, observed_us, active, loaded_us, offsets, out_us, out_active):
    """Sort observations by store and time and keep the latest loaded of each (store, instant); SEMANTICS 1.

    store_index: uint32[N]; observed_us, loaded_us: int64[N]; active: uint8[N]; all in any order.
    offsets: int64[S+1], zeroed; out_us: int64[N]; out_active: uint8[N], filled up to offsets[S], which is returned.
    """
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
    for row in range(first + 1, last):
        if values[row] <= values[row - 1]:
            return False
    return True


@njit(cache=True, nogil=True)
def _argsort(observed_us, loaded_us, first, last, order, other):
    """Merge sort the rows first..last by (observed_us, loaded_us), stable; returns the one of the two buffers used."""
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
def _stretches(
    open_us, close_us, first_session, last_session, observed_us, active, first_row, last_row,
    from_us, to_us, as_of_us, max_gap_us, kept_us, kept_active, session_of, start_us, end_us, status,
):  # fmt: skip
    """Lay the status of one store in [from_us, to_us) into start_us, end_us, status; return how many stretches.

    Between two neighbouring pieces of evidence (or a session's edge) the left one reaches max_gap forward, the right
    one max_gap back, and what neither reaches is unknown. The left one has the first word (SEMANTICS 9.1 before 9.2,
    9.3 before 9.4), except before the first evidence of a session, where the session's own speaks (9.2 before 9.3).
    kept_us, kept_active, session_of: scratch for evidence, of at least last_row - first_row.
    """
    found = 0
    session = first_session
    for row in range(first_row, last_row):
        if observed_us[row] > as_of_us:
            break
        while session < last_session and close_us[session] <= observed_us[row]:
            session += 1
        if session == last_session:
            break
        if open_us[session] <= observed_us[row]:
            kept_us[found], kept_active[found], session_of[found] = observed_us[row], active[row], session
            found += 1

    count = 0
    following = 0
    for session in range(first_session, last_session):
        if open_us[session] >= to_us:
            break
        first = following
        while following < found and session_of[following] == session:
            following += 1
        if close_us[session] <= from_us:
            continue
        for gap in range(first, following + 1):
            begin = open_us[session] if gap == first else kept_us[gap - 1]
            end = close_us[session] if gap == following else kept_us[gap]
            left_end, left_status = begin, UNKNOWN
            if gap > 0:
                left_end, left_status = min(max(kept_us[gap - 1] + max_gap_us, begin), end), kept_active[gap - 1]
            if gap > first and left_end == end and count > 0:
                if status[count - 1] == left_status and end_us[count - 1] == begin:
                    end_us[count - 1] = min(end, to_us)  # nothing changed between two polls: 20 % faster than below
                    continue
            right_start, right_status = end, UNKNOWN
            if gap < found:
                right_start, right_status = min(max(kept_us[gap] - max_gap_us, begin), end), kept_active[gap]
            if left_end > right_start:
                if gap == first and first < following:
                    left_end = right_start
                else:
                    right_start = left_end
            for part in range(3):
                if part == 0:
                    a, b, now = begin, left_end, left_status
                elif part == 1:
                    a, b, now = left_end, right_start, UNKNOWN
                else:
                    a, b, now = right_start, end, right_status
                a, b = max(a, from_us), min(b, to_us)
                if a >= b:
                    continue
                if count > 0 and status[count - 1] == now and end_us[count - 1] == a:
                    end_us[count - 1] = b
                else:
                    start_us[count], end_us[count], status[count] = a, b, now
                    count += 1
    return count


@njit(cache=True, nogil=True)
def _scratch_size(session_offsets, calendar_of, row_offsets):
    """The most evidence and the most stretches that any one store can have."""
    rows, stretches = 0, 0
    for store in range(len(calendar_of)):
        calendar = calendar_of[store]
        own = row_offsets[store + 1] - row_offsets[store]
        rows = max(rows, own)
        stretches = max(stretches, 3 * (own + session_offsets[calendar + 1] - session_offsets[calendar]))
    return rows, stretches


@njit(cache=True, nogil=True)
def window_totals(
    session_offsets, open_us, close_us, calendar_of, row_offsets, observed_us, active,
    windows_us, as_of_us, max_gap_us, out,
):  # fmt: skip
    """Add up the status of every store in every window.

    windows_us: int64[W,2], any order, may overlap. out: int64[S,W,3], zeroed, microseconds by status.
    """
    rows, most = _scratch_size(session_offsets, calendar_of, row_offsets)
    kept_us, kept_active, session_of = np.empty(rows, np.int64), np.empty(rows, np.uint8), np.empty(rows, np.int64)
    start_us, end_us, status = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.uint8)
    from_us, to_us = windows_us[:, 0].min(), windows_us[:, 1].max()
    for store in range(len(calendar_of)):
        calendar = calendar_of[store]
        count = _stretches(
            open_us, close_us, session_offsets[calendar], session_offsets[calendar + 1],
            observed_us, active, row_offsets[store], row_offsets[store + 1],
            from_us, to_us, as_of_us, max_gap_us, kept_us, kept_active, session_of, start_us, end_us, status,
        )  # fmt: skip
        for number in range(count):
            for window in range(len(windows_us)):
                begin = max(start_us[number], windows_us[window, 0])
                end = min(end_us[number], windows_us[window, 1])
                if begin < end:
                    out[store, window, status[number]] += end - begin


@njit(cache=True, nogil=True)
def bucket_totals(
    session_offsets, open_us, close_us, calendar_of, row_offsets, observed_us, active,
    edges_us, zone_of, as_of_us, max_gap_us, out,
):  # fmt: skip
    """Add up the status of every store between the edges of its zone.

    edges_us: int64[Z,B+1], ascending along B; zone_of: int64[S]. out: int64[S,B,3], zeroed, microseconds by status.
    """
    rows, most = _scratch_size(session_offsets, calendar_of, row_offsets)
    kept_us, kept_active, session_of = np.empty(rows, np.int64), np.empty(rows, np.uint8), np.empty(rows, np.int64)
    start_us, end_us, status = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.uint8)
    buckets = edges_us.shape[1] - 1
    for store in range(len(calendar_of)):
        calendar = calendar_of[store]
        edges = edges_us[zone_of[store]]
        count = _stretches(
            open_us, close_us, session_offsets[calendar], session_offsets[calendar + 1],
            observed_us, active, row_offsets[store], row_offsets[store + 1],
            edges[0], edges[buckets], as_of_us, max_gap_us, kept_us, kept_active, session_of, start_us, end_us, status,
        )  # fmt: skip
        bucket = 0
        for number in range(count):
            begin = start_us[number]
            while begin < end_us[number]:
                while edges[bucket + 1] <= begin:
                    bucket += 1
                end = min(end_us[number], edges[bucket + 1])
                out[store, bucket, status[number]] += end - begin
                begin = end


@njit(cache=True, nogil=True)
def store_spans(
    session_offsets, open_us, close_us, calendar_of, row_offsets, observed_us, active,
    from_us, to_us, as_of_us, max_gap_us, out_offsets, out_start_us, out_end_us, out_status,
):  # fmt: skip
    """List the stretches of one status of every store in [from_us, to_us).

    out_offsets: int64[S+1]; the other outs have room for 3 x (evidence + sessions) of all stores together.
    """
    rows, _ = _scratch_size(session_offsets, calendar_of, row_offsets)
    kept_us, kept_active, session_of = np.empty(rows, np.int64), np.empty(rows, np.uint8), np.empty(rows, np.int64)
    total = 0
    out_offsets[0] = 0
    for store in range(len(calendar_of)):
        calendar = calendar_of[store]
        total += _stretches(
            open_us, close_us, session_offsets[calendar], session_offsets[calendar + 1],
            observed_us, active, row_offsets[store], row_offsets[store + 1],
            from_us, to_us, as_of_us, max_gap_us, kept_us, kept_active, session_of,
            out_start_us[total:], out_end_us[total:], out_status[total:],
        )  # fmt: skip
        out_offsets[store + 1] = total
