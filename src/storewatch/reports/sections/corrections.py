"""Correct hours so that they fit the polls: in words, and as sessions from which figures can be computed."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np
import polars as pl

from storewatch.domain.clock_words import WEEKDAYS_SHORT, clock_words
from storewatch.domain.columns import Int64s
from storewatch.domain.enums import ClosureMode, Finding
from storewatch.domain.instants import DAY_US, MINUTE_US, SECOND_US, instant_of
from storewatch.engine.opening.calendars import Calendars, assign_calendars
from storewatch.engine.opening.sessions import Sessions, open_sessions
from storewatch.engine.opening.zones import local_readings, local_time
from storewatch.reports.sections.contradictions import WrongEdge

_STEP_US: Final = 15 * MINUTE_US

# Finding: whether it is about openings, where the edge moves, and what to do in words.
_MOVES: Final = {
    Finding.LATE_OPEN: (True, 1, "open"),
    Finding.EARLY_CLOSE: (False, -1, "close"),
    Finding.OPENS_EARLIER: (True, -1, "open"),
    Finding.STAYS_OPEN: (False, 1, "close"),
}
# Where no store in use has the offset that fits: the zones that people are likely to mean, America first.
_WELL_KNOWN: Final = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix",
    "America/Anchorage", "America/Halifax", "America/St_Johns", "America/Sao_Paulo", "America/Noronha",
    "America/Nuuk", "Pacific/Honolulu", "Pacific/Marquesas", "Pacific/Pago_Pago", "Atlantic/Azores", "Europe/London",
    "Europe/Berlin", "Europe/Athens", "Europe/Moscow", "Asia/Tehran", "Asia/Dubai", "Asia/Kabul", "Asia/Karachi",
    "Asia/Kolkata", "Asia/Kathmandu", "Asia/Dhaka", "Asia/Yangon", "Asia/Bangkok", "Asia/Shanghai", "Asia/Tokyo",
    "Australia/Adelaide", "Australia/Sydney", "Australia/Brisbane", "Pacific/Noumea", "Pacific/Auckland",
    "Pacific/Chatham", "Pacific/Tongatapu", "Pacific/Kiritimati",
)  # fmt: skip

_Edge = tuple[int, int]  # weekday (0 = Monday) and second of the day, for a closing up to 24:00


@dataclass(frozen=True, kw_only=True)
class Correction:
    """Corrected hours: in words, and as the sessions [open, close) of one store with its planned stretches."""

    words: str
    sessions: tuple[Int64s, Int64s]
    planned: tuple[Int64s, Int64s]


def correct_edge(wrong: WrongEdge, sessions: Sessions, calendar: int, zone: str) -> Correction | None:
    """Move the openings or closings of the weekdays on which most were contradicted, to a quarter of an hour.

    A late opening or early closing moves to the nearest quarter that keeps the active poll next to it inside; other
    edges move to the nearest quarter. Returns None if nothing would move. A session that would end before it begins is
    dropped. An edge next to a planned closure stays.
    """
    of_openings, sign, verb = _MOVES[wrong.finding]
    moves: dict[_Edge, int] = {}
    edges = _local_edges(zone, wrong.edges_us, of_openings=of_openings)
    contrary = Counter(edge for edge, is_contrary in zip(edges, wrong.is_contrary, strict=True) if is_contrary)
    for edge, count in Counter(edges).items():
        at_us = edge[1] * SECOND_US
        shown_us = at_us + sign * wrong.by_us
        if wrong.finding is Finding.EARLY_CLOSE:
            shown_us += _STEP_US  # a closing is the first instant outside
        elif wrong.finding is not Finding.LATE_OPEN:
            shown_us += _STEP_US // 2
        moved_us = shown_us // _STEP_US * _STEP_US - at_us
        if 2 * contrary[edge] > count and moved_us * sign > 0:
            moves[edge] = moved_us
    if not moves:
        return None
    own = slice(int(sessions.offsets[calendar]), int(sessions.offsets[calendar + 1]))
    kept = slice(int(sessions.planned_offsets[calendar]), int(sessions.planned_offsets[calendar + 1]))
    planned = sessions.planned_start_us[kept], sessions.planned_end_us[kept]
    open_us, close_us = sessions.open_us[own].copy(), sessions.close_us[own].copy()
    moving_us = open_us if of_openings else close_us
    for place, edge in enumerate(_local_edges(zone, moving_us, of_openings=of_openings)):
        low, high = sorted((int(moving_us[place]), int(moving_us[place]) + moves.get(edge, 0)))
        if not ((planned[0] <= high) & (planned[1] >= low)).any():
            moving_us[place] += moves.get(edge, 0)
    return Correction(words=_words(verb, moves), sessions=_merged(open_us, close_us), planned=planned)


def correct_zone(
    calendars: Calendars, calendar: int, zone: str, span_us: tuple[int, int], closures: ClosureMode
) -> Correction:
    """Return the hours of one calendar moved to another zone."""
    alone = replace(calendars.of_one(calendar), zones=(zone,), zone_of_calendar=np.zeros(1, np.int64))
    opening = open_sessions(alone, *span_us, closures)
    return Correction(
        words=f"time zone {zone} instead of {calendars.zones[calendars.zone_of_calendar[calendar]]}",
        sessions=(opening.open_us, opening.close_us),
        planned=(opening.planned_start_us, opening.planned_end_us),
    )


def correct_to_always(
    calendars: Calendars, calendar: int, patterns: pl.DataFrame, span_us: tuple[int, int], closures: ClosureMode
) -> Correction:
    """Open one calendar around the clock, except for its closures. patterns: any rows of columns.PATTERNS."""
    stores = pl.DataFrame({"weekly_hours_id": [None], "timezone": ["UTC"]}).cast({"weekly_hours_id": pl.Int64})
    own = calendars.of_one(calendar)
    always = replace(assign_calendars(stores, patterns), closures=own.closures, lives=own.lives)
    opening = open_sessions(always, *span_us, closures)
    return Correction(
        words="open 24 hours on every day",
        sessions=(opening.open_us, opening.close_us),
        planned=(opening.planned_start_us, opening.planned_end_us),
    )


def zone_that_is(hours: int, calendars: Calendars, calendar: int, as_of_us: int) -> str | None:
    """Find a zone in which the hours of a calendar are so many hours later; None if no known zone has that offset.

    Zones that stores use come first, in the order of how many stores use them.
    """
    wanted = _offset(calendars.zones[calendars.zone_of_calendar[calendar]], as_of_us) - timedelta(hours=hours)
    stores = np.bincount(calendars.zone_of, minlength=len(calendars.zones))
    used = [calendars.zones[zone] for zone in np.argsort(-stores, kind="stable") if stores[zone]]
    return next((zone for zone in (*used, *_WELL_KNOWN) if _offset(zone, as_of_us) == wanted), None)


def _offset(zone: str, at_us: int) -> timedelta:
    instant = instant_of(at_us)
    return local_time(zone, instant) - instant.replace(tzinfo=None)


def _local_edges(zone: str, edges_us: Int64s, *, of_openings: bool) -> list[_Edge]:
    """Read openings or closings on the local clock. A closing at midnight belongs to the day that it ends."""
    last = 0 if of_openings else 1
    days, rest_us = np.divmod(local_readings(zone, edges_us) - last, DAY_US)
    weekdays = (days + 3) % 7  # 1970-01-01 was a Thursday
    return list(zip(weekdays.tolist(), ((rest_us + last) // SECOND_US).tolist(), strict=True))


def _merged(open_us: Int64s, close_us: Int64s) -> tuple[Int64s, Int64s]:
    """Join ascending sessions that touch or overlap, and drop empty ones."""
    lasting = open_us < close_us
    open_us, close_us = open_us[lasting], close_us[lasting]
    begins = np.append(True, open_us[1:] > close_us[:-1])[: len(open_us)]
    return open_us[begins], close_us[np.append(begins[1:], True)[: len(open_us)]]


def _words(verb: str, moves: dict[_Edge, int]) -> str:
    days: dict[str, list[str]] = {}
    for (weekday, second), moved_us in sorted(moves.items()):
        days.setdefault(clock_words(second + moved_us // SECOND_US), []).append(WEEKDAYS_SHORT[weekday])
    parts = [f"at {clock} on {', '.join(on) if len(on) < 7 else 'every day'}" for clock, on in days.items()]
    return f"{verb} {', '.join(parts)}"
