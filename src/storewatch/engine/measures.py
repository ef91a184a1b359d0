"""Ratios of exact totals, roll-ups over stores, and the one rounding (SEMANTICS 11-13, 19).

Totals are int64[..., 4] microseconds, last axis by Status. A ratio with a zero denominator is NaN. Views
show it as empty, never as 0 % or 100 %.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Status

Float64s: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Business time and its ratios, each with the shape of the totals without their last axis.

    business_us: int64, planned time included. The ratios leave planned time out: wanted = up + down + unknown.
    availability = up / (up + down); coverage = (up + down) / wanted; lowest = up / wanted and
    highest = (up + unknown) / wanted bound the availability.
    """

    business_us: Int64s
    availability: Float64s
    coverage: Float64s
    lowest: Float64s
    highest: Float64s


@dataclass(frozen=True, kw_only=True)
class RollUp:
    """One window over all stores: ratios of sums, and the distribution of the stores.

    totals_us: int64[4]. median, p5, p95: of the availability of the stores where it is known (linear interpolation).
    without_downtime: the share of stores without downtime among the stores with known time. Each is NaN if no store
    has any. without_known_time: the number of stores that have none.
    """

    totals_us: Int64s
    measures: Measures
    median: float
    p5: float
    p95: float
    without_downtime: float
    without_known_time: int


def measure(totals_us: Int64s) -> Measures:
    """Return business time, availability, coverage and bounds of any number of totals."""
    down, up, unknown, planned = (totals_us[..., status] for status in Status)
    wanted = down + up + unknown
    return Measures(
        business_us=wanted + planned,
        availability=_ratio(up, up + down),
        coverage=_ratio(up + down, wanted),
        lowest=_ratio(up, wanted),
        highest=_ratio(up + unknown, wanted),
    )


def roll_up(totals_us: Int64s) -> RollUp:
    """Sum one window over stores. totals_us: int64[S,4]. An int64 of microseconds holds 292,000 store-years."""
    stores = measure(totals_us)
    is_known = ~np.isnan(stores.availability)
    known = stores.availability[is_known]
    p5, median, p95 = np.quantile(known, (0.05, 0.5, 0.95)) if len(known) else (np.nan,) * 3
    untroubled = is_known & (totals_us[:, Status.DOWN] == 0)
    summed = totals_us.sum(axis=0)
    return RollUp(
        totals_us=summed,
        measures=measure(summed),
        median=float(median),
        p5=float(p5),
        p95=float(p95),
        without_downtime=float(untroubled.sum() / len(known)) if len(known) else float("nan"),
        without_known_time=len(totals_us) - len(known),
    )


def in_unit(duration_us: Int64s, unit_us: int) -> Float64s:
    """Return durations in a unit, rounded once to two decimals, half up."""
    whole, rest_us = np.divmod(duration_us, unit_us)
    rounded: Float64s = (whole * 100 + (rest_us * 100 + unit_us // 2) // unit_us) / 100
    return rounded


def _ratio(part: Int64s, whole: Int64s) -> Float64s:
    ratio = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=ratio, where=np.asarray(whole) > 0)
    return ratio
