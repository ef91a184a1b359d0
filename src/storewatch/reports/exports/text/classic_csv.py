"""The classic report: seven columns. Existing readers depend on the exact header, `update` included."""

from pathlib import Path
from typing import Final

import polars as pl

from storewatch.domain.instants import HOUR_US, MINUTE_US
from storewatch.engine.measures import in_unit
from storewatch.reports.compute.content import Content
from storewatch.reports.exports.columns import safe_texts
from storewatch.reports.exports.store_rows import by_window, whole_stores

_COLUMNS: Final = (
    ("uptime_last_hour(in minutes)", "last_hour", "up_us", MINUTE_US),
    ("uptime_last_day(in hours)", "last_day", "up_us", HOUR_US),
    ("update_last_week(in hours)", "rolling_7_days", "up_us", HOUR_US),
    ("downtime_last_hour(in minutes)", "last_hour", "down_us", MINUTE_US),
    ("downtime_last_day(in hours)", "last_day", "down_us", HOUR_US),
    ("downtime_last_week(in hours)", "rolling_7_days", "down_us", HOUR_US),
)
_SCHEMA: Final = pl.Schema({"store_id": pl.String, **{column[0]: pl.Float64 for column in _COLUMNS}})


def write_classic_csv(content: Content, file: Path) -> None:
    """Write one row for each store, ordered by store_id. Figures have at most two decimals.

    A store_id that a spreadsheet could run as a formula gets an apostrophe in front, unless
    the request has raw_text.
    """
    store_id = pl.col("store_id") if content.request.raw_text else safe_texts(pl.col("store_id"))
    with file.open("wb") as out:
        _SCHEMA.to_frame().write_csv(out)
        for rows in whole_stores(content):
            windows = by_window(content, rows)
            columns = {
                name: in_unit(windows[window][figure].to_numpy(), unit) for name, window, figure, unit in _COLUMNS
            }
            stores = windows["last_hour"].select(store_id)
            stores.hstack(pl.DataFrame(columns)).write_csv(out, include_header=False)
