"""Convert local time to instants and back, by the IANA zones of the tzdata wheel (SEMANTICS 5).

A zone is a list of periods with one UTC offset each. Where the clock is set forward, it never shows the local times in
between; where it is set back, it shows them twice. One rule covers both: a local time becomes the first instant at
which the clock reads that time or later.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from storewatch.domain.columns import Int64s
from storewatch.domain.enums import Breakdown
from storewatch.domain.instants import DAY_SECONDS, DAY_US, HOUR_US, SECOND_US, instant_of
from storewatch.domain.timezones import ZONES_FOLDER

EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_FOREVER_US: Final = np.iinfo(np.int64).max
# Two days inside the range of datetime, so that adding a UTC offset stays inside it.
_FIRST_DAY: Final = date(1, 1, 3).toordinal() - _EPOCH_ORDINAL
_LAST_DAY: Final = date(9999, 12, 28).toordinal() - _EPOCH_ORDINAL


def local_edges(zone: str, first: date, last: date, by: Breakdown) -> Int64s:
    """Return the instants at which local months, weeks (from Monday), days or hours begin, and the end of the last.

    They cover the days from `first` to `last`, both included, in whole weeks or months. The two edges of a skipped hour
    are equal. A repeated hour belongs to the bucket of its first reading (SEMANTICS 5).
    """
    first_day, last_day = (day.toordinal() - _EPOCH_ORDINAL for day in (first, last))
    if by is Breakdown.MONTH:
        months = np.arange(np.datetime64(first, "M"), np.datetime64(last, "M") + 2)
        return first_instants(zone, months.astype("datetime64[us]").astype(np.int64))
    if by is Breakdown.WEEK:
        first_day -= (first_day + EPOCH_WEEKDAY) % 7
        last_day += 6 - (last_day + EPOCH_WEEKDAY) % 7
    step_us = {Breakdown.WEEK: 7 * DAY_US, Breakdown.DAY: DAY_US, Breakdown.HOUR: HOUR_US}[by]
    return first_instants(zone, np.arange(first_day * DAY_US, (last_day + 1) * DAY_US + 1, step_us))


def local_time(zone: str, instant: datetime) -> datetime:
    """Return the reading of the zone's wall clock at an instant, as a datetime without zone."""
    return instant.astimezone(_zone_info(zone)).replace(tzinfo=None)


def local_readings(zone: str, instants_us: Int64s) -> Int64s:
    """Return the readings of the zone's wall clock at instants, int64[N], in microseconds since its 1970."""
    if instants_us.size == 0:
        return instants_us
    first_day, last_day = int(instants_us.min()) // DAY_US, int(instants_us.max()) // DAY_US
    starts_us, offsets_us = offset_changes(zone, first_day - 1, last_day + 1)
    readings: Int64s = instants_us + offsets_us[np.searchsorted(starts_us, instants_us, side="right") - 1]
    return readings


def first_instant(zone: str, local: datetime) -> datetime:
    """Return the first instant, in UTC, at which the zone's wall clock reads `local` or later (SEMANTICS 5)."""
    local_us = np.array([(local - datetime(1970, 1, 1)) // timedelta(microseconds=1)], np.int64)  # noqa: DTZ001
    return instant_of(int(first_instants(zone, local_us)[0]))


def first_instants(zone: str, local_us: Int64s) -> Int64s:
    """Return the first instants at which the clock reads the local times, int64[N] in us, or later (SEMANTICS 5).

    In the period [start, next start) with one offset, the clock reads start + offset up to next start + offset. So a
    local time belongs to the first period whose readings end after that time, and its instant is local - offset. In a
    skipped hour that would lie before the period: then the instant is the start of the period, the jump itself.
    """
    if local_us.size == 0:
        return local_us
    # Two days more on either side: offsets are less than a day, and the change before the first day must be known too.
    starts_us, offsets_us = offset_changes(zone, int(local_us.min()) // DAY_US - 2, int(local_us.max()) // DAY_US + 2)
    read_until_us = np.append(starts_us[1:] + offsets_us[:-1], _FOREVER_US)
    # After the clock is set back, a short period could end on an earlier reading than the one before it. The maximum so
    # far keeps the readings ascending, as searchsorted needs, and still finds the first period that reads so late.
    period = np.searchsorted(np.maximum.accumulate(read_until_us), local_us, side="right")
    instants: Int64s = np.maximum(starts_us[period], local_us - offsets_us[period])
    return instants


@lru_cache(maxsize=4096)
def offset_changes(zone: str, first_day: int, last_day: int) -> tuple[Int64s, Int64s]:
    """List the UTC offsets of a zone between two UTC days (since 1970): when each begins, and the offset, in us.

    The offset is sampled once a day, and a change between two samples is bisected to the second. A zone that changed
    and changed back within one UTC day would be missed; a test walks all of tzdata to show that none does.
    """
    info = _zone_info(zone)

    def offset_s(instant_s: int) -> int:
        offset = datetime.fromtimestamp(instant_s, info).utcoffset()
        return int(offset.total_seconds()) if offset is not None else 0

    def changes(low_s: int, low_offset: int, high_s: int, high_offset: int) -> list[tuple[int, int]]:
        if low_offset == high_offset:
            return []
        if high_s - low_s == 1:
            return [(high_s, high_offset)]
        middle_s = (low_s + high_s) // 2
        middle = offset_s(middle_s)
        return changes(low_s, low_offset, middle_s, middle) + changes(middle_s, middle, high_s, high_offset)

    days = range(max(first_day, _FIRST_DAY) * DAY_SECONDS, min(last_day, _LAST_DAY) * DAY_SECONDS + 1, DAY_SECONDS)
    sampled = [offset_s(instant_s) for instant_s in days]
    found = [(days[0], sampled[0])]
    for number in range(1, len(days)):
        found += changes(days[number - 1], sampled[number - 1], days[number], sampled[number])
    pairs = np.array(found, np.int64) * SECOND_US
    return pairs[:, 0].copy(), pairs[:, 1].copy()


@lru_cache(maxsize=1024)
def _zone_info(name: str) -> ZoneInfo:
    # From the files of the wheel, never from the machine's: a report must be the same on every machine.
    with (ZONES_FOLDER / "zoneinfo" / name).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
