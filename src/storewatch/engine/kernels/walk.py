"""Kernels for status over time: sessions x evidence -> stretches of one status -> totals, spans, outages.

Each kernel is a plain loop over stores. It writes the stretches of one store to a small scratch and reads them there:
they stay in the processor's cache. The stretches of all stores at once would go to memory and back.

The five calls of `_stretches` are written out on purpose. One helper that takes `stores` and `scratch` was measured
with 14,089 stores of 130 polls, 60 alternating pairs in one process, time of the thread: `window_totals` takes 31 %
longer with a plain helper, 27 % with inline="always", 23 % with forceinline=True; `bucket_totals` 20 to 25 %,
`outages` 10 to 15 %. Passing a tuple changes the reference counts of its 24 arrays, atomically, once a store.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from storewatch.domain.columns import Int64s, UInt8s

# Written again here, as in enums.Status: the cache of compiled code does not see changes in other files.
DOWN, UP, UNKNOWN, PLANNED = 0, 1, 2, 3
# What follows an outage, see outages.OutageState.
ENDED, ONGOING, CONTINUES = 0, 1, 2
NO_INSTANT = np.iinfo(np.int64).min


class Stores(NamedTuple):
    """The inputs for S stores and their C calendars: fields of `Sessions`, `Evidence` and `Reclassified`.

    amended: uint8[S], 1 where anything is planned or reclassified.
    """

    session_offsets: Int64s
    open_us: Int64s
    close_us: Int64s
    planned_offsets: Int64s
    planned_start_us: Int64s
    planned_end_us: Int64s
    calendar_of: Int64s
    row_offsets: Int64s
    observed_us: Int64s
    active: UInt8s
    changed_offsets: Int64s
    changed_start_us: Int64s
    changed_end_us: Int64s
    changed_status: UInt8s
    amended: UInt8s


class Scratch(NamedTuple):
    """Space for one store, enough for the largest: its evidence, its stretches, and its stretches once amended."""

    kept_us: Int64s
    kept_active: UInt8s
    session_of: Int64s
    start_us: Int64s
    end_us: Int64s
    status: UInt8s
    amended_start_us: Int64s
    amended_end_us: Int64s
    amended_status: UInt8s


@njit(cache=True, nogil=True)
def _stretches(
    open_us, close_us, first_session, last_session, observed_us, active, first_row, last_row,
    from_us, to_us, as_of_us, max_gap_us, kept_us, kept_active, session_of, start_us, end_us, status,
):  # fmt: skip
    """Write the status of one store in [from_us, to_us) to start_us, end_us, status; return how many stretches.

    Also returns how many polls are evidence, and writes these to kept_us, kept_active, session_of (space for at least
    last_row - first_row).

    Each session is cut at its evidence. In the piece between two neighbours (evidence or an edge of the session) the
    left evidence reaches max_gap forward, the right one reaches max_gap back, and the time that neither reaches is
    unknown. Where both reach, the left one wins (SEMANTICS 9.1 before 9.2, 9.3 before 9.4). The piece before the first
    evidence of a session is the exception: there the right one, of this session, wins over the left one, of an earlier
    session (9.2 before 9.3).
    """
    # Evidence: the polls up to as_of that lie inside a session. Both lists ascend, so one pass is enough.
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
        for gap in range(first, following + 1):  # gap n lies between the evidence n - 1 and n
            begin = open_us[session] if gap == first else kept_us[gap - 1]
            end = close_us[session] if gap == following else kept_us[gap]
            left_end, left_status = begin, UNKNOWN
            if gap > 0:
                left_end, left_status = min(max(kept_us[gap - 1] + max_gap_us, begin), end), kept_active[gap - 1]
            if gap > first and left_end == end and count > 0:
                if status[count - 1] == left_status and end_us[count - 1] == begin:
                    # Nothing changed between two polls, the usual case: without this shortcut 20 % slower.
                    end_us[count - 1] = min(end, to_us)
                    continue
            right_start, right_status = end, UNKNOWN
            if gap < found:
                right_start, right_status = min(max(kept_us[gap] - max_gap_us, begin), end), kept_active[gap]
            if left_end > right_start:  # both reach: cut where the winner ends
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
    return count, found


@njit(cache=True, nogil=True)
def _append(start_us, end_us, status, count, begin, end, now):
    """Add a stretch, merged into the last one if they touch and have the same status; return how many there are."""
    if count > 0 and status[count - 1] == now and end_us[count - 1] == begin:
        end_us[count - 1] = end
        return count
    start_us[count], end_us[count], status[count] = begin, end, now
    return count + 1


@njit(cache=True, nogil=True)
def _amend(stores, store, from_us, to_us, count, scratch):
    """Insert the planned time of a store between its stretches and reclassify down ones; return how many there are."""
    start_us, end_us, status = scratch.amended_start_us, scratch.amended_end_us, scratch.amended_status
    calendar = stores.calendar_of[store]
    planned, changed = stores.planned_offsets[calendar], stores.changed_offsets[store]
    last_planned, last_changed = stores.planned_offsets[calendar + 1], stores.changed_offsets[store + 1]
    made = 0
    for number in range(count + 1):
        begin = scratch.start_us[number] if number < count else to_us
        while planned < last_planned and stores.planned_start_us[planned] < begin:
            a, b = max(stores.planned_start_us[planned], from_us), min(stores.planned_end_us[planned], to_us)
            if a < b:
                made = _append(start_us, end_us, status, made, a, b, PLANNED)
            planned += 1
        if number == count:
            break
        end, now = scratch.end_us[number], scratch.status[number]
        if now == DOWN:
            while changed < last_changed and stores.changed_end_us[changed] <= begin:
                changed += 1
            while begin < end and changed < last_changed and stores.changed_start_us[changed] < end:
                a, b = max(stores.changed_start_us[changed], begin), min(stores.changed_end_us[changed], end)
                if begin < a:
                    made = _append(start_us, end_us, status, made, begin, a, DOWN)
                made = _append(start_us, end_us, status, made, a, b, stores.changed_status[changed])
                begin = b
                if stores.changed_end_us[changed] <= end:
                    changed += 1
        if begin < end:
            made = _append(start_us, end_us, status, made, begin, end, now)
    for number in range(made):
        scratch.start_us[number], scratch.end_us[number] = start_us[number], end_us[number]
        scratch.status[number] = status[number]
    return made


@njit(cache=True, nogil=True)
def _make_scratch(stores):
    """Allocate the scratch for the largest store.

    A gap between evidence or edges of sessions makes at most three stretches; a reclassification cuts at most one more
    on either side; planned time adds one each.
    """
    rows, stretches, amended = 0, 0, 0
    for store in range(len(stores.calendar_of)):
        calendar = stores.calendar_of[store]
        own = stores.row_offsets[store + 1] - stores.row_offsets[store]
        most = 3 * (own + stores.session_offsets[calendar + 1] - stores.session_offsets[calendar])
        if stores.amended[store]:
            most += stores.planned_offsets[calendar + 1] - stores.planned_offsets[calendar]
            most += 2 * (stores.changed_offsets[store + 1] - stores.changed_offsets[store])
            amended = max(amended, most)
        rows, stretches = max(rows, own), max(stretches, most)
    return Scratch(
        np.empty(rows, np.int64), np.empty(rows, np.uint8), np.empty(rows, np.int64),
        np.empty(stretches, np.int64), np.empty(stretches, np.int64), np.empty(stretches, np.uint8),
        np.empty(amended, np.int64), np.empty(amended, np.int64), np.empty(amended, np.uint8),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def window_totals(stores, windows_us, zone_of, as_of_us, max_gap_us, out):
    """Add up the status of every store in every window of its zone.

    windows_us: int64[Z,W,2], any order, may overlap; zone_of: int64[S]. out: int64[S,W,4], zeroed, us by status.
    """
    scratch = _make_scratch(stores)
    start_us, end_us, status = scratch.start_us, scratch.end_us, scratch.status
    for store in range(len(zone_of)):
        windows = windows_us[zone_of[store]]
        from_us, to_us = windows[0, 0], windows[0, 1]
        for window in range(1, len(windows)):
            from_us, to_us = min(from_us, windows[window, 0]), max(to_us, windows[window, 1])
        calendar = stores.calendar_of[store]
        count, _ = _stretches(
            stores.open_us, stores.close_us, stores.session_offsets[calendar], stores.session_offsets[calendar + 1],
            stores.observed_us, stores.active, stores.row_offsets[store], stores.row_offsets[store + 1],
            from_us, to_us, as_of_us, max_gap_us,
            scratch.kept_us, scratch.kept_active, scratch.session_of, start_us, end_us, status,
        )  # fmt: skip
        if stores.amended[store]:
            count = _amend(stores, store, from_us, to_us, count, scratch)
        for number in range(count):
            for window in range(len(windows)):
                begin = max(start_us[number], windows[window, 0])
                end = min(end_us[number], windows[window, 1])
                if begin < end:
                    out[store, window, status[number]] += end - begin


@njit(cache=True, nogil=True)
def bucket_totals(stores, edges_us, zone_of, cell_of, as_of_us, max_gap_us, out):
    """Add up the status of every store between the edges of its zone.

    edges_us: int64[Z,B+1], ascending along B; zone_of: int64[S]; cell_of: int64[Z,B], where in `out` a bucket counts.
    out: int64[S,cells,4], zeroed, us by status.
    """
    scratch = _make_scratch(stores)
    start_us, end_us, status = scratch.start_us, scratch.end_us, scratch.status
    buckets = edges_us.shape[1] - 1
    for store in range(len(zone_of)):
        edges, cells = edges_us[zone_of[store]], cell_of[zone_of[store]]
        calendar = stores.calendar_of[store]
        count, _ = _stretches(
            stores.open_us, stores.close_us, stores.session_offsets[calendar], stores.session_offsets[calendar + 1],
            stores.observed_us, stores.active, stores.row_offsets[store], stores.row_offsets[store + 1],
            edges[0], edges[buckets], as_of_us, max_gap_us,
            scratch.kept_us, scratch.kept_active, scratch.session_of, start_us, end_us, status,
        )  # fmt: skip
        if stores.amended[store]:
            count = _amend(stores, store, edges[0], edges[buckets], count, scratch)
        bucket = 0
        for number in range(count):
            begin = start_us[number]
            while begin < end_us[number]:
                while edges[bucket + 1] <= begin:
                    bucket += 1
                end = min(end_us[number], edges[bucket + 1])
                out[store, cells[bucket], status[number]] += end - begin
                begin = end


@njit(cache=True, nogil=True)
def store_spans(stores, from_us, to_us, as_of_us, max_gap_us, out_offsets, out_start_us, out_end_us, out_status):
    """List the stretches of one status of every store in [from_us, to_us).

    out_offsets: int64[S+1], zeroed. The other outs have space for 3 x (evidence + sessions) + planned + 2 x
    reclassified of all stores together.
    """
    scratch = _make_scratch(stores)
    start_us, end_us, status = scratch.start_us, scratch.end_us, scratch.status
    total = 0
    for store in range(len(stores.calendar_of)):
        calendar = stores.calendar_of[store]
        count, _ = _stretches(
            stores.open_us, stores.close_us, stores.session_offsets[calendar], stores.session_offsets[calendar + 1],
            stores.observed_us, stores.active, stores.row_offsets[store], stores.row_offsets[store + 1],
            from_us, to_us, as_of_us, max_gap_us,
            scratch.kept_us, scratch.kept_active, scratch.session_of, start_us, end_us, status,
        )  # fmt: skip
        if stores.amended[store]:
            count = _amend(stores, store, from_us, to_us, count, scratch)
        for number in range(count):
            out_start_us[total], out_end_us[total] = start_us[number], end_us[number]
            out_status[total] = status[number]
            total += 1
        out_offsets[store + 1] = total


@njit(cache=True, nogil=True)
def _last_at(values, first, last, at):
    """Return the place of the last of the ascending values[first:last] that is at most `at`; first - 1 if none is."""
    while first < last:
        middle = (first + last) // 2
        if values[middle] <= at:
            first = middle + 1
        else:
            last = middle
    return first - 1


@njit(cache=True, nogil=True)
def _deciding_evidence(session, at_us, max_gap_us, found, scratch):
    """Return the number of the evidence that decides the status of an instant (SEMANTICS 9); -1 if unknown.

    session: the session in which the instant lies. The rules are those of `_stretches`, for one instant.
    """
    left = _last_at(scratch.kept_us, 0, found, at_us)
    right = left + 1
    left_reaches = left >= 0 and at_us - scratch.kept_us[left] < max_gap_us
    right_reaches = right < found and scratch.kept_us[right] - at_us <= max_gap_us
    left_is_own = left >= 0 and scratch.session_of[left] == session
    right_is_own = right < found and scratch.session_of[right] == session
    if left_reaches and (left_is_own or not (right_is_own and right_reaches)):
        return left
    return right if right_reaches else -1


@njit(cache=True, nogil=True)
def _down_run(start_us, end_us, status, number, count, from_us, to_us):
    """Measure the run of stretches from `number` that are down or planned.

    Returns the number after the run; where its down time in [from_us, to_us) begins and ends, and how much it is; and
    where down time continues after to_us, or NO_INSTANT.
    """
    begin, end, down, later_us = NO_INSTANT, NO_INSTANT, 0, NO_INSTANT
    while number < count and (status[number] == DOWN or status[number] == PLANNED):
        if status[number] == DOWN:
            a, b = max(start_us[number], from_us), min(end_us[number], to_us)
            if a < b:
                begin, end, down = a if down == 0 else begin, b, down + b - a
            if end_us[number] > to_us and later_us == NO_INSTANT:
                later_us = max(start_us[number], to_us)
        number += 1
    return number, begin, end, down, later_us


@njit(cache=True, nogil=True)
def outages(stores, windows_us, zone_of, as_of_us, max_gap_us, look_us, min_duration_us, out, flags):
    """List the outages of every store, cut to the window of its zone; return how many (SEMANTICS 14, 21).

    windows_us: int64[Z,2]; look_us: how far before and after the window to look for what precedes and follows.
    out: int64[N,6], store, start, end, down, opened, closed; flags: uint8[N,4], began_before, at_opening, at_closing,
    state. N: at least the number of inactive observations and reclassified stretches. Every outage contains time
    that an inactive observation of its own decides, unless a reclassified stretch cut one outage in two.
    """
    scratch = _make_scratch(stores)
    start_us, end_us, status = scratch.start_us, scratch.end_us, scratch.status
    total = 0
    for store in range(len(zone_of)):
        calendar = stores.calendar_of[store]
        first, last = stores.session_offsets[calendar], stores.session_offsets[calendar + 1]
        from_us, to_us = windows_us[zone_of[store]]
        count, found = _stretches(
            stores.open_us, stores.close_us, stores.session_offsets[calendar], stores.session_offsets[calendar + 1],
            stores.observed_us, stores.active, stores.row_offsets[store], stores.row_offsets[store + 1],
            from_us - look_us, to_us + look_us, as_of_us, max_gap_us,
            scratch.kept_us, scratch.kept_active, scratch.session_of, start_us, end_us, status,
        )  # fmt: skip
        if stores.amended[store]:
            count = _amend(stores, store, from_us - look_us, to_us + look_us, count, scratch)
        before, number = UNKNOWN, 0
        while number < count:
            if status[number] != DOWN:
                before = before if status[number] == PLANNED else status[number]
                number += 1
                continue
            began_before = start_us[number] < from_us
            number, begin, end, down, later_us = _down_run(start_us, end_us, status, number, count, from_us, to_us)
            if down == 0:
                continue
            opened, closed, state, after = NO_INSTANT, NO_INSTANT, ONGOING, UNKNOWN
            session = _last_at(stores.open_us, first, last, begin)
            if not began_before:
                opened = scratch.kept_us[_deciding_evidence(session, begin, max_gap_us, found, scratch)]
            if later_us != NO_INSTANT:
                state = CONTINUES if later_us <= as_of_us and to_us < as_of_us else ONGOING
            elif number < count and start_us[number] <= as_of_us:
                state, after = ENDED, status[number]
                following = _last_at(stores.open_us, first, last, start_us[number])
                by = _deciding_evidence(following, start_us[number], max_gap_us, found, scratch)
                if after == UP and scratch.kept_active[by] == UP:
                    closed = scratch.kept_us[by]
            if down < min_duration_us and not began_before and before == UP and after == UP:
                continue
            out[total, 0], out[total, 1], out[total, 2] = store, begin, end
            out[total, 3], out[total, 4], out[total, 5] = down, opened, closed
            flags[total, 0] = began_before
            flags[total, 1] = not began_before and stores.open_us[session] == begin
            flags[total, 2] = stores.close_us[_last_at(stores.open_us, first, last, end - 1)] == end
            flags[total, 3] = state
            total += 1
    return total


@njit(cache=True, nogil=True)
def openings(stores, windows_us, zone_of, as_of_us, max_gap_us, out):
    """Measure late openings, early closings and missed sessions of every store in the window of its zone, up to as_of.

    windows_us: int64[Z,2]. out: int64[S,6], zeroed, see `outages.OPENINGS`.
    """
    scratch = _make_scratch(stores)
    start_us, end_us, status = scratch.start_us, scratch.end_us, scratch.status
    for store in range(len(zone_of)):
        calendar = stores.calendar_of[store]
        from_us, to_us = windows_us[zone_of[store], 0], min(windows_us[zone_of[store], 1], as_of_us)
        count, _ = _stretches(
            stores.open_us, stores.close_us, stores.session_offsets[calendar], stores.session_offsets[calendar + 1],
            stores.observed_us, stores.active, stores.row_offsets[store], stores.row_offsets[store + 1],
            from_us, to_us, as_of_us, max_gap_us,
            scratch.kept_us, scratch.kept_active, scratch.session_of, start_us, end_us, status,
        )  # fmt: skip
        if stores.amended[store]:
            count = _amend(stores, store, from_us, to_us, count, scratch)
        number = 0
        for session in range(stores.session_offsets[calendar], stores.session_offsets[calendar + 1]):
            begin, end = max(stores.open_us[session], from_us), min(stores.close_us[session], to_us)
            if begin >= end:
                continue
            while end_us[number] <= begin:
                number += 1
            first = number
            while end_us[number] < end:
                number += 1
            opens, closes = stores.open_us[session] >= from_us, stores.close_us[session] <= to_us
            if opens and closes and first == number and status[first] == DOWN:
                out[store, 4] += end - begin
                out[store, 5] += 1
                continue
            if opens and status[first] == DOWN:
                out[store, 0] += min(end_us[first], end) - begin
                out[store, 1] += 1
            if closes and status[number] == DOWN:
                out[store, 2] += end - max(start_us[number], begin)
                out[store, 3] += 1
