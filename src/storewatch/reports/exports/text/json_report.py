"""The report as JSON: exact figures (seconds to the microsecond, unrounded ratios), and all that a new run needs."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from storewatch.domain.enums import ReportTable
from storewatch.reports.compute.content import Content
from storewatch.reports.exports.columns import in_json
from storewatch.reports.exports.header import header, totals
from storewatch.reports.exports.store_rows import by_window, whole_stores

# The columns that describe a store; they are the same in every window.
_STORE: Final = ("store_id", "name", "timezone", "timezone_source", "hours_source")


def write_json(content: Content, file: Path) -> None:
    """Write {"report": header with totals, "stores": [...], then every other table by its name}, frame by frame."""
    report = header(content) | {"totals": totals(content)}
    with file.open("wb") as out:
        out.write(f'{{"report":{json.dumps(report, ensure_ascii=False)}'.encode())
        _write_array(out, "stores", _stores(content))
        for name in content.request.tables:
            if name not in (ReportTable.SUMMARY, ReportTable.STORES):
                _write_array(out, name.value, map(in_json, content.tables[name].frames()))
        out.write(b"}\n")


def _stores(content: Content) -> Iterator[pl.DataFrame]:
    """Return one row for each store, with its windows as the members of an object."""
    for rows in whole_stores(content):
        windows = [
            in_json(each.drop(*_STORE, "window").rename({"from_at": "from", "to_at": "to"})).to_struct(window)
            for window, each in by_window(content, rows).items()
        ]
        first = rows.gather_every(max(1, len(windows)))
        yield first.select(_STORE).with_columns(windows=pl.struct(windows))


def _write_array(out: BinaryIO, name: str, frames: Iterator[pl.DataFrame]) -> None:
    out.write(f',\n"{name}":['.encode())
    begun = False
    for rows in frames:
        if rows.is_empty():
            continue
        lines = BytesIO()
        rows.write_ndjson(lines)
        out.write((b",\n" if begun else b"\n") + lines.getvalue()[:-1].replace(b"\n", b",\n"))
        begun = True
    out.write(b"]")
