"""The lower part of the first page: the worst stores, the longest outages, and what is not known."""

from typing import Any, Final

import polars as pl

from storewatch.domain.enums import ReportTable
from storewatch.domain.plurals import counted
from storewatch.domain.timezones import DEFAULT_TIMEZONE
from storewatch.reports.exports.pdf import words
from storewatch.reports.exports.pdf.reading import Reading, Row
from storewatch.reports.exports.pdf.tables import Cell, column, down_bar, down_legend, store_cell, table

# The template shows as many rows as the page holds.
_MOST_ROWS: Final = 12


def panels(reading: Reading) -> list[dict[str, Any]]:
    """Return the short lists of the first page, as many as the report has figures for."""
    found = [None if reading.store else _worst(reading), _outages(reading)]
    if found[1] is None and reading.store is None:
        found[1] = _groups(reading)
    return [each for each in found if each is not None and each["rows"]]


def _worst(reading: Reading) -> dict[str, Any]:
    columns = [column("Store", "name"), column("Availability", "bar"), column("Down, h", "number")]
    rows: list[list[Cell]] = [
        [
            store_cell(row["name"], row["store_id"]),
            down_bar(row),
            words.hours(row["down_us"]),
        ]
        for row in reading.worst[:_MOST_ROWS]
    ]
    return table("Worst stores", columns, rows, legend=down_legend(reading.worst))


def _groups(reading: Reading) -> dict[str, Any] | None:
    by = reading.content.request.group_by
    if by is None:
        return None
    found, _ = reading.top(ReportTable.GROUPS, ["availability", "group"], _MOST_ROWS, descending=[False, False])
    columns = [column(words.plain(by), "name"), column("Availability", "bar"), column("Stores", "number")]
    rows: list[list[Cell]] = [
        [
            f"no {words.plain(by).lower()}" if row["group"] is None else words.shown(row["group"]),
            down_bar(row),
            words.count(row["stores"]),
        ]
        for row in found
    ]
    return table(f"By {words.plain(by).lower()}, lowest first", columns, rows, legend=down_legend(found))


def _outages(reading: Reading) -> dict[str, Any] | None:
    if reading.table(ReportTable.OUTAGES) is None:
        return None
    order = ["down_us", "store_id", "start_at"]
    found, _ = reading.top(ReportTable.OUTAGES, order, _MOST_ROWS, descending=[True, False, False])
    alone = reading.store is not None
    columns = [
        *([] if alone else [column("Store", "name")]),
        column("Began (local)", "name" if alone else "text"),
        column("Down, h", "number"),
    ]
    rows: list[list[Cell]] = [
        [
            *([] if alone else [store_cell(row["name"], row["store_id"])]),
            {"text": f"{words.weekday(row['start_local'])}, {row['start_local']:%H:%M}", "sub": _state(row)},
            words.hours(row["down_us"]),
        ]
        for row in found
    ]
    return table("Longest outages", columns, rows)


def _state(row: Row) -> str:
    if row["state"] == "ongoing":
        return "still down"
    return words.shown(row["cause"] or row["reason"]) if row["cause"] or row["reason"] else ""


def unknowns(reading: Reading) -> list[str]:
    """Return a sentence for each thing that the figures of the main window leave open."""
    main, counts = reading.main, reading.counts
    stores = reading.content.stores
    lines = [
        f"{words.hours(main['unknown_us'])} of {words.hours(main['business_us'])} business hours are unknown: no poll "
        f"counts for them. Had all been down, the availability would be {words.percent(main['availability_lowest'])}; "
        f"had all been up, {words.percent(main['availability_highest'])}."
        if main["unknown_us"]
        else "Every business hour is known, except planned closures.",
        _of_stores(main["stores_without_known_time"], stores, "no known time at all, and no availability"),
        _of_stores(counts.hours_assumed, stores, "no usable hours; open day and night is assumed"),
        _of_stores(counts.zone_assumed, stores, f"no usable time zone; {DEFAULT_TIMEZONE} is assumed"),
        _feed(reading),
    ]
    if main.get("unseen_outages_expected") is not None:
        lines.append(f"Outages that no poll saw, by expectation: {main['unseen_outages_expected']:,.1f}.")
    return [line for line in lines if line]


def _of_stores(count: int | None, stores: int, what: str) -> str:
    if not count:
        return ""
    if stores == 1:
        return f"The store has {what}."
    return f"{words.count(count)} of {counted(stores, 'store')} {'has' if count == 1 else 'have'} {what}."


def _feed(reading: Reading) -> str:
    table = reading.table(ReportTable.BLIND_SPOTS)
    if table is None:
        return ""
    spots = table.read().filter(pl.col("window") == reading.window)
    if spots.is_empty():
        return ""
    lasted_us = int((spots["end_at"] - spots["start_at"]).dt.total_microseconds().sum())
    return (
        f"The feed itself was silent {'once' if spots.height == 1 else f'{spots.height:,} times'}, "
        f"{words.hours(lasted_us)} h in all: most open stores were not polled."
    )
