"""The names of windows, and how an interval is written; `windows` turns them into instants."""

import re
from datetime import date
from typing import Final

from storewatch.domain.errors import InvalidInputError, InvalidParameterError
from storewatch.domain.instants import DAY_US, HOUR_US, parse_instant

# The windows of the classic report (SEMANTICS 15).
CLASSIC_WINDOWS: Final = ("last_hour", "last_day", "last_week")
# How far a rolling window reaches back from as_of; the first two have no calendar form.
ROLLING_US: Final = {
    "last_hour": HOUR_US,
    "last_day": DAY_US,
    "last_week": 7 * DAY_US,
    "last_7_days": 7 * DAY_US,
    "last_30_days": 30 * DAY_US,
    "last_90_days": 90 * DAY_US,
}
ALWAYS_ROLLING: Final = ("last_hour", "last_day")
# The windows that end or begin at a local midnight.
CALENDAR: Final = (
    *("today", "yesterday", "this_week", "last_week", "this_month", "last_month"),
    *("last_7_days", "last_30_days", "last_90_days"),
)
PRESETS: Final = tuple(dict.fromkeys([*ROLLING_US, *CALENDAR]))

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def is_local_date(text: str) -> bool:
    """Return whether the end of an interval is written as a local date and not as an instant."""
    return _DATE.fullmatch(text) is not None


def check_window(text: str) -> None:
    """Raise InvalidParameterError for a text that is neither a preset nor an interval."""
    if text in PRESETS:
        return
    begin, slash, end = text.partition("/")
    if not slash:
        raise InvalidParameterError(
            "windows",
            f"There is no window {text!r}; use one of {', '.join(PRESETS)}, or an interval such as "
            "2023-01-01/2023-02-01 (local dates) or 2023-01-01T00:00Z/2023-01-02T00:00Z (instants).",
        )
    for part in (begin, end):
        try:
            date.fromisoformat(part) if is_local_date(part) else parse_instant(part)
        except (ValueError, InvalidInputError):
            raise InvalidParameterError(
                "windows", f"{part!r} in the window {text!r} is neither a date nor an instant."
            ) from None
