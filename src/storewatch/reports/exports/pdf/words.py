"""Figures, times and names as texts of a PDF.

Each figure is rounded once, half up, to two decimals. A percentage is written as 100.00 % or 0.00 % only if it is
exactly that. Other values that round to these are written as 99.99 % or 0.01 %. An unknown value is a dash.
"""

import re
import unicodedata
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from storewatch.domain.clock_words import MONTHS, WEEKDAYS_SHORT
from storewatch.domain.instants import HOUR_US, MINUTE_US, SECOND_US
from storewatch.engine.measures import in_unit
from storewatch.reports.exports import wording
from storewatch.reports.exports.window_words import spoken

NOTHING: Final = "\N{EN DASH}"
_MINUS: Final = "\N{MINUS SIGN}"
LONGEST_NAME: Final = 80
LONGEST_NOTE: Final = 300
_LONGEST_RUN: Final = 8
_UNBROKEN: Final = re.compile("[!-,.-~\u00a1-\u052f]{13,}")
_MONTHS: Final = tuple(name[:3] for name in MONTHS)
_HUNDREDTH: Final = Decimal("0.01")


def percent(ratio: float | None) -> str:
    return NOTHING if ratio is None else f"{_hundredths(ratio):.2f}\N{NO-BREAK SPACE}%"


def between(lowest: float | None, highest: float | None) -> str:
    return NOTHING if lowest is None else f"{percent(lowest)} to {percent(highest)}"


def points(change: float | None) -> str:
    """Return a difference of two ratios in percentage points, with its sign."""
    if change is None:
        return NOTHING
    rounded = (Decimal(repr(change)) * 100).quantize(_HUNDREDTH, ROUND_HALF_UP)
    return f"{_MINUS if rounded < 0 else '+' if rounded > 0 else '±'}{abs(rounded):.2f}"


def _hundredths(ratio: float) -> Decimal:
    exact = Decimal(repr(ratio)) * 100
    rounded = exact.quantize(_HUNDREDTH, ROUND_HALF_UP)
    if 0 < exact < 100:
        return min(max(rounded, _HUNDREDTH), 100 - _HUNDREDTH)
    return rounded


def objective(target_percent: float | None) -> str:
    return NOTHING if target_percent is None else wording.objective(target_percent)


def hours(duration_us: int | None) -> str:
    return NOTHING if duration_us is None else _signed(duration_us, HOUR_US)


def minutes(duration_us: int | None) -> str:
    return NOTHING if duration_us is None else _signed(duration_us, MINUTE_US)


def exact_seconds(duration_us: int) -> str:
    whole, rest_us = divmod(duration_us, SECOND_US)
    return f"{whole}.{rest_us:06}"


def count(number: int | None) -> str:
    return NOTHING if number is None else f"{number:,}"


def chance(certain: bool | None, difference: float | None) -> str:
    """Return what is added to a difference, other than 0, that the intervals do not decide."""
    return ", may be chance" if difference and certain is False else ""


def tenths(number: float | None) -> str:
    return NOTHING if number is None else f"{number:,.1f}"


def yes_no(met: bool | None) -> str:
    return NOTHING if met is None else "yes" if met else "no"


def money(amount: float | None, *, whole: bool = False) -> str:
    return NOTHING if amount is None else f"{amount:,.0f}" if whole else f"{amount:,.2f}"


def in_currency(title: str, currency: str | None) -> str:
    return f"{title}, {currency}" if currency else title


def share(part: int, whole: int) -> str:
    """Return a share of a count as a whole percentage, 100 % or 0 % only if it is exactly that."""
    return NOTHING if not whole else wording.share(part, whole)


def day(at: datetime) -> str:
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def weekday(at: date) -> str:
    return f"{WEEKDAYS_SHORT[at.weekday()]} {at.day} {_MONTHS[at.month - 1]}"


def moment(at: datetime | None) -> str:
    return NOTHING if at is None else f"{at:%Y-%m-%d %H:%M}"


def stretch(from_at: datetime | None, to_at: datetime | None) -> str:
    if from_at is None or to_at is None:
        return NOTHING
    return f"{day(from_at)} {from_at:%H:%M} to {day(to_at)} {to_at:%H:%M} UTC"


def window(name: str) -> str:
    return shown(spoken(name))


def plain(code: str | None) -> str:
    """Return a code such as late_open as words. Other texts stay as they are."""
    if code is None:
        return NOTHING
    return code.replace("_", " ").capitalize() if code.replace("_", "").isalnum() and code.islower() else shown(code)


def shown(text: str | None, longest: int = LONGEST_NAME) -> str:
    """Return a stored text on one line: no control characters, at most `longest` long, long words breakable."""
    if text is None:
        return NOTHING
    line = "".join(" " if char.isspace() else char for char in text if not _controls(char))
    if len(line) > longest:
        line = line[: longest - 1] + "…"
    return _UNBROKEN.sub(_breakable, " ".join(line.split())) or NOTHING


def _controls(char: str) -> bool:
    """Return whether a character only controls the text around it. Joiners shape Arabic and Indic letters and stay."""
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co") and not char.isspace() and char not in "\u200c\u200d"


def _breakable(run: re.Match[str]) -> str:
    text = run[0]
    return "\u200b".join(text[first : first + _LONGEST_RUN] for first in range(0, len(text), _LONGEST_RUN))


def _signed(duration_us: int, unit_us: int) -> str:
    rounded = float(in_unit(abs(duration_us), unit_us))  # type: ignore[arg-type]
    return f"{_MINUS if duration_us < 0 and rounded else ''}{rounded:,.2f}"
