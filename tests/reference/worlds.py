"""Random worlds for Hypothesis: stores, windows and a policy, many values near instants where errors are likely."""

from dataclasses import dataclass
from datetime import date, timedelta

from hypothesis import strategies as st
from reference import naive
from reference.naive import DAY_US, HOUR_US, SECOND_US, Observation, Row, Special, Store, Version

MINUTE_US = 60 * SECOND_US

# A zone and a local date on (or next to) which its clock changes; ordinary weeks come last.
ODD_DAYS = (
    ("America/New_York", date(2023, 3, 12)),
    ("America/New_York", date(2023, 11, 5)),
    ("America/Chicago", date(2023, 3, 12)),
    ("Europe/London", date(2023, 3, 26)),
    ("Europe/London", date(2023, 10, 29)),
    ("Australia/Lord_Howe", date(2023, 4, 2)),
    ("Australia/Lord_Howe", date(2023, 10, 1)),
    ("Asia/Beirut", date(2023, 3, 26)),
    ("Asia/Beirut", date(2022, 10, 30)),
    ("Africa/Cairo", date(2023, 4, 28)),
    ("Africa/Cairo", date(2023, 10, 27)),
    ("America/St_Johns", date(2007, 3, 11)),
    ("America/St_Johns", date(2007, 11, 4)),
    ("America/St_Johns", date(1988, 4, 3)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("Antarctica/Troll", date(2023, 3, 26)),
    ("Africa/Casablanca", date(2023, 4, 23)),
    ("Asia/Kathmandu", date(2023, 1, 18)),
    ("America/Chicago", date(2023, 1, 22)),
)
ZONES = tuple(sorted({zone for zone, _ in ODD_DAYS}))


@dataclass(frozen=True, kw_only=True)
class World:
    """The input of one call of the engine; every window lies in `[from_us, to_us)`."""

    stores: tuple[Store, ...]
    windows: tuple[tuple[int, int], ...]
    first_day: date
    days: int
    as_of_us: int
    max_gap_us: int

    @property
    def from_us(self) -> int:
        return min(start for start, _ in self.windows)

    @property
    def to_us(self) -> int:
        return max(end for _, end in self.windows)


def _second_of_day(last: int) -> st.SearchStrategy[int]:
    named = [0, 1, 60, 3_600, 5_400, 7_200, 9_000, 10_800, 43_200, 82_800, 86_280, 86_339, 86_340, 86_370, 86_399, last]
    return st.one_of(
        st.sampled_from([second for second in named if second <= last]),
        st.integers(0, 47).map(lambda half: half * 1_800),
        st.integers(0, 86_399),
    )


def _is_given(row: Row) -> bool:
    return row.start_s != row.end_s or row.start_s == 0


def rows() -> st.SearchStrategy[Row]:
    any_row = st.builds(Row, day=st.integers(0, 6), start_s=_second_of_day(86_399), end_s=_second_of_day(86_400))
    return any_row.filter(_is_given)


def weekly_rows() -> st.SearchStrategy[tuple[Row, ...]]:
    """The rows of one store: none, a few of any kind, the same every day, or every hour of the week."""
    every_day = st.tuples(_second_of_day(86_399), _second_of_day(86_400)).map(
        lambda hours: tuple(Row(day=day, start_s=hours[0], end_s=hours[1]) for day in range(7))
    )
    return st.one_of(
        st.lists(rows(), max_size=9).map(tuple),
        every_day.filter(lambda week: _is_given(week[0])),
        st.just(()),
        st.just(tuple(Row(day=day, start_s=0, end_s=0) for day in range(7))),
    )


def gaps_us() -> st.SearchStrategy[int]:
    return st.one_of(
        st.sampled_from([7 * DAY_US, 3 * HOUR_US, DAY_US, HOUR_US, 30 * MINUTE_US, MINUTE_US, 14 * HOUR_US, 1]),
        st.integers(1, 40).map(lambda quarter: quarter * 15 * MINUTE_US),
        st.integers(1, 9 * DAY_US),
    )


def _instants(edges: list[int], middle_us: int, gap_us: int) -> st.SearchStrategy[int]:
    """Instants at, beside and one limit away from the edges; on a grid, so that distances repeat; anywhere near."""
    nudges = [0, 0, 0, -1, 1, -SECOND_US, SECOND_US, -MINUTE_US, MINUTE_US, -gap_us, gap_us, gap_us - 1, 1 - gap_us]
    grid = st.integers(-4 * 96, 4 * 96).map(lambda quarter: middle_us + quarter * 15 * MINUTE_US)
    return st.one_of(
        st.builds(lambda edge, nudge: edge + nudge, st.sampled_from(edges), st.sampled_from(nudges)),
        grid,
        st.builds(lambda instant, nudge: instant + nudge, grid, st.sampled_from(nudges)),
        st.integers(middle_us - 9 * DAY_US, middle_us + 9 * DAY_US),
    )


def _versions(day: date) -> st.SearchStrategy[tuple[Version, ...]]:
    version = st.builds(Version, valid_from=_days_around(day), rows=weekly_rows())
    return st.lists(version, max_size=2, unique_by=lambda each: each.valid_from).map(tuple)


def _special(day: date) -> st.SearchStrategy[tuple[Special, ...]]:
    closed = st.builds(Special, day=_days_around(day))
    timed = st.builds(
        Special, day=_days_around(day), start_s=_second_of_day(86_399), end_s=_second_of_day(86_400)
    ).filter(lambda each: each.start_s != each.end_s or each.start_s == 0)
    return st.lists(st.one_of(closed, timed, timed), max_size=4, unique=True).map(tuple)


def _closures(instants: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    closure = st.tuples(instants, instants).map(lambda pair: (min(pair), max(pair)))
    return st.lists(closure.filter(lambda each: each[0] < each[1]), max_size=3, unique=True).map(tuple)


def _days_around(day: date) -> st.SearchStrategy[date]:
    return st.integers(-3, 3).map(lambda days: day + timedelta(days=days))


@st.composite
def _stores(draw: st.DrawFn, zone: str, day: date, middle_us: int, gap_us: int, *, changing: bool) -> Store:
    hours = draw(weekly_rows())
    timezone = draw(st.one_of(st.just(zone), st.sampled_from(ZONES)))
    versions = draw(_versions(day)) if changing else ()
    special = draw(_special(day)) if changing else ()
    near = naive.sessions(hours, timezone, middle_us - 2 * DAY_US, middle_us + 2 * DAY_US, versions, special)
    edges = [edge for session in near for edge in session if abs(edge - middle_us) < 3 * DAY_US]
    instants = _instants([middle_us, *edges], middle_us, gap_us)
    seen = draw(st.lists(st.tuples(instants, st.booleans()), max_size=14))
    again = draw(st.lists(st.tuples(st.sampled_from(seen), st.booleans()), max_size=3)) if seen else []
    polls = [*seen, *((instant, active) for (instant, _), active in again)]
    order = draw(st.permutations(range(len(polls))))
    return Store(
        rows=hours,
        timezone=timezone,
        observations=tuple(
            Observation(observed_us=polls[place][0], active=polls[place][1], loaded_us=middle_us + place)
            for place in order
        ),
        versions=versions,
        special=special,
        closures=draw(_closures(instants)) if changing else (),
        opened_on=draw(st.none() | _days_around(day)) if changing else None,
        closed_on=draw(st.none() | _days_around(day)) if changing else None,
    )


@st.composite
def worlds(draw: st.DrawFn, min_stores: int = 0, *, changing: bool = False) -> World:
    """changing: stores may have versions of their hours, special hours, closures, and dates in business."""
    zone, day = draw(st.sampled_from(ODD_DAYS))
    changes = [second for n in (-1, 0, 1) for second in naive.jumps(zone, (day - naive.EPOCH).days + n)]
    middle_us = changes[0] * SECOND_US if changes else naive.first_instant(zone, naive.midnight_us(day))
    gap_us = draw(gaps_us())
    stores = tuple(
        draw(st.lists(_stores(zone, day, middle_us, gap_us, changing=changing), min_size=min_stores, max_size=4))
    )
    polls = [seen.observed_us for store in stores for seen in store.observations]
    instants = _instants([middle_us, *polls], middle_us, gap_us)
    windows = draw(st.lists(st.tuples(instants, instants).filter(lambda w: w[0] < w[1]), min_size=1, max_size=4))
    as_of_us = draw(st.one_of(st.just(middle_us + 30 * DAY_US), instants))
    return World(
        stores=stores,
        windows=tuple(windows),
        first_day=day + timedelta(days=draw(st.integers(-3, 1))),
        days=draw(st.integers(1, 4)),
        as_of_us=as_of_us,
        max_gap_us=gap_us,
    )
