"""Lost sales: what stores did not sell while they were down, as far as can be known."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.catalog import Catalog
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import ReportTable, Status
from storewatch.domain.instants import HOUR_US
from storewatch.engine.availability import totals
from storewatch.reports.compute.collecting import ReportContext
from storewatch.reports.compute.content import SALES, Table
from storewatch.reports.compute.figures import Shard
from storewatch.reports.sections.patterns import HOURS_OF_WEEK, HoursOfWeek

Float64s = npt.NDArray[np.float64]


class SalesCollector:
    """Lost sales of every store in every window; null for a store of which no sales are given.

    Time costs the rate, an amount per business hour, of its hour of the local week. Down time is lost for certain:
    lowest = down x rate. Unknown time may be: highest = (down + unknown) x rate. The estimate takes unknown time to be
    down as often as the known time of the store in the window was: (down + unknown x down / (up + down)) x rate; where
    nothing is known there is none, though its bounds are. In the summary they are sums over the stores that have them.
    """

    lookaround_us = 0

    def __init__(self, context: ReportContext, catalog: Catalog) -> None:
        given = catalog.entries.read_sales(context.store_ids)
        self._context = context
        self._average, self._curve_of, self._curves = _rates(given, context.store_ids)
        self._hours = HoursOfWeek(context.windows) if len(self._curves) else None
        self.cells = HOURS_OF_WEEK if self._hours else 0
        self._lost = np.full((context.stores, len(context.windows.names), len(SALES)), np.nan)

    def add(self, shard: Shard) -> None:
        if shard.first == shard.last:
            return
        inputs, ours = self._context.inputs, slice(shard.first, shard.last)
        summed = totals(
            **shard.engine_input,
            windows_us=self._context.windows.spans_us,
            zone_of=shard.zone_of,
            as_of_us=inputs.as_of_us,
            policy=inputs.policy,
        )
        # Stores without sales have NaN for an average, and so for all that is lost.
        self._lost[ours] = _lost(summed, summed / HOUR_US * self._average[ours, None, None])
        with_curve = np.flatnonzero(self._curve_of[ours] >= 0)
        if self._hours is None or len(with_curve) == 0:
            return
        curves = self._curves[self._curve_of[ours][with_curve]]
        for window in range(summed.shape[1]):
            by_hour = self._hours.totals(self._context, shard, window)[with_curve]
            worth = (by_hour / HOUR_US * curves[:, :, None]).sum(axis=1)
            self._lost[shard.first + with_curve, window] = _lost(summed[with_curve, window], worth)

    def store_columns(self) -> pl.DataFrame:
        return pl.DataFrame(self._lost.reshape(-1, len(SALES)), schema=SALES, orient="row", nan_to_null=True)

    def summary_columns(self) -> pl.DataFrame:
        known = ~np.isnan(self._lost)
        sums = np.where(known.any(axis=0), np.where(known, self._lost, 0).sum(axis=0), np.nan)
        return pl.DataFrame(sums, schema=SALES, orient="row", nan_to_null=True)

    def tables(self) -> Mapping[ReportTable, Table]:
        return {}


def _lost(summed: Int64s, worth: Float64s) -> Float64s:
    """Give estimate, lowest and highest. summed: int64[...,4] us; worth: float64[...,4], what the time would sell."""
    down, up = summed[..., Status.DOWN], summed[..., Status.UP]
    lowest, unknown = worth[..., Status.DOWN], worth[..., Status.UNKNOWN]
    share = np.where(summed[..., Status.UNKNOWN] > 0, np.nan, 0.0)
    np.divide(down, up + down, out=share, where=up + down > 0)
    return np.stack([lowest + unknown * share, lowest, lowest + unknown], axis=-1)


def _rates(given: pl.DataFrame, store_ids: pl.Series) -> tuple[Float64s, Int64s, Float64s]:
    """Read what is sold in an hour: on average, float64[S], NaN without sales; curve_of; curves, float64[K,168].

    given: store_id, weekday, hour (null: all of them), amount_per_hour. curve_of: int64[S], the curve of a store, -1
    where the average holds at all hours. An hour takes the row that names it, else that of its weekday, else that of
    its hour on any day, else the average, else nothing is sold in it.
    """
    places = store_ids.to_frame().with_row_index("store")
    rows = given.join(places, on="store_id")
    average = np.full(len(store_ids), np.nan)
    average[rows["store"].to_numpy()] = 0.0
    whole = rows.filter(pl.col("weekday").is_null(), pl.col("hour").is_null())
    average[whole["store"].to_numpy()] = whole["amount_per_hour"].to_numpy()
    parts = rows.filter(pl.col("weekday").is_not_null() | pl.col("hour").is_not_null())
    with_curve = parts["store"].unique().sort().to_numpy()
    curve_of = np.full(len(store_ids), -1)
    curve_of[with_curve] = np.arange(len(with_curve))
    curves = np.repeat(average[with_curve], HOURS_OF_WEEK).reshape(-1, 7, 24)
    # The more a row names, the later it is written.
    for has_weekday, has_hour in ((False, True), (True, False), (True, True)):
        of = parts.filter(pl.col("weekday").is_not_null() == has_weekday, pl.col("hour").is_not_null() == has_hour)
        curve, amount = curve_of[of["store"].to_numpy()], of["amount_per_hour"].to_numpy()
        weekday = of["weekday"].to_numpy()[:, None] if has_weekday else np.arange(7)[None]
        hour = of["hour"].to_numpy()[:, None] if has_hour else np.arange(24)[None]
        curves[curve[:, None], weekday, hour] = amount[:, None]
    return average, curve_of, curves.reshape(-1, HOURS_OF_WEEK)
