"""Outages, openings and reclassifications: compared with the twin in random worlds, and each rule by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from engine.answers import (
    Changes,
    engine_buckets,
    engine_openings,
    engine_outages,
    engine_spans,
    engine_totals,
    reclassified_of,
    store_windows,
)
from hypothesis import given
from hypothesis import strategies as st
from reference import naive, naive_outages
from reference.naive import DAY_US, HOUR_US, Store
from reference.naive_outages import Change, Openings, Outage
from reference.plain import MINUTE_US, row, store, utc
from reference.worlds import World, worlds

from storewatch.domain.columns import RECLASSIFICATIONS
from storewatch.domain.enums import Status
from storewatch.engine.evidence import group_evidence, group_reclassified

MONDAY, TUESDAY = "2023-01-23", "2023-01-24"
TWO_DAYS = (row(0, "09:00", "12:00"), row(1, "09:00", "12:00"))


@st.composite
def annotated(draw: st.DrawFn) -> tuple[World, Changes]:
    """A world and the annotations of each store, many of them near its polls."""
    world = draw(worlds(min_stores=1, changing=True))
    changes = []
    for each in world.stores:
        polls = [seen.observed_us for seen in each.observations]
        edges = st.sampled_from([world.from_us, world.to_us, *polls])
        nudges = st.sampled_from([0, 1, -1, world.max_gap_us, -world.max_gap_us, 15 * MINUTE_US, -3 * HOUR_US, DAY_US])
        instants = st.builds(lambda edge, nudge: edge + nudge, edges, nudges)
        change = st.builds(
            lambda pair, status: Change(start_us=min(pair), end_us=max(pair), status=status),
            st.tuples(instants, instants),
            st.sampled_from(["up", "unknown", "planned", "down"]),
        )
        changes.append(draw(st.lists(change, max_size=4)))
    return world, changes


@given(annotated())
def test_totals_reclassified_random_world(case: tuple[World, Changes]) -> None:
    world, changes = case
    assert engine_totals(world, changes) == [
        [
            naive_outages.totals(each, of_store, *window, as_of_us=world.as_of_us, max_gap_us=world.max_gap_us)
            for window in world.windows
        ]
        for each, of_store in zip(world.stores, changes, strict=True)
    ]


@given(annotated())
def test_spans_reclassified_random_world(case: tuple[World, Changes]) -> None:
    world, changes = case
    reach = world.from_us, world.to_us
    assert engine_spans(world, changes) == [
        naive_outages.spans(each, of_store, *reach, as_of_us=world.as_of_us, max_gap_us=world.max_gap_us)
        for each, of_store in zip(world.stores, changes, strict=True)
    ]


@given(annotated())
def test_bucket_totals_reclassified_random_world(case: tuple[World, Changes]) -> None:
    world, changes = case
    limits = {"as_of_us": world.as_of_us, "max_gap_us": world.max_gap_us}
    expected = []
    for each, of_store in zip(world.stores, changes, strict=True):
        edges = naive.local_edges(each.timezone, world.first_day, world.days, 24)
        expected.append([naive_outages.totals(each, of_store, a, b, **limits) for a, b in pairwise(edges)])
    assert engine_buckets(world, "day", changes) == expected


@given(annotated(), st.sampled_from([0, 1, 30 * MINUTE_US, 5 * HOUR_US, DAY_US]))
def test_outages_random_world(case: tuple[World, Changes], min_duration_us: int) -> None:
    world, changes = case
    limits = {"as_of_us": world.as_of_us, "max_gap_us": world.max_gap_us, "min_duration_us": min_duration_us}
    assert engine_outages(world, changes, min_duration_us) == [
        naive_outages.outages(each, of_store, window, **limits)
        for each, of_store, window in zip(world.stores, changes, store_windows(world), strict=True)
    ]


@given(annotated())
def test_openings_random_world(case: tuple[World, Changes]) -> None:
    world, changes = case
    assert engine_openings(world, changes) == [
        naive_outages.openings(each, of_store, window, as_of_us=world.as_of_us, max_gap_us=world.max_gap_us)
        for each, of_store, window in zip(world.stores, changes, store_windows(world), strict=True)
    ]


@given(annotated())
def test_outages_add_up_to_down_time(case: tuple[World, Changes]) -> None:
    world, changes = case
    alone = replace(world, windows=world.windows[:1])
    down_us = [[sum(outage.down_us for outage in of_store)] for of_store in engine_outages(alone, changes)]
    assert down_us == [[cell["down"] for cell in cells] for cells in engine_totals(alone, changes)]


def ask(
    polls: dict[str, str],
    window: tuple[str, str] = (MONDAY, "2023-01-25"),
    *,
    rows: Sequence[naive.Row] = TWO_DAYS,
    as_of: str = "2023-02-01",
    changes: Sequence[Change] = (),
    min_minutes: int = 0,
    closures: tuple[tuple[int, int], ...] = (),
) -> list[Outage]:
    """Return the outages, equal to those of the twin, of a store open on two mornings, by the `fill` policy."""
    one = replace(store(rows, polls), closures=closures)
    world = world_of(one, window, as_of)
    found = engine_outages(world, [changes], min_minutes * MINUTE_US)
    limits = {"as_of_us": world.as_of_us, "max_gap_us": world.max_gap_us, "min_duration_us": min_minutes * MINUTE_US}
    assert found == [naive_outages.outages(one, changes, world.windows[0], **limits)]
    return found[0]


def world_of(one: Store, window: tuple[str, str], as_of: str) -> World:
    return World(
        stores=(one,),
        windows=((utc(window[0]), utc(window[1])),),
        first_day=date(2023, 1, 23),
        days=1,
        as_of_us=utc(as_of),
        max_gap_us=7 * DAY_US,
    )


MIDDLE = Outage(
    start_us=utc(f"{MONDAY} 10:00"),
    end_us=utc(f"{MONDAY} 10:30"),
    down_us=30 * MINUTE_US,
    opened_us=utc(f"{MONDAY} 10:00"),
    closed_us=utc(f"{MONDAY} 10:30"),
    began_before=False,
    at_opening=False,
    at_closing=False,
    state="ended",
)
MIDDLE_POLLS = {f"{MONDAY} 09:30": "up", f"{MONDAY} 10:00": "down", f"{MONDAY} 10:30": "up", f"{TUESDAY} 10:00": "up"}


def test_outage_in_the_middle_has_both_polls() -> None:
    assert ask(MIDDLE_POLLS) == [MIDDLE]


def test_outage_over_night_counts_business_time_only() -> None:
    overnight = Outage(
        start_us=utc(f"{MONDAY} 11:00"),
        end_us=utc(f"{TUESDAY} 10:00"),
        down_us=2 * HOUR_US,
        opened_us=utc(f"{MONDAY} 11:00"),
        closed_us=utc(f"{TUESDAY} 10:00"),
        began_before=False,
        at_opening=False,
        at_closing=False,
        state="ended",
    )
    polls = {f"{MONDAY} 10:00": "up", f"{MONDAY} 11:00": "down", f"{TUESDAY} 09:00": "down", f"{TUESDAY} 10:00": "up"}
    assert ask(polls) == [overnight]


def test_outage_cut_by_the_window_is_of_two_parts() -> None:
    polls = {f"{MONDAY} 10:00": "up", f"{MONDAY} 11:00": "down", f"{TUESDAY} 09:00": "down", f"{TUESDAY} 10:00": "up"}
    first, second = ask(polls, (MONDAY, TUESDAY)), ask(polls, (TUESDAY, "2023-01-25"))
    assert [(each.opened_us, each.closed_us, each.began_before, each.at_closing, each.state) for each in first] == [
        (utc(f"{MONDAY} 11:00"), None, False, True, "continues")
    ]
    assert [(each.opened_us, each.closed_us, each.began_before, each.at_opening, each.state) for each in second] == [
        (None, utc(f"{TUESDAY} 10:00"), True, False, "ended")
    ]


def test_outage_at_opening_is_opened_by_the_poll_that_speaks() -> None:
    polls = {"2023-01-17 11:00": "up", f"{MONDAY} 09:45": "down", f"{MONDAY} 10:30": "up", f"{TUESDAY} 10:00": "up"}
    opened = replace(
        MIDDLE,
        start_us=utc(f"{MONDAY} 09:00"),
        down_us=90 * MINUTE_US,
        opened_us=utc(f"{MONDAY} 09:45"),
        at_opening=True,
    )
    assert ask(polls) == [opened]


def test_outage_begins_where_the_earlier_poll_reaches_no_further_and_the_later_one_speaks() -> None:
    one = store(TWO_DAYS, {f"{MONDAY} 10:00": "up", f"{MONDAY} 11:00": "down"})
    world = replace(world_of(one, (MONDAY, TUESDAY), TUESDAY), max_gap_us=30 * MINUTE_US)
    limits = {"as_of_us": world.as_of_us, "max_gap_us": world.max_gap_us}
    expected = replace(
        MIDDLE,
        start_us=utc(f"{MONDAY} 10:30"),
        end_us=utc(f"{MONDAY} 11:30"),
        down_us=HOUR_US,
        opened_us=utc(f"{MONDAY} 11:00"),
        closed_us=None,
    )
    assert engine_outages(world, [[]]) == [naive_outages.outages(one, [], world.windows[0], **limits)] == [[expected]]


def test_outage_at_opening_may_be_known_from_an_earlier_session() -> None:
    rows = (row(0, "09:00", "10:00"), row(0, "10:30", "14:00"))
    one = store(rows, {f"{MONDAY} 09:50": "down", f"{MONDAY} 13:00": "up"})
    world = replace(world_of(one, (MONDAY, TUESDAY), TUESDAY), max_gap_us=HOUR_US)
    changes = [Change(start_us=utc(MONDAY), end_us=utc(f"{MONDAY} 10:00"), status="up")]
    limits = {"as_of_us": world.as_of_us, "max_gap_us": world.max_gap_us}
    expected = replace(
        MIDDLE,
        start_us=utc(f"{MONDAY} 10:30"),
        end_us=utc(f"{MONDAY} 10:50"),
        down_us=20 * MINUTE_US,
        opened_us=utc(f"{MONDAY} 09:50"),
        closed_us=None,
        at_opening=True,
    )
    twin = naive_outages.outages(one, changes, world.windows[0], **limits)
    assert engine_outages(world, [changes]) == [twin] == [[expected]]


def test_outage_that_nothing_follows_is_ongoing() -> None:
    polls = {f"{MONDAY} 10:00": "up", f"{MONDAY} 11:00": "down"}
    expected = Outage(
        start_us=utc(f"{MONDAY} 11:00"),
        end_us=utc(f"{MONDAY} 12:00"),
        down_us=HOUR_US,
        opened_us=utc(f"{MONDAY} 11:00"),
        closed_us=None,
        began_before=False,
        at_opening=False,
        at_closing=True,
        state="ongoing",
    )
    assert ask(polls, (MONDAY, TUESDAY), as_of=f"{MONDAY} 13:00") == [expected]


@pytest.mark.parametrize(
    ("end", "as_of", "state"),
    [
        (f"{MONDAY} 11:30", f"{MONDAY} 11:30", "ongoing"),
        (f"{MONDAY} 11:30", f"{MONDAY} 11:31", "continues"),
        (f"{MONDAY} 12:30", f"{TUESDAY} 08:59:59", "ongoing"),
        (f"{MONDAY} 12:30", f"{TUESDAY} 09:00", "continues"),
        (f"{TUESDAY} 09:00", f"{TUESDAY} 09:00", "ongoing"),
    ],
)
def test_outage_still_down_after_the_window_continues_unless_that_is_now(end: str, as_of: str, state: str) -> None:
    polls = {f"{MONDAY} 10:00": "up", f"{MONDAY} 11:00": "down"}
    assert [each.state for each in ask(polls, (MONDAY, end), as_of=as_of)] == [state]


@pytest.mark.parametrize(("as_of", "state"), [("10:29:59", "ongoing"), ("10:30", "ended")])
def test_outage_ends_when_the_poll_is_known(as_of: str, state: str) -> None:
    assert [each.state for each in ask(MIDDLE_POLLS, as_of=f"{MONDAY} {as_of}")] == [state]


@pytest.mark.parametrize(("minutes", "kept"), [(30, [MIDDLE]), (31, [])])
def test_outage_shorter_than_min_duration_with_up_on_both_sides_is_left_out(minutes: int, kept: list[Outage]) -> None:
    assert ask(MIDDLE_POLLS, min_minutes=minutes) == kept


def test_outage_shorter_than_min_duration_stays_where_the_window_cuts_it() -> None:
    assert len(ask(MIDDLE_POLLS, (f"{MONDAY} 10:10", TUESDAY), min_minutes=60)) == 1
    assert len(ask(MIDDLE_POLLS, (MONDAY, f"{MONDAY} 10:10"), min_minutes=60)) == 1


@pytest.mark.parametrize(("start", "end"), [("10:00", "10:10"), ("10:20", "10:30")])
@pytest.mark.parametrize(("status", "outages"), [("unknown", 1), ("up", 0), ("planned", 0)])
def test_outage_shorter_than_min_duration_beside_reclassified_time(
    start: str, end: str, status: str, outages: int
) -> None:
    change = Change(start_us=utc(f"{MONDAY} {start}"), end_us=utc(f"{MONDAY} {end}"), status=status)
    assert len(ask(MIDDLE_POLLS, changes=[change], min_minutes=60)) == outages


def test_outage_is_not_ended_by_a_planned_closure() -> None:
    polls = {f"{MONDAY} 09:30": "up", f"{MONDAY} 10:00": "down", f"{MONDAY} 11:30": "up"}
    closure = (utc(f"{MONDAY} 10:15"), utc(f"{MONDAY} 11:00"))
    expected = replace(
        MIDDLE, end_us=utc(f"{MONDAY} 10:15"), down_us=15 * MINUTE_US, closed_us=utc(f"{MONDAY} 11:30"), at_closing=True
    )
    assert ask(polls, closures=(closure,)) == [expected]
    polls[f"{MONDAY} 11:10"] = "down"
    joined = replace(expected, end_us=utc(f"{MONDAY} 11:30"), down_us=45 * MINUTE_US, at_closing=False)
    assert ask(polls, closures=(closure,)) == [joined]


@pytest.mark.parametrize(("status", "outages"), [("planned", 1), ("up", 2), ("unknown", 2)])
def test_outage_reclassified_in_the_middle(status: str, outages: int) -> None:
    change = Change(start_us=utc(f"{MONDAY} 10:10"), end_us=utc(f"{MONDAY} 10:20"), status=status)
    found = ask(MIDDLE_POLLS, changes=[change])
    assert (len(found), sum(each.down_us for each in found)) == (outages, 20 * MINUTE_US)
    assert found[-1].closed_us == MIDDLE.closed_us
    assert all(each.closed_us is None for each in found[:-1])


def openings_of(
    polls: dict[str, str], window: tuple[str, str] = (MONDAY, "2023-01-25"), as_of: str = "2023-02-01"
) -> Openings:
    one = store(TWO_DAYS, polls)
    world = world_of(one, window, as_of)
    limits = {"as_of_us": world.as_of_us, "max_gap_us": world.max_gap_us}
    found = engine_openings(world, [[]])
    assert found == [naive_outages.openings(one, [], world.windows[0], **limits)]
    return found[0]


def test_openings_late_and_early() -> None:
    polls = {f"{MONDAY} 09:10": "down", f"{MONDAY} 10:00": "up", f"{MONDAY} 11:40": "down", f"{TUESDAY} 09:00": "up"}
    assert openings_of(polls) == Openings(
        late_open_us=HOUR_US, late_opens=1, early_close_us=20 * MINUTE_US, early_closes=1
    )


def test_openings_session_down_throughout_is_missed() -> None:
    polls = {f"{MONDAY} 10:00": "down", f"{TUESDAY} 09:00": "up"}
    assert openings_of(polls) == Openings(missed_us=3 * HOUR_US, missed=1)
    assert openings_of(polls, (f"{MONDAY} 09:30", TUESDAY)) == Openings(early_close_us=150 * MINUTE_US, early_closes=1)
    assert openings_of(polls, (MONDAY, f"{MONDAY} 11:00")) == Openings(late_open_us=2 * HOUR_US, late_opens=1)


@pytest.mark.parametrize(("end", "early"), [("11:59:59", 0), ("12:00", 1)])
def test_openings_closing_at_the_end_of_the_window_or_at_as_of_counts(end: str, early: int) -> None:
    polls = {f"{MONDAY} 10:00": "up", f"{MONDAY} 11:00": "down"}
    expected = Openings(early_close_us=early * HOUR_US, early_closes=early)
    assert openings_of(polls, (MONDAY, f"{MONDAY} {end}")) == expected
    assert openings_of(polls, as_of=f"{MONDAY} {end}") == expected


def test_reclassified_later_row_wins_and_other_stores_are_left_out() -> None:
    changed = [("b", 0, 10, Status.UP), ("x", 0, 9, Status.UP), ("b", 4, 6, Status.PLANNED), ("a", 3, 3, Status.UP)]
    rows = pl.DataFrame(changed, dict.fromkeys(RECLASSIFICATIONS, pl.Int64) | {"store_id": pl.String}, orient="row")
    found = group_reclassified(rows.cast(RECLASSIFICATIONS), pl.Series(["a", "b"]))
    assert found.offsets.tolist() == [0, 0, 3]
    assert list(zip(found.start_us.tolist(), found.end_us.tolist(), found.status.tolist(), strict=True)) == [
        (0, 4, Status.UP),
        (4, 6, Status.PLANNED),
        (6, 10, Status.UP),
    ]


def test_reclassified_as_down_undoes_earlier_rows() -> None:
    stretches = [
        ("a", 0, 10, Status.PLANNED),
        ("a", 4, 6, Status.DOWN),
        ("a", 6, 7, Status.UP),
        ("a", 6, 9, Status.DOWN),
    ]
    rows = pl.DataFrame(stretches, dict.fromkeys(RECLASSIFICATIONS, pl.Int64) | {"store_id": pl.String}, orient="row")
    found = group_reclassified(rows.cast(RECLASSIFICATIONS), pl.Series(["a"]))
    assert list(zip(found.start_us.tolist(), found.end_us.tolist(), found.status.tolist(), strict=True)) == [
        (0, 4, Status.PLANNED),
        (9, 10, Status.PLANNED),
    ]


def test_reclassified_of_another_number_of_stores_is_refused() -> None:
    evidence = group_evidence(
        np.zeros(0, np.uint32), np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros(0, np.int64), 1
    )
    world = world_of(store(TWO_DAYS, {}), (MONDAY, TUESDAY), TUESDAY)
    assert len(evidence.offsets) == 2
    with pytest.raises(ValueError, match="reclassifications 2"):
        engine_totals(world, [[], []])
    assert reclassified_of([[]]).offsets.tolist() == [0, 0]
