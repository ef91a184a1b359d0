"""The groups of a report: the value of a label, the time zone or the weekly hours of each store."""

import polars as pl

from storewatch.catalog import Catalog
from storewatch.domain.instants import instant_of
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.engine.opening.zones import local_time
from storewatch.reports.compute.comparisons import hours_names
from storewatch.reports.compute.context import ReportContext, label_values
from storewatch.reports.request.names import BY_HOURS, BY_TIMEZONE


def groups_of(context: ReportContext, catalog: Catalog) -> pl.Series:
    """Return the group of each store of a report that has groups, null for stores without one: String."""
    store_list = context.inputs.store_list
    if context.request.group_by == BY_TIMEZONE:
        return store_list.frame["timezone"].fill_null(DEFAULT_TIMEZONE)
    if context.request.group_by == BY_HOURS:
        return hours_names(hours_in_force(context), store_list.patterns)
    return label_values(context, catalog, str(context.request.group_by))


def hours_in_force(context: ReportContext) -> pl.Series:
    """Return the weekly_hours_id, null for the default, of each store on the last local date of the first window."""
    store_list = context.inputs.store_list
    versions = store_list.changes.versions
    if versions.is_empty() or not context.stores:
        return store_list.frame["weekly_hours_id"]
    zones = store_list.calendars.zones
    last_days = [
        local_time(zone, instant_of(int(to_us) - 1)).date()
        for zone, to_us in zip(zones, context.windows.spans_us[:, 0, 1], strict=True)
    ]
    dated = versions.sort("valid_from").rename({"weekly_hours_id": "dated_id"})
    found = (
        store_list.frame.with_row_index("place")
        .with_columns(last_day=pl.Series(last_days, dtype=pl.Date).gather(store_list.calendars.zone_of))
        .sort("last_day")
        .join_asof(dated, left_on="last_day", right_on="valid_from", by="store_id", check_sortedness=False)
        .sort("place")
    )
    has_version = pl.col("valid_from").is_not_null()
    return found.select(pl.when(has_version).then("dated_id").otherwise("weekly_hours_id")).to_series()
