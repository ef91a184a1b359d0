"""Helpers for plain tests: instants, rows and stores in short forms."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from reference.naive import Observation, Row, Store

MINUTE_US = 60_000_000


def utc(text: str) -> int:
    """The instant of `2023-01-23 09:00[:00]` in microseconds."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime.fromtimestamp(0, UTC)) // timedelta(
        microseconds=1
    )


def row(day: int, start: str, end: str) -> Row:
    """One weekly row of wall-clock times, `HH:MM[:SS]`, up to 24:00."""
    start_s, end_s = (
        sum(int(part) * unit for part, unit in zip(text.split(":"), (3_600, 60, 1), strict=False))
        for text in (start, end)
    )
    return Row(day=day, start_s=start_s, end_s=end_s)


def store(rows: Sequence[Row], polls: dict[str, str], timezone: str = "UTC") -> Store:
    """A store with polls `{instant: "up" | "down"}`, loaded in that order."""
    return Store(
        rows=tuple(rows),
        timezone=timezone,
        observations=tuple(
            Observation(observed_us=utc(instant), active={"up": True, "down": False}[status], loaded_us=place)
            for place, (instant, status) in enumerate(polls.items())
        ),
    )
