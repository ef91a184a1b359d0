"""The error of sampling: compared with the twin that integrates, at its limits, and the rates of simulated stores."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from engine.answers import Changes, calendars_of, inputs_of, policy_of, reclassified_of
from engine.test_outages import annotated
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import naive_sampling
from reference.naive import HOUR_US
from reference.plain import row, store, utc
from reference.worlds import World

from storewatch.domain.policies import FILL, OBSERVED, Policy
from storewatch.engine.availability import totals
from storewatch.engine.evidence import Evidence, evidence_range
from storewatch.engine.inputs import EngineInputs
from storewatch.engine.opening.sessions import Sessions
from storewatch.engine.sampling import (
    FEWEST_CHANGES,
    WITHIN_95,
    FailureRates,
    PairCounts,
    count_pairs,
    fit_rates,
    gap_for,
    half_width,
    interval,
    share_seen,
    window_moments,
)

TYPICAL = (0.02, 0.9)


def rates_of(down: float, up: float) -> FailureRates:
    return FailureRates(down=down, up=up, down_log_sd=0, up_log_sd=0, changes=FEWEST_CHANGES, widening=1)


def engine_moments(world: World, changes: Changes, rates: tuple[float, float]) -> np.ndarray:
    policy = policy_of(world)
    reach = evidence_range(world.from_us, world.to_us, as_of_us=world.as_of_us, policy=policy)
    inputs = inputs_of(world, calendars_of(world.stores), reach, reclassified_of(changes))
    return window_moments(inputs, np.array(world.windows, np.int64), None, rates_of(*rates))


@settings(max_examples=60)
@given(annotated(), st.sampled_from([TYPICAL, (1e-6, 0.5), (0.3, 0.2), (2.0, 5.0)]))
def test_moments_random_world(case: tuple[World, Changes], rates: tuple[float, float]) -> None:
    world, changes = case
    found = engine_moments(world, changes, rates)
    for number, (each, of_store) in enumerate(zip(world.stores, changes, strict=True)):
        for place, window in enumerate(world.windows):
            expected = naive_sampling.moments(
                each, of_store, window, as_of_us=world.as_of_us, max_gap_us=world.max_gap_us, rates=rates
            )
            assert found[number, place, :3] == pytest.approx(expected, rel=2e-4, abs=2e-5)


@pytest.mark.parametrize("rates", [TYPICAL, (0.5, 0.5)])
@pytest.mark.parametrize("hours", [0.003, 0.7, 3.1, 30.0])
@pytest.mark.parametrize("ends", [(True, True), (True, False), (False, True), (False, False)])
def test_moments_of_one_gap(rates: tuple[float, float], hours: float, ends: tuple[bool, bool]) -> None:
    gap_us = round(hours * HOUR_US)
    inputs = _always_open([(0, ends[0]), (gap_us, ends[1])], to_us=gap_us)
    [[found]] = window_moments(inputs, np.array([[0, gap_us]], np.int64), None, rates_of(*rates))
    assert found[:3] == pytest.approx(
        (hours, *naive_sampling.up_time([(hours, True)], *ends, *rates)), rel=1e-4, abs=1e-8
    )


def test_days_add_up_to_their_week_where_days_begin_with_a_poll() -> None:
    polls = [(number * HOUR_US, number % 7 > 0) for number in range(7 * 24 + 1)]
    inputs = _always_open(polls, to_us=7 * 24 * HOUR_US + 1)
    edges = [number * 24 * HOUR_US for number in range(8)]
    [parts] = window_moments(
        inputs, np.array([*pairwise(edges), (edges[0], edges[-1])], np.int64), None, rates_of(*TYPICAL)
    )
    assert parts[:-1, :4].sum(axis=0) == pytest.approx(parts[-1, :4])


def test_interval_shrinks_to_the_plain_figure_as_gaps_do() -> None:
    halves = []
    for minutes in (60, 10, 1):
        step_us = minutes * HOUR_US // 60
        inputs = _always_open(
            [(at, at % (6 * HOUR_US) > HOUR_US) for at in range(0, 24 * HOUR_US, step_us)], 24 * HOUR_US
        )
        window = np.array([[0, 24 * HOUR_US - step_us]], np.int64)
        [[[_, mean, variance, unseen, _]]] = window_moments(inputs, window, None, rates_of(*TYPICAL))
        plain = totals(inputs, window)[0, 0, 1] / HOUR_US
        halves.append(float(np.sqrt(variance)))
        assert abs(mean - plain) < 1.5 * minutes / 60
    assert halves[0] > 2 * halves[1] > 4 * halves[2]
    assert unseen < 0.01


def test_rates_near_zero_leave_no_error() -> None:
    inputs = _always_open([(number * HOUR_US, True) for number in range(25)], to_us=24 * HOUR_US)
    [[moments]] = window_moments(inputs, np.array([[0, 24 * HOUR_US]], np.int64), None, rates_of(1e-9, 0.9))
    assert moments[:4] == pytest.approx((24, 24, 0, 0), abs=1e-6)


def test_length_that_is_seen_95_times_of_100() -> None:
    # One gap of 4 hours and 20 of one: of an outage of one hour all begin in a gap that it leaves, but those in the
    # first three of the four hours. 0.95 x 24 = 22.8 = 20 + 2.8.
    instants = [0, *range(4, 25)]
    inputs = _always_open([(hour * HOUR_US, True) for hour in instants], to_us=24 * HOUR_US)
    [[moments]] = window_moments(inputs, np.array([[0, 24 * HOUR_US]], np.int64), None, rates_of(*TYPICAL))
    assert moments[4] == pytest.approx(2.8)


def test_outages_that_no_poll_saw_are_counted_as_simulated() -> None:
    down, up, hours = 0.2, 2.0, 20_000
    polls, outages = _simulated(down, up, hours, seed=3)
    inputs = _always_open(polls, to_us=hours * HOUR_US)
    [[moments]] = window_moments(inputs, np.array([[0, hours * HOUR_US]], np.int64), None, rates_of(down, up))
    instants = np.array([at_us for at_us, _ in polls]) / HOUR_US
    unseen = sum(np.searchsorted(instants, start) == np.searchsorted(instants, end) for start, end in outages)
    assert moments[3] == pytest.approx(unseen, rel=0.05)


def test_store_without_polls_in_reach_has_nothing_known() -> None:
    inputs = replace(_always_open([(0, True)], to_us=24 * HOUR_US), policy=Policy(name="tried", max_gap_us=HOUR_US))
    window = np.array([[10 * HOUR_US, 20 * HOUR_US]], np.int64)
    assert window_moments(inputs, window, None, rates_of(*TYPICAL)).tolist() == [[[0.0] * 5]]


def test_interval_is_cut_to_what_is_possible() -> None:
    known, mean, variance = np.array([10.0, 10.0]), np.array([9.9, 5.0]), np.array([0.04, 0.01])
    least, most = interval(known, mean, variance)
    assert least == pytest.approx([9.508, 4.804], abs=1e-3)
    assert most == pytest.approx([10, 5.196], abs=1e-3)


def test_pairs_are_counted_by_business_time_and_by_the_hour() -> None:
    # Open 09:00 to 12:00: the gap over night is one hour of business, and the poll at 08:00 is no evidence.
    rows = [row(day, "09:00", "12:00") for day in range(2)]
    polls = {"09:30": "up", "11:30": "up", "12:30": "down"}
    monday = store(rows, {f"2023-01-23 {at}": status for at, status in polls.items()} | {
        "2023-01-24 08:00": "down", "2023-01-24 09:30": "down", "2023-01-24 09:31": "up",
    })  # fmt: skip
    world = World(
        stores=(monday,), windows=((utc("2023-01-23"), utc("2023-01-25")),), first_day=None, days=2,  # type: ignore[arg-type]
        as_of_us=utc("2023-01-25"), max_gap_us=3 * HOUR_US,
    )  # fmt: skip
    inputs = inputs_of(world, calendars_of(world.stores), (world.from_us, world.to_us))
    counts = count_pairs(inputs, world.from_us)
    groups, kinds, tens_of_seconds = (found.tolist() for found in np.nonzero(counts.pairs))
    assert (groups, kinds, tens_of_seconds) == ([0, 0, 0], [0, 1, 2], [720, 360, 6])
    assert counts.changes == 2
    hours = np.flatnonzero(counts.spread[0]).tolist()
    assert hours == [9, 11, 33]
    assert counts.residual[0, hours] == pytest.approx([-0.25, -0.25, 0.75])
    assert counts.spread[0, hours] == pytest.approx([0.1875] * 3)


@settings(max_examples=60)
@given(annotated())
def test_pairs_random_world(case: tuple[World, Changes]) -> None:
    world, changes = case
    reach = evidence_range(world.from_us, max(world.as_of_us, world.to_us), as_of_us=world.as_of_us, policy=FILL)
    inputs = inputs_of(world, calendars_of(world.stores), reach, reclassified_of(changes))
    counts = count_pairs(inputs, world.from_us, np.arange(len(world.stores)), groups=len(world.stores))
    for each, of_store, found in zip(world.stores, changes, counts.pairs, strict=True):
        expected = np.zeros_like(found)
        for (one, other, gap_us), count in naive_sampling.pairs(
            each, of_store, world.from_us, as_of_us=world.as_of_us, max_gap_us=OBSERVED.max_gap_us
        ).items():
            expected[2 * (not one) + (not other), (gap_us + 5_000_000) // 10_000_000] += count
        assert found.tolist() == expected.tolist()


def test_pairs_of_groups_are_apart_and_add_up() -> None:
    steady, failing = (
        [(hour * HOUR_US, True) for hour in range(10)],
        [(hour * HOUR_US, hour % 2 > 0) for hour in range(10)],
    )
    of_two = [_always_open(polls, to_us=10 * HOUR_US) for polls in (steady, failing)]
    counts = [count_pairs(inputs, 0, np.array([group]), groups=2) for group, inputs in enumerate(of_two)]
    total = counts[0] + counts[1]
    assert [total.of_group(group).changes for group in (0, 1)] == [0, 9]
    assert total.changes == 9
    with pytest.raises(ValueError, match="group_of must name a group for each store"):
        count_pairs(of_two[0], 0, np.array([2]), groups=2)


def test_more_polls_make_the_interval_smaller_as_predicted() -> None:
    rates = rates_of(*TYPICAL)
    hours = 400
    halves = {}
    for minutes in (60, 15):
        polls = [(at_us, True) for at_us in range(0, hours * HOUR_US + 1, minutes * HOUR_US // 60)]
        inputs = _always_open(polls, to_us=hours * HOUR_US + 1)
        [[found]] = window_moments(inputs, np.array([[0, hours * HOUR_US]], np.int64), None, rates)
        halves[minutes] = float(np.sqrt(found[2]))
        assert half_width(rates, minutes / 60, hours) > WITHIN_95 * halves[minutes] / hours  # nothing changed here
    assert half_width(rates, 1.0, hours) > 2 * half_width(rates, 0.25, hours)
    assert half_width(rates, gap_for(rates, 0.002, hours), hours) == pytest.approx(0.002)
    assert gap_for(rates, 0.5, hours) == 24


def test_half_width_is_that_of_simulated_polls() -> None:
    down, up, hours = 0.2, 1.0, 20_000
    instants = np.arange(hours + 1)
    rng = np.random.default_rng(8)
    share, decay = up / (down + up), np.exp(-(down + up))
    is_up, state = [], True
    for chance in rng.random(hours + 1).tolist():
        state = chance < (share + (1 - share) * decay if state else share * (1 - decay))
        is_up.append(state)
    polls = list(zip((instants * HOUR_US).tolist(), is_up, strict=True))
    inputs = _always_open(polls, to_us=hours * HOUR_US + 1)
    rates = rates_of(down, up)
    [[found]] = window_moments(inputs, np.array([[0, hours * HOUR_US]], np.int64), None, rates)
    assert half_width(rates, 1.0, hours) == pytest.approx(WITHIN_95 * np.sqrt(found[2]) / hours, rel=0.03)


def test_share_of_outages_that_polls_see() -> None:
    rates = rates_of(0.1, 2.0)
    rng = np.random.default_rng(4)
    seen = rng.exponential(1 / 2.0, 100_000) > rng.random(
        100_000
    )  # one that begins in an hour lasts until the next poll
    assert share_seen(rates, 1.0) == pytest.approx(seen.mean(), rel=0.01)
    assert share_seen(rates, 1e-6) == pytest.approx(1)


@pytest.mark.parametrize(("down", "up"), [(0.02, 0.9), (0.3, 0.4), (0.005, 0.1)])
def test_rates_of_simulated_stores_are_found(down: float, up: float) -> None:
    polls, _ = _simulated(down, up, 60_000, seed=5)
    rates = fit_rates(count_pairs(_always_open(polls, to_us=60_000 * HOUR_US), 0))
    assert rates is not None
    assert abs(np.log(rates.down / down)) < 3 * rates.down_log_sd
    assert abs(np.log(rates.up / up)) < 3 * rates.up_log_sd
    assert 0 < rates.down_log_sd < 0.2
    assert rates.availability == pytest.approx(up / (down + up), abs=0.02)
    assert rates.mean_outage_h == pytest.approx(1 / rates.up)


def test_rates_are_not_estimated_from_few_changes() -> None:
    polls, _ = _simulated(0.02, 0.9, 500, seed=1)
    assert fit_rates(count_pairs(_always_open(polls, to_us=500 * HOUR_US), 0)) is None


def test_stores_that_fail_together_widen_the_interval_of_a_group() -> None:
    rng = np.random.default_rng(2)
    hours = 500

    def widening(shared: np.ndarray) -> float:
        total: PairCounts | None = None
        for _ in range(100):
            down = (rng.random(hours) < 0.05) | shared
            polls = [(hour * HOUR_US, not is_down) for hour, is_down in enumerate(down.tolist())]
            counts = count_pairs(_always_open(polls, to_us=hours * HOUR_US), 0)
            total = counts if total is None else total + counts
        assert total is not None
        rates = fit_rates(total)
        assert rates is not None
        return rates.widening

    assert widening(np.zeros(hours, bool)) < 1.3
    assert widening(rng.random(hours) < 0.02) > 5


def _always_open(polls: list[tuple[int, bool]], to_us: int) -> EngineInputs:
    """One store that never closes, with polls at these instants."""
    at_us, active = zip(*polls, strict=True)
    none = np.empty(0, np.int64)
    return EngineInputs(
        evidence=Evidence(
            offsets=np.array([0, len(polls)]), observed_us=np.array(at_us, np.int64), active=np.array(active, np.uint8)
        ),
        sessions=Sessions(
            offsets=np.array([0, 1]), open_us=np.zeros(1, np.int64), close_us=np.array([to_us + HOUR_US], np.int64),
            planned_offsets=np.zeros(2, np.int64), planned_start_us=none, planned_end_us=none,
            calendar_of=np.zeros(1, np.int64),
        ),
        as_of_us=to_us,
        policy=FILL,
    )  # fmt: skip


def _simulated(
    down: float, up: float, hours: int, seed: int
) -> tuple[list[tuple[int, bool]], list[tuple[float, float]]]:
    """Hourly polls with jitter of a store that goes up and down at these rates, and its outages in hours."""
    rng = np.random.default_rng(seed)
    lengths = np.stack([rng.exponential(1 / down, hours), rng.exponential(1 / up, hours)], axis=1).ravel()
    changes = np.cumsum(lengths)
    changes = changes[: np.searchsorted(changes, hours) + 1]
    instants = np.arange(hours) + rng.random(hours)
    is_up = np.searchsorted(changes, instants) % 2 == 0
    outages = [(a, b) for a, b in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=False) if b < hours]
    return list(zip((instants * HOUR_US).astype(np.int64).tolist(), is_up.tolist(), strict=True)), outages
