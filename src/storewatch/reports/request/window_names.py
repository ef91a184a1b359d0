"""The names of windows, and how a period or an interval is written; `windows` turns them into instants."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.instants import DAY_US, HOUR_US, parse_instant

# The windows of the classic report (SEMANTICS 15).
CLASSIC_WINDOWS: Final = ("last_hour", "last_day", "rolling_7_days")
# How far a rolling window reaches back from as_of.
ROLLING_US: Final = {
    "last_hour": HOUR_US,
    "last_day": DAY_US,
    "rolling_7_days": 7 * DAY_US,
    "rolling_30_days": 30 * DAY_US,
    "rolling_90_days": 90 * DAY_US,
}
# The rolling window that the parameter `rolling` makes of a calendar window.
ROLLING_FORM: Final = {
    "last_week": "rolling_7_days",
    "last_7_days": "rolling_7_days",
    "last_30_days": "rolling_30_days",
    "last_90_days": "rolling_90_days",
}
# The windows that end or begin at a local midnight.
CALENDAR: Final = (
    *("today", "yesterday", "this_week", "last_week", "this_month", "last_month"),
    *("this_quarter", "last_quarter", "this_year", "last_year"),
    *("last_7_days", "last_30_days", "last_90_days"),
)
PRESETS: Final = (*ROLLING_US, *CALENDAR)

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9000

# How the description of a parameter names the other windows.
OTHERS: Final = (
    "a local year, quarter, month, week or day (2023, 2023-Q1, 2023-01, 2023-W04, 2023-01-23), or an interval of local "
    "dates (2023-01-01/2023-02-01) or instants (2023-01-01T00:00Z/2023-01-02T00:00Z)"
)

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PERIOD: Final = re.compile(
    r"(?P<year>[0-9]{4})(-(Q(?P<quarter>[0-9])|W(?P<week>[0-9]{2})|(?P<month>[0-9]{2})(-(?P<day>[0-9]{2}))?))?"
)


@dataclass(frozen=True, kw_only=True)
class Period:
    """A year, quarter, month, week or day of the calendar: the local dates first <= date < end.

    before: the first date of the period before it.
    """

    first: date
    end: date
    before: date


def read_period(text: str) -> Period | None:
    """Return the period that is written like 2023, 2023-Q1, 2023-01, 2023-W04 or 2023-01-23; None for other texts.

    Raises InvalidParameterError when the calendar has no such period, or windows may not lie there.
    """
    written = _PERIOD.fullmatch(text)
    if written is None:
        return None
    year, quarter, week, month, day = (
        None if part is None else int(part) for part in written.group("year", "quarter", "week", "month", "day")
    )
    assert year is not None  # noqa: S101 - every form has one
    check_year(year)
    try:
        if week is not None:
            return _days(date.fromisocalendar(year, week, 1), 7)
        if day is not None and month is not None:
            return _days(date(year, month, day), 1)
        if quarter is not None:
            return _months(date(year, 3 * quarter - 2, 1), 3)
        return _months(date(year, 1 if month is None else month, 1), 12 if month is None else 1)
    except ValueError:
        raise InvalidParameterError("windows", f"The calendar has no {text!r}.") from None


def _days(first: date, count: int) -> Period:
    length = timedelta(days=count)
    return Period(first=first, end=first + length, before=first - length)


def _months(first: date, count: int) -> Period:
    return Period(first=first, end=months_later(first, count), before=months_later(first, -count))


def months_later(first: date, count: int) -> date:
    """Return the first of a month so many months after (before, if negative) the first of another."""
    months = 12 * first.year + first.month - 1 + count
    return first.replace(year=months // 12, month=months % 12 + 1)


def check_year(year: int) -> None:
    """Raise InvalidParameterError for a year in which no window may begin or end."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise InvalidParameterError("windows", f"Windows must lie between the years {FIRST_YEAR} and {LAST_YEAR}.")


def is_local_date(text: str) -> bool:
    """Return whether the end of an interval is written as a local date and not as an instant."""
    return _DATE.fullmatch(text) is not None


def rolling_form(window: str) -> str:
    """Return the rolling window in place of a calendar window. Other windows stay as they are.

    Raises InvalidParameterError for a calendar window that has no rolling form.
    """
    if window in CALENDAR and window not in ROLLING_FORM:
        raise InvalidParameterError("rolling", f"{window} has no rolling form; leave rolling out.")
    return ROLLING_FORM.get(window, window)


def check_window(text: str) -> None:
    """Raise InvalidParameterError for a text that is neither a preset nor a period nor an interval."""
    if text in PRESETS or read_period(text) is not None:
        return
    begin, slash, end = text.partition("/")
    if not slash:
        raise InvalidParameterError(
            "windows",
            f"There is no window {text!r}; use one of {', '.join(PRESETS)}, {OTHERS}.",
        )
    for part in (begin, end):
        try:
            date.fromisoformat(part) if is_local_date(part) else parse_instant(part)
        except (ValueError, InvalidInputError):
            raise InvalidParameterError(
                "windows",
                f"{part!r} in the window {text!r} is neither a date nor an instant; "
                "write a name such as last_week, or an interval such as 2023-01-01/2023-02-01.",
            ) from None
