"""Kernels for the error of sampling: a two-state Markov process between polls -> moments of up time in windows.

Everything is in business time: the sessions of a calendar one after the other, without the time between them. States
are up and down; `a` is the rate from up to down and `b` from down to up, both per hour and above 0. Times are hours.
docs/semantics.md has the rules.

With l = a + b and p = b / l, the probability of being up in the long run, P(t) = Q + R exp(-l t), where each row of Q
is (p, 1 - p) and R = I - Q. So each integral over the instants between two polls is a sum of exponentials and powers.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from storewatch.domain.columns import Float64s, Int64s, UInt8s

# Written again here, as in enums.Status: the cache of compiled code does not see changes in other files.
DOWN, UP = 0, 1
HOUR_US = 3_600_000_000.0
NO_INSTANT = np.iinfo(np.int64).min
NONE = -1  # no poll at this end of a gap

# Pairs of polls at the ends of a gap. Up-down and down-up are alike: the process runs backwards with the same rates.
UP_UP, UP_DOWN, DOWN_DOWN = 0, 1, 2
# What is tabulated of a gap: mean (h) and variance (h2) of its up time, and outages that both polls miss.
MEAN, VARIANCE, UNSEEN = 0, 1, 2


class SampledStores(NamedTuple):
    """The sessions, polls and stretches of S stores: fields of `Sessions`, `Evidence`, `Spans` and `Reclassified`.

    before_us: int64[N], the business time of the calendar before each session.
    """

    session_offsets: Int64s
    open_us: Int64s
    close_us: Int64s
    before_us: Int64s
    calendar_of: Int64s
    row_offsets: Int64s
    observed_us: Int64s
    active: UInt8s
    span_offsets: Int64s
    span_start_us: Int64s
    span_end_us: Int64s
    span_status: UInt8s
    changed_offsets: Int64s
    changed_start_us: Int64s
    changed_end_us: Int64s
    changed_status: UInt8s


class Space(NamedTuple):
    """Space for one store: its evidence (clock_us: the instants) and its known time, otherwise in business time."""

    at_us: Int64s
    clock_us: Int64s
    active: UInt8s
    counted_h: Float64s
    known_start_us: Int64s
    known_end_us: Int64s


@njit(cache=True, nogil=True)
def segment(t, a, b, out):
    """Write P, M1, M2 and N of a time t to out: float64[16], each as (up-up, up-down, down-up, down-down).

    Of the paths from one state to another: P is the probability, M1 the integral of the up time, M2 half the integral
    of its square, N that of the changes from up to down.
    """
    rate = a + b
    p = b / rate
    q = 1.0 - p
    x = rate * t
    decay = np.exp(-x)
    if x < 1e-3:  # the differences below cancel
        once = t * (1.0 - x / 2.0 + x * x / 6.0)
        first = t * t * (0.5 - x / 6.0 + x * x / 24.0)
        second = t * t * (0.5 - x / 3.0 + x * x / 8.0)
    else:
        once = -np.expm1(-x) / rate
        first = (t - once) / rate
        second = (once - t * decay) / rate
    half = 0.5 * t * t
    for place in range(4):
        i, j = place >> 1, place & 1
        q_j = p if j == 0 else q
        r_iu = q if i == 0 else -p
        r_uj = q if j == 0 else -q
        r_dj = -p if j == 0 else p
        r_ij = (q if j == 0 else -q) if i == 0 else (-p if j == 0 else p)
        qq, qr, rq, rr = p * q_j, p * r_uj, r_iu * q_j, r_iu * r_uj
        out[place] = q_j + r_ij * decay
        out[4 + place] = qq * t + (qr + rq) * once + rr * t * decay
        out[8 + place] = p * qq * half + (p * rq + q * qq + p * qr) * first + (q * rq + p * rr + q * qr) * second
        out[8 + place] += q * rr * decay * half
        out[12 + place] = a * (p * q_j * t + (p * r_dj + r_iu * q_j) * once + r_iu * r_dj * t * decay)


@njit(cache=True, nogil=True)
def fill_table(a, b, step_h, table):
    """Write the moments of gaps of 0, step, 2 step, … between two polls; table: float64[3,K,3], see UP_UP and MEAN.

    Means and unseen outages are divided by the gap, variances by its square: what is left changes little with it.
    """
    table[:, 0] = 0.0
    table[UP_UP, 0, MEAN], table[UP_DOWN, 0, MEAN], table[UP_DOWN, 0, VARIANCE] = 1.0, 1.0 / 2.0, 1.0 / 12.0
    parts = np.empty(16)
    for number in range(1, table.shape[1]):
        t = number * step_h
        segment(t, a, b, parts)
        for pair in range(3):
            row = table[pair, number]
            _moments(parts, pair, t, b, row)
            row[MEAN] /= t
            row[VARIANCE] /= t * t
            row[UNSEEN] /= t


@njit(cache=True, nogil=True)
def _moments(parts, pair, t, b, out):
    """Write MEAN, VARIANCE and UNSEEN of a whole gap from what `segment` wrote for it."""
    place = 3 if pair == DOWN_DOWN else pair
    chance = parts[place]
    if chance <= 0.0:  # a gap of no time
        out[MEAN] = out[VARIANCE] = out[UNSEEN] = 0.0
        return
    mean = min(max(parts[4 + place] / chance, 0.0), t)
    out[MEAN] = mean
    out[VARIANCE] = max(2.0 * parts[8 + place] / chance - mean * mean, 0.0)
    out[UNSEEN] = _unseen(parts, pair, t, b)


@njit(cache=True, nogil=True)
def _unseen(parts, pair, t, b):
    """Return the expected number of outages that begin and end inside a gap, from what `segment` wrote for it."""
    place = 3 if pair == DOWN_DOWN else pair
    changes = parts[12 + place] / parts[place]
    if pair == UP_DOWN:
        changes -= 1.0  # the last one is seen
    elif pair == DOWN_DOWN:
        changes -= 1.0 - np.exp(-b * t) / parts[place]  # the last one is seen, if there is any
    return max(changes, 0.0)


@njit(cache=True, nogil=True)
def _look_up(t, pair, a, b, step_h, table, parts, out):
    """Write the moments of a whole gap: between two rows of the table, or exactly where the gap is longer."""
    place = t / step_h
    row = int(place)
    if row + 1 < table.shape[1]:
        rest = place - row
        for what in range(3):
            low = table[pair, row, what]
            out[what] = (low + rest * (table[pair, row + 1, what] - low)) * t
        out[VARIANCE] *= t
    else:
        segment(t, a, b, parts)
        _moments(parts, pair, t, b, out)


@njit(cache=True, nogil=True)
def _extend(path, t, a, b, is_counted, parts):
    """Add a time to a path: float64[6], chance, mean and half the square of the counted up time, by the last state."""
    segment(t, a, b, parts)
    chance_u, chance_d, mean_u, mean_d, square_u, square_d = path
    for j in range(2):
        p_u, p_d = parts[j], parts[2 + j]
        path[j] = chance_u * p_u + chance_d * p_d
        path[2 + j] = mean_u * p_u + mean_d * p_d
        path[4 + j] = square_u * p_u + square_d * p_d
        if is_counted:
            path[2 + j] += chance_u * parts[4 + j] + chance_d * parts[6 + j]
            path[4 + j] += mean_u * parts[4 + j] + mean_d * parts[6 + j]
            path[4 + j] += chance_u * parts[8 + j] + chance_d * parts[10 + j]


@njit(cache=True, nogil=True)
def _read_polls(stores, store, as_of_us, max_gap_us, space):
    """Write the evidence of a store and its known time to `space`; return how many of both.

    Known is what is within max_gap of any poll. A poll that an annotation reclassifies as up counts as active.
    """
    calendar = stores.calendar_of[store]
    session, last = stores.session_offsets[calendar], stores.session_offsets[calendar + 1]
    changed, last_changed = stores.changed_offsets[store], stores.changed_offsets[store + 1]
    found = known = 0
    reached_us = NO_INSTANT
    for row in range(stores.row_offsets[store], stores.row_offsets[store + 1]):
        at_us = stores.observed_us[row]
        if at_us > as_of_us:
            break
        while session < last and stores.close_us[session] <= at_us:
            session += 1
        if session == last:
            break
        if stores.open_us[session] <= at_us:
            if at_us - max_gap_us > reached_us:
                if found > 0:
                    space.known_end_us[known - 1] = _business_time(stores, store, reached_us)
                space.known_start_us[known] = _business_time(stores, store, at_us - max_gap_us)
                known += 1
            reached_us = at_us + max_gap_us
            active = stores.active[row]
            if active == DOWN and changed < last_changed:
                while changed < last_changed and stores.changed_end_us[changed] <= at_us:
                    changed += 1
                if changed < last_changed and stores.changed_start_us[changed] <= at_us:
                    active = UP if stores.changed_status[changed] == UP else DOWN
            space.at_us[found] = at_us - stores.open_us[session] + stores.before_us[session]
            space.clock_us[found] = at_us
            space.active[found] = active
            found += 1
    if found > 0:
        space.known_end_us[known - 1] = _business_time(stores, store, reached_us)
    return found, known


@njit(cache=True, nogil=True)
def _known_by_spans(stores, store, space):
    """Write the known time of a store from its stretches of one status: those that are up or down."""
    session = stores.session_offsets[stores.calendar_of[store]]
    known = 0
    for span in range(stores.span_offsets[store], stores.span_offsets[store + 1]):
        if stores.span_status[span] > UP:
            continue
        while stores.close_us[session] <= stores.span_start_us[span]:
            session += 1
        shift = stores.before_us[session] - stores.open_us[session]
        begin, end = stores.span_start_us[span] + shift, stores.span_end_us[span] + shift
        if known > 0 and space.known_end_us[known - 1] == begin:
            space.known_end_us[known - 1] = end
        else:
            space.known_start_us[known], space.known_end_us[known] = begin, end
            known += 1
    return known


@njit(cache=True, nogil=True)
def _business_time(stores, store, at_us):
    """Return the business time of a store before an instant."""
    calendar = stores.calendar_of[store]
    first, last = stores.session_offsets[calendar], stores.session_offsets[calendar + 1]
    if first == last:
        return 0
    session = first + np.searchsorted(stores.close_us[first:last], at_us, side="right")
    if session == last:
        return stores.before_us[last - 1] + stores.close_us[last - 1] - stores.open_us[last - 1]
    return stores.before_us[session] + max(0, at_us - stores.open_us[session])


@njit(cache=True, nogil=True)
def _instant(stores, store, business_us, is_end):
    """Return the instant before which a store had so much business time; is_end: the earliest one, else the latest."""
    calendar = stores.calendar_of[store]
    first, last = stores.session_offsets[calendar], stores.session_offsets[calendar + 1]
    before_us = stores.before_us[first:last]
    found = np.searchsorted(before_us, business_us) if is_end else np.searchsorted(before_us, business_us, side="right")
    session = first + found - 1
    return stores.open_us[session] + business_us - stores.before_us[session]


@njit(cache=True, nogil=True)
def _cut_gap(
    stores, store, gap, polls, from_us, to_us, max_gap_us, space, known, place, a, b, step_h, table, parts, path, out
):  # fmt: skip
    """Write the moments of the known time of a gap inside [from_us, to_us); return how long it is, in hours.

    gap: that before poll number `gap`. place: the first known stretch that may lie in it. A poll at an end of the gap
    counts if it is within max_gap of the time, by the clock.
    """
    left_us = space.at_us[gap - 1] if gap > 0 else from_us
    right_us = space.at_us[gap] if gap < polls else to_us
    counted_us, begin_us, end_us = 0, right_us, left_us
    for number in range(place, known):
        begin, end = (
            max(space.known_start_us[number], from_us, left_us),
            min(space.known_end_us[number], to_us, right_us),
        )
        if space.known_start_us[number] >= right_us:
            break
        if begin < end:
            begin_us, end_us = min(begin, begin_us), end
            counted_us += end - begin
    out[MEAN] = out[VARIANCE] = out[UNSEEN] = 0.0
    if counted_us == 0:
        return 0.0
    before, after = NONE, NONE
    if gap > 0 and _instant(stores, store, begin_us, False) - space.clock_us[gap - 1] <= max_gap_us:
        before = space.active[gap - 1]
    if gap < polls and space.clock_us[gap] - _instant(stores, store, end_us, True) <= max_gap_us:
        after = space.active[gap]

    # Without a poll before it the process is in its long run: by symmetry that is the process backwards from `after`.
    path[:] = 0.0
    if before == NONE:
        path[0], path[1] = b / (a + b), a / (a + b)
    else:
        path[0 if before == UP else 1] = 1.0
    cursor = begin_us if before == NONE else left_us
    for number in range(place, known):
        begin, end = max(space.known_start_us[number], begin_us), min(space.known_end_us[number], end_us)
        if space.known_start_us[number] >= end_us:
            break
        if begin >= end:
            continue
        if begin > cursor:
            _extend(path, (begin - cursor) / HOUR_US, a, b, False, parts)
        _extend(path, (end - begin) / HOUR_US, a, b, True, parts)
        cursor = end
    if after != NONE and cursor < right_us:
        _extend(path, (right_us - cursor) / HOUR_US, a, b, False, parts)
    if after == NONE:
        chance, mean, square = path[0] + path[1], path[2] + path[3], path[4] + path[5]
    else:
        state = 0 if after == UP else 1
        chance, mean, square = path[state], path[2 + state], path[4 + state]
    hours = counted_us / HOUR_US
    mean = min(max(mean / chance, 0.0), hours)
    variance = max(2.0 * square / chance - mean * mean, 0.0)
    out[UNSEEN] = 0.0
    if before >= 0 and after >= 0:
        whole_h = (right_us - left_us) / HOUR_US
        _look_up(whole_h, _pair(before, after), a, b, step_h, table, parts, out)
        out[UNSEEN] *= hours / whole_h  # in proportion to the part of the gap
    out[MEAN], out[VARIANCE] = mean, variance
    return hours


@njit(cache=True, nogil=True)
def _pair(before, after):
    if before != after:
        return UP_DOWN
    return UP_UP if before == UP else DOWN_DOWN


@njit(cache=True, nogil=True)
def _seen_length(counted_h, count):
    """Return the length in hours of outages that polls see 95 times of 100: where the sum of min(length, gap) is 95 %.

    Newton's method: the sum is concave and made of straight pieces, so it comes from below and ends exactly.
    """
    for number in range(count, count + 3):
        counted_h[number] = 0.0
    whole = 0.0
    for number in range(count):
        whole += counted_h[number]
    length = 0.95 * whole / max(count, 1)
    for _ in range(64):
        # Four sums, so that the processor adds them side by side; gaps of no time at the end change none.
        sums, longer = (0.0, 0.0, 0.0, 0.0), (0, 0, 0, 0)
        for number in range(0, count, 4):
            h0, h1, h2, h3 = counted_h[number], counted_h[number + 1], counted_h[number + 2], counted_h[number + 3]
            sums = (
                sums[0] + min(length, h0),
                sums[1] + min(length, h1),
                sums[2] + min(length, h2),
                sums[3] + min(length, h3),
            )
            longer = (
                longer[0] + (h0 > length),
                longer[1] + (h1 > length),
                longer[2] + (h2 > length),
                longer[3] + (h3 > length),
            )
        missing = 0.95 * whole - (sums[0] + sums[1] + sums[2] + sums[3])
        rising = longer[0] + longer[1] + longer[2] + longer[3]
        if missing <= 1e-12 * whole or rising == 0:
            break
        length += missing / rising
    return length


@njit(cache=True, nogil=True)
def window_moments(stores, windows_us, zone_of, as_of_us, max_gap_us, a, b, step_h, table, out):
    """Write the moments of the up time of every store in every window of its zone.

    windows_us: int64[Z,W,2]; zone_of: int64[S]; table: of `fill_table`. out: float64[S,W,5]: the known time (h), mean
    (h) and variance (h2) of its up time, outages that no poll saw, and the length (h) that is seen 95 times of 100.
    """
    space = _make_space(stores)
    parts, path, found = np.empty(16), np.empty(6), np.empty(3)
    for store in range(len(zone_of)):
        polls, known = _read_polls(stores, store, as_of_us, max_gap_us, space)
        if polls == 0:
            continue
        if stores.changed_offsets[store] < stores.changed_offsets[store + 1]:
            known = _known_by_spans(stores, store, space)
        windows = windows_us[zone_of[store]]
        for window in range(len(windows)):
            from_us = _business_time(stores, store, windows[window, 0])
            to_us = _business_time(stores, store, windows[window, 1])
            gap = np.searchsorted(space.at_us[:polls], from_us, side="right")  # gap n is before poll n
            place = np.searchsorted(space.known_end_us[:known], from_us, side="right")
            counted_h = mean_h = variance = unseen = 0.0
            count = 0
            while gap <= polls and (gap == 0 or space.at_us[gap - 1] < to_us):
                left_us = space.at_us[gap - 1] if gap > 0 else from_us
                while place < known and space.known_end_us[place] <= left_us:
                    place += 1
                is_whole = 0 < gap < polls and left_us >= from_us and space.at_us[gap] <= to_us
                if (
                    is_whole
                    and place < known
                    and space.known_start_us[place] <= left_us
                    and (space.known_end_us[place] >= space.at_us[gap])
                ):
                    hours = (space.at_us[gap] - left_us) * (1.0 / HOUR_US)
                    pair = _pair(space.active[gap - 1], space.active[gap])
                    steps = hours * (1.0 / step_h)
                    row = int(steps)
                    if row + 1 < table.shape[1]:  # written out: `_look_up` would go through memory
                        rest = steps - row
                        low, high = table[pair, row], table[pair, row + 1]
                        counted_h += hours
                        mean_h += (low[MEAN] + rest * (high[MEAN] - low[MEAN])) * hours
                        variance += (low[VARIANCE] + rest * (high[VARIANCE] - low[VARIANCE])) * hours * hours
                        unseen += (low[UNSEEN] + rest * (high[UNSEEN] - low[UNSEEN])) * hours
                        space.counted_h[count] = hours
                        count += 1
                        gap += 1
                        continue
                    _look_up(hours, pair, a, b, step_h, table, parts, found)
                else:
                    hours = _cut_gap(
                        stores, store, gap, polls, from_us, to_us, max_gap_us, space, known, place, a, b, step_h, table,
                        parts, path, found,
                    )  # fmt: skip
                if hours > 0.0:
                    counted_h += hours
                    mean_h += found[MEAN]
                    variance += found[VARIANCE]
                    unseen += found[UNSEEN]
                    space.counted_h[count] = hours
                    count += 1
                gap += 1
            out[store, window, 0], out[store, window, 1], out[store, window, 2] = counted_h, mean_h, variance
            out[store, window, 3], out[store, window, 4] = unseen, _seen_length(space.counted_h, count)


@njit(cache=True, nogil=True)
def _make_space(stores):
    rows, spans = 0, 0
    for store in range(len(stores.calendar_of)):
        rows = max(rows, stores.row_offsets[store + 1] - stores.row_offsets[store])
        spans = max(spans, stores.span_offsets[store + 1] - stores.span_offsets[store])
    spans = max(spans, rows)
    return Space(
        np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty(rows, np.uint8), np.empty(rows + 4),
        np.empty(spans, np.int64), np.empty(spans, np.int64),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def count_pairs(stores, group_of, from_us, as_of_us, max_gap_us, unit_us, pairs, residual, spread):
    """Count the pairs of neighbouring evidence in [from_us, as_of_us], and how stores go down together hour by hour.

    group_of: int64[S]. pairs: int64[G,4,K], zeroed, by the group, the polls of a pair (up-up, up-down, down-up,
    down-down) and their business gap in units, at most max_gap_us. residual, spread: float64[G,H] for the hours since
    from_us, zeroed: of the first poll of each store in each hour, what it is down more than this store is on average,
    and what chance explains of its square.
    """
    most = 0
    for store in range(len(stores.calendar_of)):
        most = max(most, stores.row_offsets[store + 1] - stores.row_offsets[store])
    hour_of, is_down = np.empty(most, np.int64), np.empty(most, np.uint8)
    for store in range(len(stores.calendar_of)):
        calendar = stores.calendar_of[store]
        session, last = stores.session_offsets[calendar], stores.session_offsets[calendar + 1]
        polls, downs, before_us = 0, 0, 0
        for row in range(stores.row_offsets[store], stores.row_offsets[store + 1]):
            at_us = stores.observed_us[row]
            if at_us > as_of_us:
                break
            while session < last and stores.close_us[session] <= at_us:
                session += 1
            if session == last:
                break
            if at_us < from_us or stores.open_us[session] > at_us:
                continue
            now_us = at_us - stores.open_us[session] + stores.before_us[session]
            hour_of[polls], is_down[polls] = (at_us - from_us) // 3_600_000_000, stores.active[row] == DOWN
            if polls > 0 and now_us - before_us <= max_gap_us:
                kind = 2 * is_down[polls - 1] + is_down[polls]
                pairs[group_of[store], kind, (now_us - before_us + unit_us // 2) // unit_us] += 1
            before_us = now_us
            downs += is_down[polls]
            polls += 1
        hour = -1
        for poll in range(polls):
            if hour_of[poll] != hour:
                hour = hour_of[poll]
                share = downs / polls
                residual[group_of[store], hour] += is_down[poll] - share
                spread[group_of[store], hour] += share * (1.0 - share)
