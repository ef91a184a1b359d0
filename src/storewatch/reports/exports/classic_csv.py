"""The classic report: seven columns, whose header its readers depend on to the letter (yes, `update`)."""

from pathlib import Path
from typing import Final

import polars as pl

from storewatch.engine.columns import HOUR_US, MINUTE_US, Status
from storewatch.engine.measures import in_unit
from storewatch.reports.figures import Figures

_COLUMNS: Final = (
    ("uptime_last_hour(in minutes)", "last_hour", Status.UP, MINUTE_US),
    ("uptime_last_day(in hours)", "last_day", Status.UP, HOUR_US),
    ("update_last_week(in hours)", "last_week", Status.UP, HOUR_US),
    ("downtime_last_hour(in minutes)", "last_hour", Status.DOWN, MINUTE_US),
    ("downtime_last_day(in hours)", "last_day", Status.DOWN, HOUR_US),
    ("downtime_last_week(in hours)", "last_week", Status.DOWN, HOUR_US),
)


def write_classic_csv(figures: Figures, file: Path) -> None:
    """Write one row a store, ordered by store_id, figures with at most two decimals."""
    columns = {name: in_unit(figures.window(window)[:, status], unit) for name, window, status, unit in _COLUMNS}
    figures.stores.select("store_id").hstack(pl.DataFrame(columns)).write_csv(file)
