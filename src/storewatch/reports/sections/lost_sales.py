"""Lost sales: an estimate of the sales that stores missed while they were down."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.catalog import Catalog
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Status
from storewatch.domain.instants import HOUR_US
from storewatch.engine.availability import totals
from storewatch.reports.compute.collectors import Part, SectionResult
from storewatch.reports.compute.content import LOST_SALES
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.shards import Shard
from storewatch.reports.sections.patterns import HOURS_OF_WEEK, HoursOfWeek

Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class SalesRates:
    """What stores sell in a business hour.

    average: float64[S], NaN for a store without sales. curve_of: int64[S], the curve of a store, -1 where the average
    holds at all hours. curves: float64[K,168] by hour of the local week.
    """

    average: Float64s
    curve_of: Int64s
    curves: Float64s


@dataclass(frozen=True, kw_only=True, eq=False)
class SalesCollector:
    """Lost sales of every store in every window; null for a store without sales rates.

    Time costs the rate, an amount per business hour, of its hour of the local week. Sales in down time are certainly
    lost: lowest = down x rate. Sales in unknown time may be lost: highest = (down + unknown) x rate. The estimate takes
    unknown time to be down as often as the known time of the store in the window:
    (down + unknown x down / (up + down)) x rate. Where nothing is known there is no estimate, only its bounds. The
    summary has the sums over the stores with these figures.

    hours: None where no store has a curve.
    """

    stores: int
    spans_us: Int64s
    rates: SalesRates
    hours: HoursOfWeek | None
    lookaround_us: int = 0

    @classmethod
    def of(cls, context: ReportContext, catalog: Catalog) -> "SalesCollector":
        rates = read_rates(catalog.entries.read_sales(context.store_ids), context.store_ids)
        hours = HoursOfWeek.of(context.windows) if len(rates.curves) else None
        return cls(stores=context.stores, spans_us=context.windows.spans_us, rates=rates, hours=hours)

    @property
    def cells(self) -> int:
        return HOURS_OF_WEEK if self.hours else 0

    def collect(self, shard: Shard) -> Part[Float64s]:
        """Return the estimate, lowest and highest of each store: float64[N,W,3]."""
        of_shard = slice(shard.first, shard.last)
        summed = totals(shard.engine_inputs, self.spans_us, shard.zone_of)
        # Stores without sales have NaN for an average, and so for all that is lost.
        lost = _lost(summed, summed / HOUR_US * self.rates.average[of_shard, None, None])
        curve_of = self.rates.curve_of[of_shard]
        with_curve = np.flatnonzero(curve_of >= 0)
        if self.hours is not None and len(with_curve):
            curves = self.rates.curves[curve_of[with_curve]]
            for window in range(summed.shape[1]):
                by_hour = self.hours.totals(shard, window)[with_curve]
                worth = (by_hour / HOUR_US * curves[:, :, None]).sum(axis=1)
                lost[with_curve, window] = _lost(summed[with_curve, window], worth)
        return Part(first=shard.first, last=shard.last, values=lost)

    def merge(self, parts: Iterable[Part[Float64s]]) -> SectionResult:
        lost = np.full((self.stores, self.spans_us.shape[1], len(LOST_SALES)), np.nan)
        for part in parts:
            lost[part.first : part.last] = part.values
        # Floats are added once, over all stores: sums of sums would depend on how the stores are cut into shards.
        known = ~np.isnan(lost)
        sums = np.where(known.any(axis=0), np.where(known, lost, 0).sum(axis=0), np.nan)
        return SectionResult(
            store_columns=pl.DataFrame(
                lost.reshape(-1, len(LOST_SALES)), schema=LOST_SALES, orient="row", nan_to_null=True
            ),
            summary_columns=pl.DataFrame(sums, schema=LOST_SALES, orient="row", nan_to_null=True),
        )


def _lost(summed: Int64s, worth: Float64s) -> Float64s:
    """Return the estimate, lowest and highest: float64[...,3].

    summed: int64[...,4] us; worth: float64[...,4], the sales of that time at its rates.
    """
    down, up = summed[..., Status.DOWN], summed[..., Status.UP]
    lowest, unknown = worth[..., Status.DOWN], worth[..., Status.UNKNOWN]
    share = np.where(summed[..., Status.UNKNOWN] > 0, np.nan, 0.0)
    np.divide(down, up + down, out=share, where=up + down > 0)
    return np.stack([lowest + unknown * share, lowest, lowest + unknown], axis=-1)


def read_rates(sales: pl.DataFrame, store_ids: pl.Series) -> SalesRates:
    """Return rows of sales as rates.

    sales: store_id, weekday, hour (null: all of them), amount_per_hour. An hour has the rate of the row with its
    weekday and hour, else of its weekday, else of its hour on any day, else the average, else zero.
    """
    places = store_ids.to_frame().with_row_index("store")
    rows = sales.join(places, on="store_id")
    average = np.full(len(store_ids), np.nan)
    average[rows["store"].to_numpy()] = 0.0
    whole = rows.filter(pl.col("weekday").is_null(), pl.col("hour").is_null())
    average[whole["store"].to_numpy()] = whole["amount_per_hour"].to_numpy()
    parts = rows.filter(pl.col("weekday").is_not_null() | pl.col("hour").is_not_null())
    with_curve = parts["store"].unique().sort().to_numpy()
    curve_of = np.full(len(store_ids), -1)
    curve_of[with_curve] = np.arange(len(with_curve))
    curves = np.repeat(average[with_curve], HOURS_OF_WEEK).reshape(-1, 7, 24)
    # Rows that name more are written later, over the others.
    for has_weekday, has_hour in ((False, True), (True, False), (True, True)):
        of = parts.filter(pl.col("weekday").is_not_null() == has_weekday, pl.col("hour").is_not_null() == has_hour)
        curve, amount = curve_of[of["store"].to_numpy()], of["amount_per_hour"].to_numpy()
        weekday = of["weekday"].to_numpy()[:, None] if has_weekday else np.arange(7)[None]
        hour = of["hour"].to_numpy()[:, None] if has_hour else np.arange(24)[None]
        curves[curve[:, None], weekday, hour] = amount[:, None]
    return SalesRates(average=average, curve_of=curve_of, curves=curves.reshape(-1, HOURS_OF_WEEK))
