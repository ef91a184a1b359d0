"""The rules in plain words, those of this report only, and its totals to the last digit."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

from storewatch.engine.availability import FILL
from storewatch.engine.columns import instant_of
from storewatch.engine.opening import Closures
from storewatch.reports.exports.pdf import words
from storewatch.reports.exports.pdf.reading import Reading, Row
from storewatch.reports.exports.pdf.tables import column, table
from storewatch.reports.request import Annotations, ReportRequest, Section, format_instant

_RULES: Final = {
    "Business hours": "Time counts only while a store is open by its hours, on its own clock: the weekly hours that "
    "held on the date, or the special hours of the date. A store without hours counts as open day and night.",
    "Availability": "Up time as a share of up and down time, that is, of the time that is known. Coverage is the share "
    "of the business hours, planned time left out, that is known: the lower it is, the less the availability says. The "
    "bounds say what the availability would be if all unknown time had been down, or all of it up. For many stores "
    "these are ratios of sums, never means of percentages.",
}
_CLOSURES: Final = {
    Closures.HONOUR: "Closures, entered beforehand or afterwards, are cut out of the business hours. The open time "
    "that they cover is shown as planned: neither up nor down, and outside availability and coverage.",
    Closures.EXCLUDE: "Closures are cut out of the business hours and counted nowhere.",
    Closures.IGNORE: "Closures were ignored: the report reads as if none had been planned.",
}
_ANNOTATIONS: Final = {
    Annotations.APPLY: "Operators may say of a stretch that its down time was planned, is unknown, or was no outage "
    "(it then counts as up). Up and unknown time stay, and the polls never change.",
    Annotations.IGNORE: "What operators said of outages was ignored: the figures are those of the polls alone.",
}
_FIGURES: Final = (
    "Each is rounded once, half up, to two decimals; only what is exactly 100 % or 0 % reads so. A dash means that "
    "nothing is known."
)
_SALES: Final = (
    "Sales per business hour, as given, times the hours down. The bounds take unknown time as all up and all down."
)


def method_block(reading: Reading) -> dict[str, Any]:
    asked = reading.content.request
    as_of = format_instant(instant_of(reading.content.as_of_us))
    rules = {
        "Business hours": _RULES["Business hours"],
        "Polls": _polls(asked),
        "Availability": _RULES["Availability"],
        "Planned time": _CLOSURES[asked.closures],
        "Annotations": _ANNOTATIONS[asked.annotations],
        **dict(_asked_for(asked)),
        "As of": f"The report uses what had been polled by {as_of} and nothing later. The same data, parameters "
        "and versions give the same report.",
        "Figures": _FIGURES,
    }
    return {"kind": "prose", "title": "Method and policy", "columns": _halves(list(rules.items()))}


def _halves(paragraphs: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Split paragraphs into two columns of about the same length."""
    ends = list(accumulate(len(title) + len(said) + 60 for title, said in paragraphs))  # a title is a line of its own
    half = 1 + min(range(len(ends)), key=lambda last: abs(2 * ends[last] - ends[-1]))
    return [paragraphs[:half], paragraphs[half:]]


def _polls(asked: ReportRequest) -> str:
    if asked.policy.name == FILL.name:
        caution = "It fills the business hours, so coverage says little about how often stores were polled."
    else:
        caution = "It admits what was not seen, so read each availability with its coverage."
    return (
        "A poll says that a store was active or inactive at an instant. It speaks for the time until the next poll, "
        "and the first of a session for the time since opening, up to "
        f"{words.span(asked.policy.max_gap_us)} away (policy “{asked.policy.name}”). {caution} Polls outside the "
        "business hours say nothing about them."
    )


def _asked_for(asked: ReportRequest) -> Iterator[tuple[str, str]]:
    if asked.target is not None:
        met = (
            f"{words.objective(asked.target)} for stores without one of their own; met when the availability reaches "
            "it. The error budget is the down time that it allows."
        )
        yield "Target", met
    if Section.OUTAGES in asked.include:
        least = f" Shorter than {words.shown(asked.min_duration)} is left out." if asked.min_duration else ""
        outage = (
            "An outage is an unbroken stretch of down time. Closed or planned time in between does not end it and is "
            f"not part of its length; up or unknown time ends it. Outages are cut to the window.{least}"
        )
        yield "Outages", outage
    if Section.LOST_SALES in asked.include:
        yield "Lost sales", _SALES


def exact_blocks(reading: Reading) -> list[dict[str, Any]]:
    """List what every form of the report says of its windows, unrounded."""
    seconds = ("business_us", "up_us", "down_us", "unknown_us", "planned_us")
    ratios = ("availability", "coverage", "availability_lowest", "availability_highest")
    window = column("Window", "name")
    return [
        table(
            "Exact totals, in seconds",
            [window, *(column(name.removesuffix("_us").capitalize(), "number") for name in seconds)],
            [
                [
                    {"text": words.plain(row["window"]), "sub": _ends(row)},
                    *(words.exact_seconds(row[name]) for name in seconds),
                ]
                for row in reading.windows
            ],
            lead="All stores together. Every form of the report says the same to the last digit.",
        ),
        table(
            "Exact ratios",
            [window, *(column(name.replace("_", ", ").capitalize(), "number") for name in ratios)],
            [[words.plain(row["window"]), *(_unrounded(row[name]) for name in ratios)] for row in reading.windows],
            level=2,
        ),
    ]


def _ends(row: Row) -> str:
    return f"{format_instant(row['from_at'])} to {format_instant(row['to_at'])}"


def _unrounded(ratio: float | None) -> str:
    return words.NOTHING if ratio is None else repr(ratio)
