"""The naive twin of SEMANTICS.md: every rule read literally, in pure Python, as slow as it likes.

It never imports storewatch. Instants are integer microseconds since 1970-01-01T00:00Z; a reading of a local clock is an
integer too, the microseconds that this clock shows since its own 1970-01-01 00:00. Spans are half open.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from importlib import resources
from itertools import pairwise
from zoneinfo import ZoneInfo

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US
DAY_SECONDS = 86_400
WEEK_SECONDS = 7 * DAY_SECONDS
EPOCH = date(1970, 1, 1)

STATUSES = ("down", "up", "unknown", "planned")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of weekly hours as it was read: day 0 = Monday, seconds of the local day, `end_s` up to 86,400."""

    day: int
    start_s: int
    end_s: int


@dataclass(frozen=True, kw_only=True)
class Observation:
    observed_us: int
    active: bool
    loaded_us: int


@dataclass(frozen=True, kw_only=True)
class Version:
    """Weekly hours that hold from a local date on; no row: open 24x7."""

    valid_from: date
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Special:
    """One row of special hours as it was read; without times the store is closed on that date."""

    day: date
    start_s: int | None = None
    end_s: int | None = None


@dataclass(frozen=True, kw_only=True)
class Store:
    rows: tuple[Row, ...]
    timezone: str
    observations: tuple[Observation, ...]
    versions: tuple[Version, ...] = ()
    special: tuple[Special, ...] = ()
    closures: tuple[tuple[int, int], ...] = ()
    opened_on: date | None = None
    closed_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class Span:
    start_us: int
    end_us: int
    status: str


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Rules 12 and 19; None where the denominator is zero."""

    availability: Fraction | None
    coverage: Fraction | None
    least: Fraction | None
    most: Fraction | None


def local_stretch(start_s: int, end_s: int) -> tuple[int, int]:
    """Rule 2: the seconds a row opens, counted from the midnight its day begins with; beyond 86,400 is the next day."""
    if start_s == end_s == 0:
        return 0, DAY_SECONDS
    if end_s >= DAY_SECONDS - 60:
        return start_s, DAY_SECONDS
    if end_s < start_s:
        return start_s, end_s + DAY_SECONDS
    if end_s > start_s:
        return start_s, end_s
    raise ValueError(start_s)


def weekly_intervals(rows: Iterable[Row]) -> list[tuple[int, int]]:
    """The open stretches of the local week, by painting its seconds one row after the other."""
    painted = bytearray(WEEK_SECONDS + DAY_SECONDS)
    for row in rows:
        start_s, end_s = (row.day * DAY_SECONDS + second for second in local_stretch(row.start_s, row.end_s))
        painted[start_s:end_s] = b"\1" * (end_s - start_s)
    into_monday, week = painted[WEEK_SECONDS:], painted[:WEEK_SECONDS]
    week[:DAY_SECONDS] = bytes(a | b for a, b in zip(week[:DAY_SECONDS], into_monday, strict=True))
    found = []
    start_s = week.find(1)
    while start_s >= 0:
        end_s = week.find(0, start_s)
        end_s = end_s if end_s >= 0 else WEEK_SECONDS
        found.append((start_s, end_s))
        start_s = week.find(1, end_s)
    return found


@cache
def zone_of(name: str) -> ZoneInfo:
    """The zone as the tzdata wheel has it, whatever the system has."""
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@cache
def offset_s(timezone: str, instant_s: int) -> int:
    offset = datetime.fromtimestamp(instant_s, UTC).astimezone(zone_of(timezone)).utcoffset()
    assert offset is not None
    return offset // timedelta(seconds=1)


def clock_us(timezone: str, instant_us: int) -> int:
    """Return what the local clock reads at an instant."""
    return instant_us + offset_s(timezone, instant_us // SECOND_US) * SECOND_US


@cache
def jumps(timezone: str, utc_day: int) -> tuple[int, ...]:
    """The seconds of a UTC day (days since 1970) at which the local clock jumps: look every hour, then every second."""
    hours = range(utc_day * DAY_SECONDS, (utc_day + 1) * DAY_SECONDS, 3_600)
    return tuple(
        second
        for hour in hours
        if offset_s(timezone, hour) != offset_s(timezone, hour + 3_600)
        for second in range(hour + 1, hour + 3_601)
        if offset_s(timezone, second) != offset_s(timezone, second - 1)
    )


@cache
def first_instant(timezone: str, reading_us: int) -> int:
    """Rule 5: the first instant at which the local clock reads `reading_us` or later.

    A clock reaches a reading either by running (the reading less an offset in use around then) or by jumping.
    """
    day = reading_us // DAY_US
    jumps_us = [second * SECOND_US for near in range(day - 3, day + 4) for second in jumps(timezone, near)]
    samples_us = [(day - 3) * DAY_US, *jumps_us]
    runs_us = [reading_us - offset_s(timezone, sample // SECOND_US) * SECOND_US for sample in samples_us]
    return min(instant for instant in (*jumps_us, *runs_us) if clock_us(timezone, instant) >= reading_us)


def midnight_us(day: date) -> int:
    """The reading of a local clock at the midnight that begins `day`."""
    return (day - EPOCH).days * DAY_US


def days_from(first: date, count: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


def local_edges(timezone: str, first: date, days: int, hours_each: int) -> list[int]:
    """The instants that cut `days` local days from `first` into pieces of `hours_each` local hours (24: the days)."""
    readings = range(midnight_us(first), midnight_us(first) + days * DAY_US + 1, hours_each * HOUR_US)
    return [first_instant(timezone, reading) for reading in readings]


def calendar_edges(timezone: str, first: date, last: date, begins: Callable[[date], bool]) -> list[int]:
    """The instants that cut the time line at the days that begin something, around the days from `first` to `last`."""
    days = [day for day in days_from(first - timedelta(days=31), (last - first).days + 63) if begins(day)]
    from_day, to_day = max(day for day in days if day <= first), min(day for day in days if day > last)
    return [first_instant(timezone, midnight_us(day)) for day in days if from_day <= day <= to_day]


def weekly_seconds(rows: tuple[Row, ...], weekday: int) -> list[tuple[int, int]]:
    """What weekly hours open on a day of the week: its own rows up to midnight and what runs over from the day before.

    No row at all: the whole day.
    """
    if not rows:
        return [(0, DAY_SECONDS)]
    own = [local_stretch(row.start_s, row.end_s) for row in rows if row.day == weekday]
    before = [local_stretch(row.start_s, row.end_s) for row in rows if row.day == (weekday - 1) % 7]
    stretches = [(start_s, min(end_s, DAY_SECONDS)) for start_s, end_s in own]
    return stretches + [(0, end_s - DAY_SECONDS) for _, end_s in before if end_s > DAY_SECONDS]


def open_seconds(
    day: date, rows: tuple[Row, ...], versions: tuple[Version, ...], special: tuple[Special, ...]
) -> list[tuple[int, int]]:
    """Rules 17 and 18: the hours of one local date, in seconds from its midnight."""
    overriding = [each for each in special if each.day == day]
    if overriding:
        return [
            local_stretch(each.start_s, each.end_s)
            for each in overriding
            if each.start_s is not None and each.end_s is not None
        ]
    started = [version for version in versions if version.valid_from <= day]
    held = max(started, key=lambda version: version.valid_from).rows if started else rows
    return weekly_seconds(held, day.weekday())


@cache
def sessions(
    rows: tuple[Row, ...],
    timezone: str,
    from_us: int,
    to_us: int,
    versions: tuple[Version, ...] = (),
    special: tuple[Special, ...] = (),
) -> list[tuple[int, int]]:
    """Rule 6: the maximal open stretches around `[from, to)`; the first and the last may be cut days outside of it."""
    first = EPOCH + timedelta(days=from_us // DAY_US - 4)
    last = EPOCH + timedelta(days=to_us // DAY_US + 4)
    stretches = []
    for day in days_from(first, (last - first).days):
        for start_s, end_s in open_seconds(day, rows, versions, special):
            start_us = first_instant(timezone, midnight_us(day) + start_s * SECOND_US)
            end_us = first_instant(timezone, midnight_us(day) + end_s * SECOND_US)
            if start_us < end_us:
                stretches.append((start_us, end_us))
    return joined(stretches)


def in_business(store: Store, stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The life of a store: nothing before the midnight of opened_on, nothing from the midnight of closed_on on."""
    opened, closed = (
        None if day is None else first_instant(store.timezone, midnight_us(day))
        for day in (store.opened_on, store.closed_on)
    )
    found = []
    for start_us, end_us in stretches:
        open_us = start_us if opened is None else max(start_us, opened)
        close_us = end_us if closed is None else min(end_us, closed)
        if open_us < close_us:
            found.append((open_us, close_us))
    return found


def joined(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start_us, end_us in sorted(stretches):
        if merged and start_us <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_us))
        else:
            merged.append((start_us, end_us))
    return merged


def hours(
    store: Store, from_us: int, to_us: int, closures: str = "honour"
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Rule 19: the sessions of a store around `[from, to)` without what closures cover, and the planned stretches."""
    without = in_business(store, sessions(store.rows, store.timezone, from_us, to_us, store.versions, store.special))
    if closures == "ignore":
        return without, []
    edges = {edge for start_us, end_us in store.closures if start_us < end_us for edge in (start_us, end_us)}
    kept, planned = [], []
    for open_us, close_us in without:
        cuts = sorted({open_us, close_us} | {edge for edge in edges if open_us < edge < close_us})
        for a, b in pairwise(cuts):
            is_closed = any(start_us <= a < end_us for start_us, end_us in store.closures)
            (planned if is_closed else kept).append((a, b))
    return joined(kept), joined(planned) if closures == "honour" else []


def deduplicated(observations: Iterable[Observation]) -> list[Observation]:
    """Rule 1: of the observations of one instant the one loaded last; of those loaded at once the last in the list."""
    kept: dict[int, Observation] = {}
    for seen in observations:
        if seen.observed_us not in kept or seen.loaded_us >= kept[seen.observed_us].loaded_us:
            kept[seen.observed_us] = seen
    return [kept[instant] for instant in sorted(kept)]


def session_at(open_sessions: Sequence[tuple[int, int]], instant_us: int) -> tuple[int, int] | None:
    return next(((start, end) for start, end in open_sessions if start <= instant_us < end), None)


def evidence_of(store: Store, open_sessions: Sequence[tuple[int, int]], as_of_us: int) -> list[Observation]:
    """Rule 8."""
    return [
        seen
        for seen in deduplicated(store.observations)
        if seen.observed_us <= as_of_us and session_at(open_sessions, seen.observed_us) is not None
    ]


def status_at(
    instant_us: int, evidence: Sequence[Observation], open_sessions: Sequence[tuple[int, int]], max_gap_us: int
) -> str:
    """Rule 9 at an open instant, word for word."""
    session = session_at(open_sessions, instant_us)
    assert session is not None
    same = [seen for seen in evidence if session[0] <= seen.observed_us < session[1]]
    for candidates in (same, evidence):
        latest = max(
            (seen for seen in candidates if seen.observed_us <= instant_us), key=lambda e: e.observed_us, default=None
        )
        if latest and instant_us - latest.observed_us < max_gap_us:
            return "up" if latest.active else "down"
        earliest = min(
            (seen for seen in candidates if seen.observed_us > instant_us), key=lambda e: e.observed_us, default=None
        )
        if earliest and earliest.observed_us - instant_us <= max_gap_us:
            return "up" if earliest.active else "down"
    return "unknown"


def spans(
    store: Store, from_us: int, to_us: int, *, as_of_us: int, max_gap_us: int, closures: str = "honour"
) -> list[Span]:
    """The maximal stretches of one status inside one session and the planned ones, clipped to `[from, to)`.

    The time line is cut wherever an answer can change, and the status is determined at the start of every piece.
    """
    instants = [from_us, to_us, *(seen.observed_us for seen in store.observations)]
    open_sessions, planned = hours(store, min(instants), max(instants), closures)
    evidence = evidence_of(store, open_sessions, as_of_us)
    changes = {seen.observed_us + gap for seen in evidence for gap in (-max_gap_us, 0, max_gap_us)}
    found = [
        Span(start_us=max(start_us, from_us), end_us=min(end_us, to_us), status="planned")
        for start_us, end_us in planned
        if max(start_us, from_us) < min(end_us, to_us)
    ]
    for open_us, close_us in open_sessions:
        start_us, end_us = max(open_us, from_us), min(close_us, to_us)
        if start_us >= end_us:
            continue
        cuts = sorted({start_us, end_us} | {cut for cut in changes if start_us < cut < end_us})
        stretch: list[Span] = []
        for a, b in pairwise(cuts):
            status = status_at(a, evidence, open_sessions, max_gap_us)
            if stretch and stretch[-1].status == status:
                stretch[-1] = Span(start_us=stretch[-1].start_us, end_us=b, status=status)
            else:
                stretch.append(Span(start_us=a, end_us=b, status=status))
        found += stretch
    return sorted(found, key=lambda span: span.start_us)


def totals(
    store: Store, from_us: int, to_us: int, *, as_of_us: int, max_gap_us: int, closures: str = "honour"
) -> dict[str, int]:
    """Rules 11 and 19: microseconds of business time by status."""
    sums = dict.fromkeys(STATUSES, 0)
    for span in spans(store, from_us, to_us, as_of_us=as_of_us, max_gap_us=max_gap_us, closures=closures):
        sums[span.status] += span.end_us - span.start_us
    return sums


def figures(sums: Sequence[dict[str, int]]) -> Figures:
    """Rules 12, 13 and 19: of one store's totals, or of many stores' as the ratio of their sums."""
    down, up, unknown = (sum(each[status] for each in sums) for status in ("down", "up", "unknown"))
    wanted = down + up + unknown

    def ratio(part: int, whole: int) -> Fraction | None:
        return Fraction(part, whole) if whole else None

    return Figures(
        availability=ratio(up, up + down),
        coverage=ratio(up + down, wanted),
        least=ratio(up, wanted),
        most=ratio(up + unknown, wanted),
    )
