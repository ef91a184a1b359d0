"""The error that polls at intervals leave: rates of a fleet, and moments of the up time of stores in windows.

A store that is polled once an hour may have been down between two polls. docs/semantics.md has the model and its rules.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from storewatch.domain.columns import Float64s, Int64s
from storewatch.domain.instants import HOUR_US
from storewatch.domain.policies import OBSERVED
from storewatch.engine.arrays import frozen
from storewatch.engine.availability import Spans, spans
from storewatch.engine.inputs import EngineInputs, check_order, checked_zones, no_reclassifications
from storewatch.engine.kernels import sampling as kernels

# With fewer changes between up and down than this, rates are not estimated.
FEWEST_CHANGES: Final = 200
# The normal distribution has 95 % of its mass within so many standard deviations of its mean.
WITHIN_95: Final = 1.959963984540054
# What a fleet remembers: the rates are estimated from so much time before as_of.
RATES_US: Final = 31 * 24 * HOUR_US

# The last axis of what `window_moments` returns.
MOMENTS: Final = ("known_h", "mean_h", "variance_h2", "unseen", "seen_length_h")

# Gaps between polls are tabulated every 30 seconds up to six hours; longer ones are computed one by one.
_STEP_H: Final = 30 / 3600
_STEPS: Final = 6 * 120 + 1
# Rates per hour between which the likelihood is searched.
_LEAST: Final = np.log(1e-7)
_MOST: Final = np.log(1e4)


@dataclass(frozen=True, kw_only=True)
class PairCounts:
    """Counts of pairs of neighbouring polls by group of stores; those of shards add up.

    pairs: int64[G,4,K], by the polls (up-up, up-down, down-up, down-down) and the business time between them in steps
    of ten seconds. residual, spread: float64[G,H], by the hour: how many more first polls of a store in that hour were
    down than its own average explains, and the variance that independent stores would have.
    """

    pairs: Int64s
    residual: Float64s
    spread: Float64s

    def __add__(self, other: "PairCounts") -> "PairCounts":
        return PairCounts(
            pairs=self.pairs + other.pairs, residual=self.residual + other.residual, spread=self.spread + other.spread
        )

    def of_group(self, group: int) -> "PairCounts":
        """Return the counts of one group alone."""
        own = slice(group, group + 1)
        return PairCounts(pairs=self.pairs[own], residual=self.residual[own], spread=self.spread[own])

    @property
    def changes(self) -> int:
        """The pairs of all groups that changed between up and down."""
        return int(self.pairs[:, 1:3].sum())


@dataclass(frozen=True, kw_only=True)
class FailureRates:
    """How often stores go down and come back, per hour of business time.

    down, up: the rates. down_log_sd, up_log_sd: the standard deviations of their logarithms. changes: the changes
    that were seen. widening: by how much the variance of a group exceeds that of independent stores, at least 1.
    """

    down: float
    up: float
    down_log_sd: float
    up_log_sd: float
    changes: int
    widening: float

    @property
    def availability(self) -> float:
        """The share of time that such stores are up in the long run."""
        return self.up / (self.down + self.up)

    @property
    def mean_outage_h(self) -> float:
        """The mean length of an outage in hours."""
        return 1 / self.up


def count_pairs(inputs: EngineInputs, from_us: int, group_of: Int64s | None = None, groups: int = 1) -> PairCounts:
    """Count the pairs of neighbouring polls from `from_us` to as_of with a business gap of at most observed's max_gap.

    group_of: int64[S], 0 <= group < groups; None puts all stores into one group. The sessions must cover this time.
    """
    stores = len(inputs.sessions.calendar_of)
    group_of = np.zeros(stores, np.int64) if group_of is None else group_of
    if len(group_of) != stores or (stores and not 0 <= group_of.min() <= group_of.max() < groups):
        raise ValueError("group_of must name a group for each store")
    hours = max(-((from_us - inputs.as_of_us - 1) // HOUR_US), 1)
    counts = PairCounts(
        pairs=np.zeros((groups, 4, OBSERVED.max_gap_us // kernels.UNIT_US + 1), np.int64),
        residual=np.zeros((groups, hours)),
        spread=np.zeros((groups, hours)),
    )
    kernels.count_pairs(
        _sampled_stores(inputs, _no_spans(inputs)), frozen(group_of, np.int64), from_us, inputs.as_of_us,
        OBSERVED.max_gap_us, counts.pairs, counts.residual, counts.spread,
    )  # fmt: skip
    return counts


def fit_rates(counts: PairCounts) -> FailureRates | None:
    """Estimate the rates of all groups together by maximum likelihood; None with fewer than FEWEST_CHANGES changes.

    Newton's method in the logarithms of the rates, with derivatives by differences.
    """
    if counts.changes < FEWEST_CHANGES:
        return None
    pairs = counts.pairs.sum(axis=0)
    kinds, gaps = np.nonzero(pairs)
    hours, weights = np.maximum(gaps, 0.5) * (kernels.UNIT_US / HOUR_US), pairs[kinds, gaps]

    def likelihood(logs: Float64s) -> float:
        down, up = np.exp(logs)
        share, decay = up / (down + up), np.exp(-(down + up) * hours)
        of_kinds = np.array([share, 1 - share, share, 1 - share])[kinds]
        rest = np.array([1 - share, share - 1, -share, share])[kinds]
        return float((weights * np.log(np.maximum(of_kinds + rest * decay, 1e-300))).sum())

    logs = _maximum(likelihood, _first_guess(pairs, hours, weights))
    variances = np.linalg.inv(-_derivatives(likelihood, logs)[1])
    residual, spread = counts.residual.sum(axis=0), counts.spread.sum()
    return FailureRates(
        down=float(np.exp(logs[0])),
        up=float(np.exp(logs[1])),
        down_log_sd=float(np.sqrt(variances[0, 0])),
        up_log_sd=float(np.sqrt(variances[1, 1])),
        changes=counts.changes,
        widening=max(float((residual**2).sum() / spread), 1.0) if spread > 0 else 1.0,
    )


def half_width(rates: FailureRates, gap_h: float, known_h: float) -> float:
    """Return half the interval of an availability over so many hours that are polled every `gap_h` hours."""
    table = np.zeros((3, 2, 3))
    kernels.fill_table(rates.down, rates.up, gap_h, table)
    share, decay = rates.availability, np.exp(-(rates.down + rates.up) * gap_h)
    up_up, down_down = share * (share + (1 - share) * decay), (1 - share) * (1 - share + share * decay)
    chances = np.array([up_up, 1 - up_up - down_down, down_down])
    variance_h2 = float((chances * table[:, 1, kernels.VARIANCE]).sum()) * gap_h**2
    return float(WITHIN_95 * np.sqrt(variance_h2 * known_h / gap_h) / known_h)


def gap_for(rates: FailureRates, wanted: float, known_h: float) -> float:
    """Return the hours between polls that leave half an interval of `wanted` over so many hours, at most a day."""
    low, high = 1e-6, 24.0
    if half_width(rates, high, known_h) <= wanted:
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if half_width(rates, middle, known_h) < wanted else (low, middle)
    return low


def share_seen(rates: FailureRates, gap_h: float) -> float:
    """Return the share of outages that polls every `gap_h` hours see: those that do not end before the next poll."""
    return float(-np.expm1(-rates.up * gap_h) / (rates.up * gap_h))


def window_moments(inputs: EngineInputs, windows_us: Int64s, zone_of: Int64s | None, rates: FailureRates) -> Float64s:
    """Return the moments of the up time of every store in every window: float64[S,W,5], last axis by MOMENTS.

    windows_us, zone_of: as in `availability.totals`. The known time is that of the policy: of a store without polls in
    reach it is 0.
    """
    if zone_of is None and windows_us.ndim == 2:
        windows_us, zone_of = windows_us[None], np.zeros(len(inputs.sessions.calendar_of), np.int64)
    check_order(windows_us)
    zone_of = checked_zones(zone_of, inputs.sessions, windows_us)
    out = np.zeros((len(zone_of), windows_us.shape[1], len(MOMENTS)))
    if not out.size:
        return out
    is_amended = inputs.reclassified is not None and len(inputs.reclassified.start_us) > 0
    reach = int(windows_us[..., 0].min()), int(windows_us[..., 1].max())
    stores = _sampled_stores(inputs, spans(inputs, *reach) if is_amended else _no_spans(inputs))
    table = np.empty((3, _STEPS, 3))
    kernels.fill_table(rates.down, rates.up, _STEP_H, table)
    kernels.window_moments(
        stores, frozen(windows_us, np.int64), zone_of, inputs.as_of_us, inputs.policy.max_gap_us,
        rates.down, rates.up, _STEP_H, table, out,
    )  # fmt: skip
    return out


def estimates(moments: Float64s) -> dict[str, Float64s]:
    """Return what moments, float64[N,5], say of each availability, by column; NaN where no time is known."""
    known_h, mean_h, variance_h2, unseen, seen_length_h = moments.T
    least, most = interval(known_h, mean_h, variance_h2)
    known = np.where(known_h > 0, known_h, np.nan)
    return {
        "availability_expected": mean_h / known,
        "availability_from": least / known,
        "availability_to": most / known,
        "unseen_outages_expected": np.where(np.isnan(known), np.nan, unseen),
        "seen_outage_minutes": np.where(np.isnan(known), np.nan, seen_length_h * 60),
    }


def interval(known_h: Float64s, mean_h: Float64s, variance_h2: Float64s) -> tuple[Float64s, Float64s]:
    """Return the hours between which the up time lies 95 times of 100, cut to what is possible."""
    half = WITHIN_95 * np.sqrt(variance_h2)
    return np.clip(mean_h - half, 0, known_h), np.clip(mean_h + half, 0, known_h)


def _no_spans(inputs: EngineInputs) -> Spans:
    empty, offsets = np.empty(0, np.int64), np.zeros(len(inputs.evidence.offsets), np.int64)
    return Spans(offsets=offsets, start_us=empty, end_us=empty, status=np.empty(0, np.uint8))


def _sampled_stores(inputs: EngineInputs, found: Spans) -> kernels.SampledStores:
    evidence, sessions = inputs.evidence, inputs.sessions
    changed = inputs.reclassified or no_reclassifications(len(evidence.offsets) - 1)
    lasting = np.cumsum(sessions.close_us - sessions.open_us)
    return kernels.SampledStores(
        session_offsets=frozen(sessions.offsets, np.int64),
        open_us=frozen(sessions.open_us, np.int64),
        close_us=frozen(sessions.close_us, np.int64),
        before_us=frozen(lasting - (sessions.close_us - sessions.open_us), np.int64),
        calendar_of=frozen(sessions.calendar_of, np.int64),
        row_offsets=frozen(evidence.offsets, np.int64),
        observed_us=frozen(evidence.observed_us, np.int64),
        active=frozen(evidence.active, np.uint8),
        span_offsets=frozen(found.offsets, np.int64),
        span_start_us=frozen(found.start_us, np.int64),
        span_end_us=frozen(found.end_us, np.int64),
        span_status=frozen(found.status, np.uint8),
        changed_offsets=frozen(changed.offsets, np.int64),
        changed_start_us=frozen(changed.start_us, np.int64),
        changed_end_us=frozen(changed.end_us, np.int64),
        changed_status=frozen(changed.status, np.uint8),
    )


def _first_guess(pairs: Int64s, hours: Float64s, weights: Int64s) -> Float64s:
    """Return logarithms of rates that fit the share of down polls and the share of changes at the mean gap."""
    up_up, up_down, down_up, down_down = pairs.sum(axis=1).tolist()
    share = np.clip((up_up + (up_down + down_up) / 2) / (up_up + up_down + down_up + down_down), 1e-6, 1 - 1e-6)
    kept = np.clip(1 - up_down / max(up_up + up_down, 1) / (1 - share), 0.01, 0.99)
    total = -np.log(kept) / np.average(hours, weights=weights)
    return np.log([total * (1 - share), total * share])


def _maximum(function: Callable[[Float64s], float], at: Float64s) -> Float64s:
    """Climb to the maximum of a smooth function of two variables."""
    for _ in range(100):
        slope, curvature = _derivatives(function, at)
        is_hill = np.linalg.eigvalsh(curvature).max() < 0
        step = -np.linalg.solve(curvature, slope) if is_hill else slope / np.linalg.norm(slope)
        value = function(at)
        while function(np.clip(at + step, _LEAST, _MOST)) < value and np.abs(step).max() > 1e-9:
            step = step / 2
        at = np.clip(at + step, _LEAST, _MOST)
        if np.abs(step).max() < 1e-7:
            break
    return at


def _derivatives(function: Callable[[Float64s], float], at: Float64s) -> tuple[Float64s, Float64s]:
    """Return the gradient and the second derivatives of a function of two variables by central differences."""
    h = 1e-4
    values = np.array([[function(at + np.array([i, j]) * h) for j in (-1, 0, 1)] for i in (-1, 0, 1)])
    slope = np.array([values[2, 1] - values[0, 1], values[1, 2] - values[1, 0]]) / (2 * h)
    own = np.array([values[2, 1] + values[0, 1], values[1, 2] + values[1, 0]]) - 2 * values[1, 1]
    mixed = (values[2, 2] - values[2, 0] - values[0, 2] + values[0, 0]) / 4
    return slope, np.array([[own[0], mixed], [mixed, own[1]]]) / h**2
