"""How often the 95 % interval of an availability holds, on simulated stores whose true up time is known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from storewatch.domain.instants import HOUR_US
from storewatch.domain.policies import FILL
from storewatch.engine.availability import totals
from storewatch.engine.evidence import Evidence
from storewatch.engine.inputs import EngineInputs
from storewatch.engine.opening.sessions import Sessions
from storewatch.engine.sampling import count_pairs, fit_rates, interval, window_moments

DOWN_PER_HOUR: Final = 0.02
UP_PER_HOUR: Final = 0.9
WINDOWS: Final = {"day": 24, "week": 168, "month": 720}

Floats = npt.NDArray[np.float64]
# Draws the outages of one store: starts and ends in hours, ascending, from a generator and the number of hours.
Outages = Callable[[np.random.Generator, int], tuple[Floats, Floats]]


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """A kind of stores. is_model: whether they follow the model of the intervals. missing: share of polls left out."""

    name: str
    outages: Outages
    is_model: bool
    missing: float = 0.0
    shared: bool = False


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Shares of stores whose truth is in their interval, and what the figures say on average."""

    stores: float
    half_width: float
    true: float
    plain: float
    expected: float


def _alternating(
    rng: np.random.Generator, hours: int, down: float, lengths: Callable[[int], Floats]
) -> tuple[Floats, Floats]:
    count = int(hours * down * 3) + 20
    pauses = rng.exponential(1 / down, count)
    long = lengths(count)
    starts = np.cumsum(pauses) + np.concatenate([[0.0], np.cumsum(long)[:-1]])
    return starts, starts + long


def _markov(
    rng: np.random.Generator, hours: int, down: float = DOWN_PER_HOUR, up: float = UP_PER_HOUR
) -> tuple[Floats, Floats]:
    starts, ends = _alternating(rng, hours, down, lambda count: rng.exponential(1 / up, count))
    if rng.random() < down / (down + up):  # in its long run it may be down at the start
        shift = rng.exponential(1 / up)
        return np.append(0.0, starts + shift), np.append(shift, ends + shift)
    return starts, ends


def _differing(rng: np.random.Generator, hours: int) -> tuple[Floats, Floats]:
    down = DOWN_PER_HOUR * np.exp(rng.normal(0, 1.0) - 0.5)
    return _markov(rng, hours, down, UP_PER_HOUR * np.exp(rng.normal(0, 0.5)))


def _fixed(rng: np.random.Generator, hours: int) -> tuple[Floats, Floats]:
    return _alternating(rng, hours, DOWN_PER_HOUR, lambda count: np.full(count, 1 / UP_PER_HOUR))


def _two_kinds(rng: np.random.Generator, hours: int) -> tuple[Floats, Floats]:
    def lengths(count: int) -> Floats:
        means = np.where(rng.random(count) < 0.7, 1 / 6, 3.5)
        return rng.exponential(means)

    return _alternating(rng, hours, DOWN_PER_HOUR, lengths)


def _rhythm(rng: np.random.Generator, hours: int) -> tuple[Floats, Floats]:
    starts, ends = _markov(rng, hours, 3 * DOWN_PER_HOUR)
    kept = (starts % 24 < 8) | (rng.random(len(starts)) < 1 / 6)
    return starts[kept], ends[kept]


FLEETS: Final = (
    Fleet(name="all stores alike", outages=_markov, is_model=True),
    Fleet(name="stores that differ", outages=_differing, is_model=True),
    Fleet(name="stores that differ, three polls of ten missing", outages=_differing, is_model=True, missing=0.3),
    Fleet(name="stores that differ, seven polls of ten missing", outages=_differing, is_model=True, missing=0.7),
    Fleet(name="outages of one length", outages=_fixed, is_model=False),
    Fleet(name="two kinds of outages, 10 min and 3.5 h", outages=_two_kinds, is_model=False),
    Fleet(name="outages mostly in eight hours of the day", outages=_rhythm, is_model=False),
    Fleet(name="all stores down together now and then", outages=_differing, is_model=False, shared=True),
)


def measure(fleet: Fleet, stores: int, seed: int = 1) -> dict[str, Coverage]:
    """Simulate a fleet with hourly polls and return the coverage of its intervals by window."""
    rng = np.random.default_rng(seed)
    hours = WINDOWS["month"]
    together = _alternating(rng, hours, 0.01, lambda count: rng.exponential(1.5, count)) if fleet.shared else None
    truth = np.zeros((stores, len(WINDOWS)))
    polls: list[Floats] = []
    active: list[npt.NDArray[np.bool_]] = []
    for store in range(stores):
        starts, ends = fleet.outages(rng, hours)
        if together is not None:
            starts, ends = _joined(np.append(starts, together[0]), np.append(ends, together[1]))
        for place, length in enumerate(WINDOWS.values()):
            truth[store, place] = length - np.maximum(np.minimum(ends, length) - np.minimum(starts, length), 0).sum()
        at = np.arange(hours) + rng.random(hours)
        at = at[rng.random(hours) >= fleet.missing]
        polls.append(at)
        active.append(np.searchsorted(starts, at, side="right") == np.searchsorted(ends, at, side="right"))
    inputs = _inputs(polls, active, hours)
    rates = fit_rates(count_pairs(inputs, 0))
    assert rates is not None
    windows = np.array([[0, length * HOUR_US] for length in WINDOWS.values()], np.int64)
    moments, plain = window_moments(inputs, windows, None, rates), totals(inputs, windows)
    found = {}
    for place, (name, length) in enumerate(WINDOWS.items()):
        least, most = interval(moments[:, place, 0], moments[:, place, 1], moments[:, place, 2])
        held = (truth[:, place] >= least - 1e-6) & (truth[:, place] <= most + 1e-6)
        found[name] = Coverage(
            stores=float(held.mean()),
            half_width=float((most - least).mean()) / 2 / length,
            true=float(truth[:, place].mean()) / length,
            plain=float(plain[:, place, 1].sum() / plain[:, place, :2].sum()),
            expected=float(moments[:, place, 1].sum() / moments[:, place, 0].sum()),
        )
    return found


def lines(stores: int = 2_000) -> list[str]:
    """Return the table of all fleets and windows in Markdown."""
    head = "| fleet | follows the model | day | week | month | week: half width, true, by the polls, expected |"
    rows = [head, "|---|---|---|---|---|---|"]
    for fleet in FLEETS:
        found = measure(fleet, stores)
        shares = " | ".join(f"{100 * found[window].stores:.1f} %" for window in WINDOWS)
        week = found["week"]
        figures = f"±{100 * week.half_width:.2f} points, {week.true:.4f}, {week.plain:.4f}, {week.expected:.4f}"
        rows.append(f"| {fleet.name} | {'yes' if fleet.is_model else 'no'} | {shares} | {figures} |")
    return rows


def _joined(starts: Floats, ends: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(starts, kind="stable")
    starts, reach = starts[order], np.maximum.accumulate(ends[order])
    begins = np.append(True, starts[1:] > reach[:-1])
    return starts[begins], reach[np.append(begins[1:], True)]


def _inputs(polls: list[Floats], active: list[npt.NDArray[np.bool_]], hours: int) -> EngineInputs:
    none = np.empty(0, np.int64)
    return EngineInputs(
        evidence=Evidence(
            offsets=np.append(0, np.cumsum([len(own) for own in polls])),
            observed_us=(np.concatenate(polls) * HOUR_US).astype(np.int64),
            active=np.concatenate(active).astype(np.uint8),
        ),
        sessions=Sessions(
            offsets=np.array([0, 1]),
            open_us=np.zeros(1, np.int64),
            close_us=np.array([hours * HOUR_US]),
            planned_offsets=np.zeros(2, np.int64),
            planned_start_us=none,
            planned_end_us=none,
            calendar_of=np.zeros(len(polls), np.int64),
        ),
        as_of_us=hours * HOUR_US,
        policy=FILL,
    )


if __name__ == "__main__":
    print("\n".join(lines()))
