"""The notations of instants: for columns of files as patterns of Polars, for single texts read here.

A test compares the two.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

# Digits are written [0-9]: \d would match those of every script.
# ISO 8601, also with the zone that Java adds in brackets, or as Go and Ruby print it: an offset, then the zone's name.
ISO_INSTANT: Final = (
    r"(?i)^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{1,2}:[0-9]{2})(?::([0-5][0-9])(?:[.,]([0-9]+))?)?"
    r" ?(?:(?:Z|UTC|GMT|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)(?:\[[A-Z0-9_/+-]+\])?"
    r"|([+-])([01][0-9]|2[0-3])([0-5][0-9]) [A-Z]{3,5}(?: m=[+-][0-9.]+)?)?$"
)
# RFC 5322, 3.3 (mail and HTTP).
MAIL_INSTANT: Final = (
    r"(?i)^(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun), ?)?([0-9]{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    r"([0-9]{4}) ([0-9]{2}:[0-9]{2})(?::([0-5][0-9]))? (?:GMT|UTC|UT|Z|([+-])([01][0-9]|2[0-3])([0-5][0-9]))"
    r"(?: \([A-Z]{1,5}\))?$"
)
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Whole seconds of 2001 to 2286 have ten digits, milliseconds thirteen, and so on.
EPOCH: Final = r"^([0-9]{10}(?:[0-9]{3}){0,3})(?:\.([0-9]{1,12}))?$"


def read_instant(text: str) -> datetime | None:
    """Read an instant in a notation that files may have; None for any other text. Raises ValueError, OverflowError."""
    if found := re.fullmatch(ISO_INSTANT, text, re.ASCII):
        date, clock, second, decimals, *zone = found.groups()
        offset = zone[:3] if zone[0] else zone[3:]
        return _at_offset([int(part) for part in date.split("-")], (clock, second, decimals), offset)
    if found := re.fullmatch(MAIL_INSTANT, text, re.ASCII):
        weekday, day, month, year, clock, second, *offset = found.groups()
        date = (int(year), MONTHS.index(month.lower()) + 1, int(day))
        # A weekday that is not the date's shows that one of the two is wrong.
        if weekday is not None and DAYS.index(weekday.lower()) != datetime(*date, tzinfo=UTC).weekday():
            return None
        return _at_offset(date, (clock, second, None), offset)
    if found := re.fullmatch(EPOCH, text, re.ASCII):
        # Seconds, then six digits of microseconds, whatever the unit was.
        digits = (found[1] + (found[2] or "")).ljust(16, "0")[:16]
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(digits))
    return None


def _at_offset(
    date: Sequence[int], clock: tuple[str, str | None, str | None], offset: Sequence[str | None]
) -> datetime:
    """clock: hours with minutes, seconds, decimals. offset: sign, hours, minutes; None is UTC."""
    (hour, minute), (_, second, decimals), (sign, hours, minutes) = clock[0].split(":"), clock, offset
    year, month, day = date
    micros = int((decimals or "")[:6].ljust(6, "0"))
    local = datetime(year, month, day, int(hour), int(minute), int(second or 0), micros, tzinfo=UTC)
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return local + ahead if sign == "-" else local - ahead
