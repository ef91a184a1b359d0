"""The statuses of the only store of a report, day by day on its own clock."""

from datetime import timedelta
from typing import Final

import numpy as np

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Breakdown, Status
from storewatch.domain.instants import instant_of
from storewatch.engine.availability import Spans, spans
from storewatch.engine.opening.zones import local_edges, local_time
from storewatch.reports.compute.content import StoreDay, Stretch
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import Shards

_HOURS: Final = 24


def store_days(context: ReportContext) -> dict[str, tuple[StoreDay, ...]]:
    """Return the days of the only store of a report, closed days too, by window."""
    spans_us = context.windows.spans_us
    shards = Shards.of(context.inputs, int(spans_us.min()), int(spans_us.max()))
    [filled] = [number for number, (first, last) in enumerate(shards.bounds) if first < last]
    shard = shards.read(filled)
    zone = int(shard.zone_of[0])
    days = {}
    for name, (from_us, to_us) in zip(context.windows.names, spans_us[zone].tolist(), strict=True):
        found = spans(shard.engine_inputs, from_us, to_us)
        days[name] = cut_by_day(found, shard.zones[zone], from_us, to_us)
    return days


def cut_by_day(found: Spans, clock: str, from_us: int, to_us: int) -> tuple[StoreDay, ...]:
    """Return the spans of one store, inside `[from_us, to_us)`, by day of a clock."""
    first = local_time(clock, instant_of(from_us)).date()
    # Where the clock goes back over midnight, the next day has begun already while it still reads this one.
    last = local_time(clock, instant_of(to_us)).date() + timedelta(days=1)
    edges_us = local_edges(clock, first, last, Breakdown.HOUR)
    days = []
    for number in range(len(edges_us) // _HOURS):
        hours_us = edges_us[number * _HOURS : (number + 1) * _HOURS + 1]
        if max(hours_us[0], from_us) < min(hours_us[-1], to_us):
            days.append(
                StoreDay(
                    day=first + timedelta(days=number),
                    length_us=int(hours_us[-1] - hours_us[0]),
                    stretches=_on_axis(found, hours_us),
                )
            )
    return tuple(days)


def _on_axis(found: Spans, hours_us: Int64s) -> tuple[Stretch, ...]:
    """Return the spans of a day as stretches. hours_us: int64[25].

    An hour that the clock skips stays empty, one that it reads twice is
    as wide as any other.
    """
    read = np.flatnonzero(np.diff(hours_us))
    stretches: list[Stretch] = []
    for hours in np.split(read, np.flatnonzero(np.diff(read) > 1) + 1):
        numbers = np.arange(hours[0], hours[-1] + 2)
        start_us = np.maximum(found.start_us, hours_us[numbers[0]])
        end_us = np.minimum(found.end_us, hours_us[numbers[-1]])
        inside = start_us < end_us
        starts, ends = (np.interp(each[inside], hours_us[numbers], numbers) / _HOURS for each in (start_us, end_us))
        columns = (starts, ends, (end_us - start_us)[inside], found.status[inside])
        stretches += [
            Stretch(start=start, end=end, length_us=length_us, status=Status(status))
            for start, end, length_us, status in zip(*(column.tolist() for column in columns), strict=True)
        ]
    return tuple(stretches)
