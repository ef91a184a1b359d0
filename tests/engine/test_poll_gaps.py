"""The gaps between polls: compared with the twin in random worlds, and the rules by hand."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from engine.answers import calendars_of, engine_poll_gaps, evidence_of, store_windows
from hypothesis import given
from hypothesis import strategies as st
from reference import naive_outages
from reference.naive import DAY_US, HOUR_US, Row, Store
from reference.naive_outages import PollGaps
from reference.plain import MINUTE_US, row, store, utc
from reference.worlds import World, worlds

from storewatch.engine.opening.sessions import open_sessions
from storewatch.engine.polling import blind_spots, count_unpolled

DAY = "2023-01-23"  # a Monday
MORNING = (row(0, "09:00", "12:00"),)


@given(worlds(min_stores=1, changing=True))
def test_poll_gaps_random_world(world: World) -> None:
    assert engine_poll_gaps(world) == [
        naive_outages.poll_gaps(each, window, as_of_us=world.as_of_us)
        for each, window in zip(world.stores, store_windows(world), strict=True)
    ]


@given(worlds(min_stores=1, changing=True), st.sampled_from([0, 7 * MINUTE_US, HOUR_US, 2 * HOUR_US]))
def test_unpolled_random_world(world: World, blind_after_us: int) -> None:
    window = world.from_us, min(world.to_us, world.from_us + DAY_US)
    minutes = -((window[0] - window[1]) // MINUTE_US)
    counts = np.zeros((2, minutes + 1), np.int64)
    for each in world.stores:
        add_unpolled((each,), window, counts, as_of_us=world.as_of_us, blind_after_us=blind_after_us)
    asked = [
        naive_outages.unpolled(each, window, as_of_us=world.as_of_us, blind_after_us=blind_after_us)
        for each in world.stores
    ]
    expected = [[sum(states) for states in zip(*(one[which] for one in asked), strict=True)] for which in (0, 1)]
    assert np.cumsum(counts, axis=1)[:, :-1].tolist() == expected
    assert counts.sum(axis=1).tolist() == [0, 0]


def add_unpolled(
    stores: tuple[Store, ...], window: tuple[int, int], counts: np.ndarray, *, as_of_us: int, blind_after_us: int
) -> None:
    sessions = open_sessions(calendars_of(stores), *window)
    count_unpolled(evidence_of(stores), sessions, *window, *counts, as_of_us=as_of_us, blind_after_us=blind_after_us)


def gaps_of(polls: dict[str, str], as_of: str = "2023-01-24", rows: tuple[Row, ...] = MORNING) -> PollGaps:
    world = World(
        stores=(store(rows, polls),),
        windows=((utc(DAY), utc(DAY) + DAY_US),),
        first_day=date(2023, 1, 23),
        days=1,
        as_of_us=utc(as_of),
        max_gap_us=HOUR_US,
    )
    return engine_poll_gaps(world)[0]


def test_poll_gaps_count_business_time_from_edge_to_edge() -> None:
    polls = {f"{DAY} 08:00": "up", f"{DAY} 09:10": "up", f"{DAY} 10:00": "down", f"{DAY} 11:30": "up"}
    expected = PollGaps(polls=4, counted=3, outside=1, median_gap_us=30 * MINUTE_US, longest_gap_us=90 * MINUTE_US)
    assert gaps_of(polls) == expected


def test_poll_gaps_end_at_as_of() -> None:
    expected = PollGaps(polls=1, counted=1, outside=0, median_gap_us=10 * MINUTE_US, longest_gap_us=20 * MINUTE_US)
    assert gaps_of({f"{DAY} 09:20": "up", f"{DAY} 11:00": "up"}, f"{DAY} 09:30") == expected


def test_poll_gaps_poll_at_as_of_is_one() -> None:
    expected = PollGaps(polls=1, counted=1, outside=0, median_gap_us=20 * MINUTE_US, longest_gap_us=20 * MINUTE_US)
    assert gaps_of({f"{DAY} 09:20": "up"}, f"{DAY} 09:20") == expected


def test_poll_gaps_without_business_time_are_minus_one() -> None:
    polls = {f"{DAY} 10:00": "up"}
    expected = PollGaps(polls=1, counted=0, outside=1, median_gap_us=-1, longest_gap_us=-1)
    assert gaps_of(polls, rows=(row(1, "09:00", "12:00"),)) == expected
    assert gaps_of(polls, f"{DAY} 08:00") == replace(expected, polls=0, outside=0)


def test_unpolled_feed_is_one_blind_spot() -> None:
    """Eight stores, polled every half hour but for 09:30-11:45, and two that are polled in between."""
    clock = [f"{DAY} {at}" for at in ("09:00", "09:30", "11:45")]
    feed = (store(MORNING, dict.fromkeys(clock, "up")),) * 8
    well = store(MORNING, dict.fromkeys([*clock, f"{DAY} 10:30"], "up"))
    window = utc(f"{DAY} 08:00"), utc(f"{DAY} 13:00")
    counts = np.zeros((2, 5 * 60 + 1), np.int64)
    limits = {"as_of_us": utc("2023-01-24"), "blind_after_us": 2 * HOUR_US}
    add_unpolled((*feed, well, well), window, counts, **limits)
    assert blind_spots(*counts) == [(90, 225, 8)]
    add_unpolled((*(well,) * 6, store(MORNING, {})), window, counts, **limits)
    assert blind_spots(*counts) == []


@pytest.mark.parametrize(("minutes", "spots"), [(9, []), (10, [(5, 15, 6)])])
def test_blind_spots_are_ten_minutes_long(minutes: int, spots: list[tuple[int, int, int]]) -> None:
    unpolled, opened = np.zeros(61, np.int64), np.zeros(61, np.int64)
    opened[[0, 60]] = 10, -10
    unpolled[[5, 5 + minutes]] = 6, -6
    assert blind_spots(unpolled, opened) == spots


def test_blind_spots_are_not_judged_by_nine_stores() -> None:
    unpolled, opened = np.zeros(61, np.int64), np.zeros(61, np.int64)
    opened[[0, 30, 60]] = 9, 1, -10
    unpolled[[0, 60]] = 9, -9
    assert blind_spots(unpolled, opened) == [(30, 60, 9)]


def test_unpolled_grid_of_another_length_is_refused() -> None:
    counts = np.zeros((2, 60), np.int64)
    with pytest.raises(ValueError, match="M minutes"):
        add_unpolled((), (0, HOUR_US), counts, as_of_us=0, blind_after_us=0)
