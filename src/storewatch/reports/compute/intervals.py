"""Columns of intervals from moments of up time, of single stores and of stores together."""

import numpy as np
import polars as pl

from storewatch.domain.columns import Float64s
from storewatch.engine.sampling import MOMENTS, estimates
from storewatch.reports.compute.content import SAMPLING

KNOWN, MEAN, VARIANCE, _, SEEN = range(len(MOMENTS))


def interval_columns(moments: Float64s) -> pl.DataFrame:
    """Return moments float64[N,5], last axis by MOMENTS, as N rows of SAMPLING; null where nothing is known."""
    return pl.DataFrame(estimates(moments), schema=SAMPLING, nan_to_null=True)


def addable(moments: Float64s) -> Float64s:
    """Return moments in a form whose sums over stores `of_sums` reads: means and variances add."""
    parts = moments.copy()
    parts[..., SEEN] *= moments[..., KNOWN]
    return parts


def of_sums(sums: Float64s, widening: float) -> Float64s:
    """Return the moments of stores together from their sums. widening: of the variance, as stores fail together."""
    moments = sums.copy()
    moments[..., VARIANCE] *= widening
    moments[..., SEEN] = np.divide(
        sums[..., SEEN], sums[..., KNOWN], out=np.zeros(sums.shape[:-1]), where=sums[..., KNOWN] > 0
    )
    return moments
