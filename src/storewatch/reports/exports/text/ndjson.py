"""The report as one JSON object per line: the header, then the rows of every table; or the rows of one table only."""

import json
from pathlib import Path

import polars as pl

from storewatch.reports.compute.content import Content
from storewatch.reports.exports.columns import in_json
from storewatch.reports.exports.header import header, stamp, summary


def write_ndjson(content: Content, file: Path) -> None:
    """Write the lines frame by frame. Figures are as in the JSON report.

    Without a table in the request: the header, then all tables, the summary first; `table` names the table of a line.
    With a table: its rows, with the header in the last members of each, so that all lines have the same members.
    """
    if content.request.only_table is not None:
        _write_only_table(content, file)
        return
    with file.open("wb") as out:
        line = json.dumps({"table": "report"} | header(content), ensure_ascii=False)
        out.write(f"{line}\n".encode())
        for name in content.request.tables:
            for rows in content.tables[name].frames():
                in_json(rows).select(pl.lit(name.value).alias("table"), pl.all()).write_ndjson(out)


def _write_only_table(content: Content, file: Path) -> None:
    windows = in_json(summary(content))
    with file.open("wb") as out:
        for rows in content.only_table.frames():
            stamp(in_json(rows).lazy(), content, windows).collect().write_ndjson(out)
