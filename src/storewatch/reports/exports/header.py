"""What every form says of a report beside its tables: one header, that each form lays out in its own way."""

from typing import Any, Final

import polars as pl

from storewatch.domain.enums import ReportTable
from storewatch.domain.instants import SECOND_US, format_instant, instant_of
from storewatch.reports.compute.content import Content
from storewatch.reports.exports.columns import in_seconds
from storewatch.reports.request.request import ReportRequest

OWN_ZONES: Final = "each store's own"
# The members of the header that stand on every row of a form with one table; those that the table of stores has a
# column of its own for are report_timezone and report_target.
STAMPS: Final = pl.Schema(
    {
        "as_of": pl.String(),
        "policy": pl.String(),
        "max_gap_seconds": pl.Float64(),
        "closures": pl.String(),
        "annotations": pl.String(),
        "report_timezone": pl.String(),
        "rolling": pl.Boolean(),
        "report_target": pl.Float64(),
        "min_duration": pl.String(),
        "selection": pl.String(),
        "lake_version": pl.Int64(),
        "catalog_version": pl.Int64(),
        "tzdata_version": pl.String(),
        "software_version": pl.String(),
    }
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
    return content.tables[ReportTable.SUMMARY].read()


def stamp(rows: pl.LazyFrame, content: Content, windows: pl.DataFrame) -> pl.LazyFrame:
    """Add the header to every row: STAMPS and, of the row's window, window_from_at, window_to_at, window_coverage.

    windows: the summary in the form of the rows. Rows of the summary say these themselves; rows without a window are
    on the first one.
    """
    said = header(content)
    if content.request.table is not ReportTable.SUMMARY:
        ends = windows.lazy().select(
            "window", window_from_at="from_at", window_to_at="to_at", window_coverage="coverage"
        )
        if "window" not in rows.collect_schema():
            rows = rows.with_columns(window=pl.lit(next(iter(said["windows"]), None), pl.String))
        rows = rows.join(ends, on="window", how="left", maintain_order="left")
    values = said | {"selection": _selection(content.request)}
    return rows.with_columns(
        pl.lit(values[name.removeprefix("report_")], dtype).alias(name) for name, dtype in STAMPS.items()
    )


def _selection(request: ReportRequest) -> str | None:
    """Say in one line which stores the report is on; None for all of them."""
    labels = ", ".join(f"{label}={value}" for label, value in request.labels)
    parts = {
        f"{len(request.store_ids or ())} store_ids": request.store_ids is not None,
        f"labels {labels}": request.labels,
        f"zone {request.zone}": request.zone,
        "with_outages": request.with_outages,
        f"worst {request.worst}": request.worst,
    }
    return "; ".join(part for part, asked in parts.items() if asked) or None
