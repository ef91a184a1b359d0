"""Write weekdays, times of day and durations in words, for texts that people read."""

from typing import Final

from storewatch.domain.instants import DAY_SECONDS, SECOND_US

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
WEEKDAYS_SHORT: Final = tuple(name[:3] for name in WEEKDAYS)

_UNITS: Final = (("h", 3_600), ("min", 60), ("s", 1))


def clock_text(second: int) -> str:
    """Write a second of the local day, 0 to 86,400, as HH:MM:SS."""
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def clock_words(second: int) -> str:
    """Write a time of day as HH:MM; a second before 0 is on the day before, one after 86,400 on the next day."""
    beside = " the day before" if second < 0 else " the next day" if second > DAY_SECONDS else ""
    second = second if second == DAY_SECONDS else second % DAY_SECONDS
    return f"{second // 3600:02}:{second // 60 % 60:02}{beside}"


def duration_words(duration_us: int) -> str:
    """Write a duration in its two largest units, cut after them, such as `2 h 35 min`.

    Hours are the largest unit, because a day of business time is seldom 24 hours.
    """
    rest = duration_us // SECOND_US
    parts: list[tuple[int, str]] = []
    for unit, seconds in _UNITS:
        count, rest = divmod(rest, seconds)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count:,} {unit}" for count, unit in parts[:2] if count) or "0 s"
