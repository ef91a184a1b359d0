"""The error of sampling, by integrating the equations of the process step by step instead of by closed forms."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from reference import naive, naive_outages
from reference.naive import HOUR_US, Store

Vector = tuple[float, float, float, float, float, float]


def up_time(
    pieces: Sequence[tuple[float, bool]], before: bool | None, after: bool | None, a: float, b: float
) -> tuple[float, float]:
    """Return mean and variance of the counted up time between two polls.

    pieces: hours and whether they count, in order. before, after: whether the polls at the ends are active, None where
    there is none. a, b: the rates per hour. Runge-Kutta of fourth order for the probabilities of both states, and for
    the first and second moment of the up time so far, each together with the state.
    """
    p = b / (a + b)
    up = p if before is None else float(before)
    y: Vector = (up, 1 - up, 0.0, 0.0, 0.0, 0.0)
    for hours, counts in pieces:
        steps = max(10, ceil(hours * (a + b) * 20))
        h = hours / steps
        for _ in range(steps):
            k1 = _slope(y, counts, a, b)
            k2 = _slope(_moved(y, k1, h / 2), counts, a, b)
            k3 = _slope(_moved(y, k2, h / 2), counts, a, b)
            k4 = _slope(_moved(y, k3, h), counts, a, b)
            total = tuple(i + 2 * j + 2 * k + m for i, j, k, m in zip(k1, k2, k3, k4, strict=True))
            y = _moved(y, total, h / 6)  # type: ignore[arg-type]
    ends = [0, 1] if after is None else [0 if after else 1]
    chance, mean, square = (sum(y[2 * what + end] for end in ends) for what in range(3))
    return mean / chance, square / chance - (mean / chance) ** 2


def moments(
    store: Store,
    changes: Sequence[naive_outages.Change],
    window_us: tuple[int, int],
    *,
    as_of_us: int,
    max_gap_us: int,
    rates: tuple[float, float],
) -> tuple[float, float, float]:
    """Return the known time of a window in hours, and mean and variance of its up time."""
    spans = naive_outages.spans(store, changes, *window_us, as_of_us=as_of_us, max_gap_us=max_gap_us)
    known = [(span.start_us, span.end_us) for span in spans if span.status in ("up", "down")]
    instants = [*window_us, *(seen.observed_us for seen in store.observations)]
    open_sessions, _ = naive.hours(store, min(instants), max(instants))
    polls = [
        (seen.observed_us, seen.active or _counts_as_up(seen.observed_us, changes))
        for seen in naive.evidence_of(store, open_sessions, as_of_us)
    ]
    known_h = mean_h = variance = 0.0
    edges = [None, *polls, None]
    for before, after in pairwise(edges):
        left_us, right_us = before[0] if before else min(instants), after[0] if after else max(instants)
        counted = [(max(a, left_us), min(b, right_us)) for a, b in known if max(a, left_us) < min(b, right_us)]
        if not counted:
            continue
        start_us, end_us = counted[0][0], counted[-1][1]
        is_before = before is not None and start_us - left_us <= max_gap_us
        is_after = after is not None and right_us - end_us <= max_gap_us
        cuts = sorted({edge for stretch in counted for edge in stretch})
        cuts = [*([left_us] if is_before else []), *cuts, *([right_us] if is_after else [])]
        pieces = [
            (naive_outages.business_us(open_sessions, a, b) / HOUR_US, (a, b) in counted) for a, b in pairwise(cuts)
        ]
        mean, spread = up_time(
            pieces, before[1] if before and is_before else None, after[1] if after and is_after else None, *rates
        )
        known_h += sum(b - a for a, b in counted) / HOUR_US
        mean_h, variance = mean_h + mean, variance + spread
    return known_h, mean_h, variance


def pairs(
    store: Store, changes: Sequence[naive_outages.Change], from_us: int, *, as_of_us: int, max_gap_us: int
) -> Counter[tuple[bool, bool, int]]:
    """Count the pairs of neighbouring polls of a store from `from_us` to as_of by both statuses and business time."""
    instants = [from_us, as_of_us, *(seen.observed_us for seen in store.observations)]
    open_sessions, _ = naive.hours(store, min(instants), max(instants) + 1)
    polls = [seen for seen in naive.evidence_of(store, open_sessions, as_of_us) if seen.observed_us >= from_us]
    found: Counter[tuple[bool, bool, int]] = Counter()
    for one, other in pairwise(polls):
        gap_us = naive_outages.business_us(open_sessions, one.observed_us, other.observed_us)
        if gap_us <= max_gap_us:
            statuses = [seen.active or _counts_as_up(seen.observed_us, changes) for seen in (one, other)]
            found[statuses[0], statuses[1], gap_us] += 1
    return found


def _counts_as_up(instant_us: int, changes: Sequence[naive_outages.Change]) -> bool:
    around = [change.status for change in changes if change.start_us <= instant_us < change.end_us]
    return bool(around) and around[-1] == "up"


def _slope(y: Vector, counts: bool, a: float, b: float) -> Vector:
    up, down, mean_up, mean_down, square_up, square_down = y
    gain = float(counts)
    return (
        b * down - a * up,
        a * up - b * down,
        b * mean_down - a * mean_up + gain * up,
        a * mean_up - b * mean_down,
        b * square_down - a * square_up + gain * 2 * mean_up,
        a * square_up - b * square_down,
    )


def _moved(y: Vector, slope: Vector, h: float) -> Vector:
    return tuple(value + h * change for value, change in zip(y, slope, strict=True))  # type: ignore[return-value]
