"""What the template draws: the trend, the days of one store, the week by hour. Positions are shares of an axis."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from storewatch.engine.columns import HOUR_US
from storewatch.reports.exports.pdf import words
from storewatch.reports.exports.pdf.reading import Reading, Row
from storewatch.reports.request import Breakdown, TableName

MOST_BUCKETS: Final = 1_000
_MOST_CHARTS, _MOST_DAYS, _TICKS = 4, 35, 7
_FLOORS: Final = (0.999, 0.998, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.6, 0.0)
_DAY: Final = timedelta(days=1)

Block = dict[str, Any]
# From, to (shares of the day), status.
Segment = tuple[float, float, str]


def trend_blocks(reading: Reading) -> list[Block]:
    """Draw availability over time, the main window by itself, then the others; without a breakdown, compare them."""
    table, by = reading.table(TableName.TREND), reading.content.request.by
    by_window: dict[str, list[Row]] = {}
    for row in [] if table is None else table.read().iter_rows(named=True):
        by_window.setdefault(row["window"], []).append(row)
    drawn = [window for window, rows in by_window.items() if sum(row["availability"] is not None for row in rows) > 1]
    if by is None or not drawn:
        known = [row for row in reading.windows if row["availability"] is not None]
        return [_compared(known)] if len(known) > 1 else []
    drawn.sort(key=lambda window: window != reading.window)
    left_out = len(drawn) - _MOST_CHARTS
    charts = [_chart(window, by_window[window], by) for window in drawn[:_MOST_CHARTS]]
    first = {
        "kind": "trend",
        "title": "Over time",
        "lead": f"Availability by {by}, with its bounds; below it the hours down. What is not known is not drawn.",
        "charts": charts[:1],
        "more": "",
    }
    more = f"{left_out} more windows in the other forms of this report." if left_out > 0 else ""
    return [first, first | {"title": "The other windows over time", "lead": "", "charts": charts[1:], "more": more}][
        : len(charts)
    ]


def _chart(window: str, rows: list[Row], by: Breakdown) -> Block:
    shown = rows[-MOST_BUCKETS:]
    floor = _floor(row["availability"] for row in shown)
    most_us = max(row["down_us"] for row in shown)
    note = f"the last {words.count(len(shown))} of {words.count(len(rows))} {by}s" if len(shown) < len(rows) else ""
    step = -(-len(shown) // _TICKS)
    return {
        "name": words.plain(window),
        "note": note,
        "floor": floor,
        "grid": [[part / 4, _axis(floor + (1 - floor) * part / 4)] for part in range(5)],
        "most": words.hours(most_us),
        "ticks": [
            [place / len(shown), _tick(row["bucket"], by)] for place, row in enumerate(shown) if place % step == 0
        ],
        "points": [
            [
                row["availability"],
                row["availability_lowest"],
                row["availability_highest"],
                row["down_us"] / most_us if most_us else 0,
            ]
            for row in shown
        ],
        "alt": f"{words.plain(window)} by {by}: availability between "
        f"{words.percent(_least(shown))} and {words.percent(_most(shown))}; at most {words.hours(most_us)} hours down.",
    }


def _compared(windows: list[Row]) -> Block:
    floor = _floor(row["availability_lowest"] for row in windows)
    return {
        "kind": "compared",
        "title": "The windows compared",
        "lead": "Availability of the time that is known; the pale bar spans its bounds.",
        "floor": floor,
        "grid": [[part / 4, _axis(floor + (1 - floor) * part / 4)] for part in range(5)],
        "rows": [
            {
                "name": words.plain(row["window"]),
                "text": words.percent(row["availability"]),
                "value": row["availability"],
                "low": row["availability_lowest"],
                "high": row["availability_highest"],
            }
            for row in windows
        ],
    }


def _floor(ratios: Iterable[float | None]) -> float:
    least = min((ratio for ratio in ratios if ratio is not None), default=1.0)
    return next(floor for floor in _FLOORS if floor <= least)


def _least(rows: list[Row]) -> float | None:
    return min((row["availability"] for row in rows if row["availability"] is not None), default=None)


def _most(rows: list[Row]) -> float | None:
    return max((row["availability"] for row in rows if row["availability"] is not None), default=None)


def _axis(ratio: float) -> str:
    return f"{round(ratio * 100, 3):g} %"


def _tick(bucket: datetime, by: Breakdown) -> str:
    if by is Breakdown.MONTH:
        return words.day(bucket).split(" ", 1)[1]
    day = words.day(bucket).rsplit(" ", 1)[0]
    return f"{day} {bucket:%H:%M}" if by is Breakdown.HOUR else day


def days_block(reading: Reading) -> Block | None:
    """Draw the days of the only store: by its hours if the report has them, else by its outages."""
    asked = reading.content.request
    if asked.by is Breakdown.HOUR:
        segments = _hour_segments(reading.rows(TableName.BUCKETS))
        lead = "Each hour is filled by its shares, not by their order within it. White is closed."
    elif reading.table(TableName.OUTAGES) is not None:
        segments = _outage_segments(reading)
        lead = "Outages on the store's clock, closed hours between two of one outage included."
    else:
        return None
    days = sorted(segments)[-_MOST_DAYS:]
    note = f" The last {len(days)} of {len(segments)} days." if len(days) < len(segments) else ""
    return {
        "kind": "days",
        "title": "Day by day",
        "lead": f"{words.plain(reading.window)}. {lead}{note}",
        "statuses": ["up", "down", "unknown", "planned"] if asked.by is Breakdown.HOUR else ["down"],
        "days": [{"name": words.weekday(day), "segments": segments[day], "alt": _told(segments[day])} for day in days],
    }


def _told(segments: list[Segment]) -> str:
    hours: dict[str, float] = {}
    for begin, end, status in segments:
        hours[status] = hours.get(status, 0.0) + 24 * (end - begin)
    return ", ".join(f"{status} {length:.2f} h" for status, length in hours.items()) or "nothing"


def _hour_segments(rows: list[Row]) -> dict[datetime, list[Segment]]:
    segments: dict[datetime, list[Segment]] = {}
    for row in rows:
        midnight = row["bucket"].replace(hour=0)
        place = row["bucket"].hour / 24
        drawn = segments.setdefault(midnight, [])
        # A repeated hour is part of its first reading, which then lasts two hours.
        scale = 24 * max(HOUR_US, row["business_us"])
        for status in ("up", "unknown", "planned", "down"):
            width = row[f"{status}_us"] / scale
            if width:
                drawn.append((place, place + width, status))
                place += width
    return segments


def _outage_segments(reading: Reading) -> dict[datetime, list[Segment]]:
    segments: dict[datetime, list[Segment]] = {}
    for row in reading.rows(TableName.OUTAGES):
        start, end = row["start_local"], row["end_local"]
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        while midnight < end:
            segment = (max(start - midnight, timedelta()) / _DAY, min((end - midnight) / _DAY, 1.0), "down")
            segments.setdefault(midnight, []).append(segment)
            midnight += _DAY
    if segments:
        first, last = min(segments), max(segments)
        for number in range((last - first).days):
            segments.setdefault(first + number * _DAY, [])
    return segments


def heat_block(reading: Reading) -> Block | None:
    """Draw the share of known time that was down, by local hour and weekday."""
    if reading.table(TableName.PATTERN) is None:
        return None
    shares = {
        (row["weekday"], row["hour"]): None
        if row["availability"] is None
        else row["down_us"] / (row["up_us"] + row["down_us"])
        for row in reading.rows(TableName.PATTERN)
    }
    known = {place: share for place, share in shares.items() if share is not None}
    worst = max(known, key=lambda place: (known[place], -place[0], -place[1]), default=None)
    most = known[worst] if worst else None
    lead = f"{words.plain(reading.window)}: share of the known time that was down, by local hour and weekday."
    if worst and most:
        lead += f" Worst: {_WEEKDAYS[worst[0]]} from {worst[1]}:00, {words.percent(most)}."
    return {
        "kind": "heat",
        "title": "When it happens",
        "lead": lead,
        "days": [day[:3] for day in _WEEKDAYS],
        "cells": [[_depth(shares.get((weekday, hour)), most) for hour in range(24)] for weekday in range(7)],
        "most": words.percent(most),
    }


_WEEKDAYS: Final = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


def _depth(share: float | None, most: float | None) -> float | None:
    return None if share is None else share / most if most else 0.0
