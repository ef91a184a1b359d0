"""The tables that the template reads.

A cell is a text, a text with a second line {"text", "sub"}, or a text with a bar and a second line {"text", "bar":
0..1 or None, "fill", "sub"}.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

from storewatch.reports.exports.pdf import words
from storewatch.reports.exports.pdf.reading import Row

# Every bar of a PDF is a share, and its full length is 100 %; the template adds this to a legend.
Legend: TypeAlias = tuple[str, str]

Cell: TypeAlias = str | dict[str, Any]
ColumnKind: TypeAlias = Literal["name", "text", "prose", "number", "bar"]


_LONGEST_LINE: Final = 12


def column(head: str, kind: ColumnKind) -> dict[str, str]:
    """Return a column. A long head of figures has two lines, so that names keep the width of the page."""
    if kind == "number" and len(head) > _LONGEST_LINE and " " in head:
        spaces = [place for place, char in enumerate(head) if char == " "]
        middle = min(spaces, key=lambda place: abs(2 * place - len(head)))
        head = f"{head[:middle]}\n{head[middle + 1 :]}"
    return {"head": head, "kind": kind}


def table(
    title: str,
    columns: Sequence[dict[str, str]],
    rows: Sequence[Sequence[Cell]],
    *,
    lead: str = "",
    more: str = "",
    legend: Legend | None = None,
    level: int = 1,
) -> dict[str, Any]:
    """Return a table. Without rows, `more` stands in its place. legend: the filling of its bars
    and what they show. level: the level of its heading."""
    return {
        "kind": "table",
        "title": title,
        "level": level,
        "lead": lead,
        "columns": columns,
        "rows": rows,
        "more": more,
        "legend": legend,
    }


def down_bar(row: Row) -> Cell:
    """Return an availability, its interval if it has one, and a bar of the share of the known time that was down."""
    availability = row["availability"]
    bar = None if availability is None else 1 - availability
    sub = words.between(row["availability_from"], row["availability_to"]) if _is_sure(row) else ""
    return {"text": words.percent(availability), "bar": bar, "fill": "down", "sub": sub}


def _is_sure(row: Row) -> bool:
    return row.get("availability_from") is not None


def down_legend(rows: Sequence[Row]) -> Legend:
    """Return the legend of the bars of `down_bar` in these rows."""
    sure = "; below it the interval that is 95 % sure" if any(map(_is_sure, rows)) else ""
    return "down", f"share of the known time that was down{sure}"


def more_of(shown: int, found: int, what: str) -> str:
    left = found - shown
    return f"{words.count(left)} more {what} in the other forms of this report, such as xlsx." if left > 0 else ""


def store_cell(name: str | None, store_id: str) -> dict[str, Any]:
    return {"text": words.shown(name or store_id), "sub": words.shown(store_id) if name else ""}
