"""The drawings of a PDF: the trend, the days of one store, the week by hour. Positions are shares of an axis."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from storewatch.domain.clock_words import WEEKDAYS, WEEKDAYS_SHORT
from storewatch.domain.enums import Breakdown, ReportTable, Status
from storewatch.domain.instants import DAY_US, HOUR_US
from storewatch.reports.compute.content import StoreDay
from storewatch.reports.exports.pdf import words
from storewatch.reports.exports.pdf.reading import Reading, Row

MOST_BUCKETS: Final = 1_000
_MOST_CHARTS, _MOST_DAYS, _TICKS = 4, 35, 7
# Where an axis may begin, and into how many parts it is then cut: the lines lie at round figures.
_FLOORS: Final = {0.999: 5, 0.998: 4, 0.995: 5, 0.99: 5, 0.98: 4, 0.95: 5, 0.9: 5, 0.8: 4, 0.6: 4, 0.0: 5}

Block = dict[str, Any]


def trend_blocks(reading: Reading) -> list[Block]:
    """Return the charts of availability over time, the main window first. Without a breakdown, compare the windows."""
    table, by = reading.table(ReportTable.TREND), reading.content.request.trend_by
    by_window: dict[str, list[Row]] = {}
    for row in [] if table is None else table.read().iter_rows(named=True):
        by_window.setdefault(row["window"], []).append(row)
    drawn = [window for window, rows in by_window.items() if sum(row["availability"] is not None for row in rows) > 1]
    if reading.content.request.by is None:  # nobody asked for the other windows
        drawn = [window for window in drawn if window == reading.window]
    if by is None or not drawn:
        known = [row for row in reading.windows if row["availability"] is not None]
        return [_compared(known)] if len(known) > 1 else []
    drawn.sort(key=lambda window: window != reading.window)
    left_out = len(drawn) - _MOST_CHARTS
    charts = [_chart(window, by_window[window], by) for window in drawn[:_MOST_CHARTS]]
    first = {
        "kind": "trend",
        "title": "Over time",
        "lead": f"Availability by {by}, with its bounds, and the hours down below it. Unknown times have no line."
        + _about_partial(by_window, by),
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
    most_hours = _round_up(max(row["down_us"] for row in shown) / HOUR_US)
    lowest = min((row["availability_lowest"] for row in shown if row["availability_lowest"] is not None), default=1.0)
    notes = [f"the last {words.count(len(shown))} of {words.count(len(rows))} {by}s"] if len(shown) < len(rows) else []
    if lowest < floor:
        notes.append(f"bounds are cut at {_axis(floor)}; the lowest is {words.percent(lowest)}")
    step = -(-len(shown) // _TICKS)
    return {
        "name": words.window(window),
        "note": "; ".join(notes),
        "floor": floor,
        "cut": lowest < floor,
        "grid": _grid(floor),
        "most": f"{most_hours:,g}",
        "ticks": [
            [place / len(shown), _tick(row["bucket"], by)] for place, row in enumerate(shown) if place % step == 0
        ],
        "points": [
            [
                row["availability"],
                row["availability_lowest"],
                row["availability_highest"],
                row["down_us"] / (most_hours * HOUR_US),
                row["partial"],
            ]
            for row in shown
        ],
        "alt": f"{words.window(window)} by {by}: availability between "
        f"{words.percent(_least(shown))} and {words.percent(_most(shown))}; at most "
        f"{words.hours(max(row['down_us'] for row in shown))} hours down.",
    }


def _about_partial(by_window: dict[str, list[Row]], by: Breakdown) -> str:
    if not any(row["partial"] for rows in by_window.values() for row in rows):
        return ""
    return f" The line leaves out a {by} of which the window holds only a part, or only for some of the stores."


def _round_up(hours: float) -> float:
    """Return the next figure with one digit other than zero, down to a hundredth of an hour."""
    steps = (step * 10.0**power for power in range(-2, 10) for step in (1, 2, 3, 4, 5, 6, 8))
    return next(step for step in steps if step >= hours)


def _grid(floor: float) -> list[list[Any]]:
    """Return the lines of an axis from `floor` to 1: the place of each, and its text."""
    parts = _FLOORS[floor]
    return [[part / parts, _axis(floor + (1 - floor) * part / parts)] for part in range(parts + 1)]


def _compared(windows: list[Row]) -> Block:
    floor = _floor(row["availability_lowest"] for row in windows)
    return {
        "kind": "compared",
        "title": "The windows compared",
        "lead": "Availability of the known time. The pale bar shows its bounds.",
        "floor": floor,
        "grid": _grid(floor),
        "rows": [
            {
                "name": words.window(row["window"]),
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
    """Return the drawing of the last days of the only store in the main window, None without days."""
    days = reading.content.days.get(reading.window, ())
    if not days:
        return None
    shown = days[-_MOST_DAYS:]
    note = "Times are on the store's clock. White: closed."
    if len(shown) < len(days):
        note += f" The last {len(shown)} of {len(days)} days."
    if any(each.length_us != DAY_US for each in shown):
        note += " Where clocks change, a skipped hour is white, and a repeated hour is as wide as any other."
    seen = {each.status for day in shown for each in day.stretches}
    return {
        "kind": "days",
        "title": "Day by day",
        "lead": f"{words.window(reading.window)}.",
        "note": note,
        "statuses": [_name(status) for status in _STATUSES if status in seen or status is not Status.PLANNED],
        "days": [
            {
                "name": words.weekday(each.day),
                "segments": [(part.start, part.end, _name(part.status)) for part in each.stretches],
                "alt": _day_text(each),
            }
            for each in shown
        ],
    }


_STATUSES: Final = (Status.UP, Status.DOWN, Status.UNKNOWN, Status.PLANNED)


def _name(status: Status) -> str:
    return status.name.lower()


def _day_text(day: StoreDay) -> str:
    parts = []
    for status in _STATUSES:
        length_us = sum(part.length_us for part in day.stretches if part.status is status)
        parts += [f"{_name(status)} {words.hours(length_us)} h"] if length_us else []
    return ", ".join(parts) or "closed"


def heat_block(reading: Reading) -> Block | None:
    """Return the drawing of the share of known time that was down, by local hour and weekday."""
    if reading.table(ReportTable.PATTERN) is None:
        return None
    shares = {
        (row["weekday"], row["hour"]): None
        if row["availability"] is None
        else row["down_us"] / (row["up_us"] + row["down_us"])
        for row in reading.rows(ReportTable.PATTERN)
    }
    known = {place: share for place, share in shares.items() if share is not None}
    worst = max(known, key=lambda place: (known[place], -place[0], -place[1]), default=None)
    most = known[worst] if worst else None
    lead = f"{words.window(reading.window)}: share of the known time that was down, by local hour and weekday."
    if worst and most:
        lead += f" Worst: {WEEKDAYS[worst[0]]}s from {worst[1]}:00, {words.percent(most)}."
    return {
        "kind": "heat",
        "title": "When it happens",
        "lead": lead,
        "days": list(WEEKDAYS_SHORT),
        "cells": [[_depth(shares.get((weekday, hour)), most) for hour in range(24)] for weekday in range(7)],
        "most": words.percent(most),
    }


def _depth(share: float | None, most: float | None) -> float | None:
    return None if share is None else share / most if most else 0.0
