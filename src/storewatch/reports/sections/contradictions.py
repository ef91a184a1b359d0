"""Find stores whose polls contradict their hours on most days: the evidence of the hours doctor.

A closing is an opening with the time running backwards. So each rule is written once and used mirrored for the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Finding
from storewatch.domain.instants import DAY_US, HOUR_US, MINUTE_US
from storewatch.engine.evidence import Evidence
from storewatch.engine.opening.sessions import Sessions

# A finding needs at least FEWEST_DAYS openings or closings with polls, and more than this share of them contradicted.
FEWEST_DAYS: Final = 5
MOST_DAYS: Final = 0.6
# At least this share of the polls after it must fit: a session that opens late is active from then on, a store that
# closes late is inactive. A store that is active all night is no evidence about its closing.
REST_FITTING: Final = 0.8
BEYOND_US: Final = 12 * HOUR_US
# In a store that does not close, at least this percentage of the polls outside its hours is active, and also of the
# polls after each contradicted closing.
ACTIVE_OUTSIDE_PERCENT: Final = 90

MAX_SHIFT_HOURS: Final = 12
FEWEST_POLLS: Final = 20
FEWEST_AGREEING_PERCENT: Final = 80
# A zone that is wrong by one hour, the most common mistake, makes a difference of two hours in 24: 8 %.
BETTER_BY_PERCENT: Final = 5
_QUARTER_US: Final = 15 * MINUTE_US

Bools = npt.NDArray[np.bool_]
# Reads instants on the clocks of their stores: store and instant, int64[N] each, to int64[N].
Clocks = Callable[[Int64s, Int64s], Int64s]


@dataclass(frozen=True, kw_only=True)
class WrongEdge:
    """An opening or closing that polls contradict on most days.

    store: index; clock_us: its time of day, None where it is several, each too rare to be judged by itself. edges_us:
    int64[N], the openings or closings that polls judge; is_contrary: bool[N], those they contradict. by_us, bound_us:
    by how much, as medians (the lower one of two): up to the poll that shows it, and up to the inactive one beside it,
    which bounds it from the other side.
    """

    store: int
    finding: Finding
    clock_us: int | None
    edges_us: Int64s
    is_contrary: Bools
    by_us: int
    bound_us: int

    @property
    def share(self) -> float:
        return float(self.is_contrary.mean())


@dataclass(frozen=True, kw_only=True)
class WrongZone:
    """Hours that would fit the polls if they were `hours` later.

    agreeing, agreeing_as_given: the shares of polls that fit the moved hours, and the hours as they are.
    """

    store: int
    hours: int
    polls: int
    agreeing: float
    agreeing_as_given: float


@dataclass(frozen=True, kw_only=True)
class ActiveOutside:
    """A store that is also active outside its hours. polls: outside hours; active: the active share of them.

    closings: those with polls after them; contrary: those after which ACTIVE_OUTSIDE_PERCENT of the polls are active.
    """

    store: int
    polls: int
    active: float
    closings: int
    contrary: int


@dataclass(frozen=True, kw_only=True)
class _Polls:
    """Polls ordered by store and time; session: the session that each poll is evidence for, edge_us: its opening."""

    store: Int64s
    session: Int64s
    at_us: Int64s
    edge_us: Int64s
    active: Bools

    def only(self, kept: Bools) -> "_Polls":
        columns = ("store", "session", "at_us", "edge_us", "active")
        return _Polls(**{name: getattr(self, name)[kept] for name in columns})

    def mirrored(self) -> "_Polls":
        return _Polls(
            store=self.store[::-1],
            session=self.session[::-1],
            at_us=-self.at_us[::-1],
            edge_us=-self.edge_us[::-1],
            active=self.active[::-1],
        )


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """How the polls of every store fit hours: numbers of polls, int64[S] each."""

    inside: Int64s
    outside: Int64s
    active_inside: Int64s
    inactive_outside: Int64s

    @property
    def agreeing(self) -> Int64s:
        return self.active_inside + self.inactive_outside

    @property
    def is_good(self) -> Bools:
        fits_inside: Bools = 100 * self.active_inside >= FEWEST_AGREEING_PERCENT * self.inside
        return fits_inside & (100 * self.inactive_outside >= FEWEST_AGREEING_PERCENT * self.outside)


def find_wrong_edges(
    evidence: Evidence, sessions: Sessions, spans_us: Int64s, as_of_us: int, clocks: Clocks
) -> list[WrongEdge]:
    """Find stores that open or close at other times than in their hours, ordered by store.

    spans_us: int64[S,2], where to look in each store; sessions reach a day further. The openings of a store are judged
    by the time of day that its clock reads, those of times with fewer than FEWEST_DAYS together; closings too. It is

    - late_open: inactive at the first poll of a session, then active: as long as to the first active poll;
    - early_close: the same at the other end;
    - stays_open: active at the first poll after the closing, then, within BEYOND_US, inactive: as long as to the last
      of the active polls in a row;
    - opens_earlier: the same before the opening, with the time running backwards.

    An opening or closing counts where it lies in the span, for the last two with BEYOND_US on the side looked at.
    """
    store, at_us, active = _rows(evidence, spans_us, as_of_us)
    if len(store) == 0 or len(sessions.open_us) == 0:
        return []
    calendar = sessions.calendar_of[store]
    session, has_begun, inside = _places(sessions, calendar, at_us)
    following = np.minimum(session + 1, len(sessions.open_us) - 1)
    has_following = session + 1 < sessions.offsets[calendar + 1]
    from_us, to_us = spans_us[store, 0], np.minimum(spans_us[store, 1], as_of_us)

    def polls(session: Int64s, edges_us: Int64s, kept: Bools, head_us: int = 0, tail_us: int = 0) -> _Polls:
        edge_us = edges_us[session]
        every = _Polls(store=store, session=session, at_us=at_us, edge_us=edge_us, active=active)
        return every.only(kept & (edge_us >= from_us + head_us) & (edge_us <= to_us - tail_us))

    after, before = ~inside & has_begun, ~inside & has_following
    late, early = polls(session, sessions.open_us, inside), polls(session, sessions.close_us, inside)
    earlier = polls(following, sessions.open_us, before, head_us=BEYOND_US)
    later = polls(session, sessions.close_us, after, tail_us=BEYOND_US)
    found = [
        *_judge(Finding.LATE_OPEN, late, _begins_inactive, clocks, mirrored=False),
        *_judge(Finding.EARLY_CLOSE, early, _begins_inactive, clocks, mirrored=True),
        *_judge(Finding.OPENS_EARLIER, earlier, _begins_active, clocks, mirrored=True),
        *_judge(Finding.STAYS_OPEN, later, _begins_active, clocks, mirrored=False),
    ]
    return sorted(found, key=lambda each: each.store)


def find_active_outside(
    evidence: Evidence, sessions: Sessions, spans_us: Int64s, as_of_us: int
) -> tuple[list[ActiveOutside], int]:
    """Find stores that are active around the clock although their hours have closing times, ordered by store.

    Stores with at least FEWEST_POLLS outside their hours, after at least FEWEST_DAYS closings, are judged. A store is
    found if ACTIVE_OUTSIDE_PERCENT of these polls are active, and as many after each of more than MOST_DAYS of the
    closings.
    Returns the stores found, and how many were judged.
    """
    store, at_us, active = _rows(evidence, spans_us, as_of_us)
    if len(store) == 0 or len(sessions.open_us) == 0:
        return [], 0
    session, _, inside = _places(sessions, sessions.calendar_of[store], at_us)
    store, session, active = store[~inside], session[~inside], active[~inside]
    if len(store) == 0:
        return [], 0
    begins = np.append(0, np.flatnonzero((np.diff(store) != 0) | (np.diff(session) != 0)) + 1)
    polls_after, active_after = np.diff(np.append(begins, len(store))), np.add.reduceat(active.astype(np.int64), begins)
    is_contrary = 100 * active_after >= ACTIVE_OUTSIDE_PERCENT * polls_after
    count = len(spans_us)
    polls, seen = np.bincount(store, minlength=count), np.bincount(store[active], minlength=count)
    closings = np.bincount(store[begins], minlength=count)
    contrary = np.bincount(store[begins][is_contrary], minlength=count)
    judged = (polls >= FEWEST_POLLS) & (closings >= FEWEST_DAYS)
    is_wrong = judged & (100 * seen >= ACTIVE_OUTSIDE_PERCENT * polls) & (contrary > MOST_DAYS * closings)
    found = [
        ActiveOutside(
            store=number,
            polls=int(polls[number]),
            active=float(seen[number] / polls[number]),
            closings=int(closings[number]),
            contrary=int(contrary[number]),
        )
        for number in np.flatnonzero(is_wrong).tolist()
    ]
    return found, int(judged.sum())


def find_wrong_zones(evidence: Evidence, sessions: Sessions, spans_us: Int64s, as_of_us: int) -> list[WrongZone]:
    """Find stores whose polls, active when open and inactive when not, fit their hours shifted by whole hours.

    Hours are read at the beginning of every quarter of an hour. With FEWEST_POLLS inside the hours and outside, the
    shift that most polls agree with is taken, of equal ones the shortest, then the earlier. Of the polls inside it and
    of those outside FEWEST_AGREEING_PERCENT must agree, and BETTER_BY_PERCENT of all more than with the hours as given.
    """
    store, at_us, active = _rows(evidence, spans_us, as_of_us)
    if len(store) == 0:
        return []
    calendars, row_of = np.unique(sessions.calendar_of, return_inverse=True)
    margin_us = MAX_SHIFT_HOURS * HOUR_US
    base_us = int(spans_us[:, 0].min()) // _QUARTER_US * _QUARTER_US - margin_us
    is_open = _quarters(sessions, calendars, base_us, int(spans_us[:, 1].max()) + margin_us)
    row, quarter, stores = row_of[store], (at_us - base_us) // _QUARTER_US, len(spans_us)
    as_given = _fit(is_open[row, quarter], store, active, stores)
    polls = as_given.inside + as_given.outside
    has_both = np.minimum(as_given.inside, as_given.outside) >= FEWEST_POLLS
    can_be = has_both & (100 * as_given.agreeing <= (100 - BETTER_BY_PERCENT) * polls)
    which = can_be[store]
    store, row, quarter, active = store[which], row[which], quarter[which], active[which]
    shifts = sorted(
        (hours for hours in range(-MAX_SHIFT_HOURS, MAX_SHIFT_HOURS + 1) if hours), key=lambda h: (abs(h), h)
    )
    fits = [_fit(is_open[row, quarter - 4 * hours], store, active, stores) for hours in shifts]
    agreed = np.array([fit.agreeing for fit in fits])
    best = agreed.argmax(axis=0)
    most = agreed[best, np.arange(stores)]
    fits_well = np.array([fit.is_good for fit in fits])[best, np.arange(stores)]
    is_wrong = can_be & fits_well & (100 * (most - as_given.agreeing) >= BETTER_BY_PERCENT * polls)
    return [
        WrongZone(
            store=number,
            hours=shifts[best[number]],
            polls=int(polls[number]),
            agreeing=float(most[number] / polls[number]),
            agreeing_as_given=float(as_given.agreeing[number] / polls[number]),
        )
        for number in np.flatnonzero(is_wrong).tolist()
    ]


def _fit(opened: Bools, store: Int64s, active: Bools, stores: int) -> _Fit:
    return _Fit(
        inside=np.bincount(store[opened], minlength=stores),
        outside=np.bincount(store[~opened], minlength=stores),
        active_inside=np.bincount(store[opened & active], minlength=stores),
        inactive_outside=np.bincount(store[~opened & ~active], minlength=stores),
    )


def _rows(evidence: Evidence, spans_us: Int64s, as_of_us: int) -> tuple[Int64s, Int64s, Bools]:
    """Return store, instant and status of all polls in the spans, by store and time."""
    store = np.repeat(np.arange(len(spans_us)), np.diff(evidence.offsets))
    at_us = evidence.observed_us
    kept = (at_us >= spans_us[store, 0]) & (at_us < spans_us[store, 1]) & (at_us <= as_of_us)
    return store[kept], at_us[kept], evidence.active[kept] == 1


def _places(sessions: Sessions, calendar: Int64s, at_us: Int64s) -> tuple[Int64s, Bools, Bools]:
    """Return the session that began last at each instant, whether there is one, and whether the instant lies in it."""
    session = _latest_session(sessions, calendar, at_us)
    has_begun = session >= sessions.offsets[calendar]
    return session, has_begun, has_begun & (at_us < sessions.close_us[session])


def _latest_session(sessions: Sessions, calendar: Int64s, at_us: Int64s) -> Int64s:
    """Find the session of a calendar that began last before each instant; if there is none, one of another calendar."""
    used, rank = np.unique(calendar, return_inverse=True)
    counts = np.diff(sessions.offsets)[used]
    places = _spread(sessions.offsets[used], counts)
    if len(places) == 0:
        return np.full(len(at_us), -1)
    # Calendars far apart on one line: int64 holds 90,000 of them in windows of three years.
    first_us = min(int(at_us.min()), int(sessions.open_us.min()))
    apart_us = max(int(at_us.max()), int(sessions.open_us.max())) - first_us + 1
    opens = np.repeat(np.arange(len(used)), counts) * apart_us + sessions.open_us[places] - first_us
    latest = np.searchsorted(opens, rank * apart_us + at_us - first_us, side="right") - 1
    return np.where(latest >= 0, places[latest], -1)


def _spread(first: Int64s, counts: Int64s) -> Int64s:
    """Return first, first + 1, ... with counts[n] numbers for each first[n], one run after the other."""
    begins = np.cumsum(counts) - counts
    return np.repeat(first - begins, counts) + np.arange(int(counts.sum()))


def _quarters(sessions: Sessions, calendars: Int64s, base_us: int, end_us: int) -> Bools:
    """Return whether each quarter of an hour from base_us on begins in a session: bool[C,Q]."""
    count = -((base_us - end_us) // _QUARTER_US) + 1
    counts = np.diff(sessions.offsets)[calendars]
    places = _spread(sessions.offsets[calendars], counts)
    row = np.repeat(np.arange(len(calendars)), counts)
    steps = np.zeros((len(calendars), count + 1), np.int8)
    for edges_us, step in ((sessions.open_us, 1), (sessions.close_us, -1)):
        np.add.at(steps, (row, np.clip(-((base_us - edges_us[places]) // _QUARTER_US), 0, count)), step)
    return np.cumsum(steps, axis=1, dtype=np.int8) > 0


def _judge(
    finding: Finding,
    polls: _Polls,
    read: Callable[[_Polls, Int64s, Int64s], pl.DataFrame],
    clocks: Clocks,
    *,
    mirrored: bool,
) -> list[WrongEdge]:
    if mirrored:
        polls = polls.mirrored()
    if len(polls.store) == 0:
        return []
    changes = (np.diff(polls.store) != 0) | (np.diff(polls.session) != 0)
    begins = np.append(0, np.flatnonzero(changes) + 1)
    ends = np.append(begins[1:], len(polls.store))
    store, edge_us = polls.store[begins], polls.edge_us[begins] * (-1 if mirrored else 1)
    clock = pl.when(pl.len().over("store", "clock") >= FEWEST_DAYS).then("clock")
    edges = (
        read(polls, begins, ends)
        .with_columns(store=store, edge_us=edge_us, clock=clocks(store, edge_us) % DAY_US)
        .with_columns(clock)
    )
    contrary, rest = pl.col("is_contrary"), pl.col("rest").filter(pl.col("is_contrary")).sum()
    of_stores = edges.group_by("store", "clock").agg(
        "edge_us",
        contrary,
        share=contrary.mean(),
        edges=pl.len(),
        rest_fitting=pl.col("rest_fitting").filter(contrary).sum() / rest,
        by_us=pl.col("by_us").filter(contrary).quantile(0.5, "lower").cast(pl.Int64),
        bound_us=pl.col("bound_us").filter(contrary).quantile(0.5, "lower").cast(pl.Int64),
    )
    wrong = of_stores.filter(
        pl.col("edges") >= FEWEST_DAYS, pl.col("share") > MOST_DAYS, pl.col("rest_fitting") >= REST_FITTING
    ).sort("store", "clock", nulls_last=True)
    return [
        WrongEdge(
            store=row["store"],
            finding=finding,
            clock_us=row["clock"],
            edges_us=np.array(row["edge_us"], np.int64),
            is_contrary=np.array(row["is_contrary"]),
            by_us=row["by_us"],
            bound_us=row["bound_us"],
        )
        for row in wrong.iter_rows(named=True)
    ]


def _begins_inactive(polls: _Polls, begins: Int64s, ends: Int64s) -> pl.DataFrame:
    place, count = np.arange(len(polls.store)), len(polls.store)
    first_active = np.minimum.reduceat(np.where(polls.active, place, count), begins)
    at = np.minimum(first_active, count - 1)
    return pl.DataFrame(
        {
            "is_contrary": ~polls.active[begins] & (first_active < ends),
            "by_us": polls.at_us[at] - polls.edge_us[begins],
            "bound_us": polls.at_us[at - 1] - polls.edge_us[begins],
            "rest": ends - first_active,
            "rest_fitting": np.add.reduceat(polls.active.astype(np.int64), begins),
        }
    )


def _begins_active(polls: _Polls, begins: Int64s, ends: Int64s) -> pl.DataFrame:
    place, count = np.arange(len(polls.store)), len(polls.store)
    first_inactive = np.minimum.reduceat(np.where(polls.active, count, place), begins)
    last_inactive = np.maximum.reduceat(np.where(polls.active, -1, place), begins)
    inactive = np.minimum(first_inactive, count - 1)
    by_us = polls.at_us[inactive - 1] - polls.edge_us[begins]
    return pl.DataFrame(
        {
            "is_contrary": polls.active[begins] & (first_inactive < ends) & (by_us <= BEYOND_US),
            "by_us": by_us,
            "bound_us": polls.at_us[inactive] - polls.edge_us[begins],
            "rest": last_inactive - first_inactive + 1,
            "rest_fitting": np.add.reduceat((~polls.active).astype(np.int64), begins),
        }
    )
