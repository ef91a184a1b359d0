"""The counting rules of this report in words, and its exact totals."""

from itertools import accumulate
from typing import Any, Final

from storewatch.domain.instants import format_instant
from storewatch.reports.exports.pdf import words
from storewatch.reports.exports.pdf.reading import Reading, Row
from storewatch.reports.exports.pdf.tables import column, table
from storewatch.reports.exports.wording import rules

_FIGURES: Final = (
    "Each figure is rounded once, half up, to two decimals. A ratio is shown as 100 % or 0 % only if it "
    "is exactly that. The full length of every bar is 100 %. A dash means that the figure is unknown."
)


def method_block(reading: Reading) -> dict[str, Any]:
    paragraphs = rules(reading.content) | {"Figures": _FIGURES}
    return {"kind": "prose", "title": "Method and policy", "columns": _halves(list(paragraphs.items()))}


def _halves(paragraphs: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Split paragraphs into two columns of about the same length."""
    ends = list(accumulate(len(title) + len(text) + 60 for title, text in paragraphs))  # a title is a line of its own
    half = 1 + min(range(len(ends)), key=lambda last: abs(2 * ends[last] - ends[-1]))
    return [paragraphs[:half], paragraphs[half:]]


def exact_blocks(reading: Reading) -> list[dict[str, Any]]:
    """Return the tables of the exact totals and ratios of each window."""
    seconds = ("business_us", "up_us", "down_us", "unknown_us", "planned_us")
    ratios = ("availability", "coverage", "availability_lowest", "availability_highest")
    window = column("Window", "name")
    return [
        table(
            "Exact totals, in seconds",
            [window, *(column(name.removesuffix("_us").capitalize(), "number") for name in seconds)],
            [
                [
                    {"text": words.window(row["window"]), "sub": _ends(row)},
                    *(words.exact_seconds(row[name]) for name in seconds),
                ]
                for row in reading.windows
            ],
            lead="All stores together. Every form of the report has the same totals, to the last digit.",
        ),
        table(
            "Exact ratios",
            [window, *(column(name.replace("_", ", ").capitalize(), "number") for name in ratios)],
            [[words.window(row["window"]), *(_unrounded(row[name]) for name in ratios)] for row in reading.windows],
            level=2,
        ),
    ]


def _ends(row: Row) -> str:
    return f"{format_instant(row['from_at'])} to {format_instant(row['to_at'])}"


def _unrounded(ratio: float | None) -> str:
    return words.NOTHING if ratio is None else repr(ratio)
