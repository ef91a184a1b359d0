"""What every form says of a report beside its tables: one header, that each form lays out in its own way."""

from typing import Any, Final

import polars as pl

from storewatch.engine.columns import SECOND_US, instant_of
from storewatch.reports.content import Content
from storewatch.reports.exports.columns import in_seconds
from storewatch.reports.request import TableName, format_instant

OWN_ZONES: Final = "each store's own"
# The members of the header that stand on every row of a form with one table.
STAMPS: Final = (
    "as_of",
    "policy",
    "max_gap_seconds",
    "closures",
    "annotations",
    "lake_version",
    "catalog_version",
    "tzdata_version",
    "software_version",
)


def header(content: Content) -> dict[str, Any]:
    """Give what was asked and what it was answered from, as JSON; what was not asked for is null, false or empty."""
    request, versions = content.request, content.versions
    return {
        "as_of": format_instant(instant_of(content.as_of_us)),
        "policy": request.policy.name,
        "max_gap_seconds": request.policy.max_gap_us / SECOND_US,
        "closures": request.closures.value,
        "annotations": request.annotations.value,
        "timezone": request.timezone or OWN_ZONES,
        "rolling": request.rolling,
        "by": request.by and request.by.value,
        "windows": {
            row["window"]: {"from": format_instant(row["from_at"]), "to": format_instant(row["to_at"])}
            for row in summary(content).to_dicts()
        },
        "stores": content.stores,
        "selection": {
            "store_ids": None if request.store_ids is None else len(request.store_ids),
            "labels": dict(request.labels),
            "zone": request.zone,
            "with_outages": request.with_outages,
            "worst": request.worst,
        },
        "group_by": request.group_by,
        "compare_before": request.compare_before,
        "peers": request.peers,
        "include": [section.value for section in request.include],
        "min_duration": request.min_duration,
        "target": request.target,
        "lake_version": versions.lake,
        "catalog_version": versions.catalog,
        "tzdata_version": versions.tzdata,
        "software_version": versions.software,
    }


def totals(content: Content) -> dict[str, dict[str, Any]]:
    """Give the figures of each window over all stores, coverage among them, in seconds and unrounded ratios."""
    rows = in_seconds(summary(content).drop("from_at", "to_at", "stores")).to_dicts()
    return {row.pop("window"): row for row in rows}


def summary(content: Content) -> pl.DataFrame:
    return content.tables[TableName.SUMMARY].read()


def stamp(rows: pl.LazyFrame, content: Content, windows: pl.DataFrame) -> pl.LazyFrame:
    """Add the header to every row: STAMPS and, of the row's window, window_from_at, window_to_at, window_coverage.

    windows: the summary in the form of the rows. Rows of the summary say these themselves; rows without a window are
    on the first one.
    """
    said = header(content)
    if content.request.table is not TableName.SUMMARY:
        ends = windows.lazy().select(
            "window", window_from_at="from_at", window_to_at="to_at", window_coverage="coverage"
        )
        if "window" not in rows.collect_schema():
            rows = rows.with_columns(window=pl.lit(next(iter(said["windows"]), None), pl.String))
        rows = rows.join(ends, on="window", how="left", maintain_order="left")
    return rows.with_columns(
        pl.lit(said[name], pl.Int64 if isinstance(said[name], int) else None).alias(name) for name in STAMPS
    )
