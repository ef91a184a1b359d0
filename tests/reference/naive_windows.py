"""The naive twin's windows: what a calendar on the wall and the store's clock say, counted day by day.

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
    "last_week": 7 * DAY,
    "last_7_days": 7 * DAY,
    "last_30_days": 30 * DAY,
    "last_90_days": 90 * DAY,
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
        first = {"today": today, "this_week": week_of(today), "this_month": month_of(today)}[name]
        span = instant_us(zone, midnight(first)), as_of_us
        before = earlier(name, midnight(first)), earlier(name, now)
    else:
        end = {"last_week": week_of(today), "last_month": month_of(today)}.get(name, today)
        first = end
        if name == "last_month":
            first = month_of(end - DAY)
        else:
            days = {"yesterday": 1, "last_week": 7}.get(name) or int(name.split("_")[1])
            for _ in range(days):
                first -= DAY
        span = instant_us(zone, midnight(first)), instant_us(zone, midnight(end))
        before = earlier(name, midnight(first), end - first), midnight(first)
    return span, (instant_us(zone, before[0]), instant_us(zone, before[1]))


def earlier(name: str, local: datetime, length: timedelta = DAY) -> datetime:
    """The same moment one period before; of a month that is too short its end."""
    if not name.endswith("month"):
        return local - (7 * DAY if name.endswith("week") else length)
    first = month_of(month_of(local.date()) - DAY)
    day = local.date().day
    try:
        return datetime.combine(first.replace(day=day), local.time())
    except ValueError:  # there is no 30th of February
        return midnight(month_of(local.date()))


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
