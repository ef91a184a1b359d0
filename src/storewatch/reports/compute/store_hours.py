"""The hours of the only store of a report in words, on its own clock."""

import polars as pl

from storewatch.domain.clock_words import clock_words
from storewatch.domain.instants import instant_of
from storewatch.engine.opening.zones import local_time
from storewatch.reports.compute.comparisons import hours_names
from storewatch.reports.compute.content import StoreHours
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.grouping import hours_in_force


def store_hours(context: ReportContext) -> StoreHours:
    """Return the weekly hours at the end of the first window, and what differs on the dates of the windows."""
    store_list = context.inputs.store_list
    [zone] = store_list.calendars.zone_of.tolist()
    clock, spans_us = store_list.calendars.zones[zone], context.windows.spans_us[zone]
    first = local_time(clock, instant_of(int(spans_us.min()))).date()
    last = local_time(clock, instant_of(int(spans_us.max()) - 1)).date()
    [weekly] = hours_names(hours_in_force(context), store_list.patterns)
    # The changes are those of all known stores.
    own = pl.col("store_id") == context.store_ids[0]
    special = store_list.changes.special.filter(own, pl.col("date").is_between(first, last)).sort("date", "start_s")
    versions = store_list.changes.versions.filter(own, pl.col("valid_from").is_between(first, last)).sort("valid_from")
    return StoreHours(
        weekly=weekly,
        changed_on=tuple(versions["valid_from"]),
        special=tuple(
            (day, _span_words(start_s, end_s))
            for day, start_s, end_s in special.select("date", "start_s", "end_s").iter_rows()
        ),
    )


def _span_words(start_s: int | None, end_s: int | None) -> str:
    if start_s is None or end_s is None:
        return "closed"
    return f"{clock_words(start_s)}-{clock_words(end_s)}"
