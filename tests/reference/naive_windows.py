"""The naive twin's windows: computed from a calendar and the store's clock, day by day.

A local time is a datetime without a zone; a span is a pair of microseconds, half open.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from reference import naive

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Span = tuple[int, int]
ROLLING = {
    "last_hour": HOUR,
    "last_day": DAY,
    "rolling_7_days": 7 * DAY,
    "rolling_30_days": 30 * DAY,
    "rolling_90_days": 90 * DAY,
}


def us(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def instant_us(zone: str, local: datetime) -> int:
    """Rule 5."""
    return naive.first_instant(zone, us(local - EPOCH.replace(tzinfo=None)))


def clock(zone: str, at_us: int) -> datetime:
    return EPOCH.replace(tzinfo=None) + timedelta(microseconds=naive.clock_us(zone, at_us))


def midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def rolling(name: str, as_of_us: int) -> tuple[Span, Span]:
    length_us = us(ROLLING[name])
    return (as_of_us - length_us, as_of_us), (as_of_us - 2 * length_us, as_of_us - length_us)


def calendar(name: str, zone: str, as_of_us: int) -> tuple[Span, Span]:
    """A preset on the calendar, and the period before it."""
    now = clock(zone, as_of_us)
    today = now.date()
    if name.startswith("this_") or name == "today":
        first = today if name == "today" else BEGINS[name.removeprefix("this_")](today)
        span = instant_us(zone, midnight(first)), as_of_us
        before = earlier(name, midnight(first)), earlier(name, now)
    else:
        kind = name.removeprefix("last_")
        if kind in BEGINS:
            end = BEGINS[kind](today)
            first = BEGINS[kind](end - DAY)
        else:
            first = end = today
            for _ in range(1 if name == "yesterday" else int(kind.split("_")[0])):
                first -= DAY
        span = instant_us(zone, midnight(first)), instant_us(zone, midnight(end))
        before = earlier(name, midnight(first), end - first), midnight(first)
    return span, (instant_us(zone, before[0]), instant_us(zone, before[1]))


def earlier(name: str, local: datetime, length: timedelta = DAY) -> datetime:
    """The same moment one period before; of a month that is too short its end."""
    months = {"month": 1, "quarter": 3, "year": 12}.get(name.rsplit("_", maxsplit=1)[-1])
    if months is None:
        return local - (7 * DAY if name.endswith("week") else length)
    first = month_of(local.date())
    for _ in range(months):
        after, first = first, month_of(first - DAY)
    try:
        return datetime.combine(first.replace(day=local.day), local.time())
    except ValueError:  # there is no 30th of February
        return midnight(after)


def dates(first: date, end: date, zone: str) -> tuple[Span, Span]:
    """From a local date to another, and as many days before."""
    begin_us = instant_us(zone, midnight(first))
    return (begin_us, instant_us(zone, midnight(end))), (instant_us(zone, midnight(first - (end - first))), begin_us)


def week_of(day: date) -> date:
    while day.weekday() != 0:
        day -= DAY
    return day


def month_of(day: date) -> date:
    while day.day != 1:
        day -= DAY
    return day


def quarter_of(day: date) -> date:
    while (day.month, day.day) not in ((1, 1), (4, 1), (7, 1), (10, 1)):
        day -= DAY
    return day


def year_of(day: date) -> date:
    while (day.month, day.day) != (1, 1):
        day -= DAY
    return day


BEGINS = {"week": week_of, "month": month_of, "quarter": quarter_of, "year": year_of}


def begins(by: str, first: date, last: date) -> Iterable[datetime]:
    """What the clock reads where each local hour, day, week or month begins, from one that began before `first`."""
    day = first - 31 * DAY
    while day <= last + DAY:
        if by == "hour":
            yield from (midnight(day) + n * HOUR for n in range(24))
        elif by == "day" or (by == "week" and day.weekday() == 0) or (by == "month" and day.day == 1):
            yield midnight(day)
        day += DAY


def buckets(by: str, zone: str, span: Span) -> list[tuple[datetime, Span]]:
    """The local hours, days, weeks or months that share time with a span: what the clock reads there, and that time."""
    starts = list(begins(by, clock(zone, span[0]).date(), clock(zone, span[1]).date() + 31 * DAY))
    edges = [(instant_us(zone, start), start) for start in starts]
    cut = [(start, (max(a, span[0]), min(b, span[1]))) for (a, start), (b, _) in pairwise(edges)]
    return [(start, (a, b)) for start, (a, b) in cut if a < b]
