"""Kernels for the error of sampling: a two-state Markov process between polls -> moments of up time in windows.

Everything is in business time: the sessions of a calendar one after the other, without the time between them. States
are up and down; `a` is the rate from up to down and `b` from down to up, both per hour and above 0. Times are hours.
docs/semantics.md has the rules.

With l = a + b, p = b / l, the probability of being up in the long run, and q = a / l: a process that is up with the
probability p + e is up with p + e exp(-l t) after a time t. The moments of the up time follow the same way, see `Path`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from storewatch.domain.columns import Float64s, Int64s, UInt8s

# Written again here, as in enums.Status and instants: the cache of compiled code does not see changes in other files.
DOWN, UP = 0, 1
HOUR_US = 3_600_000_000
UNIT_US = 10_000_000  # pairs of polls are counted by gaps of so many steps
NONE = -1  # no poll at this end of a gap
# Added to the status of a poll at the very opening of a session, after a closed time that is longer than max_gap.
FAR = 2
NO_LIMIT = np.iinfo(np.int64).max

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
    """Space for one store: its evidence, its gaps and its known time.

    at_us, clock_us, status: of each poll, its business time, its instant, and UP or DOWN, maybe with FAR. hours: the
    known time of the gap before each poll. sums: float64[N,4], of the gaps up to each poll: known time, mean, variance
    and unseen outages. known_us, known_clock_us: int64[K,2], the known stretches in business time and as instants.
    """

    at_us: Int64s
    clock_us: Int64s
    status: UInt8s
    hours: Float64s
    sums: Float64s
    known_us: Int64s
    known_clock_us: Int64s


class Path(NamedTuple):
    """All ways in which the process can have come to an instant, together.

    chance: of all ways; mean, square: the mean and half the mean square of the counted up time so far. With `_off`: how
    much more of each belongs to the ways that are up now than in the long run.
    """

    chance: float
    chance_off: float
    mean: float
    mean_off: float
    square: float
    square_off: float


class Gap(NamedTuple):
    """The time between two polls, in business time and as instants. before, after: UP, DOWN or NONE."""

    left_us: int
    right_us: int
    left_clock_us: int
    right_clock_us: int
    before: int
    after: int


class Window(NamedTuple):
    """A window in business time, and the latest and the earliest instant before which there was so much of it."""

    from_us: int
    to_us: int
    from_clock_us: int
    to_clock_us: int


@njit(cache=True, nogil=True, error_model="numpy")
def _start(state, a, b):
    """Return the path that begins in a state; with NONE in the long run."""
    off = 0.0
    if state == UP:
        off = a / (a + b)
    elif state == DOWN:
        off = -b / (a + b)
    return Path(1.0, off, 0.0, 0.0, 0.0, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _pass(path, t, a, b):
    """Return a path after a time that is not counted."""
    decay = np.exp(-(a + b) * t)
    return Path(
        path.chance, path.chance_off * decay, path.mean, path.mean_off * decay, path.square, path.square_off * decay
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _count(path, t, a, b):
    """Return a path after a time whose up time is counted.

    With c, m and s for the parts of chance, mean and square that are up now: mean' = c, m' = p mean' + q c - l (m - p
    mean), and square and s in the same way from m. Each solution is a sum of 1, t, t^2 / 2, exp(-l t), t exp(-l t) and
    t^2 / 2 exp(-l t); `once`, `first` and `second` are the integrals of exp(-l t), of `once` and of t exp(-l t).
    """
    rate = a + b
    p, q = b / rate, a / rate
    decay, once, first, second = _integrals(t, rate)
    half = 0.5 * t * t
    c, c_off, m, m_off, s, s_off = path
    mixed = p * c_off + q * p * c
    return Path(
        c,
        c_off * decay,
        m + p * c * t + c_off * once,
        m_off * decay + q * (p * c * once + c_off * t * decay),
        s + p * m * t + p * p * c * half + mixed * first + m_off * once + q * c_off * second,
        s_off * decay
        + q * (p * m * once + p * p * c * first + mixed * second + m_off * t * decay + q * c_off * half * decay),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _integrals(t, rate):
    """Return exp(-rate t), and the integrals up to t of that, of that integral, and of t exp(-rate t)."""
    x = rate * t
    if x < 1e-2:  # the differences below cancel
        once = t * (1.0 - x / 2.0 + x * x / 6.0 - x * x * x / 24.0)
        first = t * t * (0.5 - x / 6.0 + x * x / 24.0 - x * x * x / 120.0)
        return 1.0 - rate * once, once, first, t * t * (0.5 - x / 3.0 + x * x / 8.0 - x * x * x / 30.0)
    decay, per = np.exp(-x), 1.0 / rate
    once = (1.0 - decay) * per
    return decay, once, (t - once) * per, (once - t * decay) * per


@njit(cache=True, nogil=True, error_model="numpy")
def _end(path, state, hours, a, b):
    """Return mean and variance of the counted up time, of so many hours, of the ways that end in a state."""
    chance, mean, square = path.chance, path.mean, path.square
    if state == UP:
        p = b / (a + b)
        chance, mean, square = p * chance + path.chance_off, p * mean + path.mean_off, p * square + path.square_off
    elif state == DOWN:
        q = a / (a + b)
        chance, mean, square = q * chance - path.chance_off, q * mean - path.mean_off, q * square - path.square_off
    if chance <= 0.0:  # a change in no time
        return 0.5 * hours, 0.0
    mean = min(max(mean / chance, 0.0), hours)
    return mean, max(2.0 * square / chance - mean * mean, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _unseen(pair, t, a, b):
    """Return the expected number of outages that begin and end between two polls."""
    rate = a + b
    p, q = b / rate, a / rate
    decay, once, _, _ = _integrals(t, rate)
    off = -p if pair == DOWN_DOWN else q
    if pair == UP_UP:
        chance = p + q * decay
        changes = a * p * (p * t + (off - p) * once - off * t * decay) / chance
    else:  # the last outage is seen, if there is any
        chance = q - off * decay
        changes = (
            a * (q * p * t + (q * off + p * p) * once + p * off * t * decay) / chance - 1.0 if chance > 0.0 else 0.0
        )
        if pair == DOWN_DOWN:
            changes += np.exp(-b * t) / chance
    return max(changes, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _whole(pair, t, a, b):
    """Return mean, variance and unseen outages of the whole time between two polls."""
    path = _count(_start(DOWN if pair == DOWN_DOWN else UP, a, b), t, a, b)
    mean, variance = _end(path, UP if pair == UP_UP else DOWN, t, a, b)
    return mean, variance, _unseen(pair, t, a, b)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_table(a, b, step_h, table):
    """Write the moments of gaps of 0, step, 2 step, … between two polls; table: float64[3,K,3], see UP_UP and MEAN.

    Means and unseen outages are divided by the gap, variances by its square: what is left changes little with it.
    """
    table[:, 0] = 0.0
    table[UP_UP, 0, MEAN], table[UP_DOWN, 0, MEAN], table[UP_DOWN, 0, VARIANCE] = 1.0, 1.0 / 2.0, 1.0 / 12.0
    for number in range(1, table.shape[1]):
        t = number * step_h
        for pair in range(3):
            mean, variance, unseen = _whole(pair, t, a, b)
            table[pair, number, MEAN], table[pair, number, VARIANCE] = mean / t, variance / (t * t)
            table[pair, number, UNSEEN] = unseen / t


@njit(cache=True, nogil=True, error_model="numpy")
def _look_up(pair, t, a, b, step_h, table):
    """Return mean, variance and unseen outages of a gap: between two rows of the table, exactly if it is longer."""
    place = t * (1.0 / step_h)
    row = int(place)
    if row + 1 >= table.shape[1]:
        return _whole(pair, t, a, b)
    rest = place - row
    low, high = table[pair, row], table[pair, row + 1]
    mean = low[MEAN] + rest * (high[MEAN] - low[MEAN])
    variance = low[VARIANCE] + rest * (high[VARIANCE] - low[VARIANCE])
    unseen = low[UNSEEN] + rest * (high[UNSEEN] - low[UNSEEN])
    return mean * t, variance * t * t, unseen * t


@njit(cache=True, nogil=True, error_model="numpy")
def _pair(before, after):
    if before != after:
        return UP_DOWN
    return UP_UP if before == UP else DOWN_DOWN


@njit(cache=True, nogil=True, error_model="numpy")
def _first_after(values, first, last, at):
    """Return the place of the first of the ascending values[first:last] that is more than `at`; last if none is."""
    if first == last or values[last - 1] <= at:  # usual at the end of a window
        return last
    while first < last:
        middle = (first + last) // 2
        if values[middle] <= at:
            first = middle + 1
        else:
            last = middle
    return first


@njit(cache=True, nogil=True, error_model="numpy")
def _read_evidence(
    open_us, close_us, before_us, first_session, last_session, observed_us, active, first_row, last_row, as_of_us,
    max_gap_us, at_us, clock_us, status,
):  # fmt: skip
    """Write the evidence of one store to at_us, clock_us and status (see `Space`); return how many polls it is.

    The arrays are passed one by one, as in walk.py: a tuple of them changes their reference counts once a store.
    """
    found, row = 0, first_row
    last_row = _first_after(observed_us, first_row, last_row, as_of_us)
    for session in range(first_session, last_session):
        while row < last_row and observed_us[row] < open_us[session]:
            row += 1
        first, shift_us = found, before_us[session] - open_us[session]
        while row < last_row and observed_us[row] < close_us[session]:
            at_us[found], clock_us[found], status[found] = observed_us[row] + shift_us, observed_us[row], active[row]
            found += 1
            row += 1
        if found > first and clock_us[first] == open_us[session] and session > first_session:
            if open_us[session] - close_us[session - 1] > max_gap_us:
                status[first] += FAR
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _reclassify(changed_start_us, changed_end_us, changed_status, changed, last_changed, polls, clock_us, status):
    """Make those polls of a store active that an annotation counts as up."""
    for poll in range(polls):
        while changed < last_changed and changed_end_us[changed] <= clock_us[poll]:
            changed += 1
        if changed == last_changed:
            return
        if changed_start_us[changed] <= clock_us[poll] and changed_status[changed] == UP:
            status[poll] |= UP


@njit(cache=True, nogil=True, error_model="numpy")
def _known_by_polls(
    open_us, close_us, before_us, session, last_session, polls, clock_us, max_gap_us, known_us, known_clock_us
):  # fmt: skip
    """Write the known time of a store: what is within max_gap of any poll. Return how many stretches it is."""
    known = 0
    for poll in range(polls + 1):
        if 0 < poll < polls and clock_us[poll] - clock_us[poll - 1] <= 2 * max_gap_us:
            continue
        if poll > 0:
            reached_us = clock_us[poll - 1] + max_gap_us
            while session + 1 < last_session and open_us[session + 1] < reached_us:
                session += 1
            reached_us = min(reached_us, close_us[session])
            known_us[known - 1, 1] = before_us[session] + reached_us - open_us[session]
            known_clock_us[known - 1, 1] = reached_us
        if poll < polls:
            begin_us = clock_us[poll] - max_gap_us
            while close_us[session] <= begin_us:
                session += 1
            begin_us = max(begin_us, open_us[session])
            start_us = before_us[session] + begin_us - open_us[session]
            if known == 0 or known_us[known - 1, 1] < start_us:
                known_us[known, 0], known_clock_us[known, 0] = start_us, begin_us
                known += 1
    return known


@njit(cache=True, nogil=True, error_model="numpy")
def _known_by_spans(
    open_us, close_us, before_us, session, span_start_us, span_end_us, span_status, known_us, known_clock_us
):  # fmt: skip
    """Write the known time of a store from its stretches of one status: those that are up or down."""
    known = 0
    for span in range(len(span_status)):
        if span_status[span] > UP:
            continue
        while close_us[session] <= span_start_us[span]:
            session += 1
        shift = before_us[session] - open_us[session]
        if known == 0 or known_us[known - 1, 1] != span_start_us[span] + shift:
            known_us[known, 0], known_clock_us[known, 0] = span_start_us[span] + shift, span_start_us[span]
            known += 1
        known_us[known - 1, 1], known_clock_us[known - 1, 1] = span_end_us[span] + shift, span_end_us[span]
    return known


@njit(cache=True, nogil=True, error_model="numpy")
def _window(open_us, close_us, before_us, first, last, from_us, to_us):
    """Return a window, given as instants, in the business time of sessions [first, last)."""
    session = _first_after(close_us, first, last, from_us)
    if session == last:
        whole_us = before_us[last - 1] + close_us[last - 1] - open_us[last - 1]
        return Window(whole_us, whole_us, from_us, from_us)
    from_clock_us = max(from_us, open_us[session])
    begin_us = before_us[session] + from_clock_us - open_us[session]
    while session + 1 < last and open_us[session + 1] < to_us:
        session += 1
    to_clock_us = min(to_us, close_us[session])
    end_us = before_us[session] + to_clock_us - open_us[session]
    return Window(begin_us, max(begin_us, end_us), from_clock_us, to_clock_us)


@njit(cache=True, nogil=True, error_model="numpy")
def _part(gap, window, known_us, known_clock_us, known, max_gap_us, a, b):
    """Return the known hours of a gap inside a window, mean and variance of their up time, and their share of the gap.

    The share is 0 unless both polls count. A poll counts if it is within max_gap of the known time, by the clock.
    """
    begin_us, end_us = max(gap.left_us, window.from_us), min(gap.right_us, window.to_us)
    place = 0
    while place < known and known_us[place, 1] <= begin_us:
        place += 1
    last = place
    while last < known and known_us[last, 0] < end_us:
        last += 1
    if last == place or begin_us >= end_us:
        return 0.0, 0.0, 0.0, 0.0
    begin_us, end_us = max(begin_us, known_us[place, 0]), min(end_us, known_us[last - 1, 1])
    begin_clock_us = max(gap.left_clock_us, window.from_clock_us, known_clock_us[place, 0])
    end_clock_us = min(gap.right_clock_us, window.to_clock_us, known_clock_us[last - 1, 1])
    before = gap.before if begin_clock_us - gap.left_clock_us <= max_gap_us else NONE
    after = gap.after if gap.right_clock_us - end_clock_us <= max_gap_us else NONE
    # Without a poll before it the process is in its long run: by symmetry that is the process backwards from `after`.
    path = _start(before, a, b)
    cursor_us = begin_us if before == NONE else gap.left_us
    counted_us = 0
    for number in range(place, last):
        from_us, to_us = max(known_us[number, 0], begin_us), min(known_us[number, 1], end_us)
        if from_us > cursor_us:
            path = _pass(path, (from_us - cursor_us) * (1.0 / HOUR_US), a, b)
        path = _count(path, (to_us - from_us) * (1.0 / HOUR_US), a, b)
        counted_us += to_us - from_us
        cursor_us = to_us
    if after != NONE and cursor_us < gap.right_us:
        path = _pass(path, (gap.right_us - cursor_us) * (1.0 / HOUR_US), a, b)
    hours = counted_us * (1.0 / HOUR_US)
    mean, variance = _end(path, after, hours, a, b)
    share = counted_us / (gap.right_us - gap.left_us) if NONE not in (before, after) else 0.0
    return hours, mean, variance, share


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "nnan"})
def _seen_length(hours, first, last, whole):
    """Return the length in hours of outages that polls see 95 times of 100: where the sum of min(length, gap) is 95 %.

    hours[first:last]: the gaps; whole: their sum. Newton's method: the sum is concave and made of straight pieces, so
    it comes from below and ends exactly. Sums may be added in any order: the processor adds several side by side.
    """
    length = 0.95 * whole / max(last - first, 1)
    for _ in range(64):
        reached = longer = 0.0
        for number in range(first, last):
            reached += min(length, hours[number])
            longer += 1.0 if hours[number] > length else 0.0
        missing = 0.95 * whole - reached
        if missing <= 1e-12 * whole or longer == 0.0:
            break
        length += missing / longer
    return length


@njit(cache=True, nogil=True, error_model="numpy")
def _add_up_gaps(
    first, end, at_us, clock_us, status, known_us, known_clock_us, known, max_gap_us, a, b, step_h, table, hours, sums
):  # fmt: skip
    """Write the known time of the gaps between polls [first, end) to `hours`, and the sums of their moments to `sums`.

    The sums of poll `first` are 0.
    """
    counted_h = mean_h = variance_h2 = unseen = 0.0
    place = 0
    known_from_us, known_to_us = known_us[0, 0], known_us[0, 1]
    for poll in range(first, end):
        if poll > first:
            left_us, right_us = at_us[poll - 1], at_us[poll]
            while known_to_us <= left_us and place + 1 < known:
                place += 1
                known_from_us, known_to_us = known_us[place, 0], known_us[place, 1]
            pair = _pair(status[poll - 1] & UP, status[poll] & UP)
            gap_h = (right_us - left_us) * (1.0 / HOUR_US)
            if known_from_us <= left_us and right_us <= known_to_us and status[poll] < FAR:
                hours[poll] = gap_h
                mean, variance, missed = _look_up(pair, gap_h, a, b, step_h, table)
                counted_h, mean_h = counted_h + gap_h, mean_h + mean
                variance_h2, unseen = variance_h2 + variance, unseen + missed
            else:
                left_clock_us, right_clock_us = clock_us[poll - 1], clock_us[poll]
                after = status[poll] if status[poll] < FAR else NONE
                gap = Gap(left_us, right_us, left_clock_us, right_clock_us, status[poll - 1] & UP, after)
                whole = Window(left_us, right_us, left_clock_us, right_clock_us)
                hours[poll], mean, variance, share = _part(
                    gap, whole, known_us, known_clock_us, known, max_gap_us, a, b
                )
                counted_h, mean_h, variance_h2 = counted_h + hours[poll], mean_h + mean, variance_h2 + variance
                if share > 0.0:
                    unseen += _look_up(pair, gap_h, a, b, step_h, table)[2] * share
        sums[poll, 0], sums[poll, 1], sums[poll, 2], sums[poll, 3] = counted_h, mean_h, variance_h2, unseen


@njit(cache=True, nogil=True, error_model="numpy")
def window_moments(stores, windows_us, zone_of, as_of_us, max_gap_us, a, b, step_h, table, out):
    """Write the moments of the up time of every store in every window of its zone.

    windows_us: int64[Z,W,2]; zone_of: int64[S]; table: of `fill_table`. out: float64[S,W,5], zeroed: the known time
    (h), mean (h) and variance (h2) of its up time, outages that no poll saw, and the length (h) that is seen 95 times
    of 100. The moments of the gaps of a store are computed once and added up, so that a window is the difference of two
    sums and what it cuts off at its ends.
    """
    open_us, close_us, before_us = stores.open_us, stores.close_us, stores.before_us
    at_us, clock_us, status, hours, sums, known_us, known_clock_us = _make_space(stores)
    for store in range(len(zone_of)):
        calendar = stores.calendar_of[store]
        first, last = stores.session_offsets[calendar], stores.session_offsets[calendar + 1]
        polls = _read_evidence(
            open_us, close_us, before_us, first, last, stores.observed_us, stores.active, stores.row_offsets[store],
            stores.row_offsets[store + 1], as_of_us, max_gap_us, at_us, clock_us, status,
        )  # fmt: skip
        if polls == 0:
            continue
        changed, last_changed = stores.changed_offsets[store], stores.changed_offsets[store + 1]
        if changed < last_changed:
            _reclassify(
                stores.changed_start_us, stores.changed_end_us, stores.changed_status, changed, last_changed, polls,
                clock_us, status,
            )  # fmt: skip
            spans = slice(stores.span_offsets[store], stores.span_offsets[store + 1])
            known = _known_by_spans(
                open_us, close_us, before_us, first, stores.span_start_us[spans], stores.span_end_us[spans],
                stores.span_status[spans], known_us, known_clock_us,
            )  # fmt: skip
        else:
            known = _known_by_polls(
                open_us, close_us, before_us, first, last, polls, clock_us, max_gap_us, known_us, known_clock_us
            )
        if known == 0:
            continue
        windows = windows_us[zone_of[store]]
        from_us, to_us = windows[0, 0], windows[0, 1]
        for number in range(1, len(windows)):
            from_us, to_us = min(from_us, windows[number, 0]), max(to_us, windows[number, 1])
        _add_up_gaps(
            _first_after(clock_us, 0, polls, from_us - 1), _first_after(clock_us, 0, polls, to_us), at_us, clock_us,
            status, known_us, known_clock_us, known, max_gap_us, a, b, step_h, table, hours, sums,
        )  # fmt: skip
        computed = -1, 0, 0
        cut_h = mean = variance = unseen = 0.0
        for number in range(len(windows)):
            window = _window(open_us, close_us, before_us, first, last, windows[number, 0], windows[number, 1])
            begin = _first_after(clock_us, 0, polls, windows[number, 0] - 1)  # the first poll in the window
            end = _first_after(clock_us, begin, polls, windows[number, 1])  # the first poll after it
            moments = out[store, number]
            if begin < end:
                for what in range(4):
                    moments[what] = max(sums[end - 1, what] - sums[begin, what], 0.0)
            whole_h = hours[begin], hours[end]
            hours[begin] = hours[end] = 0.0
            for side in range(1 if begin == end else 2):
                place = end if side == 1 else begin
                gap = Gap(
                    at_us[place - 1] if place > 0 else window.from_us,
                    at_us[place] if place < polls else window.to_us,
                    clock_us[place - 1] if place > 0 else window.from_clock_us,
                    clock_us[place] if place < polls else window.to_clock_us,
                    status[place - 1] & UP if place > 0 else NONE,
                    status[place] if place < polls and status[place] < FAR else NONE,
                )
                cut = place, max(gap.left_us, window.from_us), min(gap.right_us, window.to_us)
                if cut != computed:  # windows often end together
                    computed = cut
                    cut_h, mean, variance, share = _part(gap, window, known_us, known_clock_us, known, max_gap_us, a, b)
                    unseen = 0.0
                    if share > 0.0:
                        gap_h = (gap.right_us - gap.left_us) * (1.0 / HOUR_US)
                        unseen = share * _look_up(_pair(gap.before, gap.after), gap_h, a, b, step_h, table)[2]
                moments[0] += cut_h
                moments[1] += mean
                moments[2] += variance
                moments[3] += unseen
                hours[place] = cut_h
            moments[4] = _seen_length(hours, begin, end + 1, moments[0])
            hours[begin], hours[end] = whole_h


@njit(cache=True, nogil=True, error_model="numpy")
def _make_space(stores):
    rows, spans = 0, 0
    for store in range(len(stores.calendar_of)):
        rows = max(rows, stores.row_offsets[store + 1] - stores.row_offsets[store])
        spans = max(spans, stores.span_offsets[store + 1] - stores.span_offsets[store])
    spans = max(spans, rows)
    return Space(
        np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty(rows, np.uint8), np.empty(rows + 1),
        np.empty((rows, 4)), np.empty((spans, 2), np.int64), np.empty((spans, 2), np.int64),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def count_pairs(stores, group_of, from_us, as_of_us, max_gap_us, pairs, residual, spread):
    """Count the pairs of neighbouring evidence in [from_us, as_of_us], and how stores go down together hour by hour.

    group_of: int64[S]. pairs: int64[G,4,K], zeroed, by the group, the polls of a pair (up-up, up-down, down-up,
    down-down) and their business gap in steps of UNIT_US, at most max_gap_us. residual, spread: float64[G,H] for the
    hours since from_us, zeroed: of the first poll of each store in each hour, what it is down more than this store is
    on average, and what chance explains of its square.
    """
    at_us, clock_us, status, _, _, _, _ = _make_space(stores)
    for store in range(len(stores.calendar_of)):
        calendar, group = stores.calendar_of[store], group_of[store]
        polls = _read_evidence(
            stores.open_us, stores.close_us, stores.before_us, stores.session_offsets[calendar],
            stores.session_offsets[calendar + 1], stores.observed_us, stores.active, stores.row_offsets[store],
            stores.row_offsets[store + 1], as_of_us, NO_LIMIT, at_us, clock_us, status,
        )  # fmt: skip
        _reclassify(
            stores.changed_start_us, stores.changed_end_us, stores.changed_status, stores.changed_offsets[store],
            stores.changed_offsets[store + 1], polls, clock_us, status,
        )  # fmt: skip
        first = _first_after(clock_us, 0, polls, from_us - 1)
        downs = 0
        for poll in range(first, polls):
            is_down = status[poll] == DOWN
            if poll > first and at_us[poll] - at_us[poll - 1] <= max_gap_us:
                kind = 2 * (status[poll - 1] == DOWN) + is_down
                pairs[group, kind, (at_us[poll] - at_us[poll - 1] + UNIT_US // 2) // UNIT_US] += 1
            downs += is_down
        share = downs / max(polls - first, 1)
        hour = -1
        for poll in range(first, polls):
            since = (clock_us[poll] - from_us) // HOUR_US
            if since != hour:
                hour = since
                residual[group, hour] += (status[poll] == DOWN) - share
                spread[group, hour] += share * (1.0 - share)
