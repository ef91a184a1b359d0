"""Stretches `[start, end)` of many calendars as arrays: clip them, unite them, divide them by others."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from storewatch.domain.columns import Int64s


@dataclass(frozen=True, kw_only=True)
class Stretches:
    """Stretches `[start, end)` of calendars, none of them empty: int64[N] each. The holder documents the unit."""

    calendar: Int64s
    start: Int64s
    end: Int64s

    def clip(self, start: int, end: int) -> "Stretches":
        """Return the parts that lie in `[start, end)`. Empty parts are left out."""
        starts, ends = np.maximum(self.start, start), np.minimum(self.end, end)
        left = starts < ends
        return Stretches(calendar=self.calendar[left], start=starts[left], end=ends[left])

    def of_one(self, calendar: int) -> "Stretches":
        """Return the stretches of this calendar, as those of calendar 0."""
        own = self.calendar == calendar
        return Stretches(calendar=np.zeros(int(own.sum()), np.int64), start=self.start[own], end=self.end[own])


NO_STRETCHES: Final = Stretches(calendar=np.empty(0, np.int64), start=np.empty(0, np.int64), end=np.empty(0, np.int64))


def unite(rows: Stretches) -> Stretches:
    """Merge stretches of a calendar that overlap or touch; return them ascending.

    Starts and ends are sorted independently. The n-th start of a calendar begins a new stretch if n ends come before
    that start: then everything that began earlier has ended.
    """
    calendar, start = _ascending(rows.calendar, rows.start)
    _, end = _ascending(rows.calendar, rows.end)
    begins = np.ones(len(start), bool)
    begins[1:] = (calendar[1:] != calendar[:-1]) | (start[1:] > end[:-1])
    return Stretches(calendar=calendar[begins], start=start[begins], end=end[np.append(begins[1:], True)[: len(end)]])


def divide(sessions: Stretches, closures: Stretches) -> tuple[Stretches, Stretches]:
    """Divide sessions into the parts outside of all closures and the parts inside of any, ascending and maximal.

    The time line of every calendar is cut at every edge. Running sums of the edges (+1 at a start, -1 at an end) count
    the sessions and the closures that cover the piece after each edge. After the last edge of a calendar both counts
    are zero, so the piece between one calendar and the next is dropped.
    """
    calendar = np.concatenate([sessions.calendar, sessions.calendar, closures.calendar, closures.calendar])
    instant = np.concatenate([sessions.start, sessions.end, closures.start, closures.end])
    order = np.lexsort((instant, calendar))
    calendar, instant = calendar[order], instant[order]
    counts = [len(sessions.start)] * 2 + [len(closures.start)] * 2
    is_open, is_closed = (
        np.cumsum(np.repeat(np.array(steps, np.int32), counts)[order]) > 0 for steps in ([1, -1, 0, 0], [0, 0, 1, -1])
    )
    lasting = np.flatnonzero(instant[:-1] < instant[1:])
    outside, inside = (
        unite(Stretches(calendar=calendar[pieces], start=instant[pieces], end=instant[pieces + 1]))
        for pieces in (lasting[(is_open & ~is_closed)[lasting]], lasting[(is_open & is_closed)[lasting]])
    )
    return outside, inside


def repeat_index(counts: Int64s) -> tuple[Int64s, Int64s]:
    """Repeat each index i of `counts` counts[i] times. Return these, and the number 0, 1, 2 ... of each repetition."""
    index = np.repeat(np.arange(len(counts)), counts)
    return index, np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)


def group_offsets(groups: Int64s, count: int) -> Int64s:
    """Return where each of `count` groups begins in the ascending array `groups`, and the end: int64[count+1]."""
    return np.searchsorted(groups, np.arange(count + 1)).astype(np.int64)


def _ascending(calendar: Int64s, values: Int64s) -> tuple[Int64s, Int64s]:
    # Weekly hours are usually in order already. Checking this takes a tenth of the time of sorting.
    if ((calendar[1:] > calendar[:-1]) | ((calendar[1:] == calendar[:-1]) & (values[1:] >= values[:-1]))).all():
        return calendar, values
    order = np.lexsort((values, calendar))
    return calendar[order], values[order]
