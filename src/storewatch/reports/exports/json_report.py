"""The report as JSON: figures exact (seconds to the microsecond, ratios unrounded), and what it takes to run again."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from storewatch import __version__
from storewatch.engine.columns import SECOND_US, Int64s, Status, instant_of
from storewatch.engine.measures import Measures, measure, roll_up
from storewatch.engine.opening import DEFAULT_TIMEZONE
from storewatch.reports.figures import Figures
from storewatch.reports.request import format_instant

_ROWS_AT_ONCE: Final = 50_000


def write_json(figures: Figures, file: Path) -> None:
    """Write {"report": header, "stores": [...]} with bounded memory."""
    with file.open("w", encoding="utf-8") as out:
        out.write(f'{{"report":{json.dumps(_header(figures))},\n"stores":[')
        for first in range(0, figures.stores.height, _ROWS_AT_ONCE):
            rows = _rows(figures, slice(first, first + _ROWS_AT_ONCE)).write_json()
            out.write(("," if first else "") + rows[1:-1].replace('},{"store_id"', '},\n{"store_id"'))
        out.write("]}\n")


def _header(figures: Figures) -> dict[str, Any]:
    return {
        "as_of": format_instant(instant_of(figures.as_of_us)),
        "policy": figures.policy.name,
        "max_gap_seconds": figures.policy.max_gap_us / SECOND_US,
        "lake_version": figures.lake_version,
        "catalog_version": figures.catalog_version,
        "tzdata_version": figures.tzdata_version,
        "software_version": __version__,
        "stores": figures.stores.height,
        "windows": {
            name: {"from": format_instant(instant_of(from_us)), "to": format_instant(instant_of(to_us))}
            for name, (from_us, to_us) in figures.windows.items()
        },
        "totals": {name: _totals(figures.window(name)) for name in figures.windows},
    }


def _totals(totals_us: Int64s) -> dict[str, float | None]:
    summed = roll_up(totals_us)
    frame = _figures(summed.totals_us[None], measure(summed.totals_us[None]))
    spread = {
        "availability_median": summed.median,
        "availability_p5": summed.p5,
        "availability_p95": summed.p95,
        "share_without_downtime": summed.without_downtime,
    }
    return frame.row(0, named=True) | {name: None if np.isnan(value) else value for name, value in spread.items()}


def _rows(figures: Figures, rows: slice) -> pl.DataFrame:
    windows = [
        _figures(totals_us, measure(totals_us)).to_struct(name)
        for name in figures.windows
        for totals_us in [figures.window(name)[rows]]
    ]
    source = pl.lit("given"), pl.lit("default")
    return (
        figures.stores[rows]
        .select(
            "store_id",
            hours_source=pl.when(pl.col("weekly_hours_id").is_not_null()).then(source[0]).otherwise(source[1]),
            timezone=pl.col("timezone").fill_null(DEFAULT_TIMEZONE),
            timezone_source=pl.when(pl.col("timezone").is_not_null()).then(source[0]).otherwise(source[1]),
        )
        .with_columns(windows=pl.struct(windows))
    )


def _figures(totals_us: Int64s, measures: Measures) -> pl.DataFrame:
    """Lay out the totals int64[S,3] of one window as the columns of its JSON object."""
    return pl.DataFrame(
        {
            "business_seconds": measures.business_us / SECOND_US,
            "up_seconds": totals_us[:, Status.UP] / SECOND_US,
            "down_seconds": totals_us[:, Status.DOWN] / SECOND_US,
            "unknown_seconds": totals_us[:, Status.UNKNOWN] / SECOND_US,
            "availability": measures.availability,
            "coverage": measures.coverage,
            "availability_lowest": measures.lowest,
            "availability_highest": measures.highest,
        },
        nan_to_null=True,
    )
