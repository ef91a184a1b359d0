"""SEMANTICS 8-11 branch by branch, with the edges of every limit, compared with the twin."""

from collections.abc import Callable, Sequence
from datetime import date

import pytest
from engine.answers import engine_spans, engine_totals, naive_spans, naive_totals
from reference.naive import HOUR_US, Observation, Row, Span, Store
from reference.plain import MINUTE_US, row, store, utc
from reference.worlds import World

DAY = "2023-01-23"  # a Monday
FILL_US = 7 * 24 * HOUR_US

MORNING = (row(0, "09:00", "12:00"),)
TWO = (row(0, "09:00", "10:00"), row(0, "10:30", "12:00"))
THREE = (row(0, "09:00", "09:30"), row(0, "10:00", "10:30"), row(0, "11:00", "11:30"))

Ask = Callable[..., list[str]]


def world_of(one: Store, from_us: int, to_us: int, gap_us: int, as_of: str) -> World:
    return World(
        stores=(one,),
        windows=((from_us, to_us),),
        first_day=date(2023, 1, 23),
        days=1,
        as_of_us=utc(as_of),
        max_gap_us=gap_us,
    )


def in_clock(spans: Sequence[Span]) -> list[str]:
    """Spans of the day as `09:00-12:00 up`."""
    clock = [
        [f"{minute // 60:02}:{minute % 60:02}" for minute in ((at - utc(DAY)) // MINUTE_US for at in (a, b))]
        for a, b in ((span.start_us, span.end_us) for span in spans)
    ]
    return [f"{a}-{b} {span.status}" for (a, b), span in zip(clock, spans, strict=True)]


@pytest.fixture(params=[engine_spans, naive_spans], ids=["engine", "twin"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Return the stretches of one Monday in UTC."""

    def answer(
        rows: Sequence[Row], polls: dict[str, str], gap_us: int = FILL_US, as_of: str = f"{DAY} 23:00"
    ) -> list[str]:
        one = store(rows, {f"{DAY} {at}": status for at, status in polls.items()})
        return in_clock(request.param(world_of(one, utc(DAY), utc(DAY) + 24 * HOUR_US, gap_us, as_of))[0])

    return answer


def test_status_example_of_rule_10(ask: Ask) -> None:
    assert ask(MORNING, {"10:14": "up", "11:15": "down"}) == ["09:00-11:15 up", "11:15-12:00 down"]


def test_totals_example_of_rule_10() -> None:
    one = store(MORNING, {f"{DAY} 10:14": "up", f"{DAY} 11:15": "down"})
    world = world_of(one, utc(DAY), utc(DAY) + 24 * HOUR_US, FILL_US, f"{DAY} 11:15")
    expected = [[{"down": 45 * MINUTE_US, "up": 135 * MINUTE_US, "unknown": 0, "planned": 0}]]
    assert engine_totals(world) == naive_totals(world) == expected


def test_status_one_poll_reaches_max_gap_both_ways(ask: Ask) -> None:
    expected = ["09:00-09:30 unknown", "09:30-10:30 up", "10:30-12:00 unknown"]
    assert ask(MORNING, {"10:00": "up"}, 30 * MINUTE_US) == expected


@pytest.mark.parametrize(("after_us", "status"), [(-1, "up"), (0, "unknown")])
def test_status_after_poll_at_max_gap_is_exclusive(after_us: int, status: str) -> None:
    gap_us = 30 * MINUTE_US
    instant_us = utc(f"{DAY} 10:00") + gap_us + after_us
    world = world_of(store(MORNING, {f"{DAY} 10:00": "up"}), instant_us, instant_us + 1, gap_us, f"{DAY} 23:00")
    expected = [[Span(start_us=instant_us, end_us=instant_us + 1, status=status)]]
    assert engine_spans(world) == naive_spans(world) == expected


@pytest.mark.parametrize(("before_us", "status"), [(1, "unknown"), (0, "up")])
def test_status_before_poll_at_max_gap_is_inclusive(before_us: int, status: str) -> None:
    gap_us = 30 * MINUTE_US
    instant_us = utc(f"{DAY} 10:00") - gap_us - before_us
    world = world_of(store(MORNING, {f"{DAY} 10:00": "up"}), instant_us, instant_us + 1, gap_us, f"{DAY} 23:00")
    expected = [[Span(start_us=instant_us, end_us=instant_us + 1, status=status)]]
    assert engine_spans(world) == naive_spans(world) == expected


def test_status_between_polls_earlier_has_first_word(ask: Ask) -> None:
    expected = ["09:00-09:30 unknown", "09:30-10:30 down", "10:30-11:10 up", "11:10-12:00 unknown"]
    assert ask(MORNING, {"10:00": "down", "10:40": "up"}, 30 * MINUTE_US) == expected


def test_status_between_distant_polls_is_unknown_in_the_middle(ask: Ask) -> None:
    expected = ["09:00-10:00 down", "10:00-10:30 unknown", "10:30-11:30 up", "11:30-12:00 unknown"]
    assert ask(MORNING, {"09:30": "down", "11:00": "up"}, 30 * MINUTE_US) == expected


def test_status_polls_two_gaps_apart_leave_nothing_unknown(ask: Ask) -> None:
    expected = ["09:00-09:10 unknown", "09:10-10:10 down", "10:10-11:10 up", "11:10-12:00 unknown"]
    assert ask(MORNING, {"09:40": "down", "10:40": "up"}, 30 * MINUTE_US) == expected


def test_status_session_start_own_later_poll_beats_older_session(ask: Ask) -> None:
    assert ask(TWO, {"09:50": "down", "11:00": "up"}) == ["09:00-10:00 down", "10:30-12:00 up"]


def test_status_session_start_own_later_poll_beats_older_session_only_in_its_reach(ask: Ask) -> None:
    expected = ["09:00-10:00 down", "10:30-10:35 down", "10:35-12:00 up"]
    assert ask(TWO, {"09:50": "down", "11:30": "up"}, 55 * MINUTE_US) == expected


def test_status_older_session_reaches_max_gap_over_closed_time(ask: Ask) -> None:
    expected = ["09:00-10:00 down", "10:30-10:50 down", "10:50-12:00 unknown"]
    assert ask(TWO, {"09:50": "down"}, 60 * MINUTE_US) == expected


def test_status_later_session_reaches_max_gap_back_over_closed_time(ask: Ask) -> None:
    expected = ["09:00-09:30 unknown", "09:30-10:00 up", "10:30-12:00 up"]
    assert ask(TWO, {"11:00": "up"}, 90 * MINUTE_US) == expected


def test_status_unseen_session_between_two_older_has_first_word(ask: Ask) -> None:
    polls = {"09:20": "down", "11:10": "up"}
    assert ask(THREE, polls) == ["09:00-09:30 down", "10:00-10:30 down", "11:00-11:30 up"]
    assert ask(THREE, polls, 60 * MINUTE_US) == [
        "09:00-09:30 down",
        "10:00-10:20 down",
        "10:20-10:30 up",
        "11:00-11:30 up",
    ]


def test_status_own_poll_expired_later_session_speaks(ask: Ask) -> None:
    assert ask(TWO, {"09:05": "down", "10:31": "up"}, 40 * MINUTE_US) == [
        "09:00-09:45 down",
        "09:45-09:51 unknown",
        "09:51-10:00 up",
        "10:30-11:11 up",
        "11:11-12:00 unknown",
    ]


def test_status_ignores_polls_outside_hours(ask: Ask) -> None:
    polls = {"08:59:59": "down", "12:00": "down", "18:00": "down"}
    assert ask(MORNING, polls) == ["09:00-12:00 unknown"]


def test_status_poll_at_opening_counts(ask: Ask) -> None:
    assert ask(MORNING, {"08:59": "down", "09:00": "up", "12:00": "down"}) == ["09:00-12:00 up"]


def test_status_poll_after_as_of_is_not_used(ask: Ask) -> None:
    polls = {"10:00": "up", "11:00": "down"}
    assert ask(MORNING, polls, as_of=f"{DAY} 10:59:59") == ["09:00-12:00 up"]
    assert ask(MORNING, polls, as_of=f"{DAY} 11:00") == ["09:00-11:00 up", "11:00-12:00 down"]
    assert ask(MORNING, polls, as_of=f"{DAY} 09:59") == ["09:00-12:00 unknown"]


def test_status_never_observed_is_unknown_time_only(ask: Ask) -> None:
    assert ask(TWO, {}) == ["09:00-10:00 unknown", "10:30-12:00 unknown"]


def test_status_closed_day_has_no_business_time(ask: Ask) -> None:
    assert ask((row(1, "09:00", "12:00"),), {"10:00": "down"}) == []


def test_status_no_rows_is_open_around_the_clock(ask: Ask) -> None:
    assert ask((), {"03:00": "down", "15:00": "up"}) == ["00:00-15:00 down", "15:00-24:00 up"]


def test_status_midnight_does_not_end_a_session() -> None:
    """If Monday and Tuesday were two sessions, Tuesday's poll would decide Tuesday from 00:00 (rule 9.2)."""
    polls = {f"{DAY} 23:50": "down", "2023-01-24 00:10": "up"}
    for rows in ((), (row(0, "20:00", "24:00"), row(1, "00:00", "04:00")), (row(0, "20:00", "04:00"),)):
        one = store(rows, polls)
        world = world_of(one, utc(f"{DAY} 23:00"), utc("2023-01-24 01:00"), FILL_US, "2023-01-25 00:00")
        expected = [
            [
                Span(start_us=utc(f"{DAY} 23:00"), end_us=utc("2023-01-24 00:10"), status="down"),
                Span(start_us=utc("2023-01-24 00:10"), end_us=utc("2023-01-24 01:00"), status="up"),
            ]
        ]
        assert engine_spans(world) == naive_spans(world) == expected


def test_status_gap_is_elapsed_time_over_a_clock_change() -> None:
    """New York, 2023-03-12: 01:30 to 03:30 on the wall is one hour."""
    one = store((), {"2023-03-12 06:30": "down"}, "America/New_York")
    world = world_of(one, utc("2023-03-12 06:30"), utc("2023-03-12 09:00"), HOUR_US, "2023-03-13 00:00")
    expected = [
        [
            Span(start_us=utc("2023-03-12 06:30"), end_us=utc("2023-03-12 07:30"), status="down"),
            Span(start_us=utc("2023-03-12 07:30"), end_us=utc("2023-03-12 09:00"), status="unknown"),
        ]
    ]
    assert engine_spans(world) == naive_spans(world) == expected


@pytest.mark.parametrize("latest_first", [True, False])
def test_status_same_instant_twice_later_loaded_wins(latest_first: bool) -> None:
    earlier, later = (
        Observation(observed_us=utc(f"{DAY} 10:00"), active=active, loaded_us=loaded)
        for active, loaded in ((True, 1), (False, 2))
    )
    one = Store(rows=MORNING, timezone="UTC", observations=(later, earlier) if latest_first else (earlier, later))
    world = world_of(one, utc(DAY), utc(DAY) + 24 * HOUR_US, FILL_US, f"{DAY} 23:00")
    assert [in_clock(spans) for spans in engine_spans(world)] == [["09:00-12:00 down"]]
    assert naive_spans(world) == engine_spans(world)


def test_status_same_instant_loaded_at_once_later_row_wins() -> None:
    seen = [Observation(observed_us=utc(f"{DAY} 10:00"), active=active, loaded_us=1) for active in (True, True, False)]
    world = world_of(
        Store(rows=MORNING, timezone="UTC", observations=tuple(seen)),
        utc(DAY),
        utc(DAY) + 24 * HOUR_US,
        FILL_US,
        f"{DAY} 23:00",
    )
    assert [in_clock(spans) for spans in engine_spans(world)] == [["09:00-12:00 down"]]
    assert naive_spans(world) == engine_spans(world)


def test_totals_many_stores_with_shuffled_polls() -> None:
    """Two polls of each of two stores, the later one first: sorting one store must not disturb the next."""
    polls = {f"{DAY} 11:00": "down", f"{DAY} 10:00": "up"}
    one = world_of(store(MORNING, polls), utc(DAY), utc(DAY) + 24 * HOUR_US, FILL_US, f"{DAY} 23:00")
    many = World(
        stores=one.stores * 3,
        windows=one.windows,
        first_day=one.first_day,
        days=1,
        as_of_us=one.as_of_us,
        max_gap_us=one.max_gap_us,
    )
    expected = [{"down": 60 * MINUTE_US, "up": 120 * MINUTE_US, "unknown": 0, "planned": 0}]
    assert engine_totals(many) == naive_totals(many) == [expected] * 3
