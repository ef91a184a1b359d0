"""The names of windows as people say them: Last week; Week 3 of 2023, 16-22 January 2023; Quarter 2 of 2026."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from storewatch.domain.clock_words import MONTHS
from storewatch.domain.instants import DAY_US, parse_instant
from storewatch.reports.request.window_names import PRESETS, ROLLING_US, is_local_date, read_period

_DASH: Final = "\N{EN DASH}"
# A rolling window by its days of 24 hours.
_ROLLING: Final = {0: "Last hour", 1: "Last 24 hours"}
_WEEK: Final = re.compile(r"(?P<year>[0-9]{4})-W(?P<week>[0-9]{2})")
_QUARTER: Final = re.compile(r"(?P<year>[0-9]{4})-Q(?P<quarter>[0-9])")


def spoken(window: str) -> str:
    """Return the name of a window in words. A calendar window and a rolling one have different words."""
    if window in ROLLING_US:
        days = ROLLING_US[window] // DAY_US
        return _ROLLING.get(days, f"Last {days} \N{MULTIPLICATION SIGN} 24 hours")
    if window in PRESETS:
        return window.replace("_", " ").capitalize()
    if (week := _WEEK.fullmatch(window)) is not None:
        return f"Week {int(week['week'])} of {week['year']}, {_period(window)}"
    if (quarter := _QUARTER.fullmatch(window)) is not None:
        return f"Quarter {quarter['quarter']} of {quarter['year']}"
    return _period(window) or _interval(window)


def _period(window: str) -> str | None:
    """Return a year, month, week or day as the year, the month and year, or dates. None for other windows."""
    period = read_period(window)
    if period is None:
        return None
    if len(window) == len("2023"):
        return window
    if len(window) == len("2023-01"):
        return f"{MONTHS[period.first.month - 1]} {period.first.year}"
    return dates(period.first, period.end - timedelta(days=1))


def _interval(window: str) -> str:
    begin, _, end = window.partition("/")
    if is_local_date(begin) and is_local_date(end):
        return dates(date.fromisoformat(begin), date.fromisoformat(end) - timedelta(days=1))
    if is_local_date(begin) or is_local_date(end):
        return window.replace("/", " to ")
    return f"{_instant(parse_instant(begin))} to {_instant(parse_instant(end))} UTC"


def _instant(at: datetime) -> str:
    utc = at.astimezone(UTC)
    seconds = f":{utc:%S}" if utc.second else ""
    return f"{_day(utc)}, {utc:%H:%M}{seconds}"


def dates(first: date, last: date) -> str:
    """Return a stretch of whole days, both ends included, without repeating a month or year."""
    if first == last:
        return _day(last)
    if first.year != last.year:
        return f"{_day(first)} {_DASH} {_day(last)}"
    if first.month != last.month:
        return f"{first.day} {MONTHS[first.month - 1]} {_DASH} {_day(last)}"
    return f"{first.day}{_DASH}{_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
