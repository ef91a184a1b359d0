"""The tables that the template reads.

A cell is a text, a text with a second line {"text", "sub"}, or a text with a bar {"text", "bar": 0..1 or None, "fill"}.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from storewatch.reports.exports.pdf import words

Cell: TypeAlias = str | dict[str, Any]
ColumnKind: TypeAlias = Literal["name", "text", "prose", "number", "bar"]


def column(head: str, kind: ColumnKind) -> dict[str, str]:
    return {"head": head, "kind": kind}


def table(
    title: str,
    columns: Sequence[dict[str, str]],
    rows: Sequence[Sequence[Cell]],
    *,
    lead: str = "",
    more: str = "",
    level: int = 1,
) -> dict[str, Any]:
    """Return a table. Without rows, `more` stands in its place. level: the level of its heading."""
    return {
        "kind": "table",
        "title": title,
        "level": level,
        "lead": lead,
        "columns": columns,
        "rows": rows,
        "more": more,
    }


def down_bar(availability: float | None, lowest: float | None) -> Cell:
    """Return an availability with a bar of what is missing to 100 %. The lowest has a bar of full length."""
    known = availability is not None and lowest is not None and lowest < 1
    bar = (1 - availability) / (1 - lowest) if known else None  # type: ignore[operator]
    return {"text": words.percent(availability), "bar": bar, "fill": "down"}


def more_of(shown: int, found: int, what: str) -> str:
    left = found - shown
    return f"{words.count(left)} more {what} in the other forms of this report, such as xlsx." if left > 0 else ""


def store_cell(name: str | None, store_id: str) -> dict[str, Any]:
    return {"text": words.shown(name or store_id), "sub": words.shown(store_id) if name else ""}
