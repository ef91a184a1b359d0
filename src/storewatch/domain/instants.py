"""Instants, durations and local dates: their units, and how they are read and written as text.

Instants are UTC. As numbers they are microseconds since 1970-01-01T00:00Z (suffix `_us`).
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from storewatch.domain.errors import InvalidInputError
from storewatch.domain.instant_notations import read_instant
from storewatch.domain.texts import clean_id

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US
DAY_SECONDS: Final = 86_400
WEEK_SECONDS: Final = 7 * DAY_SECONDS
END_OF_DAY_FROM_S: Final = 23 * 3600 + 59 * 60  # an end of 23:59:00 or later means 24:00 (SEMANTICS 2)

# Dates and instants that users write lie in these years.
FIRST_YEAR: Final = 1970
END_YEAR: Final = 9000
EARLIEST: Final = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(END_YEAR, 1, 1, tzinfo=UTC)

_MICROSECOND: Final = timedelta(microseconds=1)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DURATION: Final = re.compile(r"([0-9]{1,9})\s*(s|m|min|h|d|w)", re.IGNORECASE | re.ASCII)
_UNITS: Final = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def instant_us(instant: datetime) -> int:
    """Return an aware datetime as microseconds since 1970, exactly."""
    return (instant - EARLIEST) // _MICROSECOND


def instant_of(microseconds: int) -> datetime:
    """Return microseconds since 1970 as a datetime in UTC, exactly."""
    return EARLIEST + microseconds * _MICROSECOND


def parse_instant(text: str) -> datetime:
    """Read an instant in any notation that files may have, or a date or basic format of ISO 8601.

    No zone means UTC. Numbers since 1970 have 10 digits in seconds, 13 in milliseconds, 16 in microseconds, 19 in
    nanoseconds. Raises InvalidInputError.
    """
    cleaned = clean_id(text)
    try:
        instant = read_instant(cleaned) or datetime.fromisoformat(cleaned.removesuffix("UTC").strip())
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInputError(
            f"{text!r} is not an instant; write it as 2023-01-25T18:13:22Z, with an offset or in UTC, as in mail "
            "(25 Jan 2023 18:13:22 GMT), or as a number of 10, 13, 16 or 19 digits since 1970."
        ) from None


def format_instant(instant: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, with microseconds only where there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def format_optional_instant(instant: datetime | None) -> str | None:
    """Write an instant as RFC 3339 in UTC; None stays None."""
    return None if instant is None else format_instant(instant)


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `90m`, `3h`, `7d` (s, m, h, d, w). Raises InvalidInputError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise InvalidInputError(f"{text!r} is not a duration; write a number and a unit, such as 90m, 3h or 7d.")
    try:
        return timedelta(seconds=int(match[1]) * _UNIT_SECONDS[match[2].lower()])
    except OverflowError:
        raise InvalidInputError(f"{text!r} is longer than any report; write something such as 3h or 7d.") from None


def parse_duration_us(text: str) -> int:
    """Read a duration such as `90m` as microseconds. Raises InvalidInputError."""
    return parse_duration(text) // _MICROSECOND


def format_duration(duration_us: int) -> str:
    """Write a duration of whole seconds, in microseconds, with the largest unit that needs no fraction: 90m, 3h, 7d."""
    seconds = duration_us // SECOND_US
    unit, length = next((unit, length) for unit, length in _UNITS if seconds % length == 0)
    return f"{seconds // length}{unit}"


def parse_local_date(text: str) -> date:
    """Read a local date such as 2026-12-24, from 1970 to 8999. Raises InvalidInputError."""
    try:
        found = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None or not FIRST_YEAR <= found.year < END_YEAR:
        raise InvalidInputError(f"{text[:20]!r} is not a date: write a day from 1970 to 8999, e.g. 2026-12-24")
    return found
