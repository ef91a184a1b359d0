"""How sure figures are: the interval that polls at intervals leave, and the outages that no poll saw."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from storewatch.catalog import Catalog
from storewatch.domain.columns import Float64s, Int64s
from storewatch.domain.enums import ReportTable, Verdict
from storewatch.engine.sampling import MOMENTS, WITHIN_95, gap_for, half_width, share_seen, window_moments
from storewatch.reports.compute.collectors import Part, SectionResult
from storewatch.reports.compute.content import RATES, ContentTable
from storewatch.reports.compute.context import ReportContext
from storewatch.reports.compute.grouping import groups_of
from storewatch.reports.compute.intervals import KNOWN, MEAN, VARIANCE, addable, interval_columns, of_sums
from storewatch.reports.compute.rates import FleetRates, estimate_rates
from storewatch.reports.compute.shards import Shard

# Distances between polls to compare.
POLLING_MINUTES: Final = (1, 2, 5, 10, 15, 30, 60, 120)


@dataclass(frozen=True, kw_only=True, eq=False)
class SamplingCollector:
    """The expected availability of every store and window with its interval, and its unseen outages.

    spans_us: int64[Z,W or 2 W,2], the periods before after the windows where they are compared. Without rates all
    columns are null, and the header has the reason.
    """

    stores: int
    windows: int
    spans_us: Int64s
    fleet: FleetRates
    lookaround_us: int = 0
    cells: int = 0

    @classmethod
    def of(cls, context: ReportContext, catalog: Catalog) -> "SamplingCollector":
        return cls(
            stores=context.stores,
            windows=len(context.windows.names),
            spans_us=context.compared_spans_us,
            fleet=estimate_rates(
                context.inputs, catalog, None if context.request.group_by is None else groups_of(context, catalog)
            ),
        )

    def collect(self, shard: Shard) -> Part[Float64s]:
        """Compute the moments of each store: float64[N,W,5], last axis by MOMENTS."""
        if self.fleet.rates is None:
            moments = np.zeros((shard.last - shard.first, self.spans_us.shape[1], len(MOMENTS)))
        else:
            moments = window_moments(shard.engine_inputs, self.spans_us, shard.zone_of, self.fleet.rates)
        return Part(first=shard.first, last=shard.last, values=moments)

    def merge(self, parts: Iterable[Part[Float64s]]) -> SectionResult:
        moments = np.zeros((self.stores, self.spans_us.shape[1], len(MOMENTS)))
        for part in parts:
            moments[part.first : part.last] = part.values
        table = ContentTable(schema=RATES)
        table.append(self.fleet.table)
        return SectionResult(
            tables={ReportTable.RATES: table},
            store_columns=self._columns(moments),
            summary_columns=self._of_stores(moments),
            of_groups=lambda places: self._of_stores(moments[places]),
            facts={"sampling": self.fleet.as_json() | self._polling(moments)},
        )

    def _polling(self, moments: Float64s) -> dict[str, Any]:
        """Return what other distances between polls would leave of the interval of a typical store's first window."""
        hours = moments[:, 0, KNOWN]
        rates = self.fleet.rates
        if rates is None or not (hours > 0).any():
            return {}
        known_h = float(np.median(hours[hours > 0]))
        return {
            "typical_known_hours": known_h,
            "minutes_between_polls_for_0.1_points": gap_for(rates, 0.001, known_h) * 60,
            "polling": [
                {
                    "minutes_between_polls": minutes,
                    "half_width": half_width(rates, minutes / 60, known_h),
                    "outages_seen": share_seen(rates, minutes / 60),
                }
                for minutes in POLLING_MINUTES
            ],
        }

    def _of_stores(self, moments: Float64s) -> pl.DataFrame:
        """Return the columns of stores together."""
        return self._columns(of_sums(addable(moments).sum(axis=0), self.fleet.widening(len(moments)))[None])

    def _columns(self, moments: Float64s) -> pl.DataFrame:
        """Return moments float64[N,W or 2 W,5] as N x W rows of SAMPLING; with 2 W, the change is judged too."""
        now = moments[:, : self.windows].reshape(-1, len(MOMENTS))
        columns = interval_columns(now)
        if self.spans_us.shape[1] == self.windows:
            return columns
        before = moments[:, self.windows :].reshape(-1, len(MOMENTS))
        return columns.with_columns(availability_change_certain=_is_certain(now, before))


def with_verdicts(columns: pl.DataFrame) -> pl.DataFrame:
    """Judge targets and differences from peers by the interval, where the columns of stores have both."""
    if "availability_from" not in columns.columns:
        return columns
    least, most = pl.col("availability_from"), pl.col("availability_to")
    if "target" in columns.columns:
        objective = pl.col("target") / 100
        verdict = (
            pl.when(least >= objective)
            .then(pl.lit(Verdict.MET.value))
            .when(most < objective)
            .then(pl.lit(Verdict.MISSED.value))
            .otherwise(pl.lit(Verdict.CANNOT_BE_TOLD.value))
        )
        columns = columns.with_columns(
            target_verdict=pl.when(objective.is_not_null() & least.is_not_null()).then(verdict)
        )
    if "peer_availability" in columns.columns:
        outside = ~pl.col("peer_availability").is_between(least, most)
        columns = columns.with_columns(peer_difference_certain=outside)
    return columns


def _is_certain(now: Float64s, before: Float64s) -> pl.Series:
    """Return whether two availabilities differ by more than their intervals explain; null where one has none."""
    is_known = (now[:, KNOWN] > 0) & (before[:, KNOWN] > 0)
    shares, errors = [], []
    for each in (now, before):
        hours = np.where(is_known, each[:, KNOWN], 1.0)
        shares.append(each[:, MEAN] / hours)
        errors.append(each[:, VARIANCE] / hours**2)
    is_certain = np.abs(shares[0] - shares[1]) > WITHIN_95 * np.sqrt(errors[0] + errors[1])
    return pl.Series("availability_change_certain", is_certain).set(pl.Series(~is_known), None)
